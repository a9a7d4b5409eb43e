"""Any requests in any order, over the wire, against a plain model of jobs, leases, assets and idempotency keys.

After each step everything that the app says of the two worlds is what the model (harness/job_model.py) says. Hypothesis
looks for a sequence that tells the two apart, and shows the shortest one as a little program. How many steps it takes,
LOREKEEPER_STATEFUL_STEPS says: 5,000 where it is not set.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import uuid4

import httpx
import pytest
from factories.jobs import JOBS, File, put
from factories.lore import Made, World
from harness.job_model import (
    Containing,
    Job,
    Model,
    Refusal,
    Span,
    Unclear,
    Upload,
)
from harness.server import RunningApp
from harness.wire import Api, problem
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock

ASSETS = "/assets/assets"
STEPS = int(os.environ.get("LOREKEEPER_STATEFUL_STEPS", "5000"))
STEPS_IN_A_RUN, USUAL_STEPS = 50, 42

TYPES = ("IMAGE", "MAP")
WHOSE = st.sampled_from(["the holder's", "the holder's", "the holder's", "the holder's", "its own", "none", "another"])
"""Which token a worker writes with: that of the job's present lease, or the one it was handed, which may be stale."""
KEYS = ("k1", "k2", "k3")
STATES = ("QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED")
LOOKS_CLOSER = 3
TICK = timedelta(seconds=0.25)
"""How much later by the app's clock each request is than the one before."""


@dataclass
class Stage:
    """What all runs share: the app, the keys to it, and a count of what was seen."""

    app: RunningApp
    admin: Api
    editor: Api
    worker: Api
    clock: MovableClock
    seen: Counter[str] = field(default_factory=Counter)

    def onlooker_of(self, worlds: list[World]) -> Api:
        """Sees these worlds and nothing else."""
        return self.app.as_new_key(Role.READER, worlds=[world.id for world in worlds])


@dataclass(frozen=True, eq=False)
class Hold:
    """A job as a worker has it: under a lease, which may be lost by now, or without one."""

    job: Job
    token: str | None = None


@dataclass(frozen=True, eq=False)
class Parcel:
    """A file on its way to the store."""

    file: File
    issued: Made
    upload: Upload


def step(**drawn: Any) -> Any:
    """A rule after which everything is looked at. As an `invariant`, it would stand between all lines of a failure."""

    def of(work: Callable[..., Any]) -> Any:
        @wraps(work)
        def looked_after(self: "Jobs", **values: Any) -> Any:
            made = work(self, **values)
            self.everything_is_as_the_model_says()
            return made

        return rule(**drawn)(looked_after)

    return of


