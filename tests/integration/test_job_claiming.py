"""Handing out jobs: which, in what order, to whom, and again when a worker falls silent (design section 5, Leases)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from factories.jobs import JOBS, claim, claimed_job, new_job, read, running_job
from factories.lore import Made, World
from harness.server import RunningApp
from harness.waiting import until
from harness.wire import Api

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock

MINUTE = timedelta(minutes=1)


def ids(jobs: list[Made]) -> list[str]:
    return [job["id"] for job in jobs]


def heartbeat(world: World, job: Made, **fields: object) -> Made:
    return world.api.post(f"{JOBS}/{job['id']}/heartbeat", {"lease_token": job["lease_token"], **fields})


def test_a_claimed_job_brings_all_that_a_worker_needs(world: World, clock: MovableClock) -> None:
    references = world.one_of_each()
    job = new_job(world, references=references)
    before = clock.now()

    (claimed,) = claim(world, worker_id="worker-7", lease_seconds=90)

    assert claimed["derivation"] == job["derivation"]
    assert claimed["prompt_spec"] == job["prompt_spec"]
    assert (claimed["status"], claimed["attempt"], claimed["worker_id"]) == ("RUNNING", 1, "worker-7")
    expires = datetime.fromisoformat(claimed["lease_expires_at"])
    assert before + timedelta(seconds=90) <= expires <= clock.now() + timedelta(seconds=90)
    # The token is the worker's alone: nobody reads it.
    kept = read(world, job)
    assert "lease_token" not in kept
    assert claimed["lease_token"] not in str(kept)
    assert {name: value for name, value in claimed.items() if name != "lease_token"} == {
        name: value for name, value in kept.items() if name != "asset"
    }


class TestWhichJobs:
    def test_by_priority_and_then_by_age(self, world: World) -> None:
        jobs = [new_job(world, priority=priority)["id"] for priority in (0, 5, -3, 5, 0)]

        handed_out = [ids(claim(world, limit=2)) for _ in range(4)]

        assert handed_out == [[jobs[1], jobs[3]], [jobs[0], jobs[4]], [jobs[2]], []]

    def test_each_once(self, world: World) -> None:
        new_job(world)

        assert len(claim(world, limit=100)) == 1
        assert claim(world, limit=100) == []

    def test_of_the_providers_asked_for(self, world: World) -> None:
        other = f"{world.provider}-2"
        mine, theirs = new_job(world)["id"], new_job(world, provider=other, priority=9)["id"]

        assert ids(claim(world, limit=5)) == [mine]
        new = new_job(world)["id"]
        assert ids(claim(world, providers=[world.provider, other, other], limit=5)) == [theirs, new]

    def test_of_the_types_asked_for(self, world: World) -> None:
        pdf = new_job(world, asset_type="PDF")["id"]
        image = new_job(world)["id"]

        assert ids(claim(world, asset_types=["MAP"], limit=5)) == []
        assert ids(claim(world, asset_types=["IMAGE", "MAP"], limit=5)) == [image]
        assert ids(claim(world, limit=5)) == [pdf]

    def test_of_the_worlds_asked_for(self, world: World, other_world: World) -> None:
        job = new_job(other_world, provider=world.provider)["id"]
        new_job(world)

        assert ids(claim(world, world_ids=[other_world.id], limit=5)) == [job]

    def test_not_those_that_should_have_been_started_by_now(self, world: World, clock: MovableClock) -> None:
        job = new_job(world, start_by=(datetime.now(UTC) + MINUTE).isoformat())
        clock.move(2 * MINUTE)

        assert claim(world) == []
        missed = read(world, job)
        assert (missed["status"], missed["error_code"]) == ("CANCELLED", "start_by_passed")

    @pytest.mark.parametrize(
        "fields",
        [
            {"providers": []},
            {"providers": ["Not One"]},
            {"limit": 0},
            {"limit": 101},
            {"lease_seconds": 0},
            {"lease_seconds": 3601},
            {"wait_seconds": 61},
            {"asset_types": []},
            {"world_ids": []},
            {"worker_id": "two words"},
            {"worker_id": ""},
        ],
    )
    def test_a_call_that_cannot_be_is_refused(self, world: World, fields: Made) -> None:
        body = {"worker_id": "w", "providers": [world.provider], **fields}

        world.api.refused(422, "validation_failed", "POST", f"{JOBS}/claim", body)


class TestWhoMay:
    def test_a_key_of_some_worlds_gets_jobs_of_these(self, app: RunningApp, world: World, other_world: World) -> None:
        narrow = app.as_new_key(Role.WORKER, worlds=[world.id])
        new_job(other_world, provider=world.provider, priority=9)
        mine = new_job(world)["id"]

        assert ids(claim(world.seen_by(narrow), limit=5)) == [mine]
        body = {"worker_id": "w", "providers": [world.provider], "world_ids": [world.id, other_world.id]}
        narrow.refused(404, "world_not_found", "POST", f"{JOBS}/claim", body)

    def test_a_key_of_no_worlds_gets_none(self, app: RunningApp, world: World) -> None:
        new_job(world)

        assert claim(world.seen_by(app.as_new_key(Role.WORKER, worlds=[]))) == []

    def test_a_key_of_some_providers_works_for_these_alone(self, app: RunningApp, world: World) -> None:
        narrow = world.seen_by(app.as_new_key(Role.WORKER, providers=[world.provider]))
        own = claimed_job(world)
        foreign = new_job(world, provider="zz")

        body = {"worker_id": "w", "providers": [world.provider, "zz"]}
        narrow.api.refused(403, "forbidden", "POST", f"{JOBS}/claim", body)
        heartbeat(narrow, own)
        path, token = f"{JOBS}/{foreign['id']}", str(uuid4())
        narrow.api.refused(403, "forbidden", "PATCH", path, {"status": "RUNNING"})
        narrow.api.refused(403, "forbidden", "POST", f"{path}/heartbeat", {"lease_token": token})
        narrow.api.refused(403, "forbidden", "POST", f"{path}/fail", {"error_code": "e"})
        payload = {"storage_key": "k", "format": "png", "content_type": "a/b", "size_bytes": 1, "checksum": "0" * 64}
        narrow.api.refused(403, "forbidden", "POST", f"{path}/complete", payload)
        assert read(world, foreign)["status"] == "QUEUED"


class TestWaiting:
    def test_ends_at_once_when_a_job_is_made(self, world: World) -> None:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(claim, world, wait_seconds=30)
            until(lambda: _waiters(world.api) == 1)
            made_at = time.monotonic()
            job = new_job(world)
            (claimed,) = waiting.result(30)

        assert claimed["id"] == job["id"]
        assert time.monotonic() - made_at < 0.5

    def test_ends_at_once_when_a_failed_job_may_be_tried_again(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world)
        world.api.post(
            f"{JOBS}/{job['id']}/fail", {"error_code": "e", "retryable": True, "lease_token": job["lease_token"]}
        )
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(claim, world, wait_seconds=30)
            until(lambda: _waiters(world.api) == 1)
            assert not waiting.done()
            clock.move(timedelta(seconds=301))
            (claimed,) = waiting.result(30)

        assert (claimed["id"], claimed["attempt"]) == (job["id"], 2)

    def test_ends_with_nothing_at_its_time(self, world: World) -> None:
        began = time.monotonic()

        assert claim(world, wait_seconds=0.3) == []
        assert 0.3 <= time.monotonic() - began < 1.3

    def test_without_waiting_the_answer_comes_at_once(self, world: World) -> None:
        began = time.monotonic()

        assert claim(world) == []
        assert time.monotonic() - began < 0.5


class TestLeases:
    def test_one_that_ran_out_is_handed_out_again(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world, lease_seconds=60)
        clock.move(timedelta(seconds=59))
        assert claim(world) == []
        clock.move(timedelta(seconds=2))

        (again,) = claim(world, worker_id="w2")

        assert (again["id"], again["attempt"], again["worker_id"]) == (job["id"], 2, "w2")
        assert again["lease_token"] != job["lease_token"]
        assert again["derivation"] == job["derivation"]

    def test_goes_before_younger_jobs_of_the_same_priority(self, world: World, clock: MovableClock) -> None:
        old = claimed_job(world)
        new, urgent = new_job(world), new_job(world, priority=1)
        clock.move(2 * MINUTE)

        assert ids(claim(world, limit=3)) == [urgent["id"], old["id"], new["id"]]

    def test_the_last_attempt_of_a_silent_worker_fails_the_job(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world, max_attempts=2)
        clock.move(2 * MINUTE)
        assert ids(claim(world)) == [job["id"]]
        clock.move(2 * MINUTE)

        assert claim(world) == []
        ended = read(world, job)
        assert (ended["status"], ended["error_code"], ended["attempt"]) == ("FAILED", "lease_expired", 2)
        assert "w1" in ended["error_message"]
        assert ended["lease_expires_at"] is None

    def test_a_silent_worker_of_a_cancelled_job_ends_it(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world)
        assert world.api.post(f"{JOBS}/{job['id']}/cancel")["status"] == "RUNNING"
        clock.move(2 * MINUTE)

        assert claim(world) == []
        assert read(world, job)["status"] == "CANCELLED"

    def test_is_kept_by_heartbeats_for_as_long_as_they_come(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world, lease_seconds=60)
        for _ in range(5):
            clock.move(timedelta(seconds=50))
            assert heartbeat(world, job, lease_seconds=60)["cancel_requested"] is False

        assert claim(world) == []
        assert read(world, job)["attempt"] == 1

    def test_a_job_set_running_without_one_is_nobody_elses(self, world: World, clock: MovableClock) -> None:
        running_job(world)
        clock.move(timedelta(days=30))

        assert claim(world, limit=100) == []


class TestHeartbeats:
    def test_report_how_far_the_job_has_come(self, world: World) -> None:
        job = claimed_job(world)
        progress = {"percent": 12.5, "stage": "inking", "message": "the sea"}

        answer = heartbeat(world, job, progress=progress, provider_job_id="ext-1", lease_seconds=120)
        heartbeat(world, job)  # says nothing new, so all stays

        kept = read(world, job)
        assert kept["progress"] == progress
        assert kept["provider_job_id"] == "ext-1"
        assert answer["job_id"] == job["id"]
        assert answer["lease_expires_at"] > job["lease_expires_at"]

    def test_tell_of_a_cancellation(self, world: World) -> None:
        job = claimed_job(world)
        cancelled = world.api.post(f"{JOBS}/{job['id']}/cancel")

        assert cancelled["status"] == "RUNNING"
        assert cancelled["cancel_requested_at"]
        assert heartbeat(world, job)["cancel_requested"] is True

    @pytest.mark.parametrize("why", ["expired", "taken over", "another token", "never leased", "failed"])
    def test_of_who_has_lost_the_lease_are_refused(self, world: World, clock: MovableClock, why: str) -> None:
        job = claimed_job(world)
        token = job["lease_token"]
        match why:
            case "expired":
                clock.move(2 * MINUTE)
            case "taken over":
                clock.move(2 * MINUTE)
                claim(world)
            case "another token":
                token = str(uuid4())
            case "never leased":
                job = running_job(world)
            case "failed":
                world.api.post(f"{JOBS}/{job['id']}/fail", {"error_code": "e", "lease_token": token})
        before = read(world, job)

        problem = world.api.refused(
            409,
            "lease_lost",
            "POST",
            f"{JOBS}/{job['id']}/heartbeat",
            {"lease_token": token, "progress": {"percent": 1}},
        )

        assert problem["status_of_job"] == before["status"]
        assert read(world, job) == before

    @pytest.mark.parametrize(
        "fields",
        [{"progress": {"percent": 101}}, {"progress": {"percents": 1}}, {"lease_seconds": 0}, {"lease_token": 1}],
    )
    def test_that_cannot_be_are_refused(self, world: World, fields: Made) -> None:
        job = claimed_job(world)
        body = {"lease_token": job["lease_token"], **fields}

        world.api.refused(422, "validation_failed", "POST", f"{JOBS}/{job['id']}/heartbeat", body)


def test_a_caller_who_hangs_up_takes_no_job_along(world: World, app: RunningApp) -> None:
    """A worker that died while it waited must not be given the next job."""
    caller = Api(app.url, world.api.key)
    caller.client.timeout = 0.5
    body = {"worker_id": "gone", "providers": [world.provider], "wait_seconds": 30}
    gone = threading.Thread(target=lambda: _ignoring_timeouts(caller, body))
    gone.start()
    gone.join()
    caller.client.close()

    job = new_job(world)

    assert ids(claim(world, wait_seconds=10)) == [job["id"]]


def _ignoring_timeouts(caller: Api, body: Made) -> None:
    with pytest.raises(httpx.ReadTimeout):
        caller.ask("POST", f"{JOBS}/claim", json=body)


def _waiters(api: Api) -> float:
    """How many requests the server has open, besides the one that asks."""
    text = api.ask("GET", "/metrics").text
    (line,) = (line for line in text.splitlines() if line.startswith("lorekeeper_http_requests_in_flight "))
    return float(line.split()[1]) - 1
