"""Heartbeat, complete and fail for many jobs at once: each is answered as if it had been alone."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, File, claim, claimed_job, complete, issued, new_job, put, read, running_job, uploaded
from factories.lore import Made, World
from factories.uploads import MULTIPART, begun, small_file
from harness.engines import Engines
from harness.locks import held, waiting
from harness.server import RunningApp, running_app
from harness.store_proxy import Answer, Asked, Forward, store_proxy
from harness.waiting import until
from harness.wire import Api

from lorekeeper.app import Backing
from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock
from lorekeeper.settings import Settings

Database = psycopg.Connection[Made]
Case = tuple[str, Made]
"""A job, and what a worker says of it."""

CHANCE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z|\d{8}T\d{12}Z|[0-9a-f]{64}"
    r"|Plate \d+ [0-9a-f]{6}"
)


def faceless(status: int, told: Made) -> str:
    """An answer without what chance and time have put into it."""
    return f"{status} {CHANCE.sub('…', json.dumps({**told, 'request_id': None}))}"


def batch(api: Api, action: str, items: Sequence[Case]) -> list[Made]:
    told = api.post(f"{JOBS}/{action}", {"items": [{"job_id": job_id, **body} for job_id, body in items]})["items"]
    assert [one["job_id"] for one in told] == [job_id for job_id, _ in items], "in the order asked"
    return told


@pytest.fixture
def worker(app: RunningApp, world: World) -> World:
    """The world as a worker has it whose key is for this world's provider alone."""
    return world.seen_by(app.as_new_key(Role.WORKER, worlds=[world.id], providers=[world.provider]))


def lease(job: Made) -> Made:
    return {"lease_token": job["lease_token"]}


def file_of(world: World, job: Made, **changes: object) -> Case:
    return job["id"], lease(job) | uploaded(world, File()) | changes


def outcomes_of_any_write(world: World, other: World, body: Made) -> Iterator[tuple[str, Case]]:
    """Whatever is written: who may not, and when."""
    job = claimed_job(world)
    yield "another token", (job["id"], {"lease_token": str(uuid4())} | body)
    yield "not found", (str(uuid4()), {"lease_token": str(uuid4())} | body)
    foreign = claimed_job(other)
    yield "of another world", (foreign["id"], lease(foreign) | body)
    elsewhere = claimed_job(replace(world, provider=f"{world.provider}-2"))
    yield "of another provider", (elsewhere["id"], lease(elsewhere) | body)
    done = claimed_job(world)
    complete(world.api, done, lease(done) | uploaded(world, File()))
    yield "done", (done["id"], lease(done) | body)


def waiting_job(world: World) -> Made:
    """No claim of a test comes to it."""
    return new_job(world, priority=-1000)


def heartbeats(world: World, other: World) -> dict[str, Case]:
    told, quiet, cancelled = claimed_job(world), claimed_job(world), claimed_job(world)
    world.api.post(f"{JOBS}/{cancelled['id']}/cancel")
    return {
        "with news": (told["id"], lease(told) | {"progress": {"percent": 5.0}, "provider_job_id": "x-1"}),
        "with nothing new": (quiet["id"], lease(quiet)),
        "cancelled": (cancelled["id"], lease(cancelled)),
        **dict(outcomes_of_any_write(world, other, {})),
    }


def failures(world: World, other: World) -> dict[str, Case]:
    final, busy, cancelled, waits = claimed_job(world), claimed_job(world), claimed_job(world), waiting_job(world)
    world.api.post(f"{JOBS}/{cancelled['id']}/cancel")
    body = {"error_code": "busy", "error_message": "Later.", "retryable": True}
    return {
        "for good": (final["id"], lease(final) | {"error_code": "no_ink"}),
        "for now": (busy["id"], lease(busy) | body | {"retry_after_seconds": 7}),
        "cancelled": (cancelled["id"], lease(cancelled) | body),
        **dict(outcomes_of_any_write(world, other, body)),
        "queued": (waits["id"], body),
    }


