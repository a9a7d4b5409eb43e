"""A job's place in the queue: by priority and age, and the same one after whatever sends it back (design section 5)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest
from factories.jobs import JOBS, claim, claimed_job, finished_job, new_job, read, request_for
from factories.lore import Made, World
from harness.server import RunningApp

from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.jobs import AGEING_SECONDS
from lorekeeper.kit.clock import MovableClock

MINUTE = timedelta(minutes=1)
A_POINT = timedelta(seconds=AGEING_SECONDS)


def ids(jobs: list[Made]) -> list[str]:
    return [job["id"] for job in jobs]


def release(world: World, job: Made, **fields: object) -> Made:
    return world.api.post(f"{JOBS}/{job['id']}/release", {"lease_token": job["lease_token"], **fields})


def claim_by_id(world: World, job: Made, **fields: object) -> Made:
    return world.api.post(f"{JOBS}/{job['id']}/claim", {"worker_id": "w2", **fields})


def not_claimable(world: World, job: Made) -> Made:
    return world.api.refused(409, "not_claimable", "POST", f"{JOBS}/{job['id']}/claim", {"worker_id": "w2"})


def heartbeat(world: World, job: Made, **fields: object) -> Made:
    return world.api.post(f"{JOBS}/{job['id']}/heartbeat", {"lease_token": job["lease_token"], **fields})


def fail(world: World, job: Made, **fields: object) -> Made:
    body = {"error_code": "busy", "retryable": True, "lease_token": job["lease_token"], **fields}
    return world.api.post(f"{JOBS}/{job['id']}/fail", body)


def by(clock: MovableClock, time: timedelta) -> str:
    return (clock.now() + time).isoformat()


class TestAgeing:
    @pytest.mark.parametrize(("later", "first"), [(-1, "the urgent one"), (1, "the old one")])
    def test_a_point_of_priority_is_worth_a_minute_of_waiting(
        self, world: World, clock: MovableClock, later: int, first: str
    ) -> None:
        old = new_job(world)
        clock.move(A_POINT + timedelta(seconds=later))
        urgent = new_job(world, priority=1)

        handed_out = ids(claim(world))

        assert handed_out == [urgent["id"] if first == "the urgent one" else old["id"]]

    def test_a_job_of_low_priority_is_not_starved_by_a_stream_of_urgent_ones(
        self, world: World, clock: MovableClock
    ) -> None:
        humble = new_job(world, priority=-2)["id"]
        waited, taken = 0, []
        while humble not in taken:
            for _ in range(2):  # as many as are taken
                new_job(world, priority=3)
            taken = ids(claim(world, limit=2, lease_seconds=3600))
            clock.move(MINUTE)
            waited += 1
            assert waited < 10

        assert waited in {5, 6, 7}, "in its turn, and no earlier"


class TestWhatComesBack:
    """Keeps its rank, and its attempts are counted."""

    def test_a_released_job(self, world: World) -> None:
        jobs = [new_job(world)["id"] for _ in range(3)]
        first = claim(world)[0]
        release(world, first)

        assert ids(claim(world, limit=3)) == jobs

    def test_a_failed_job_when_its_pause_is_over(self, world: World, clock: MovableClock) -> None:
        jobs = [new_job(world)["id"] for _ in range(3)]
        fail(world, claim(world)[0], retry_after_seconds=60)

        assert ids(claim(world)) == [jobs[1]]
        clock.move(2 * MINUTE)
        (again, *_) = claim(world, limit=2)

        assert (again["id"], again["attempt"]) == (jobs[0], 2)

    def test_more_lost_leases_than_a_claim_looks_at(self, world: World, clock: MovableClock) -> None:
        """They come back a part at a time, none of them twice, and what is urgent goes before them."""
        lost = {new_job(world)["id"] for _ in range(25)}
        assert len(claim(world, limit=30)) == 25
        clock.move(2 * MINUTE)
        urgent = new_job(world, priority=5)["id"]

        handed_out = [claim(world, limit=1)[0]["id"] for _ in range(26)]

        assert handed_out[0] == urgent
        assert len(handed_out) == len(set(handed_out))
        assert set(handed_out) == lost | {urgent}
        assert claim(world) == []

    def test_a_lost_lease_that_waits_for_its_turn_reads_queued(
        self, world: World, clock: MovableClock, database: psycopg.Connection[Made]
    ) -> None:
        lost = claimed_job(world)
        clock.move(2 * MINUTE)
        urgent = new_job(world, priority=5)

        assert ids(claim(world)) == [urgent["id"]]

        after = read(world, lost)
        assert (after["status"], after["attempt"], after["lease_expires_at"]) == ("QUEUED", 1, None)
        told = database.execute("SELECT kind FROM event WHERE subject_id = %s ORDER BY id", [lost["id"]]).fetchall()
        assert [row["kind"] for row in told] == ["asset_job.created", "asset_job.claimed", "asset_job.lease_expired"]

    def test_worlds_and_types_nobody_asked_for_are_brought_back_too(
        self, app: RunningApp, world: World, other_world: World, clock: MovableClock
    ) -> None:
        job = claimed_job(world)
        clock.move(2 * MINUTE)
        narrow = other_world.seen_by(app.as_new_key(Role.WORKER, worlds=[other_world.id]))

        assert claim(narrow, providers=[world.provider], asset_types=["PDF"]) == []

        assert read(world, job)["status"] == "QUEUED"


class TestRelease:
    def test_gives_the_attempt_back_and_keeps_what_was_paid_for(
        self, world: World, database: psycopg.Connection[Made]
    ) -> None:
        job = claimed_job(world)
        heartbeat(world, job, provider_job_id="ext-1", progress={"percent": 40})

        released = release(world, job, reason="shutting down")

        assert released == read(world, job)
        assert (released["status"], released["attempt"], released["lease_expires_at"]) == ("QUEUED", 0, None)
        assert (released["provider_job_id"], released["progress"]["percent"]) == ("ext-1", 40)
        (again,) = claim(world, worker_id="w2")
        assert (again["attempt"], again["provider_job_id"]) == (1, "ext-1")
        (noted,) = database.execute(
            "SELECT after FROM event WHERE subject_id = %s AND kind = 'asset_job.released'", [job["id"]]
        ).fetchall()
        assert noted["after"]["reason"] == "shutting down"

    def test_ends_what_was_to_be_cancelled(self, world: World) -> None:
        job = claimed_job(world)
        world.api.post(f"{JOBS}/{job['id']}/cancel")

        released = release(world, job)

        assert (released["status"], released["error_code"], released["attempt"]) == ("CANCELLED", None, 1)

    def test_ends_what_is_of_no_use_any_more(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world, finish_by=by(clock, MINUTE), lease_seconds=600)
        clock.move(2 * MINUTE)

        released = release(world, job)

        assert (released["status"], released["error_code"]) == ("CANCELLED", "finish_by_passed")

    @pytest.mark.parametrize("why", ["expired", "released before", "another token"])
    def test_by_who_has_lost_the_lease_is_refused(self, world: World, clock: MovableClock, why: str) -> None:
        job = claimed_job(world)
        if why == "expired":
            clock.move(2 * MINUTE)
        elif why == "released before":
            release(world, job)
        else:
            job["lease_token"] = job["id"]
        before = read(world, job)

        body = {"lease_token": job["lease_token"]}
        world.api.refused(409, "lease_lost", "POST", f"{JOBS}/{job['id']}/release", body)

        assert read(world, job) == before


class TestClaimById:
    def test_hands_out_this_job_and_no_other(self, world: World) -> None:
        first, job = new_job(world, priority=9), new_job(world, references=world.one_of_each())

        claimed = claim_by_id(world, job, lease_seconds=90)

        assert (claimed["id"], claimed["status"], claimed["attempt"]) == (job["id"], "RUNNING", 1)
        assert claimed["derivation"] == job["derivation"]
        heartbeat(world, claimed)
        assert ids(claim(world, limit=5)) == [first["id"]]

    def test_takes_over_a_lost_lease(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world)
        clock.move(2 * MINUTE)

        again = claim_by_id(world, job)

        assert (again["id"], again["attempt"], again["worker_id"]) == (job["id"], 2, "w2")
        assert again["lease_token"] != job["lease_token"]

    def test_of_what_another_holds_is_refused(self, world: World) -> None:
        job = claimed_job(world)

        problem = not_claimable(world, job)

        assert (problem["status_of_job"], problem["lease_expires_at"]) == ("RUNNING", job["lease_expires_at"])

    def test_of_what_waits_for_a_retry_is_refused_until_then(self, world: World, clock: MovableClock) -> None:
        job = fail(world, claimed_job(world), retry_after_seconds=60)

        problem = not_claimable(world, job)

        assert (problem["status_of_job"], problem["available_at"]) == ("QUEUED", job["available_at"])
        clock.move(2 * MINUTE)
        assert claim_by_id(world, job)["attempt"] == 2

    def test_of_what_is_over_is_refused(self, world: World) -> None:
        assert not_claimable(world, finished_job(world))["status_of_job"] == "SUCCEEDED"

    def test_ends_what_has_no_attempts_left(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world, max_attempts=1)
        clock.move(2 * MINUTE)

        assert not_claimable(world, job)["status_of_job"] == "FAILED"
        assert read(world, job)["error_code"] == "lease_expired"

    def test_ends_what_was_to_be_started_earlier(self, world: World, clock: MovableClock) -> None:
        job = new_job(world, start_by=by(clock, MINUTE))
        clock.move(2 * MINUTE)

        assert not_claimable(world, job)["status_of_job"] == "CANCELLED"
        assert read(world, job)["error_code"] == "start_by_passed"

    def test_of_another_provider_than_the_keys_is_forbidden(self, app: RunningApp, world: World) -> None:
        job = new_job(world)
        narrow = app.as_new_key(Role.WORKER, providers=["zz"])

        narrow.refused(403, "forbidden", "POST", f"{JOBS}/{job['id']}/claim", {"worker_id": "w2"})

        assert read(world, job)["status"] == "QUEUED"

    def test_against_claims_has_one_winner(self, world: World) -> None:
        jobs = [new_job(world) for _ in range(5)]

        def by_id(job: Made) -> list[str]:
            answer = world.api.ask("POST", f"{JOBS}/{job['id']}/claim", json={"worker_id": "w2"})
            return [answer.json()["lease_token"]] if answer.is_success else []

        def by_rank(_: Made) -> list[str]:
            return [job["lease_token"] for job in claim(world, limit=2)]

        asking: list[Callable[[Made], list[str]]] = [by_id, by_rank]
        with ThreadPoolExecutor(20) as pool:
            told = [pool.submit(ask, job) for job in jobs for ask in asking * 2]
            tokens = [token for one in told for token in one.result()]

        assert len(tokens) == len(set(tokens)) == 5
        assert [read(world, job)["attempt"] for job in jobs] == [1] * 5


class TestDeadlines:
    @pytest.mark.parametrize(
        ("start_by", "finish_by", "says"),
        [(None, -1, "finish_by lies in the past"), (10, 5, "finish_by lies before start_by")],
    )
    def test_that_cannot_be_kept_are_refused(
        self, world: World, clock: MovableClock, start_by: int | None, finish_by: int, says: str
    ) -> None:
        deadlines = {"finish_by": by(clock, finish_by * MINUTE), "start_by": start_by and by(clock, start_by * MINUTE)}

        problem = world.api.refused(422, "validation_failed", "POST", JOBS, request_for(world, **deadlines))

        assert says in problem["detail"]

    @pytest.mark.parametrize("state", ["fresh", "waiting for a retry", "lost", "lost on the last attempt"])
    def test_a_job_of_no_use_any_more_is_ended_by_a_claim(self, world: World, clock: MovableClock, state: str) -> None:
        attempts = 1 if state == "lost on the last attempt" else 3
        job = new_job(world, finish_by=by(clock, MINUTE), max_attempts=attempts)
        if state != "fresh":
            (claimed,) = claim(world, lease_seconds=30)
            if state == "waiting for a retry":
                fail(world, claimed, retry_after_seconds=300)
        clock.move(2 * MINUTE)

        assert claim(world) == []
        ended = read(world, job)
        assert (ended["status"], ended["error_code"]) == ("CANCELLED", "finish_by_passed")

    def test_a_job_under_a_lease_is_left_to_its_worker(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world, finish_by=by(clock, MINUTE), lease_seconds=600)
        clock.move(2 * MINUTE)

        assert claim(world) == []
        assert read(world, job)["status"] == "RUNNING"

    def test_a_job_of_no_use_any_more_is_in_no_others_way(self, world: World, clock: MovableClock) -> None:
        prompt = {"title": f"late {world.id}"}
        job = new_job(world, prompt_spec=prompt, finish_by=by(clock, MINUTE))
        clock.move(2 * MINUTE)

        again = new_job(world, prompt_spec=prompt)

        assert again["id"] != job["id"]
        assert read(world, job)["error_code"] == "finish_by_passed"

    @pytest.mark.parametrize("deadline", ["start_by", "finish_by"])
    def test_patch_starts_no_job_too_late(self, world: World, clock: MovableClock, deadline: str) -> None:
        job = new_job(world, **{deadline: by(clock, MINUTE)})
        clock.move(2 * MINUTE)

        world.api.refused(409, "invalid_transition", "PATCH", f"{JOBS}/{job['id']}", {"status": "RUNNING"})

        assert world.api.patch(f"{JOBS}/{job['id']}", {"status": "CANCELLED"})["status"] == "CANCELLED"

    def test_a_job_set_running_by_patch_is_nobody_elses_beyond_them(self, world: World, clock: MovableClock) -> None:
        job = new_job(world, finish_by=by(clock, MINUTE))
        world.api.patch(f"{JOBS}/{job['id']}", {"status": "RUNNING"})
        clock.move(2 * MINUTE)

        assert claim(world) == []
        assert not_claimable(world, job)["status_of_job"] == "RUNNING"


def test_each_job_says_when_it_is_to_be_had(world: World) -> None:
    """`available_at` is no secret of the queue's: what a claim brought back still tells it."""
    job = fail(world, claimed_job(world), retry_after_seconds=0)
    claim(world, asset_types=["PDF"])  # finds its time come, and may not have it

    assert read(world, job)["available_at"] == job["available_at"]
    assert datetime.fromisoformat(job["available_at"]) > datetime.fromisoformat(job["created_at"])
