"""Many at once: one job, no double grant, exactly one winner."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, File, claimed_job, new_job, read, request_for, running_job, uploaded
from factories.lore import Made, World

from lorekeeper.kit.clock import MovableClock

Post = Callable[[str, Made | None], Awaitable[httpx.Response]]


@pytest.fixture
async def post(world: World) -> AsyncIterator[Post]:
    """Requests that do not wait for one another."""
    limits = httpx.Limits(max_connections=256)
    api = world.api
    async with httpx.AsyncClient(
        base_url=api.url, headers=api.headers, timeout=60, limits=limits, trust_env=False, verify=False
    ) as client:

        async def send(path: str, body: Made | None = None) -> httpx.Response:
            return await client.post(path, json=body)

        yield send


async def all_at_once(*requests: Awaitable[httpx.Response]) -> list[httpx.Response]:
    return list(await asyncio.gather(*requests))


@pytest.mark.parametrize("key", [None, "the-same-key"])
async def test_200_identical_creations_are_one_job(
    world: World, post: Post, database: psycopg.Connection[Made], key: str | None
) -> None:
    request = request_for(world, references=world.one_of_each(), idempotency_key=key and f"{key}-{world.id}")

    answers = await all_at_once(*(post(JOBS, request) for _ in range(200)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 199}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in answers) == 199
    assert len({answer.text for answer in answers}) == 1
    for table in ("asset_job", "asset_derivation", "asset_derivation_claim"):
        counted = database.execute(f"SELECT count(*) AS n FROM {table} WHERE world_id = %s", [world.id]).fetchone()
        assert counted == {"n": 1}, table


async def test_creations_of_different_jobs_at_once_do_not_meet(world: World, post: Post) -> None:
    answers = await all_at_once(*(post(JOBS, request_for(world)) for _ in range(60)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 60


async def test_one_idempotency_key_with_two_payloads_is_one_of_them(world: World, post: Post) -> None:
    requests = [request_for(world, idempotency_key="k", prompt_spec={"title": str(n % 2)}) for n in range(40)]

    answers = await all_at_once(*(post(JOBS, request) for request in requests))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19, 422: 20}
    assert world.api.get(JOBS, world_id=world.id)["total"] == 1


async def test_64_claimers_are_granted_no_job_twice(world: World, post: Post) -> None:
    jobs = {new_job(world, priority=n % 3)["id"] for n in range(100)}

    answers = await all_at_once(
        *(
            post(f"{JOBS}/claim", {"worker_id": f"w{n}", "providers": [world.provider], "limit": 1 + n % 4})
            for n in range(64)
        )
    )

    granted = [job for answer in answers for job in answer.json()["jobs"]]
    for n, answer in enumerate(answers):
        assert len(answer.json()["jobs"]) <= 1 + n % 4
    assert len(granted) == len({job["id"] for job in granted})
    assert len({job["lease_token"] for job in granted}) == len(granted)
    assert {job["attempt"] for job in granted} == {1}
    # What nobody got is still there: SKIP LOCKED may pass over a job, but loses none.
    left = world.api.post(f"{JOBS}/claim", {"worker_id": "w", "providers": [world.provider], "limit": 100})["jobs"]
    assert {job["id"] for job in granted} | {job["id"] for job in left} == jobs
    assert len(granted) + len(left) == 100


async def test_an_expired_lease_is_granted_to_one(world: World, post: Post, clock: MovableClock) -> None:
    job = claimed_job(world, max_attempts=50)
    clock.move(timedelta(minutes=2))

    body = {"worker_id": "w", "providers": [world.provider], "limit": 5}
    answers = await all_at_once(*(post(f"{JOBS}/claim", body) for _ in range(32)))

    granted = [one for answer in answers for one in answer.json()["jobs"]]
    assert [one["id"] for one in granted] == [job["id"]]
    assert granted[0]["attempt"] == 2


@pytest.mark.parametrize("leased", [True, False])
@pytest.mark.parametrize("attempt", range(5))
async def test_complete_against_cancel_has_one_winner(world: World, post: Post, leased: bool, attempt: int) -> None:
    job = claimed_job(world) if leased else running_job(world)
    payload = uploaded(world, File()) | ({"lease_token": job["lease_token"]} if leased else {})
    path = f"{JOBS}/{job['id']}"
    requests = [post(f"{path}/complete", payload), post(f"{path}/cancel", None)]

    done, cancelled = await all_at_once(*(requests if attempt % 2 else reversed(requests)))
    if attempt % 2 == 0:
        done, cancelled = cancelled, done

    after = read(world, job)
    assert sorted([done.status_code, cancelled.status_code]) == [200, 409], (done.text, cancelled.text)
    if done.status_code == 200:
        assert after["status"] == "SUCCEEDED"
        assert after["asset"]
        assert after["cancel_requested_at"] is None
    else:
        assert after["cancel_requested_at"]
        assert after["asset"] is None
        assert after["status"] == ("RUNNING" if leased else "CANCELLED")


async def test_the_same_completion_many_times_at_once_makes_one_asset(world: World, post: Post) -> None:
    job = claimed_job(world)
    payload = uploaded(world, File()) | {"lease_token": job["lease_token"]}

    answers = await all_at_once(*(post(f"{JOBS}/{job['id']}/complete", payload) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert world.api.get("/assets/assets", world_id=world.id)["total"] == 1


async def test_one_upload_for_two_jobs_makes_one_asset(world: World, post: Post) -> None:
    jobs = [running_job(world) for _ in range(8)]
    payload = uploaded(world, File())

    answers = await all_at_once(*(post(f"{JOBS}/{job['id']}/complete", payload) for job in jobs))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 422: 7}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"upload_already_used"}
    assert world.api.get(JOBS, world_id=world.id, status="RUNNING")["total"] == 7


async def test_moves_of_one_job_at_once_have_one_winner(world: World, post: Post) -> None:
    job = claimed_job(world)
    body = {"error_code": "e", "lease_token": job["lease_token"]}

    answers = await all_at_once(*(post(f"{JOBS}/{job['id']}/fail", body) for _ in range(10)))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
