"""PATCH, fail and cancel: the state machine as a worker meets it (specification section 7; design section 5)."""

from datetime import timedelta
from itertools import product
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import JOBS, claim, claimed_job, finished_job, new_job, read, running_job
from factories.lore import Made, World
from harness.wire import Api

from lorekeeper.contracts.enums import AssetJobStatusEnum as S
from lorekeeper.contracts.state_machine import TRANSITIONS
from lorekeeper.kit.clock import MovableClock


def job_in(world: World, state: S) -> Made:
    """A job in this state that no worker holds."""
    match state:
        case S.QUEUED:
            return new_job(world)
        case S.RUNNING:
            return running_job(world)
        case S.SUCCEEDED:
            return finished_job(world)
        case S.FAILED:
            return world.api.post(f"{JOBS}/{running_job(world)['id']}/fail", {"error_code": "e"})
        case S.CANCELLED:
            return world.api.post(f"{JOBS}/{new_job(world)['id']}/cancel")


def path(job: Made) -> str:
    return f"{JOBS}/{job['id']}"


BY_PATCH = {
    (S.QUEUED, S.RUNNING),
    (S.QUEUED, S.CANCELLED),
    (S.RUNNING, S.FAILED),
    (S.RUNNING, S.CANCELLED),
}
"""What a worker may set. SUCCEEDED takes a file, back to QUEUED goes only what may be tried again, and to set RUNNING
what is RUNNING already would let two workers believe that it is theirs."""


class TestPatch:
    @pytest.mark.parametrize(("current", "target"), list(product(S, S)))
    def test_goes_along_the_state_machine_and_nowhere_else(self, world: World, current: S, target: S) -> None:
        job = job_in(world, current)
        body = {"status": target}

        if (current, target) in BY_PATCH:
            assert world.api.patch(path(job), body)["status"] == target
        elif (current, target) == (S.RUNNING, S.SUCCEEDED):
            problem = world.api.refused(422, "validation_failed", "PATCH", path(job), body)
            assert "/complete" in problem["detail"]
        else:
            problem = world.api.refused(409, "invalid_transition", "PATCH", path(job), body)
            assert (problem["from_status"], problem["to_status"]) == (current, target)
            assert current in problem["detail"]
            assert target in problem["detail"]
            assert read(world, job) == job

    def test_of_running_says_when_it_began(self, world: World, clock: MovableClock) -> None:
        before = clock.now()
        job = running_job(world)

        assert job["started_at"] >= before.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert (job["attempt"], job["finished_at"], job["lease_expires_at"]) == (1, None, None)

    def test_takes_the_times_and_the_error_as_given(self, world: World) -> None:
        job = running_job(world)
        body = {
            "status": "FAILED",
            "started_at": "2020-01-01T00:00:00Z",
            "finished_at": "2020-01-01T01:00:00+00:30",
            "error_code": "model.refused",
            "error_message": "No.",
        }

        failed = world.api.patch(path(job), body)

        assert failed["started_at"] == "2020-01-01T00:00:00.000000Z"
        assert failed["finished_at"] == "2020-01-01T00:30:00.000000Z"
        assert (failed["error_code"], failed["error_message"]) == ("model.refused", "No.")
        assert read(world, job) == failed

    @pytest.mark.parametrize(
        "fields",
        [
            {"started_at": "2020-01-02T00:00:00Z", "finished_at": "2020-01-01T00:00:00Z"},
            {"finished_at": "2020-01-01T00:00:00Z"},
            {"started_at": "2999-01-01T00:00:00Z", "finished_at": "2998-01-01T00:00:00Z"},
            {"finished_at": "not a time"},
            {"error_code": "two words"},
            {"error_message": "nul \x00"},
            {"priority": 3},
            {"status": "DONE"},
        ],
    )
    def test_that_contradicts_itself_is_refused(self, world: World, fields: Made) -> None:
        job = running_job(world)

        world.api.refused(422, "validation_failed", "PATCH", path(job), {"status": "FAILED", **fields})

        assert read(world, job) == job

    def test_of_a_leased_job_needs_its_token(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world)
        before = read(world, job)
        for token in (None, str(uuid4())):
            world.api.refused(409, "lease_lost", "PATCH", path(job), {"status": "FAILED", "lease_token": token})
        assert read(world, job) == before

        body = {"status": "FAILED", "error_code": "e", "lease_token": job["lease_token"]}
        assert world.api.patch(path(job), body)["status"] == "FAILED"

    def test_with_an_expired_lease_is_refused(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world, lease_seconds=60)
        clock.move(timedelta(seconds=61))

        body = {"status": "FAILED", "lease_token": job["lease_token"]}
        world.api.refused(409, "lease_lost", "PATCH", path(job), body)

    def test_with_a_token_of_a_job_that_is_over_is_refused(self, world: World) -> None:
        job = claimed_job(world)
        world.api.post(f"{path(job)}/fail", {"error_code": "e", "lease_token": job["lease_token"]})

        body = {"error_message": "late", "lease_token": job["lease_token"]}
        world.api.refused(409, "lease_lost", "PATCH", path(job), body)

    def test_of_nothing_is_refused(self, world: World) -> None:
        job = running_job(world)

        world.api.refused(422, "validation_failed", "PATCH", path(job), {})

    def test_of_a_queued_job_leaves_it_as_it_is(self, world: World) -> None:
        job = new_job(world)

        world.api.refused(422, "validation_failed", "PATCH", path(job), {"error_message": "too early"})

        assert read(world, job) == job

    def test_of_running_again_is_for_the_holder_of_the_lease_only(self, world: World) -> None:
        job = claimed_job(world)
        body = {"status": "RUNNING", "lease_token": job["lease_token"]}

        assert world.api.patch(path(job), body)["status"] == "RUNNING"

    def test_with_a_time_to_come_is_refused(self, world: World) -> None:
        job = running_job(world)

        world.api.refused(422, "validation_failed", "PATCH", path(job), {"started_at": "2999-01-01T00:00:00Z"})


