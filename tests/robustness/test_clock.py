"""A clock that jumps: what is promised is that nothing is done twice and nothing breaks (docs/operations.md)."""

import random
from datetime import datetime, timedelta

import httpx
import psycopg
from factories.jobs import JOBS, File, claim, claimed_job, complete, new_job, read, uploaded
from factories.lore import Made, World

from lorekeeper.kit.clock import MovableClock
from robustness.audit import examine

HOUR = timedelta(hours=1)


def heartbeat(world: World, job: Made) -> httpx.Response:
    return world.api.ask("POST", f"{JOBS}/{job['id']}/heartbeat", json={"lease_token": job["lease_token"]})


def test_forward_ends_every_lease_and_none_is_given_back(world: World, clock: MovableClock) -> None:
    first = claimed_job(world)
    clock.move(HOUR)
    assert heartbeat(world, first).status_code == 409
    (second,) = claim(world, worker_id="w2")
    clock.move(-HOUR)

    assert heartbeat(world, first).status_code == 409
    assert heartbeat(world, second).status_code == 200
    done = complete(world.api, second, uploaded(world, File()) | {"lease_token": second["lease_token"]})

    assert (done["status"], done["attempt"], done["worker_id"]) == ("SUCCEEDED", 2, "w2")
    assert done["finished_at"] == done["started_at"], "not before it was started, by the clock that jumped"


def test_back_holds_up_the_rescue_of_leases_by_as_much_and_no_longer(world: World, clock: MovableClock) -> None:
    clock.move(HOUR)
    job = claimed_job(world, lease_seconds=60)
    clock.move(-HOUR)

    clock.move(HOUR)
    assert claim(world) == []
    clock.move(timedelta(seconds=61))
    assert [one["id"] for one in claim(world)] == [job["id"]]


def test_a_heartbeat_after_it_went_back_brings_the_lease_to_the_new_time(world: World, clock: MovableClock) -> None:
    clock.move(HOUR)
    job = claimed_job(world)
    clock.move(-HOUR)

    assert heartbeat(world, job).status_code == 200
    left = datetime.fromisoformat(read(world, job)["lease_expires_at"]) - clock.now()
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


def test_back_and_forth_breaks_nothing(world: World, clock: MovableClock, database: psycopg.Connection[Made]) -> None:
    """Whatever is asked, at whatever time: no answer of the kind that only a fault has, and a history without one."""
    chance = random.Random(5)
    before = clock.ahead
    jobs = [new_job(world, max_attempts=4) for _ in range(12)]
    tokens: list[Made] = []
    for _ in range(120):
        clock.ahead = before + HOUR * chance.choice([-1, 0, 0, 1]) + timedelta(seconds=chance.randrange(300))
        tokens += claim(world, worker_id=f"w{chance.randrange(3)}", limit=2)
        held = chance.choice(tokens or jobs)
        body = {"lease_token": held.get("lease_token")}
        payload = File().declared("k") if chance.random() < 0.7 else uploaded(world, File())
        path, more = chance.choice(
            [
                ("heartbeat", {}),
                ("fail", {"error_code": "e", "retryable": chance.random() < 0.8}),
                ("release", {}),
                ("complete", payload),
            ]
        )
        if body["lease_token"]:
            answer = world.api.ask("POST", f"{JOBS}/{held['id']}/{path}", json=body | more)
            assert answer.status_code < 500, answer.text
        if chance.random() < 0.05:
            world.api.ask("POST", f"{JOBS}/{chance.choice(jobs)['id']}/cancel")

    with database.transaction():
        report = examine(database, only=[job["id"] for job in jobs])
    assert report.wrong == []
    assert report.jobs["SUCCEEDED"] + report.jobs["FAILED"] > 1
    assert report.takeovers > 1