class Jobs(RuleBasedStateMachine):
    jobs: Bundle[Hold] = Bundle("jobs")
    leases: Bundle[Hold] = Bundle("leases")
    parcels: Bundle[Parcel] = Bundle("parcels")

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.model = Model()
        self.worlds = [World.made(stage.admin), World.made(stage.admin)]
        self.providers = [world.provider for world in self.worlds]
        self.onlooker = stage.onlooker_of(self.worlds)
        self.run = uuid4().hex[:8]
        self.lore: list[Made] = []
        for world in self.worlds:
            self.lore.append(world.one_of_each())
            for ids in self.lore[-1].values():
                for id in [ids] if isinstance(ids, str) else ids:
                    self.model.lore[id] = world.id
        self.turn = 0
        self.time = stage.clock.now()
        self.sound = True

    # --- asking for an asset ---

    @initialize(
        target=jobs,
        some=st.lists(
            st.fixed_dictionaries(
                {"priority": st.sampled_from([0, 0, 5]), "max_attempts": st.integers(1, 3)},
                optional={"start_by": st.sampled_from([60, 600])},
            ),
            min_size=1,
            max_size=4,
        ),
    )
    def begin(self, some: list[Made]) -> Any:
        """With some jobs: Hypothesis leaves some rules out of each run, and without jobs nothing happens."""
        made = []
        for place, fields in enumerate(some):
            body = self._body(0, place % 2, "IMAGE", f"begun {place}", {}, fields.get("start_by"))
            made.append(
                self._ask(body | {"priority": fields["priority"], "max_attempts": fields["max_attempts"]}, None)
            )
        return multiple(*made)

    @step(
        target=jobs,
        world=st.sampled_from([0, 0, 0, 1]),
        provider=st.sampled_from([0, 0, 1]),
        asset_type=st.sampled_from(TYPES),
        title=st.sampled_from("ab"),
        references=st.sampled_from(
            ["none", "none", "one of each", "an asset", "one missing", "one of the other world"]
        ),
        kind=st.sampled_from(["claim_ids", "entity_ids", "source_chunk_ids", "source_id", "asset_ids"]),
        fields=st.fixed_dictionaries(
            {}, optional={"priority": st.sampled_from([-1, 0, 5]), "max_attempts": st.integers(1, 3)}
        ),
        start_by=st.sampled_from([None, None, None, 60, 600]),
        key=st.sampled_from([None, None, *KEYS]),
    )
    def ask(
        self,
        world: int,
        provider: int,
        asset_type: str,
        title: str,
        references: str,
        kind: str,
        fields: Made,
        start_by: int | None,
        key: str | None,
    ) -> Any:
        """For an asset; often for one that was asked for before."""
        named = self._references(world, references, kind)
        body = self._body(world, provider, asset_type, title, named, start_by) | fields
        return self._ask(body, self._key(key))

    def _body(
        self, world: int, provider: int, asset_type: str, title: str, references: Made, start_by: int | None
    ) -> Made:
        body: Made = {
            "world_id": self.worlds[world].id,
            "provider": self.providers[provider],
            "asset_type": asset_type,
            "prompt_spec": {"title": title},
            "references": references,
        }
        if start_by is not None:
            body["start_by"] = (self.stage.clock.now() + timedelta(seconds=start_by)).isoformat()
        return body

    @step(
        target=jobs,
        hold=jobs,
        written=st.sampled_from(["as before", "otherwise", "without start_by", "with another priority"]),
        key=st.sampled_from([None, None, *KEYS]),
    )
    def ask_again(self, hold: Hold, written: str, key: str | None) -> Any:
        """For just what this job is of."""
        return self._ask(_rewritten(hold.job.request, written), self._key(key))

    @precondition(lambda self: self.model.keys)
    @step(
        target=jobs,
        which=st.integers(0, len(KEYS) - 1),
        written=st.sampled_from(
            ["as before", "as before", "otherwise", "with another title", "with another priority", "with no such lore"]
        ),
        in_header=st.booleans(),
    )
    def repeat(self, which: int, written: str, in_header: bool) -> Any:
        """A request with its idempotency key, or something else with the same key."""
        key = sorted(self.model.keys)[which % len(self.model.keys)]
        return self._ask(_rewritten(self.model.keys[key][0], written), key, in_header=in_header)

    def _key(self, name: str | None) -> str | None:
        """Of this run's own."""
        return name and f"{self.run}-{name}"

    def _references(self, world: int, which: str, kind: str) -> Made:
        """`kind`: of the one that is wrong, beside good ones."""
        match which:
            case "none":
                return {}
            case "one of each":
                return self.lore[world]
            case "an asset":
                return {"asset_ids": self._assets_in(world)[-2:]}
        there = self.lore[1 - world] | {"asset_ids": self._assets_in(1 - world)}
        wrong = there[kind] if which == "one of the other world" and there[kind] else [str(uuid4())]
        if kind == "source_id":
            return self.lore[world] | {kind: wrong if isinstance(wrong, str) else wrong[0]}
        return self.lore[world] | {kind: [*wrong, *self.lore[world].get(kind, [])]}

    def _assets_in(self, world: int) -> list[str]:
        return [job.asset["id"] for job in self.model.jobs if job.asset and _world_of(job) == self.worlds[world].id]

    def _ask(self, body: Made, key: str | None, *, in_header: bool = False) -> Any:
        sent, headers = body, {}
        if key and in_header:
            headers = {"Idempotency-Key": key}
        elif key:
            sent = body | {"idempotency_key": key}
        answer, now = self._send(self.stage.editor, "POST", JOBS, json=sent, headers=headers)
        verdict = self._judged(lambda: self.model.create(body, key, now))
        if isinstance(verdict, Refusal):
            self._is_refused("create", answer, verdict)
            return multiple()
        new = verdict is None
        self._same("the answer", answer.status_code, 201 if new else 200, answer.text)
        self._same("Idempotent-Replayed", answer.headers.get("idempotent-replayed"), None if new else "true")
        told = answer.json()
        self.stage.seen[f"create: {'new' if new else 'found'}{' with a key' if key else ''}"] += 1
        if new:
            self._same("a new id", told["id"] in [job.id for job in self.model.jobs], False)
            verdict = self.model.add(told["id"], body, key, self.stage.editor.key_id, now)
        self._agree_in_full(verdict, told)
        return Hold(verdict) if new else multiple()

    # --- leases ---

    @precondition(lambda self: any(job.status in ("QUEUED", "RUNNING") for job in self.model.jobs))
    @step(
        target=leases,
        limit=st.sampled_from([1, 1, 2, 10]),
        seconds=st.sampled_from([60, 60, 600]),
        later=st.sampled_from([0, 0, 0, 60, 600]),
    )
    def claim(self, limit: int, seconds: int, later: int) -> Any:
        """Whatever there is."""
        self._later(later)
        return self._claim({"worker_id": "w1", "providers": self.providers, "limit": limit, "lease_seconds": seconds})

    @step(
        target=leases,
        providers=st.sampled_from([(0, 1), (0, 1), (0,), (1,)]),
        types=st.sampled_from([None, None, None, ("IMAGE",), ("MAP",)]),
        worlds=st.sampled_from([None, None, None, (0,), (1,)]),
        limit=st.sampled_from([1, 2, 10]),
        later=st.sampled_from([0, 0, 30, 60]),
    )
    def claim_some(
        self,
        providers: tuple[int, ...],
        types: tuple[str, ...] | None,
        worlds: tuple[int, ...] | None,
        limit: int,
        later: int,
    ) -> Any:
        """Of what there is."""
        self._later(later)
        asked: Made = {
            "worker_id": "w2",
            "providers": [self.providers[one] for one in providers],
            "limit": limit,
            "lease_seconds": 60,
        }
        if types is not None:
            asked["asset_types"] = list(types)
        if worlds is not None:
            asked["world_ids"] = [self.worlds[one].id for one in worlds]
        return self._claim(asked)

    def _claim(self, asked: Made) -> Any:
        answer, now = self._send(self.stage.worker, "POST", f"{JOBS}/claim", json=asked)
        self._same("the answer", answer.status_code, 200, answer.text)
        told = answer.json()["jobs"]
        due = self._judged(lambda: self.model.claim(asked, now))
        handed = [self.model.by_id(job["id"]) for job in told]
        self._same("what a claim hands out", handed, due.handed)
        for job in due.missed:
            self.model.end_missed(job, now)
        for job in due.ended:
            self.model.end_lost(job, now)
        for job, one in zip(handed, told, strict=True):
            self.stage.seen[f"claim: of a {job.status} job"] += 1
            self._same(f"the lease token of {job} is new", one["lease_token"] == job.token, False)
            self.model.grant(job, asked, one["lease_token"], now)
            self._agree(job, one)
            self._agree_in_derivation(job, one["derivation"])
        self.stage.seen["claim: jobs that end"] += len(due.ended)
        self.stage.seen["claim: jobs that were missed"] += len(due.missed)
        return multiple(*[Hold(job, job.token) for job in handed])

    @step(
        hold=leases,
        whose=WHOSE,
        seconds=st.sampled_from([60, 600]),
        said=st.fixed_dictionaries(
            {},
            optional={
                "progress": st.sampled_from([{"percent": 5.0}, {"percent": 50.0, "stage": "inking"}]),
                "provider_job_id": st.sampled_from(["ext-1", "ext-2"]),
            },
        ),
    )
    def heartbeat(self, hold: Hold, whose: str, seconds: int, said: Made) -> None:
        job, token = self._worker(hold, whose)
        token = token or str(uuid4())
        body = {"lease_token": token, "lease_seconds": seconds, **said}
        answer, now = self._send(self.stage.worker, "POST", f"{JOBS}/{job.id}/heartbeat", json=body)
        if "progress" in body:
            body["progress"] = {"percent": None, "stage": None, "message": None} | body["progress"]
        refusal = self._judged(lambda: self.model.heartbeat(job, token, body, now))
        if refusal is not None:
            self._is_refused("heartbeat", answer, refusal)
            return
        self._same("the answer", answer.status_code, 200, answer.text)
        self._agree(job, answer.json(), only=("lease_expires_at",))
        cancelled = job.seen["cancel_requested_at"] is not None
        self._same("cancel_requested", answer.json()["cancel_requested"], cancelled)
        self.stage.seen[f"heartbeat: {'to be cancelled' if cancelled else 'goes on'}"] += 1

    # --- the moves ---

    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        status=st.sampled_from([None, *STATES, "RUNNING", "RUNNING"]),
        started=st.sampled_from([None, None, None, -3600, 240, 1200]),
        finished=st.sampled_from([None, None, None, -7200, -60, 240, 1200]),
        said=st.fixed_dictionaries({}, optional={"error_code": st.just("odd"), "error_message": st.just("Odd.")}),
    )
    def patch(
        self, hold: Hold, whose: str, status: str | None, started: int | None, finished: int | None, said: Made
    ) -> None:
        job, token = self._worker(hold, whose)
        body: Made = {"status": status, **said}
        for name, seconds in (("started_at", started), ("finished_at", finished)):
            if seconds is not None:
                body[name] = (self.stage.clock.now() + timedelta(seconds=seconds)).isoformat()
        body = {name: value for name, value in body.items() if value is not None}
        assume(body)
        answer, now = self._send(self.stage.worker, "PATCH", f"{JOBS}/{job.id}", json=body | {"lease_token": token})
        self._moved("patch", job, answer, lambda: self.model.patch(job, token, body, now))

    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        retryable=st.booleans(),
        said=st.sampled_from([{}, {"error_message": "No ink."}]),
    )
    def fail(self, hold: Hold, whose: str, retryable: bool, said: Made) -> None:
        job, token = self._worker(hold, whose)
        body = {"error_code": "busy" if retryable else "no_ink", "retryable": retryable, **said}
        sent = body | {"lease_token": token}
        answer, now = self._send(self.stage.worker, "POST", f"{JOBS}/{job.id}/fail", json=sent)
        self._moved("fail", job, answer, lambda: self.model.fail(job, token, body, now))

    @step(hold=jobs, by_worker=st.booleans())
    def cancel(self, hold: Hold, by_worker: bool) -> None:
        job, api = hold.job, self.stage.worker if by_worker else self.stage.editor
        answer, now = self._send(api, "POST", f"{JOBS}/{job.id}/cancel")
        self._moved("cancel", job, answer, lambda: self.model.cancel(job, now))

    # --- files ---

    @step(
        target=parcels,
        world=st.sampled_from([0, 0, 0, 1]),
        asset_type=st.sampled_from(TYPES),
        declared=st.booleans(),
        is_put=st.sampled_from([True, True, True, False]),
    )
    def send_file(self, world: int, asset_type: str, declared: bool, is_put: bool) -> Parcel:
        """To a place that was handed out for it; or not yet."""
        return self._sent_file(self.worlds[world].id, asset_type, declared=declared, is_put=is_put)

    @step(parcel=parcels, bytes_of=st.sampled_from(["the file", "another"]))
    def send_file_again(self, parcel: Parcel, bytes_of: str) -> None:
        """A place takes one file, and never another than was declared."""
        data = parcel.file.data if bytes_of == "the file" else File().data
        answer = put(parcel.issued, data)
        upload = parcel.upload
        if bytes_of == "the file" and not upload.stored:
            self._same("the upload", answer.status_code, 200, answer.text)
            upload.stored = True
        elif bytes_of == "the file" or (upload.stored and upload.checksum is None):
            self._same("a second upload", answer.status_code, 412, answer.text)
        elif upload.checksum is not None:
            self._same("an upload of other bytes is refused", answer.status_code in (400, 412), True, answer.text)
        else:  # nothing was declared: these bytes are as good as any
            self._same("the upload", answer.status_code, 200, answer.text)
            upload.stored, parcel.file.__dict__["data"] = True, data

    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        parcel=parcels,
        wrong=st.sampled_from(
            [None, None, None, "size_bytes", "checksum", "content_type", "storage_key"],
        ),
        said=st.sampled_from([{}, {"metadata": {"width": 3}, "duration_seconds": 1.5}]),
    )
    def complete(self, hold: Hold, whose: str, parcel: Parcel, wrong: str | None, said: Made) -> None:
        """With any file, mostly declared as what it is."""
        self._complete(*self._worker(hold, whose), parcel, wrong, said)

    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        wrong=st.sampled_from([None, None, "size_bytes", "checksum"]),
        declared=st.booleans(),
    )
    def send_file_and_complete(self, hold: Hold, whose: str, wrong: str | None, declared: bool) -> None:
        """As a worker does it."""
        job, token = self._worker(hold, whose)
        parcel = self._sent_file(_world_of(job), job.fixed["asset_type"], declared=declared, is_put=True)
        self._complete(job, token, parcel, wrong, {})

    @precondition(lambda self: any(job.asset for job in self.model.jobs))
    @step(
        which=st.integers(0, 5),
        change=st.sampled_from(
            [{}, {}, {"metadata": {"width": 4}}, {"format": "gif"}, {"size_bytes": 7}, {"duration_seconds": 2.0}]
        ),
        token=st.sampled_from(["none", "another"]),
    )
    def complete_again(self, which: int, change: Made, token: str) -> None:
        done = [job for job in self.model.jobs if job.asset]
        job = done[which % len(done)]
        assert job.asset is not None
        names = ("storage_key", "format", "content_type", "size_bytes", "checksum", "duration_seconds", "metadata")
        payload = {name: job.asset[name] for name in names} | change
        self._hand_in(job, None if token == "none" else str(uuid4()), payload, None)

    def _sent_file(self, world_id: str, asset_type: str, *, declared: bool, is_put: bool) -> Parcel:
        file = File()
        said = {"size_bytes": len(file.data), "checksum": file.checksum} if declared else {}
        body = {
            "world_id": world_id,
            "asset_type": asset_type,
            "filename": file.filename,
            "content_type": file.content_type,
            **said,
        }
        answer, _ = self._send(self.stage.worker, "POST", f"{ASSETS}/presign-upload", json=body)
        self._same("the answer", answer.status_code, 200, answer.text)
        issued = answer.json()
        key = issued["storage_key"]
        self._same("a storage key is new", key in self.model.uploads, False)
        self._same("a storage key's place", key.startswith(f"{world_id}/{asset_type}/"), True)
        upload = Upload(
            key, world_id, asset_type, file.content_type, said.get("size_bytes"), said.get("checksum"), stored=is_put
        )
        self.model.uploads[key] = upload
        if is_put:
            self._same("the upload", put(issued, file.data).status_code, 200)
        return Parcel(file, issued, upload)

    def _complete(self, job: Job, token: str | None, parcel: Parcel, wrong: str | None, said: Made) -> None:
        file = parcel.file.declared(parcel.upload.key)
        stored = {name: file[name] for name in ("size_bytes", "content_type", "checksum")}
        lies: Made = {
            "size_bytes": file["size_bytes"] + 1,
            "checksum": "0" * 64,
            "content_type": "image/jpeg",
            "storage_key": f"{_world_of(job)}/IMAGE/20260101T000000000000Z_plate.png",
        }
        payload = file | ({wrong: lies[wrong]} if wrong else {}) | said
        self._hand_in(job, token, payload, stored if parcel.upload.stored else None)

    def _hand_in(self, job: Job, token: str | None, payload: Made, stored: Made | None) -> None:
        sent = payload | {"lease_token": token}
        answer, now = self._send(self.stage.worker, "POST", f"{JOBS}/{job.id}/complete", json=sent)
        kind = "complete" if job.asset is None else "complete again"
        self._moved(kind, job, answer, lambda: self.model.complete(job, token, payload, stored, now))
        if job.asset is not None:
            self.model.lore.setdefault(job.asset["id"], _world_of(job))

    # --- time, and looking on ---

    @step(seconds=st.sampled_from([30, 30, 60, 600]))
    def let_time_pass(self, seconds: int) -> None:
        self._later(seconds)

    @step(
        world=st.sampled_from([None, 0, 1]),
        provider=st.sampled_from([0, 1]),
        status=st.sampled_from([None, *STATES]),
        asset_type=st.sampled_from([None, *TYPES]),
        limit=st.integers(1, 5),
    )
    def list_jobs(
        self, world: int | None, provider: int, status: str | None, asset_type: str | None, limit: int
    ) -> None:
        """By any filters, page by page."""
        filters = {
            "world_id": None if world is None else self.worlds[world].id,
            "provider": self.providers[provider],
            "status": status,
            "asset_type": asset_type,
        }
        asked = {name: value for name, value in filters.items() if value is not None}
        expected = [
            job.id
            for job in reversed(self.model.jobs)
            if all((job.fixed | job.seen)[name] == value for name, value in asked.items())
        ]
        page = self.stage.editor.get(JOBS, **asked, limit=limit)
        self._same("the total", page["total"], len(expected), asked)
        walked = self.stage.editor.walk(JOBS, **asked, limit=limit)
        self._same("the jobs of a list", [job["id"] for job in walked], expected, asked)

    @step(kind=st.sampled_from(["claim", "entity", "source_chunk"]), asset_type=st.sampled_from([None, *TYPES]))
    def list_assets(self, kind: str, asset_type: str | None) -> None:
        """Made from a piece of lore."""
        (piece,) = self.lore[0][f"{kind}_ids"]
        made = [
            job
            for job in self.model.jobs
            if job.asset
            and piece in job.request["references"].get(f"{kind}_ids", [])
            and asset_type in (None, job.asset["type"])
        ]
        filters = {f"related_{kind}_id": piece} | ({"type": asset_type} if asset_type else {})
        told = self.stage.editor.get(ASSETS, **filters)
        ids = sorted(asset["id"] for asset in told["items"])
        self._same("the assets of a piece of lore", ids, sorted(str(job.asset["id"]) for job in made if job.asset))

    @step(hold=jobs)
    def read_job(self, hold: Hold) -> None:
        self._agree_in_full(hold.job, self._read(hold.job))

    # --- what always holds ---

    def everything_is_as_the_model_says(self) -> None:
        self.stage.seen["steps"] += 1
        rows = self.onlooker.get(JOBS, limit=1000)["items"]
        self._same("the jobs", sorted(row["id"] for row in rows), sorted(job.id for job in self.model.jobs))
        for row in rows:
            self._agree(self.model.by_id(row["id"]), row)
        self._hashes_are_as_inputs(rows)
        self.turn += 1
        if self.turn % LOOKS_CLOSER == 0:
            self._same("the assets", self.onlooker.get(ASSETS, limit=1000)["items"], self._made())
        elif self.model.jobs:  # one after the other in full
            job = self.model.jobs[self.turn % len(self.model.jobs)]
            self._agree_in_full(job, self._read(job))

    def _made(self) -> list[Made]:
        """The assets, newest first."""
        return sorted((job.asset for job in self.model.jobs if job.asset), key=lambda asset: asset["id"], reverse=True)

    def _hashes_are_as_inputs(self, rows: list[Made]) -> None:
        in_the_way = [row["input_hash"] for row in rows if row["status"] in ("QUEUED", "RUNNING", "SUCCEEDED")]
        self._same("hashes of live or succeeded jobs", len(in_the_way), len(set(in_the_way)), in_the_way)
        pairs = {(self.model.by_id(row["id"]).inputs, row["input_hash"]) for row in rows}
        self._same("inputs to a hash", len(pairs), len({inputs for inputs, _ in pairs}))
        self._same("hashes of the inputs", len(pairs), len({hashed for _, hashed in pairs}))

    def teardown(self) -> None:
        if self.sound:
            self._all_is_as_the_model_says()
        self.onlooker.client.close()

    def _all_is_as_the_model_says(self) -> None:
        self._same("the assets", self.onlooker.get(ASSETS, limit=1000)["items"], self._made())
        for job in self.model.jobs:
            self._agree_in_full(job, self._read(job))
            if job.asset is not None:
                told = self.onlooker.get(f"{ASSETS}/{job.asset['id']}")
                self._same(f"the asset of {job}", told, job.asset | {"derivations": [job.derivation]})

    # --- asking and comparing ---

    def _send(self, api: Api, method: str, path: str, **request: Any) -> tuple[httpx.Response, Span]:
        """The answer, and when the app gave it."""
        self._wait()
        clock = self.stage.clock
        before = clock.now()
        answer = api.ask(method, path, **request)
        return answer, Span(before, clock.now())

    def _worker(self, hold: Hold, whose: str) -> tuple[Job, str | None]:
        """The job that a worker writes to, and its token. One that knows what it does writes to a job that runs."""
        if whose == "the holder's":
            running = [job for job in self.model.jobs if job.status == "RUNNING"] or [hold.job]
            job = hold.job if hold.job in running else running[hold.job.number % len(running)]
            return job, job.token
        return hold.job, {"its own": hold.token, "none": None, "another": str(uuid4())}[whose]

    def _wait(self) -> None:
        """Until the next tick: what a run does must not hang on how fast the machine is. No deadline is close then."""
        clock = self.stage.clock
        self.time = max(self.time + TICK, clock.now())
        clock.ahead += self.time - clock.now()
        while soon := [by for by in self.model.deadlines if timedelta() < by - clock.now() < TICK / 2]:
            clock.move(max(soon) - clock.now())

    def _later(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)
        self._wait()

    def _judged(self, judge: Callable[[], Any]) -> Any:
        try:
            return judge()
        except Unclear:
            self.sound = False
            assume(condition=False)

    def _moved(self, kind: str, job: Job, answer: httpx.Response, judge: Callable[[], Refusal | None]) -> None:
        """It answers with the job as it is after it, or with the refusal that it must."""
        before = job.status
        refusal = self._judged(judge)
        if refusal is not None:
            self._is_refused(kind, answer, refusal)
            return
        self.stage.seen[f"{kind}: {before} to {job.status}"] += 1
        self._same("the answer", answer.status_code, 200, answer.text)
        self._agree_in_full(job, answer.json())

    def _is_refused(self, kind: str, answer: httpx.Response, refusal: Refusal) -> None:
        self.stage.seen[f"{kind}: {refusal.code}"] += 1
        told = answer.json() if answer.status_code >= 400 else {}
        wanted = {"code": refusal.code, **refusal.says}
        self._same("the answer", (answer.status_code, *_of(told, wanted)), (refusal.status, *wanted.values()), told)
        problem(answer, refusal.status, refusal.code)

    def _read(self, job: Job) -> Made:
        told: Made = self.onlooker.get(f"{JOBS}/{job.id}")
        return told

    def _agree(self, job: Job, told: Made, only: tuple[str, ...] | None = None) -> None:
        """What the app tells of a job is what the model has; what that could not know exactly it learns here."""
        for name in only or job.seen:
            job.seen[name] = self._learned(f"{name} of {job}", told[name], job.seen[name])
        if only is None:
            for name, value in job.fixed.items():
                self._same(f"{name} of {job}", told[name], value)

    def _agree_in_full(self, job: Job, told: Made) -> None:
        self._agree(job, told)
        self._agree_in_asset(job, told["asset"])
        self._agree_in_derivation(job, told["derivation"])

    def _agree_in_asset(self, job: Job, told: Made | None) -> None:
        if job.asset is not None and told is not None and "id" not in job.asset:  # just made
            created = self._learned(f"created_at of the asset of {job}", told["created_at"], job.asset["created_at"])
            assert created is not None
            known = {"created_by": self.stage.worker.key_id}
            job.asset = job.asset | {"id": told["id"], "created_at": told["created_at"], **known}
            others = [other for other in self.model.jobs if other is not job and other.asset]
            self._same("an asset of two jobs", told["id"] in [other.asset["id"] for other in others], False)
        self._same(f"the asset of {job}", told, job.asset)

    def _agree_in_derivation(self, job: Job, told: Made) -> None:
        if job.derivation is None:
            asked = job.request
            kinds = ("claim_ids", "entity_ids", "source_chunk_ids", "asset_ids")
            references = {kind: sorted(set(asked["references"].get(kind, []))) for kind in kinds}
            source_id = asked["references"].get("source_id")
            references["source_id"] = source_id and source_id.lower()
            self._same(f"the references of {job}", told["references"], references)
            self._same(f"the prompt of {job}", told["prompt_spec"], asked["prompt_spec"])
            self._same(f"the derivation of {job}", told["asset_job_id"], job.id)
            job.derivation = told | {"asset_id": None}
        job.derivation["asset_id"] = job.asset["id"] if job.asset else None
        self._same(f"the derivation of {job}", told, job.derivation)

    def _learned(self, what: str, told: Any, wanted: Any) -> Any:
        if isinstance(wanted, Span | datetime):
            told = told and datetime.fromisoformat(told)
        if isinstance(wanted, Span):
            is_so = told is not None and wanted.earliest <= told <= wanted.latest
            self._same(what, "within" if is_so else told, "within", f"{wanted.earliest} to {wanted.latest}")
        elif isinstance(wanted, Containing):
            self._same(what, wanted.part in (told or ""), True, told)
        else:
            self._same(what, told, wanted)
        return told

    def _same(self, what: str, told: Any, wanted: Any, *more: Any) -> None:
        if told != wanted:
            self.sound = False
            detail = "".join(f"\n    {one}" for one in more)
            raise AssertionError(f"{what}:\n  the app says   {told}\n  the model says {wanted}{detail}")


