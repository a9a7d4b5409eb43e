"""The audit finds what it is there to find: a database is damaged on purpose, each time in one way."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from factories.jobs import JOBS, File, claim, claimed_job, finished_job, issued, new_job
from factories.lore import Made, World

from lorekeeper.kit.clock import MovableClock
from robustness.audit import examine

Database = psycopg.Connection[Made]

NOTE = """
INSERT INTO event (world_id, kind, subject_id, actor, before, after, occurred_at)
SELECT world_id, %(kind)s, id, 'a test', %(before)s::jsonb, %(after)s::jsonb, now() FROM asset_job WHERE id = %(job)s
"""


def noted(database: Database, job: Made, kind: str, after: str, before: str | None = None) -> None:
    database.execute(NOTE, {"job": job["id"], "kind": f"asset_job.{kind}", "before": before, "after": after})


@pytest.fixture
def lived(world: World, clock: MovableClock) -> Made:
    """A job with all that can happen to one: a lease that ran out, a retry, a cancellation of another, and its end."""
    job = claimed_job(world, max_attempts=4)
    clock.move(timedelta(minutes=2))
    (second,) = claim(world, worker_id="w2")
    fail = {"error_code": "e", "retryable": True, "lease_token": second["lease_token"]}
    world.api.post(f"{JOBS}/{job['id']}/fail", fail)
    world.api.post(f"{JOBS}/{new_job(world)['id']}/cancel")
    issued(world, File())
    return finished_job(world)


@pytest.fixture
def damage(database: Database) -> Iterator[Database]:
    """To be broken as no trigger would let it be; put right afterwards."""
    with database.transaction(force_rollback=True):
        for table in ("asset_job", "asset", "asset_derivation", "event", "upload"):
            database.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        yield database


def test_nothing_is_wrong_with_what_the_server_wrote(lived: Made, database: Database) -> None:
    with database.transaction():
        report = examine(database, acknowledged=[lived["id"]], completed={lived["id"]: lived["asset"]["id"]})

    # Other tests of this process damage jobs of their own worlds in the same database.
    ours = database.execute("SELECT id::text FROM asset_job WHERE world_id = %s", [lived["world_id"]]).fetchall()
    assert [line for line in report.wrong if any(job["id"] in line for job in ours)] == []
    assert report.jobs["SUCCEEDED"] >= 1
    assert report.takeovers >= 1


def _sql(statement: str) -> Callable[[Database, Made], None]:
    return lambda database, job: void(database.execute(statement.encode(), {"job": job["id"]}))


def void(_: object) -> None:
    """Nothing of it is wanted."""


def _noted(*notes: tuple[str, str]) -> Callable[[Database, Made], None]:
    def note(database: Database, job: Made) -> None:
        for kind, after in notes:
            noted(database, job, kind, after)

    return note


def _claimed(attempt: int) -> tuple[str, str]:
    return "claimed", f'{{"status": "RUNNING", "attempt": {attempt}, "worker_id": "w"}}'


COMPLETED = "completed", '{"status": "SUCCEEDED", "asset_id": "x"}'
OF_ITS_UPLOAD = """FROM asset_derivation, asset
    WHERE asset_job_id = %(job)s AND asset.id = asset_id AND upload.storage_key = asset.storage_key"""

DAMAGES: list[tuple[str, Callable[[Database, Made], None]]] = [
    ("moves a job that had ended", _noted(("updated", '{"status": "FAILED", "attempt": 1}'))),
    ("moves a job that had ended", _noted(COMPLETED)),
    ("makes a second asset", _noted(COMPLETED)),
    ("is written for attempt 7", _noted(("updated", '{"status": "SUCCEEDED", "attempt": 7}'))),
    ("is written by w9", _noted(("updated", '{"status": "SUCCEEDED", "worker_id": "w9"}'))),
    ("is attempt 4 of 3", _noted(_claimed(2), _claimed(3), _claimed(4))),
    ("hands out what is SUCCEEDED", _noted(_claimed(2))),
    ("is created a second time", _noted(("created", '{"status": "QUEUED"}'))),
    (
        "something in between is missing",
        _sql("DELETE FROM event WHERE subject_id = %(job)s::text AND kind = 'asset_job.claimed'"),
    ),
    ("and by the event log None", _sql("DELETE FROM event WHERE subject_id = %(job)s::text")),
    ("and by the event log SUCCEEDED", _sql("UPDATE asset_job SET status = 'FAILED' WHERE id = %(job)s")),
    ("and by the event log at 1", _sql("UPDATE asset_job SET attempt = 2 WHERE id = %(job)s")),
    ("and was handed to", _sql("UPDATE asset_job SET worker_id = 'w9' WHERE id = %(job)s")),
    ("is SUCCEEDED with asset None", _sql("UPDATE asset_derivation SET asset_id = NULL WHERE asset_job_id = %(job)s")),
    ("nothing tells the origin of", _sql("UPDATE asset_derivation SET asset_id = NULL WHERE asset_job_id = %(job)s")),
    (
        "made for more than one job",
        _sql("""UPDATE asset_derivation AS other SET asset_id = mine.asset_id FROM asset_derivation AS mine
                WHERE mine.asset_job_id = %(job)s AND other.world_id = mine.world_id AND other.asset_id IS NULL"""),
    ),
    ("whose upload is not as the asset is", _sql(f"UPDATE upload SET state = 'ABANDONED' {OF_ITS_UPLOAD}")),
    ("other bytes than were declared", _sql(f"UPDATE upload SET size_bytes = upload.size_bytes + 1 {OF_ITS_UPLOAD}")),
    (
        "used for nothing",
        _sql("""UPDATE upload SET state = 'USED'
                WHERE id = (SELECT id FROM upload WHERE state = 'PENDING' ORDER BY id DESC LIMIT 1)"""),
    ),
]


@pytest.mark.parametrize(("says", "break_it"), DAMAGES, ids=[says for says, _ in DAMAGES])
def test_it_finds(says: str, break_it: Callable[[Database, Made], None], lived: Made, damage: Database) -> None:
    break_it(damage, lived)

    assert [what for what in examine(damage).wrong if says in what]


def test_it_finds_what_was_answered_and_is_not_there(lived: Made, world: World, database: Database) -> None:
    other = new_job(world)
    answered = {lived["id"]: "another", other["id"]: "one"}
    with database.transaction():
        report = examine(database, drained=True, acknowledged=["gone"], completed=answered)

    assert f"job {other['id']} is QUEUED still" in report.wrong
    assert "job gone: its creation was answered, and it is not there" in report.wrong
    for job_id in answered:
        assert f"job {job_id}: its completion was answered with another asset" in report.wrong