class TestFail:
    def test_ends_a_job_for_good(self, world: World) -> None:
        job = claimed_job(world)
        body = {"error_code": "no_ink", "error_message": "Dry.", "lease_token": job["lease_token"]}

        failed = world.api.post(f"{path(job)}/fail", body)

        assert (failed["status"], failed["error_code"], failed["error_message"]) == ("FAILED", "no_ink", "Dry.")
        assert failed["finished_at"] >= failed["started_at"]
        assert failed["lease_expires_at"] is None
        assert claim(world) == []

    def test_that_is_retryable_queues_the_job_again_while_attempts_are_left(
        self, world: World, clock: MovableClock
    ) -> None:
        job = claimed_job(world, max_attempts=2)
        fail = {"error_code": "busy", "retryable": True}
        again = world.api.post(f"{path(job)}/fail", fail | {"lease_token": job["lease_token"]})

        assert (again["status"], again["error_code"], again["finished_at"]) == ("QUEUED", "busy", None)
        assert again["available_at"] > job["available_at"]
        assert claim(world) == [], "not before it is available"
        clock.move(timedelta(seconds=301))
        (second,) = claim(world)
        assert (second["id"], second["attempt"], second["error_code"]) == (job["id"], 2, None)

        ended = world.api.post(f"{path(job)}/fail", fail | {"lease_token": second["lease_token"]})
        assert ended["status"] == "FAILED"

    def test_of_a_cancelled_job_cancels_it(self, world: World) -> None:
        job = claimed_job(world)
        world.api.post(f"{path(job)}/cancel")

        body = {"error_code": "stopped", "retryable": True, "lease_token": job["lease_token"]}
        assert world.api.post(f"{path(job)}/fail", body)["status"] == "CANCELLED"

    @pytest.mark.parametrize(
        ("state", "target"),  # to fail a job that was cancelled is to cancel it
        [(S.QUEUED, S.FAILED), (S.SUCCEEDED, S.FAILED), (S.FAILED, S.FAILED), (S.CANCELLED, S.CANCELLED)],
    )
    def test_of_a_job_that_does_not_run_is_refused(self, world: World, state: S, target: S) -> None:
        job = job_in(world, state)

        problem = world.api.refused(409, "invalid_transition", "POST", f"{path(job)}/fail", {"error_code": "e"})

        assert (problem["from_status"], problem["to_status"]) == (state, target)
        assert read(world, job) == job

    def test_without_the_lease_is_refused(self, world: World) -> None:
        job = claimed_job(world)
        for token in (None, str(uuid4())):
            body = {"error_code": "e", "lease_token": token}
            world.api.refused(409, "lease_lost", "POST", f"{path(job)}/fail", body)
        assert read(world, job)["status"] == "RUNNING"

    def test_without_a_reason_is_refused(self, world: World) -> None:
        world.api.refused(422, "validation_failed", "POST", f"{path(running_job(world))}/fail", {})


