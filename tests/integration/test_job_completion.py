"""Handing in a file: nothing of it is believed, and it happens once (design section 5, Complete)."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import (
    JOBS,
    File,
    claim,
    claimed_job,
    complete,
    issued,
    new_job,
    put,
    read,
    running_job,
    uploaded,
)
from factories.lore import Made, World

from lorekeeper.kit.clock import MovableClock


def path(job: Made) -> str:
    return f"{JOBS}/{job['id']}/complete"


def held(job: Made, payload: Made) -> Made:
    return payload | {"lease_token": job["lease_token"]}


class TestDone:
    def test_makes_the_asset_and_finishes_the_job_and_its_derivation(self, world: World) -> None:
        job, file = claimed_job(world, references=world.one_of_each()), File()
        payload = uploaded(world, file) | {"metadata": {"width": 3, "own": [1]}, "duration_seconds": 1.5}

        done = complete(world.api, job, held(job, payload))

        asset = done["asset"]
        assert done == read(world, job)
        assert (done["status"], done["lease_expires_at"], done["error_code"]) == ("SUCCEEDED", None, None)
        assert done["finished_at"] >= done["started_at"]
        assert {name: asset[name] for name in payload} == payload
        assert (asset["type"], asset["status"], asset["world_id"]) == ("IMAGE", "READY", world.id)
        assert asset["created_by"] == world.api.key_id
        assert done["derivation"]["asset_id"] == asset["id"]
        assert done["derivation"] | {"asset_id": None} == job["derivation"]
        full = world.api.get(f"/assets/assets/{asset['id']}")
        assert full == asset | {"derivations": [done["derivation"]]}

    def test_of_a_job_set_running_without_a_lease_needs_none(self, world: World) -> None:
        job = running_job(world)

        assert complete(world.api, job, uploaded(world, File()))["status"] == "SUCCEEDED"

    def test_again_with_the_same_payload_gets_the_same_answer(self, world: World) -> None:
        job = claimed_job(world)
        payload = held(job, uploaded(world, File()) | {"metadata": {"width": 3.0}})
        first = world.api.ask("POST", path(job), json=payload)
        again = world.api.ask("POST", path(job), json=payload)

        assert (first.status_code, again.status_code) == (200, 200)
        assert again.content == first.content

    def test_again_with_another_payload_is_refused(self, world: World) -> None:
        job = claimed_job(world)
        payload = held(job, uploaded(world, File()))
        done = complete(world.api, job, payload)

        for change in (uploaded(world, File()), {"metadata": {"width": 4}}, {"format": "gif"}, {"duration_seconds": 2}):
            world.api.refused(409, "already_completed", "POST", path(job), payload | change)
        assert read(world, job) == done

    def test_where_nothing_was_declared_beforehand_the_object_itself_decides(self, world: World) -> None:
        """A store that keeps no checksum of the object has to be read."""
        job, file = claimed_job(world), File()
        upload = issued(world, file)
        assert put(upload, file.data).is_success
        payload = held(job, file.declared(upload["storage_key"]))

        world.api.refused(422, "checksum_mismatch", "POST", path(job), payload | {"checksum": "0" * 64})
        assert complete(world.api, job, payload)["asset"]["checksum"] == file.checksum


Wrong = Callable[[World, World, Made, File], Made]


def _declaring(**fields: object) -> Wrong:
    return lambda world, other, job, file: uploaded(world, file) | fields


def _issued_with(**fields: object) -> Wrong:
    """Declared one thing when the upload was asked for and another now: what lies in the store does not matter."""

    def make(world: World, other: World, job: Made, file: File) -> Made:
        return file.declared(issued(world, file, **fields)["storage_key"])

    return make


def _stored_but_declaring(**fields: object) -> Wrong:
    """Nothing was declared when the upload was asked for: the object decides."""

    def make(world: World, other: World, job: Made, file: File) -> Made:
        upload = issued(world, file)
        assert put(upload, file.data).is_success
        return file.declared(upload["storage_key"]) | fields

    return make


def _of_another_world(world: World, other: World, job: Made, file: File) -> Made:
    return uploaded(other, file)


def _of_another_type(world: World, other: World, job: Made, file: File) -> Made:
    return uploaded(world, file, asset_type="MAP")


def _never_issued(world: World, other: World, job: Made, file: File) -> Made:
    return file.declared(f"{world.id}/IMAGE/20260101T000000000000Z_plate.png")


def _never_uploaded(world: World, other: World, job: Made, file: File) -> Made:
    return file.declared(issued(world, file)["storage_key"])


def _used_already(world: World, other: World, job: Made, file: File) -> Made:
    """By another job of this world, set running without a lease."""
    other_job = running_job(world)
    return file.declared(complete(world.api, other_job, uploaded(world, file))["asset"]["storage_key"])


WRONG: list[tuple[str, Wrong]] = [
    ("size_mismatch", _declaring(size_bytes=1)),
    ("checksum_mismatch", _declaring(checksum="0" * 64)),
    ("content_type_mismatch", _declaring(content_type="image/jpeg")),
    ("size_mismatch", _issued_with(size_bytes=1)),
    ("checksum_mismatch", _issued_with(checksum="0" * 64)),
    ("content_type_mismatch", _issued_with(content_type="image/jpeg")),
    ("size_mismatch", _stored_but_declaring(size_bytes=1)),
    ("checksum_mismatch", _stored_but_declaring(checksum="0" * 64)),
    ("upload_not_issued", _of_another_world),
    ("upload_not_issued", _of_another_type),
    ("upload_not_issued", _never_issued),
    ("object_missing", _never_uploaded),
    ("upload_already_used", _used_already),
]


@pytest.mark.parametrize(("code", "wrong"), WRONG)
def test_a_file_that_is_not_what_is_declared_is_refused(
    world: World, other_world: World, code: str, wrong: Wrong
) -> None:
    file, job = File(), claimed_job(world)
    payload = wrong(world, other_world, job, file)
    before = read(world, job)

    world.api.refused(422, code, "POST", path(job), held(job, payload))

    assert read(world, job) == before
    # The worker may still do better.
    assert complete(world.api, job, held(job, uploaded(world, File())))["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "fields",
    [
        {"size_bytes": 0},
        {"checksum": "0" * 63},
        {"checksum": "A" * 64},
        {"content_type": "image"},
        {"format": "PNG!"},
        {"metadata": {"width": 0}},
        {"metadata": {"n": 2**60}},
        {"duration_seconds": -1},
        {"storage_key": ""},
        {"status": "READY"},
    ],
)
def test_a_payload_that_cannot_be_is_refused(world: World, fields: Made) -> None:
    job = claimed_job(world)
    payload = held(job, File().declared("k")) | fields

    world.api.refused(422, "validation_failed", "POST", path(job), payload)


class TestWhoMay:
    """The lease is looked at before the file, so a wrong worker learns nothing and uses nothing up."""

    @pytest.mark.parametrize("who", ["no token", "another token", "stale token", "expired lease", "token of no lease"])
    def test_not_who_does_not_hold_the_lease(self, world: World, clock: MovableClock, who: str) -> None:
        job = running_job(world) if who == "token of no lease" else claimed_job(world)
        payload = uploaded(world, File())
        token = job.get("lease_token")
        match who:
            case "no token":
                token = None
            case "another token" | "token of no lease":
                token = str(uuid4())
            case "stale token":
                clock.move(timedelta(minutes=2))
                claim(world, worker_id="w2")
            case "expired lease":
                clock.move(timedelta(minutes=2))
        before = read(world, job)

        problem = world.api.refused(409, "lease_lost", "POST", path(job), payload | {"lease_token": token})

        assert problem["status_of_job"] == "RUNNING"
        assert read(world, job) == before

    def test_who_took_the_job_over(self, world: World, clock: MovableClock) -> None:
        job = claimed_job(world)
        clock.move(timedelta(minutes=2))
        (second,) = claim(world)

        done = complete(world.api, second, held(second, uploaded(world, File())))

        assert done["status"] == "SUCCEEDED"
        late = held(job, uploaded(world, File()))
        world.api.refused(409, "already_completed", "POST", path(job), late)

    @pytest.mark.parametrize("state", ["QUEUED", "FAILED", "CANCELLED"])
    def test_nobody_where_the_job_does_not_run(self, world: World, state: str) -> None:
        job = new_job(world)
        if state == "FAILED":
            world.api.patch(f"{JOBS}/{job['id']}", {"status": "RUNNING"})
            world.api.post(f"{JOBS}/{job['id']}/fail", {"error_code": "e"})
        elif state == "CANCELLED":
            world.api.post(f"{JOBS}/{job['id']}/cancel")

        problem = world.api.refused(409, "invalid_transition", "POST", path(job), uploaded(world, File()))

        assert (problem["from_status"], problem["to_status"]) == (state, "SUCCEEDED")
        assert read(world, job)["asset"] is None

    def test_nobody_once_the_job_is_to_be_cancelled(self, world: World) -> None:
        job = claimed_job(world)
        world.api.post(f"{JOBS}/{job['id']}/cancel")

        world.api.refused(409, "invalid_transition", "POST", path(job), held(job, uploaded(world, File())))

        assert read(world, job)["asset"] is None


def test_what_is_refused_leaves_no_trace(world: World, database: psycopg.Connection[Made]) -> None:
    job = claimed_job(world)
    payload = uploaded(world, File())
    traces = """SELECT (SELECT count(*) FROM event WHERE world_id = %(w)s) AS events,
                       (SELECT count(*) FROM asset WHERE world_id = %(w)s) AS assets,
                       (SELECT state FROM upload WHERE storage_key = %(k)s) AS state"""
    parameters = {"w": world.id, "k": payload["storage_key"]}
    before = database.execute(traces, parameters).fetchone()

    world.api.refused(422, "size_mismatch", "POST", path(job), held(job, payload | {"size_bytes": 5}))

    assert database.execute(traces, parameters).fetchone() == before
    assert before == {"events": before["events"], "assets": 0, "state": "PENDING"}
    complete(world.api, job, held(job, payload))
    after = database.execute(traces, parameters).fetchone()
    assert after == {"events": before["events"] + 1, "assets": 1, "state": "USED"}
