"""Two batches about the same jobs, named in opposite orders: they do not wait in a ring, and each job has one end."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, File, claim, new_job, uploaded
from factories.lore import Made, World
from harness.locks import held, waiting
from harness.waiting import until

from robustness.audit import examine

MANY = 8
ENDS = {"complete": "SUCCEEDED", "fail": "FAILED", "heartbeat": "RUNNING"}


def batch(world: World, kind: str, jobs: list[Made]) -> list[Made]:
    fields = {"complete": lambda: uploaded(world, File()), "fail": lambda: {"error_code": "e"}, "heartbeat": dict}[kind]
    return [{"job_id": job["id"], "lease_token": job["lease_token"], **fields()} for job in jobs]


def ask(world: World, kind: str, items: list[Made]) -> httpx.Response:
    return world.api.ask("POST", f"{JOBS}/{kind}", json={"items": items})


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(ENDS, 2)))
def test_in_opposite_orders(
    world: World, database: psycopg.Connection[Made], database_url: str, one: str, other: str
) -> None:
    for _ in range(MANY):
        new_job(world)
    jobs = sorted(claim(world, limit=MANY), key=lambda job: job["id"])
    upwards, downwards = batch(world, one, jobs), batch(world, other, jobs[::-1])

    # Whoever locks in the order of naming has half of the jobs when both come to the one that is held.
    with ThreadPoolExecutor(2) as pool, held(database_url, "asset_job", jobs[MANY // 2]["id"]):
        first = pool.submit(ask, world, one, upwards)
        until(lambda: waiting(database) == 1)
        second = pool.submit(ask, world, other, downwards)
        until(lambda: waiting(database) == 2)

    done, late = first.result(), second.result()
    assert (done.status_code, late.status_code) == (200, 200), (done.text, late.text)
    assert [item["job_id"] for item in done.json()["items"]] == [job["id"] for job in jobs]
    assert [item["job_id"] for item in late.json()["items"]] == [job["id"] for job in jobs[::-1]]
    assert [item["status"] for item in done.json()["items"]] == [200] * MANY
    # A lease that was only renewed is there for the other; an end is an end.
    assert {item["status"] for item in late.json()["items"]} == {200 if one == "heartbeat" else 409}
    after = {item["id"]: item["status"] for item in world.api.get(JOBS, world_id=world.id)["items"]}
    assert set(after.values()) == {ENDS[other] if one == "heartbeat" else ENDS[one]}
    with database.transaction():
        assert examine(database, only=list(after)).wrong == []
