"""What is handed in for a job that nobody wants any more is no asset, but it was paid for: it is kept for a while."""

from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import (
    JOBS,
    File,
    claimed_job,
    complete,
    new_job,
    put,
    read,
    request_for,
    running_job,
    store,
    uploaded,
)
from factories.lore import Made, World
from harness.server import RunningApp

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock

Database = psycopg.Connection[Made]
A_MINUTE = timedelta(minutes=1)


def cancelled_job(world: World) -> Made:
    """A worker holds it."""
    job = claimed_job(world)
    world.api.post(f"{JOBS}/{job['id']}/cancel")
    return job


def overdue_job(world: World, clock: MovableClock) -> Made:
    """A worker holds it."""
    job = claimed_job(world, lease_seconds=600, finish_by=(clock.now() + A_MINUTE).isoformat())
    clock.move(A_MINUTE)
    return job


def hand_in(world: World, job: Made, file: File | None = None) -> Made:
    payload = uploaded(world, file or File()) | {"lease_token": job["lease_token"]}
    return payload | {"done": complete(world.api, job, payload)}


def presigned(world: World, job: Made, **asked: str) -> Made:
    return world.api.post(f"{JOBS}/{job['id']}/late-result/presign-download", asked)


class TestALateResult:
    def test_of_a_cancelled_job_ends_it_without_an_asset(self, world: World, database: Database) -> None:
        job, file = cancelled_job(world), File()
        payload = uploaded(world, file) | {"duration_seconds": 1.5, "metadata": {"width": 3}}

        done = complete(world.api, job, payload | {"lease_token": job["lease_token"]})

        assert (done["status"], done["error_code"], done["asset"]) == ("CANCELLED", None, None)
        assert done == read(world, job)
        late = done["late_result"]
        assert {name: late[name] for name in payload} == payload
        assert (late["reason"], late["worker_id"], late["kept"]) == ("cancelled", "w1", True)
        times = [datetime.fromisoformat(late[name]) for name in ("received_at", "keep_until")]
        assert times[1] - times[0] == timedelta(days=7)
        assert done["derivation"]["asset_id"] is None
        assert world.api.get("/assets/assets", world_id=world.id)["total"] == 0
        last = database.execute(
            "SELECT kind, after FROM event WHERE subject_id = %s ORDER BY id DESC LIMIT 1", [job["id"]]
        ).fetchone()
        assert last == {
            "kind": "asset_job.late_result",
            "after": {"status": "CANCELLED", "attempt": 1, "reason": "cancelled"},
        }

    def test_of_an_overdue_job_says_so(self, world: World, clock: MovableClock) -> None:
        job = overdue_job(world, clock)

        done = hand_in(world, job)["done"]

        assert (done["status"], done["error_code"]) == ("CANCELLED", "finish_by_passed")
        assert done["late_result"]["reason"] == "finish_by_passed"

    def test_may_come_without_a_lease_where_the_job_has_none(self, world: World, clock: MovableClock) -> None:
        job = running_job(world, finish_by=(clock.now() + A_MINUTE).isoformat())
        clock.move(A_MINUTE)

        assert complete(world.api, job, uploaded(world, File()))["late_result"]["worker_id"] is None

    def test_is_answered_again_for_the_same_file_and_no_other(self, world: World) -> None:
        job = cancelled_job(world)
        payload = uploaded(world, File()) | {"lease_token": job["lease_token"]}
        path = f"{JOBS}/{job['id']}/complete"
        first, again = (world.api.ask("POST", path, json=payload) for _ in range(2))

        assert (first.status_code, again.json()) == (200, first.json())
        world.api.refused(409, "already_completed", "POST", path, payload | {"format": "gif"})
        world.api.refused(409, "already_completed", "POST", path, payload | uploaded(world, File()))

    def test_is_checked_as_any_file(self, world: World) -> None:
        job = cancelled_job(world)
        payload = uploaded(world, File()) | {"lease_token": job["lease_token"]}
        path = f"{JOBS}/{job['id']}/complete"

        world.api.refused(422, "size_mismatch", "POST", path, payload | {"size_bytes": 3})
        world.api.refused(409, "lease_lost", "POST", path, payload | {"lease_token": str(uuid4())})

        assert read(world, job)["status"] == "RUNNING"

    def test_comes_too_late_after_the_lease(self, world: World, clock: MovableClock) -> None:
        job = cancelled_job(world)
        payload = uploaded(world, File()) | {"lease_token": job["lease_token"]}
        clock.move(A_MINUTE)

        world.api.refused(409, "lease_lost", "POST", f"{JOBS}/{job['id']}/complete", payload)

    def test_is_never_an_asset(self, world: World) -> None:
        job, file = cancelled_job(world), File()
        key = hand_in(world, job, file)["done"]["late_result"]["storage_key"]

        body = {"world_id": world.id, "type": "IMAGE", **file.declared(key)}
        world.api.refused(422, "upload_already_used", "POST", "/assets/assets", body)
        other = claimed_job(world)
        payload = file.declared(key) | {"lease_token": other["lease_token"]}
        world.api.refused(422, "upload_already_used", "POST", f"{JOBS}/{other['id']}/complete", payload)

    def test_does_not_keep_anybody_from_asking_again(self, world: World) -> None:
        asked = request_for(world)
        first = world.api.post(JOBS, asked)
        (job,) = world.api.post(f"{JOBS}/claim", {"worker_id": "w1", "providers": [world.provider]})["jobs"]
        world.api.post(f"{JOBS}/{job['id']}/cancel")
        hand_in(world, job)

        assert world.api.post(JOBS, asked)["id"] != first["id"]