def completions(world: World, other: World) -> dict[str, Case]:
    cancelled, again, otherwise = claimed_job(world), claimed_job(world), claimed_job(world)
    world.api.post(f"{JOBS}/{cancelled['id']}/cancel")
    twice, once = file_of(world, again), file_of(world, otherwise)
    for job_id, body in (twice, once):
        world.api.post(f"{JOBS}/{job_id}/complete", body)
    aborted = begun(world, small_file(), asset_type="IMAGE")
    world.api.post(f"{MULTIPART}/abort", {"upload_id": aborted["upload_id"]})
    return {
        "right": file_of(world, claimed_job(world)),
        "without a lease": (running_job(world)["id"], uploaded(world, File())),
        "too late": file_of(world, cancelled),
        "again": twice,
        "again otherwise": (once[0], once[1] | {"format": "gif"}),
        "of another size": file_of(world, claimed_job(world), size_bytes=3),
        "of another type": file_of(world, claimed_job(world), content_type="image/gif"),
        "of other bytes": file_of(world, claimed_job(world), checksum="0" * 64),
        "never sent": file_of(world, claimed_job(world), storage_key=issued(world, File())["storage_key"]),
        "never issued": file_of(world, claimed_job(world), storage_key="nowhere"),
        "used": file_of(world, claimed_job(world), storage_key=twice[1]["storage_key"]),
        "given up": file_of(world, claimed_job(world), storage_key=aborted["storage_key"]),
        **dict(outcomes_of_any_write(world, other, uploaded(world, File()))),
        "queued": (waiting_job(world)["id"], uploaded(world, File())),
    }


@pytest.mark.parametrize(
    ("action", "name", "cases", "statuses"),
    [
        ("heartbeat", "lease", heartbeats, {200: 3, 403: 1, 404: 2, 409: 2}),
        ("fail", "job", failures, {200: 3, 403: 1, 404: 2, 409: 3}),
        ("complete", "job", completions, {200: 4, 403: 1, 404: 2, 409: 4, 422: 7}),
    ],
)
def test_each_is_answered_as_if_it_were_alone(
    world: World,
    other_world: World,
    worker: World,
    action: str,
    name: str,
    cases: Callable[[World, World], dict[str, Case]],
    statuses: dict[int, int],
) -> None:
    """Of two cases that are alike, one is asked about alone, the other among all."""
    alone = {
        what: worker.api.ask("POST", f"{JOBS}/{job_id}/{action}", json=body)
        for what, (job_id, body) in cases(world, other_world).items()
    }
    among = cases(world, other_world)

    told = batch(worker.api, action, list(among.values()))

    found = {what: one["status"] for what, one in zip(among, told, strict=True)}
    assert {status: [*found.values()].count(status) for status in found.values()} == statuses, found
    for (what, answer), one in zip(alone.items(), told, strict=True):
        is_good = one["status"] == 200
        assert sorted(one) == sorted({"job_id", "status", name if is_good else "problem"})
        wanted = faceless(answer.status_code, answer.json())
        assert faceless(one["status"], one[name if is_good else "problem"]) == wanted, what
        if is_good and name == "job":
            assert world.api.get(f"{JOBS}/{one['job_id']}") == one["job"]


def three(world: World) -> list[Made]:
    return [claimed_job(world) for _ in range(3)]


class TestABatch:
    def test_whose_middle_item_fails_does_the_others_and_can_be_sent_again(self, world: World) -> None:
        first, middle, last = three(world)
        items = [file_of(world, first), file_of(world, middle, size_bytes=3), file_of(world, last)]

        told = batch(world.api, "complete", items)

        assert [one["status"] for one in told] == [200, 422, 200]
        assert told[1]["problem"]["code"] == "size_mismatch"
        assert [read(world, job)["status"] for job in (first, middle, last)] == ["SUCCEEDED", "RUNNING", "SUCCEEDED"]
        again = batch(world.api, "complete", items)
        assert [told[0], told[2]] == [again[0], again[2]]
        assert again[1]["problem"]["code"] == "size_mismatch"

    def test_gives_a_file_to_the_first_job_that_may_have_it(self, world: World) -> None:
        first, middle, last = three(world)
        shared = uploaded(world, File())
        items = [
            (first["id"], {"lease_token": str(uuid4())} | shared),
            (middle["id"], lease(middle) | shared),
            (last["id"], lease(last) | shared),
        ]

        told = batch(world.api, "complete", items)

        assert [one["status"] for one in told] == [409, 200, 422]
        assert told[2]["problem"]["code"] == "upload_already_used"

    @pytest.mark.parametrize("action", ["heartbeat", "complete", "fail"])
    def test_names_a_job_once_and_has_a_hundred_at_most(self, world: World, action: str) -> None:
        said = {"heartbeat": lease({"lease_token": str(uuid4())}), "fail": {"error_code": "e"}}
        body = said.get(action) or File().declared("nowhere")
        job_id = str(uuid4())

        for items in ([], [{"job_id": job_id, **body}] * 2, [{"job_id": str(uuid4()), **body} for _ in range(101)]):
            world.api.refused(422, "validation_failed", "POST", f"{JOBS}/{action}", {"items": items})

    def test_of_a_hundred_is_done(self, world: World) -> None:
        made = [new_job(world) for _ in range(100)]
        jobs = claim(world, limit=100)
        assert len(jobs) == len(made)
        with ThreadPoolExecutor(4) as senders:
            files = list(senders.map(lambda _: uploaded(world, File()), jobs))
        said = [(job["id"], lease(job) | file) for job, file in zip(jobs, files, strict=True)]

        told = batch(world.api, "complete", said)

        assert {one["status"] for one in told} == {200}
        assert {one["job"]["asset"]["checksum"] for one in told} == {file["checksum"] for file in files}


