"""64 workers at a queue of 100,000 jobs that PostgreSQL knows nothing of.

Its statistics are of empty tables, and so are the plans that the connections keep: both were made before the jobs came.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, claim, new_job
from factories.lore import Made, World
from harness.engines import Engines, database_beside
from harness.plans import Planner
from harness.server import RunningApp, running_app

from lorekeeper.app import Backing
from lorekeeper.contracts.enums import AssetTypeEnum, Role
from lorekeeper.db import migrate
from lorekeeper.jobs.repository import CLAIMING
from lorekeeper.settings import Settings

pytestmark = pytest.mark.xdist_group("one more database")

QUEUED = 100_000
CLAIMERS = 64
CLAIMS_EACH = 4
A_CLAIM, A_JOB = 100, 80
"""Pages that a claim may read, and more for each job that it hands out."""

NO_HELP = """
ALTER TABLE asset_job SET (autovacuum_enabled = false);
ALTER TABLE asset_derivation SET (autovacuum_enabled = false);
ALTER TABLE asset_derivation DROP CONSTRAINT asset_derivation_world_id_fkey,
    DROP CONSTRAINT asset_derivation_world_id_asset_job_id_fkey;
"""
"""Nobody looks at the tables meanwhile. The foreign keys have no part in a claim, but half of the time to fill them."""

MANY_JOBS = """
INSERT INTO asset_job (id, world_id, asset_type, provider, requested_by, input_hash, prompt_spec, available_at, rank_at,
                       created_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(world)s, 'IMAGE', %(provider)s, 'somebody',
       lpad(to_hex(n), 64, '0'), '{}', at, at, at
FROM generate_series(1, %(jobs)s) AS n, LATERAL (SELECT %(now)s + n * interval '1 ms' AS at) AS made
"""
THEIR_DERIVATIONS = """
INSERT INTO asset_derivation (id, world_id, origin, asset_job_id, prompt_spec, input_hash, content_basis, lore_snapshot,
                              created_at)
SELECT job.id, world_id, 'JOB', job.id, '{}', job.input_hash, job.input_hash, early.lore_snapshot, job.created_at
FROM asset_job AS job JOIN (SELECT world_id, lore_snapshot FROM asset_derivation LIMIT 1) AS early USING (world_id)
WHERE requested_by = 'somebody'
"""


@dataclass(frozen=True)
class Queue:
    app: RunningApp
    world: World
    early: Planner
    """A connection that has kept its plans since the tables were empty."""
    url: str


@pytest.fixture(scope="module")
def queue(engines: Engines, worker_id: str, settings: Settings) -> Iterator[Queue]:
    with database_beside(engines.database_url, f"queue_{worker_id}") as url:
        migrate.upgrade(url)
        with (
            psycopg.connect(url, autocommit=True) as connection,
            running_app(settings, Backing(url, engines.store)) as app,
        ):
            connection.execute(NO_HELP)
            connection.execute("ANALYZE")
            world = World.made(app.as_new_key(Role.ADMIN))
            early = Planner(connection)
            _few_come_and_go(world, early)
            hour_ago = datetime.now(UTC) - timedelta(hours=1)
            made = {"world": world.id, "provider": world.provider, "jobs": QUEUED, "now": hour_ago}
            connection.execute(MANY_JOBS, made)
            connection.execute(THEIR_DERIVATIONS)
            yield Queue(app, world, early, url)


def _few_come_and_go(world: World, early: Planner) -> None:
    """So that each connection of the app has planned what it will be asked."""
    for _ in range(10):
        new_job(world)
        _claimed_by(early, world, limit=1)
        claim(world)


def _claimed_by(planner: Planner, world: World, *, limit: int, **asked: Any) -> Any:
    now = datetime.now(UTC)
    given = {
        "providers": [world.provider], "asset_types": [kind.value for kind in AssetTypeEnum], "world_ids": None,
        "limit": limit, "worker_id": "w", "now": now, "lease_expires_at": now + timedelta(hours=1), "actor": "a",
        "request_id": "r", **asked,
    }  # fmt: skip
    return planner.run_in_vain(CLAIMING.claim_asset_jobs, given)


@pytest.fixture
async def client(queue: Queue) -> AsyncIterator[httpx.AsyncClient]:
    api = queue.world.api
    async with httpx.AsyncClient(
        base_url=api.url,
        headers=api.headers,
        timeout=60,
        limits=httpx.Limits(max_connections=CLAIMERS),
        trust_env=False,
    ) as client:
        yield client


def test_a_claim_reads_little_whatever_is_known_of_the_tables(queue: Queue) -> None:
    """Plans that were kept; plans made anew by statistics that say there is nothing; by others that lie."""
    _is_little(queue.early, queue.world)
    with psycopg.connect(queue.url, autocommit=True) as later:
        _is_little(Planner(later), queue.world)
        for table in ("asset_job", "asset_derivation", "asset_derivation_claim"):
            told = f"'schemaname', 'public', 'relname', '{table}', 'relpages', 1000000, 'reltuples', 1::real"
            later.execute(f"SELECT pg_restore_relation_stats({told})".encode())
        _is_little(Planner(later), queue.world)


def _is_little(planner: Planner, world: World) -> None:
    for limit in (1, 100):
        plan = _claimed_by(planner, world, limit=limit)
        assert plan.rows == limit
        assert plan.buffers <= A_CLAIM + A_JOB * limit


async def test_64_claimers_are_granted_no_job_twice_and_no_more_than_they_ask_for(
    queue: Queue, client: httpx.AsyncClient
) -> None:
    chance = random.Random(64)

    async def worker(number: int) -> list[Made]:
        had = []
        for _ in range(CLAIMS_EACH):
            limit = chance.randint(1, 20)
            body = {"worker_id": f"w{number}", "providers": [queue.world.provider], "limit": limit}
            answer = await client.post(f"{JOBS}/claim", json=body)
            jobs = answer.raise_for_status().json()["jobs"]
            assert len(jobs) == limit, "nobody comes away with less: there is enough for all"
            assert {job["worker_id"] for job in jobs} == {f"w{number}"}
            had += jobs
        return had

    granted = [job for had in await asyncio.gather(*map(worker, range(CLAIMERS))) for job in had]

    ids = [job["id"] for job in granted]
    assert len(ids) == len(set(ids)) == len({job["lease_token"] for job in granted})
    assert {job["attempt"] for job in granted} == {1}
    # Nobody reached far into the queue while there was something at its head.
    assert sorted(ids)[-1] <= f"00000000-0000-7000-8000-{2 * len(ids):012x}"
