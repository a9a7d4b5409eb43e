"""A connection older than its tables: what the foreign keys read for one more job does not grow with the jobs.

PostgreSQL plans the check of a foreign key once for each connection. A plan from when a world had few jobs, along an
index that begins with the world, reads all of them later.
"""

import secrets
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from harness.engines import Engines, database_beside
from psycopg.types.json import Jsonb

from lorekeeper.db import migrate
from lorekeeper.jobs.repository import QUERIES

FEW, MORE = 300, 2_500
MEASURED = 50


@pytest.mark.xdist_group("one more database")
def test_a_job_reads_as_little_after_thousands_as_after_a_few(engines: Engines, worker_id: str) -> None:
    with database_beside(engines.database_url, f"growing_{worker_id}") as url:
        migrate.upgrade(url)
        with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
            world = _world(connection)
            _create(connection, world, FEW)
            after_few = _pages_read_by_each(connection, world)
            _create(connection, world, MORE)

            assert _pages_read_by_each(connection, world) <= 1.5 * after_few


def _pages_read_by_each(connection: psycopg.Connection, world: UUID) -> float:
    before = _pages_read(connection)
    _create(connection, world, MEASURED)
    return (_pages_read(connection) - before) / MEASURED


def _pages_read(connection: psycopg.Connection) -> int:
    connection.execute("SELECT pg_stat_force_next_flush()")
    tables = "sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0))"
    (pages,) = connection.execute(f"SELECT {tables}::bigint FROM pg_statio_user_tables").fetchone() or ()
    return int(pages)


def _world(connection: psycopg.Connection) -> UUID:
    world = uuid4()
    connection.execute(
        "INSERT INTO world (id, name, content_hash, created_by, created_at, updated_at)"
        " VALUES (%s, 'A world', repeat('a', 64), 'somebody', now(), now())",
        [world],
    )
    return world


def _create(connection: psycopg.Connection, world: UUID, jobs: int) -> None:
    always = {
        "world_id": world, "asset_type": "IMAGE", "provider": "local", "priority": 0, "actor": "somebody",
        "request_id": "request", "prompt_spec": Jsonb({}), "lore_snapshot": Jsonb({}), "max_attempts": 3,
        "claim_ids": [], "entity_ids": [], "source_chunk_ids": [], "asset_ids": [],
    } | dict.fromkeys((
        "model_id", "prompt_schema_id", "idempotency_key", "fingerprint", "start_by", "finish_by", "source_id",
        "only_replayed",
    ))  # fmt: skip
    for _ in range(jobs):
        own = secrets.token_hex(32)
        job = always | {
            "id": uuid4(), "derivation_id": uuid4(), "input_hash": own, "content_basis": own, "now": datetime.now(UTC),
        }  # fmt: skip
        connection.execute(QUERIES.create_asset_job.sql(job), job)
