"""All that can happen to a job, as one request or one moment each; and how a job may stand before it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import psycopg
from factories.jobs import JOBS, File, complete, request_for, uploaded
from factories.lore import Made, World, fresh_name

from lorekeeper.kit.clock import MovableClock

Database = psycopg.Connection[Made]
Answer = tuple[Any, ...]
"""What of an answer must be as in one of the serial orders."""

LEASE_SECONDS = 60
ASSETS = "/assets/assets"


@dataclass
class Stage:
    """One job of its own, and what the moves need of it."""

    world: World
    clock: MovableClock
    request: Made
    job: Made
    payload: Made | None = None
    input_asset: str | None = None
    made_asset: str | None = None

    @property
    def provider(self) -> str:
        return str(self.request["provider"])

    @property
    def path(self) -> str:
        return f"{JOBS}/{self.job['id']}"

    def post(self, path: str, body: Made | None = None) -> httpx.Response:
        return self.world.api.ask("POST", path, **({} if body is None else {"json": body}))

    def held(self, **fields: object) -> Made:
        """A body with the lease's token. Where there never was a lease, with one that is nobody's."""
        return {"lease_token": self.job.get("lease_token", "00000000-0000-4000-8000-000000000000"), **fields}

    def claim(self, worker_id: str) -> httpx.Response:
        body = {"worker_id": worker_id, "providers": [self.provider], "limit": 5, "lease_seconds": LEASE_SECONDS}
        return self.post(f"{JOBS}/claim", body)


@dataclass(frozen=True)
class Move:
    name: str
    starts: frozenset[str]
    """How the job stands where this move has its effect."""
    do: Callable[[Stage], httpx.Response | None]
    needs: frozenset[str] = field(default_factory=frozenset)
    skips: bool = False
    """It passes over a job that somebody is writing at that moment."""
    looks_later: bool = False
    """What it answers is another look at the job, after its own move was written."""

    def __str__(self) -> str:
        return self.name


def _expire(stage: Stage) -> None:
    stage.clock.move(timedelta(seconds=LEASE_SECONDS + 1))


def _delete_input(stage: Stage) -> httpx.Response:
    return stage.world.api.ask("DELETE", f"{ASSETS}/{stage.input_asset}")


def _delete_made(stage: Stage) -> httpx.Response:
    return stage.world.api.ask("DELETE", f"{ASSETS}/{stage.made_asset}")


def _delete_world(stage: Stage) -> httpx.Response:
    return stage.world.api.ask("DELETE", f"/worlds/{stage.world.id}", params={"name": stage.world.name})


def _move(name: str, starts: str, do: Callable[[Stage], httpx.Response | None], needs: str = "", **ways: bool) -> Move:
    return Move(name, frozenset(starts.split()), do, frozenset(needs.split()), **ways)


def _to(path: str, **fields: object) -> Callable[[Stage], httpx.Response]:
    """A worker's request about its job."""
    return lambda stage: stage.post(f"{stage.path}/{path}", stage.held(**fields))


MOVES = (
    _move("claim", "queued lapsed", lambda stage: stage.claim("w2"), skips=True),
    _move("claim by id", "queued lapsed", lambda s: s.post(f"{s.path}/claim", {"worker_id": "w3"})),
    _move("heartbeat", "held", _to("heartbeat", progress={"percent": 40}, provider_job_id="paid-7")),
    _move("complete", "held", lambda s: s.post(f"{s.path}/complete", s.held(**(s.payload or {}))), "payload"),
    _move("fail", "held", _to("fail", error_code="no_ink")),
    _move("fail retryably", "held", _to("fail", error_code="busy", retryable=True)),
    _move("release", "held", _to("release")),
    _move("expire", "held", _expire),
    _move("cancel", "queued held", lambda s: s.post(f"{s.path}/cancel"), looks_later=True),
    _move("ask again", "queued failed done", lambda s: s.post(JOBS, s.request)),
    _move("retry", "failed", lambda s: s.post(f"{s.path}/retry")),
    _move("delete the asset", "done", _delete_made, "made"),
    _move("delete an input", "queued held", _delete_input, "input"),
    _move("delete the world", "queued done", _delete_world, "world"),
)