def send_at_once(world: World, items: Sequence[Case], actions: tuple[str, str]) -> list[httpx.Response]:
    """A batch, and another one of the same jobs in the opposite order."""
    bodies = [{"items": [{"job_id": id, **body} for id, body in order]} for order in (items, [*reversed(items)])]
    with ThreadPoolExecutor(2) as workers:
        asked = [
            workers.submit(world.api.ask, "POST", f"{JOBS}/{action}", json=body)
            for action, body in zip(actions, bodies, strict=True)
        ]
        return [one.result() for one in asked]


class TestTwoBatchesInOppositeOrder:
    """They meet where the first one is stopped half-way: locked in the order they name the jobs in, they would wait for
    each other for ever."""

    @pytest.mark.parametrize("action", ["heartbeat", "fail"])
    def test_do_not_wait_for_each_other(self, world: World, database: Database, database_url: str, action: str) -> None:
        jobs = [claimed_job(world) for _ in range(5)]
        said = {} if action == "heartbeat" else {"error_code": "e"}
        items = [(job["id"], lease(job) | said) for job in jobs]
        with ThreadPoolExecutor(1) as waits, held(database_url, "asset_job", jobs[2]["id"]):
            asked = waits.submit(send_at_once, world, items, (action, action))
            until(lambda: waiting(database) == 2)
        answers = [answer.json()["items"] for answer in asked.result()]

        by_job = [{one["job_id"]: one["status"] for one in answer} for answer in answers]
        both = [sorted((by_job[0][job["id"]], by_job[1][job["id"]])) for job in jobs]
        assert both == [[200, 200] if action == "heartbeat" else [200, 409]] * 5

    @pytest.mark.parametrize("table", ["asset_job", "upload"])
    def test_complete_each_job_once(self, world: World, database: Database, database_url: str, table: str) -> None:
        items = [file_of(world, claimed_job(world)) for _ in range(5)]
        row = items[2][0] if table == "asset_job" else items[2][1]["storage_key"]
        with ThreadPoolExecutor(1) as waits, held(database_url, table, row):
            asked = waits.submit(send_at_once, world, items, ("complete", "complete"))
            until(lambda: waiting(database) == 2)
        one, other = [{each["job_id"]: each for each in answer.json()["items"]} for answer in asked.result()]

        assert one == other
        assert {each["status"] for each in one.values()} == {200}
        counts = database.execute("SELECT count(*) AS n FROM asset WHERE world_id = %s", [world.id]).fetchone()
        assert counts == {"n": 5}


def test_what_the_store_does_not_tell_of_is_one_items_own_matter(
    world: World, engines: Engines, database_url: str, settings: Settings
) -> None:
    """503 for that item; the others are completed."""
    items = [file_of(world, claimed_job(world)) for _ in range(3)]
    silent = items[1][1]["storage_key"]

    def behave(asked: Asked, forward: Forward) -> Answer | None:
        return Answer(503) if asked.method == "HEAD" and silent in asked.target else forward()

    with (
        store_proxy(engines.store, behave) as proxy,
        running_app(settings, Backing(database_url, proxy.address)) as app,
    ):
        told = batch(app.as_new_key(Role.WORKER), "complete", items)

    assert [one["status"] for one in told] == [200, 503, 200]
    assert told[1]["problem"]["code"] == "storage_unavailable"
    assert read(world, {"id": items[1][0]})["status"] == "RUNNING"
    assert batch(world.api, "complete", items[1:2])[0]["status"] == 200


def test_a_lease_is_judged_when_it_is_written_under(world: World, clock: MovableClock) -> None:
    """Of one batch, some leases may be over."""
    short, long = claimed_job(world, lease_seconds=30), claimed_job(world, lease_seconds=300)
    items = [file_of(world, short), file_of(world, long)]
    clock.move(timedelta(seconds=31))

    told = batch(world.api, "complete", items)

    assert [one["status"] for one in told] == [409, 200]
    assert told[0]["problem"]["code"] == "lease_lost"


def test_an_upload_that_declared_nothing_is_read_by_each_item_itself(world: World) -> None:
    """The store vouches for no checksum then."""
    jobs, files = three(world), [File() for _ in range(3)]
    keys = [issued(world, file) for file in files]
    for upload, file in zip(keys, files, strict=True):
        assert put(upload, file.data).is_success
    items = [
        (job["id"], lease(job) | file.declared(upload["storage_key"]))
        for job, file, upload in zip(jobs, files, keys, strict=True)
    ]

    assert [one["status"] for one in batch(world.api, "complete", items)] == [200] * 3