class TestCancel:
    @pytest.mark.parametrize("state", [S.QUEUED, S.RUNNING])
    def test_ends_a_job_that_no_worker_holds(self, world: World, state: S) -> None:
        job = job_in(world, state)

        cancelled = world.api.post(f"{path(job)}/cancel")

        assert cancelled["status"] == "CANCELLED"
        assert cancelled["finished_at"]
        assert claim(world) == []
        assert world.api.post(f"{path(job)}/cancel") == cancelled, "twice is the same as once"

    def test_ends_a_job_whose_worker_fell_silent(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world)
        clock.move(timedelta(minutes=2))

        assert world.api.post(f"{path(job)}/cancel")["status"] == "CANCELLED"

    def test_asks_the_worker_that_holds_the_job(self, world: World) -> None:
        job = claimed_job(world)

        first = world.api.post(f"{path(job)}/cancel")

        assert first["status"] == "RUNNING"
        assert first["cancel_requested_at"]
        assert world.api.post(f"{path(job)}/cancel")["cancel_requested_at"] == first["cancel_requested_at"]

    @pytest.mark.parametrize("state", [S.SUCCEEDED, S.FAILED])
    def test_of_a_job_that_is_over_is_refused(self, world: World, state: S) -> None:
        job = job_in(world, state)

        problem = world.api.refused(409, "invalid_transition", "POST", f"{path(job)}/cancel")

        assert (problem["from_status"], problem["to_status"]) == (state, "CANCELLED")
        assert read(world, job) == job


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"status": "RUNNING"}),
        ("POST", "/heartbeat", {"lease_token": str(uuid4())}),
        ("POST", "/fail", {"error_code": "e"}),
        ("POST", "/cancel", None),
        (
            "POST",
            "/complete",
            {"storage_key": "k", "format": "png", "content_type": "a/b", "size_bytes": 1, "checksum": "0" * 64},
        ),
    ],
)
def test_a_job_that_is_not_there_is_not_found(admin: Api, method: str, suffix: str, body: Made | None) -> None:
    admin.refused(404, "not_found", method, f"{JOBS}/{uuid4()}{suffix}", body)


def test_each_move_is_noted_as_an_event(world: World, database: psycopg.Connection[Made]) -> None:
    job = finished_job(world)
    other = world.api.post(f"{JOBS}/{new_job(world)['id']}/cancel")

    def kinds(of: Made) -> list[str]:
        rows = database.execute("SELECT kind FROM event WHERE subject_id = %s ORDER BY id", [of["id"]])
        return [row["kind"] for row in rows]

    assert kinds(job) == ["asset_job.created", "asset_job.claimed", "asset_job.completed"]
    assert kinds(other) == ["asset_job.created", "asset_job.cancel_requested"]


def test_the_patchable_moves_are_of_the_state_machine() -> None:
    assert {(a, b) for a in S for b in TRANSITIONS[a]} >= BY_PATCH