def set_up(world: World, clock: MovableClock, start: str, needs: frozenset[str]) -> Stage:
    """A job that stands so, with a provider that is nobody else's."""
    own = World.made(world.api) if "world" in needs else world
    asset = None
    if "input" in needs:
        file = uploaded(own, File())
        asset = own.api.post(ASSETS, {"world_id": own.id, "type": "IMAGE", **file})["id"]
    references = {"asset_ids": [asset]} if asset else {}
    request = request_for(own, provider=fresh_name("p").lower().replace(" ", "-"), references=references)
    stage = Stage(own, clock, request, own.api.post(JOBS, request), input_asset=asset)
    if start != "queued":
        (stage.job,) = stage.claim("w1").json()["jobs"]
    if start == "done" or (start in {"held", "lapsed"} and "payload" in needs):
        stage.payload = uploaded(own, File())
    elif "payload" in needs:
        stage.payload = File().declared(f"{own.id}/IMAGE/20260101T000000000000Z_plate.png")
    if start == "done":
        assert stage.payload is not None
        stage.made_asset = complete(own.api, stage.job, stage.held(**stage.payload))["asset"]["id"]
    elif "made" in needs:
        stage.made_asset = "00000000-0000-4000-8000-000000000000"
    if start == "failed":
        own.api.post(f"{stage.path}/fail", stage.held(error_code="e"))
    if start == "lapsed":
        _expire(stage)
    return stage


def told(move: Move, answer: httpx.Response | None) -> Answer:
    """The answer without ids and times."""
    if answer is None:
        return ()
    body = answer.json()
    if not answer.is_success:
        assert answer.status_code < 500, answer.text
        return answer.status_code, body["code"]
    if move.looks_later:
        return (answer.status_code,)
    if "jobs" in body:
        return "granted", [(job["attempt"], job["worker_id"]) for job in body["jobs"]]
    kept = ("status", "attempt", "worker_id", "error_code", "provider_job_id", "cancel_requested")
    return (
        answer.status_code,
        *(body.get(name) for name in kept),
        bool(body.get("asset")),
        bool(body.get("late_result")),
    )


_LEFT = """
SELECT job.status, job.attempt, job.worker_id, job.error_code, job.lease_token IS NOT NULL AS leased,
       job.cancel_requested_at IS NOT NULL AS cancelled, job.provider_job_id, job.progress,
       ARRAY(SELECT asset.status FROM asset_derivation AS d JOIN asset ON asset.id = d.asset_id
             WHERE d.asset_job_id = job.id) AS assets,
       ARRAY(SELECT status FROM asset WHERE id = %(input)s) AS input,
       ARRAY(SELECT state FROM upload WHERE storage_key = %(key)s) AS upload,
       ARRAY(SELECT other.status FROM asset_job AS other WHERE other.world_id = job.world_id
             AND other.input_hash = job.input_hash AND other.id <> job.id ORDER BY other.id) AS others,
       (SELECT deleted_at IS NOT NULL FROM world WHERE id = job.world_id) AS world_gone,
       ARRAY(SELECT concat_ws(' ', kind, before ->> 'status', after ->> 'status', after ->> 'attempt')
             FROM event WHERE subject_id = job.id::text ORDER BY id) AS events
FROM asset_job AS job WHERE id = %(id)s
"""


def left(database: Database, stage: Stage) -> Made:
    """What the database holds of it afterwards, without ids and times."""
    key = stage.payload["storage_key"] if stage.payload else None
    parameters = {"id": stage.job["id"], "input": stage.input_asset, "key": key}
    found = database.execute(_LEFT, parameters).fetchone()
    assert found is not None
    return found