class TestDownload:
    @pytest.mark.parametrize("role", [Role.READER, Role.EDITOR, Role.WORKER])
    def test_is_for_who_sees_the_world(self, app: RunningApp, world: World, role: Role) -> None:
        job, file = cancelled_job(world), File()
        late = hand_in(world, job, file)["done"]["late_result"]

        told = presigned(world.seen_by(app.as_new_key(role, worlds=[world.id])), job)

        got = store.get(told["url"])
        assert (got.content, got.headers["content-type"]) == (file.data, "image/png")
        same = ("content_type", "size_bytes", "checksum", "keep_until", "job_id")
        assert {name: told[name] for name in same} == {name: late[name] for name in same}
        assert told["filename"] == "plate.png"

    def test_has_the_name_that_is_asked_for(self, world: World) -> None:
        job = cancelled_job(world)
        hand_in(world, job)

        told = presigned(world, job, filename="late.png", disposition="inline")

        assert store.get(told["url"]).headers["content-disposition"] == 'inline; filename="late.png"'

    def test_of_a_job_without_one_is_refused(self, world: World) -> None:
        path = f"{JOBS}/{new_job(world)['id']}/late-result/presign-download"
        world.api.refused(409, "conflict", "POST", path)

    def test_ends_with_the_world(self, world: World, database: Database) -> None:
        job = cancelled_job(world)
        key = hand_in(world, job)["done"]["late_result"]["storage_key"]

        assert world.api.ask("DELETE", f"/worlds/{world.id}", params={"name": world.name}).status_code == 200

        state = database.execute("SELECT state FROM upload WHERE storage_key = %s", [key]).fetchone()
        assert state == {"state": "RELEASED"}
        told = database.execute(
            "SELECT before, after FROM event WHERE subject_id = %s AND kind = 'asset_job.late_result_released'",
            [job["id"]],
        ).fetchall()
        assert told == [{"before": {"state": "QUARANTINED"}, "after": {"state": "RELEASED", "storage_key": key}}]
        world.api.refused(410, "asset_gone", "POST", f"{JOBS}/{job['id']}/late-result/presign-download")


class TestAWorkerIsToldInItsHeartbeat:
    def beat(self, world: World, job: Made) -> Made:
        return world.api.post(f"{JOBS}/{job['id']}/heartbeat", {"lease_token": job["lease_token"]})

    def test_that_the_job_is_wanted(self, world: World) -> None:
        told = self.beat(world, claimed_job(world))

        assert (told["cancel_requested"], told["cancel_reason"]) == (False, None)

    def test_that_it_was_cancelled(self, world: World) -> None:
        told = self.beat(world, cancelled_job(world))

        assert (told["cancel_requested"], told["cancel_reason"]) == (True, "requested")

    def test_that_its_time_is_over(self, world: World, clock: MovableClock) -> None:
        job = overdue_job(world, clock)

        told = self.beat(world, job)
        assert (told["cancel_requested"], told["cancel_reason"]) == (True, "finish_by_passed")
        world.api.post(f"{JOBS}/{job['id']}/cancel")
        assert self.beat(world, job)["cancel_reason"] == "requested"

    def test_and_a_failure_ends_it(self, world: World, clock: MovableClock) -> None:
        job = overdue_job(world, clock)
        body = {"error_code": "stopped", "retryable": True, "lease_token": job["lease_token"]}

        failed = world.api.post(f"{JOBS}/{job['id']}/fail", body)

        assert (failed["status"], failed["error_code"]) == ("CANCELLED", "finish_by_passed")


def test_a_file_of_unknown_checksum_is_read_for_a_late_result_too(world: World) -> None:
    job, file = cancelled_job(world), File()
    upload = world.api.post(
        "/assets/assets/presign-upload",
        {"world_id": world.id, "asset_type": "IMAGE", "filename": "plate.png", "content_type": "image/png"},
    )
    assert put(upload, file.data).is_success
    payload = file.declared(upload["storage_key"]) | {"lease_token": job["lease_token"]}

    world.api.refused(
        422, "checksum_mismatch", "POST", f"{JOBS}/{job['id']}/complete", payload | {"checksum": "0" * 64}
    )
    assert complete(world.api, job, payload)["late_result"]["checksum"] == file.checksum