def _world_of(job: Job) -> str:
    return str(job.fixed["world_id"])


def _of(told: Made, names: Made) -> list[Any]:
    return [told.get(name) for name in names]


def _rewritten(body: Made, how: str) -> Made:
    match how:
        case "otherwise":  # but with the same meaning
            references = {
                kind: [*reversed(ids), *ids] if isinstance(ids, list) else ids.upper()
                for kind, ids in reversed(body["references"].items())
            }
            return {name: body[name] for name in reversed(body)} | {"references": references}
        case "without start_by":
            return {name: value for name, value in body.items() if name != "start_by"}
        case "with another priority":
            return body | {"priority": 9}
        case "with another title":
            return body | {"prompt_spec": {"title": "z"}}
        case "with no such lore":
            return body | {"references": {"claim_ids": [str(uuid4())]}}
    return body


@pytest.fixture
def stage(app: RunningApp, admin: Api, clock: MovableClock) -> Stage:
    return Stage(app, admin, app.as_new_key(Role.EDITOR), app.as_new_key(Role.WORKER), clock)


def test_any_requests_in_any_order_are_answered_as_the_model_does(stage: Stage) -> None:
    run_state_machine_as_test(
        lambda: Jobs(stage),
        settings=settings(
            max_examples=max(1, STEPS // USUAL_STEPS),
            stateful_step_count=STEPS_IN_A_RUN,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for what, often in sorted(stage.seen.items()):
        print(f"{often:7}  {what}")
