"""The leases of a worker that was killed: nobody's until their time is over, anybody's from then on, by no one's help.

Nothing runs in the background here: the server of the tests sweeps only when told to.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
from factories.jobs import claim
from factories.lore import Made, World

from lorekeeper.kit.clock import MovableClock
from robustness.audit import examine
from robustness.many import many_jobs

MANY = 1000
A_SECOND = timedelta(seconds=1)


def taken(world: World, **fields: object) -> list[Made]:
    """All there is to take now."""
    jobs: list[Made] = []
    while granted := claim(world, limit=100, **fields):
        jobs += granted
    return jobs


def when(job: Made, field: str) -> datetime:
    return datetime.fromisoformat(job[field])


def test_a_thousand_leases_of_a_killed_worker(
    world: World, clock: MovableClock, database: psycopg.Connection[Made]
) -> None:
    many_jobs(world, database, MANY)
    lost = taken(world, worker_id="killed", lease_seconds=600)
    ends = [when(job, "lease_expires_at") for job in lost]
    assert len({job["id"] for job in lost}) == MANY

    clock.move(min(ends) - clock.now() - timedelta(seconds=5))
    assert claim(world, limit=100) == []

    clock.move(max(ends) - clock.now())
    rescued = taken(world, worker_id="another", lease_seconds=600)

    assert {job["id"] for job in rescued} == {job["id"] for job in lost}
    assert {(job["attempt"], job["worker_id"]) for job in rescued} == {(2, "another")}
    assert not {job["lease_token"] for job in rescued} & {job["lease_token"] for job in lost}
    with database.transaction():
        report = examine(database, only=[job["id"] for job in lost])
    assert report.wrong == []
    assert report.takeovers == MANY


def test_by_the_clock_on_the_wall(world: World, database: psycopg.Connection[Made]) -> None:
    """The clock of the server is that of the machine here, and is not moved."""
    many_jobs(world, database, 200)
    lost = {job["id"]: when(job, "lease_expires_at") for job in taken(world, worker_id="killed", lease_seconds=2)}
    assert len(lost) == 200

    late: dict[str, timedelta] = {}
    with ThreadPoolExecutor(2) as pool:
        for hunt in [pool.submit(_hunt, world, f"hunter-{n}", lost, late) for n in range(2)]:
            hunt.result()

    assert set(late) == set(lost)
    assert min(late.values()) >= timedelta()
    assert max(late.values()) <= A_SECOND


def _hunt(world: World, worker_id: str, lost: dict[str, datetime], late: dict[str, timedelta]) -> None:
    """Claim until all are found again, and note how long after its lease's end each was handed out."""
    give_up = max(lost.values()).timestamp() + 3
    while time.time() < give_up and len(late) < len(lost):
        for job in claim(world, worker_id=worker_id, limit=100):
            late[job["id"]] = when(job, "started_at") - lost[job["id"]]
