"""Claim to completion over HTTP in batches of 100, against pgbench with the same SQL and Procrastinate's own worker.

Ours: ten connections to one process of the API, each claiming 100 jobs (3 claims, 2 entities, their full content with
each) and completing them in one request. The files are in the store beforehand, uploaded as any worker uploads them,
and are looked for there before their jobs are completed: what that costs is part of it. pgbench runs the three
statements of that, on ten connections, asks no store and reads no answer. Procrastinate's worker does nothing for each
of its jobs; benchmarks/procrastination.py has its settings. All stand on the same PostgreSQL.
"""

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiohttp
import psycopg

from benchmarks import pgbench, procrastination, working
from benchmarks.frame import Row, compare
from benchmarks.stage import Stage
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.jobs.repository import CLAIMING, COMPLETION
from lorekeeper.storage.store import S3Store, StoreAddress

GOAL_OF_PGBENCH = 0.6
GOAL_OF_PROCRASTINATE = 5.0
PROVIDER = "bench-work"
JOBS_A_TURN = 4000
EMPTY_TASKS_A_TURN = 1000
IN_STOCK = 20_000
"""Jobs and uploads that wait before each of pgbench's turns: more than it gets done."""
PUTS_AT_ONCE = 16

DATA = b"a picture of a harbour without a sea"
FILE: dict[str, object] = {
    "format": "png",
    "content_type": "image/png",
    "size_bytes": len(DATA),
    "checksum": hashlib.sha256(DATA).hexdigest(),
}

MAKE_JOBS = """
WITH fresh AS MATERIALIZED (
    SELECT uuidv7() AS id, uuidv7() AS derivation_id, encode(sha256(uuidv7()::text::bytea), 'hex') AS input_hash
    FROM generate_series(1, %(count)s)
), jobs AS (
    INSERT INTO asset_job
    SELECT made.* FROM fresh, asset_job AS like_this
    CROSS JOIN LATERAL jsonb_populate_record(like_this, jsonb_build_object(
        'id', fresh.id, 'input_hash', fresh.input_hash, 'provider', %(provider)s::text)) AS made
    WHERE like_this.id = %(like)s
), derived AS (
    INSERT INTO asset_derivation
    SELECT made.* FROM fresh, asset_derivation AS like_this
    CROSS JOIN LATERAL jsonb_populate_record(like_this, jsonb_build_object(
        'id', fresh.derivation_id, 'asset_job_id', fresh.id, 'input_hash', fresh.input_hash)) AS made
    WHERE like_this.asset_job_id = %(like)s
), claims AS (
    INSERT INTO asset_derivation_claim (world_id, derivation_id, claim_id)
    SELECT world_id, fresh.derivation_id, claim_id FROM fresh, asset_derivation_claim
    WHERE asset_derivation_claim.derivation_id = (SELECT id FROM asset_derivation WHERE asset_job_id = %(like)s)
)
INSERT INTO asset_derivation_entity (world_id, derivation_id, entity_id)
SELECT world_id, fresh.derivation_id, entity_id FROM fresh, asset_derivation_entity
WHERE asset_derivation_entity.derivation_id = (SELECT id FROM asset_derivation WHERE asset_job_id = %(like)s)
"""
MAKE_UPLOADS = """
INSERT INTO upload (id, world_id, asset_type, storage_key, filename, content_type, size_bytes, checksum, bound,
                    created_by, created_at, expires_at)
SELECT uuidv7(), %(world)s, 'IMAGE', %(prefix)s || lpad(n::text, 8, '0'), 'plate.png', %(content_type)s, %(size_bytes)s,
       %(checksum)s, true, 'benchmark', %(now)s, %(now)s + interval '1 day'
FROM generate_series(%(first)s, %(first)s + %(count)s - 1) AS n
"""

TABLES = "asset, asset_job, asset_derivation, asset_derivation_claim, asset_derivation_entity, event, upload"

EACH = f"ARRAY[{working.BATCH}]"
EXPRESSIONS = {
    "world_ids": "NULL",
    "storage_keys": "(SELECT array_agg(:prefix || lpad(n::text, 8, '0'))"
    f" FROM generate_series(:batch::int * {working.BATCH}, (:batch::int + 1) * {working.BATCH} - 1) AS n)",
}
COMPLETION_EXPRESSIONS = {
    "world_ids": "ARRAY[:world::uuid]",
    "asset_ids": f"(SELECT array_agg(uuidv7()) FROM generate_series(1, {working.BATCH}))",
    "formats": f"array_fill(:format::text, {EACH})",
    "content_types": f"array_fill(:content_type::text, {EACH})",
    "durations": f"array_fill(NULL::float8, {EACH})",
    "sizes": f"array_fill(:size_bytes::bigint, {EACH})",
    "checksums": f"array_fill(:checksum::text, {EACH})",
    "metadata": f"array_fill('{{}}'::jsonb, {EACH})",
}
# What a worker is handed is sent here, too, though nobody looks at it.
SCRIPT = (
    "SELECT array_agg(id) AS ids, array_agg(lease_token) AS lease_tokens,"
    " string_agg(job::text, '') AS handed, nextval('bench_batch') AS batch FROM (\n"
    + pgbench.statement(CLAIMING.claim_asset_jobs, EXPRESSIONS).rstrip(";\n")
    + ") AS claimed \\gset\n"
    "SELECT array_agg((upload->>'id')::uuid ORDER BY array_position(:ids::uuid[], id)) AS upload_ids FROM (\n"
    + pgbench.statement(COMPLETION.find_jobs_to_complete, EXPRESSIONS).rstrip(";\n")
    + ") AS found \\gset\n"
    + pgbench.statement(COMPLETION.complete_asset_jobs, COMPLETION_EXPRESSIONS)
)


def measure(stage: Stage) -> list[Row]:
    what, effort = "claim and complete, 100 a request (jobs)", replace(stage.effort, turns=2)
    with _Stock(stage) as stock:
        return [
            compare(
                what,
                lambda: _ours(stage, stock),
                "pgbench -M prepared, the same SQL",
                lambda: _pgbench(stage, stock),
                goal=GOAL_OF_PGBENCH,
                effort=effort,
            ),
            compare(
                what,
                lambda: _ours(stage, stock),
                "Procrastinate's worker, empty tasks",
                lambda: procrastination.run(stage.database_url, EMPTY_TASKS_A_TURN),
                goal=GOAL_OF_PROCRASTINATE,
                effort=effort,
            ),
        ]


def _ours(stage: Stage, stock: "_Stock") -> float:
    stock.fill_up(JOBS_A_TURN)
    keys = stock.files(JOBS_A_TURN)
    return working.run(working.Work(stage.port, stage.key, PROVIDER, keys, FILE))


def _pgbench(stage: Stage, stock: "_Stock") -> float:
    stock.fill_up(IN_STOCK)
    variables = stock.places(IN_STOCK) | {name: str(value) for name, value in FILE.items()}
    rate = pgbench.run(SCRIPT, variables, database_url=stage.database_url, folder=stage.folder, effort=stage.effort)
    if stock.waiting() == 0:
        raise RuntimeError("pgbench ran out of jobs: IN_STOCK is too low")
    return rate * working.BATCH


class _Stock:
    """Jobs that wait for a worker, and places in the store for what is made of them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._connection = psycopg.connect(stage.database_url, autocommit=True)
        self._connection.execute("CREATE SEQUENCE IF NOT EXISTS bench_batch MINVALUE 0")
        with stage.client() as client:
            self._like: UUID = client.jobs.create(
                AssetJobCreate.model_validate(stage.job("What all others are like"))
            ).id

    def __enter__(self) -> "_Stock":
        _ours(self._stage, self)  # so that no table is empty when plans are made
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def waiting(self) -> int:
        found = self._connection.execute(
            "SELECT count(*) FROM asset_job WHERE provider = %s AND status = 'QUEUED'", [PROVIDER]
        ).fetchone()
        return found[0] if found else 0

    def fill_up(self, jobs: int) -> None:
        """So that so many jobs wait."""
        if (missing := jobs - self.waiting()) > 0:
            self._connection.execute(MAKE_JOBS, {"count": missing, "provider": PROVIDER, "like": self._like})
            # As autovacuum does it within a minute: the tables were made this moment, and plans that were kept from
            # then would read them from end to end.
            self._connection.execute(f"ANALYZE {TABLES}".encode())

    def places(self, count: int) -> dict[str, str]:
        """New uploads that no file is behind; the variables that pgbench finds them by."""
        prefix = self._uploads(count)
        self._connection.execute("ALTER SEQUENCE bench_batch RESTART")
        now = datetime.now(UTC)
        return {
            "prefix": prefix,
            "world": str(self._stage.world_id),
            "providers": "{" + PROVIDER + "}",
            "asset_types": "{IMAGE}",
            "limit": str(working.BATCH),
            "worker_id": "bench",
            "now": str(now),
            "lease_expires_at": str(now + timedelta(days=1)),
            "keep_until": str(now + timedelta(days=7)),
            "actor": "benchmark",
            "request_id": "benchmark",
        }

    def files(self, count: int) -> tuple[str, ...]:
        """The keys of new uploads, each with its file in the store."""
        prefix = self._uploads(count)
        keys = tuple(f"{prefix}{number:08}" for number in range(count))
        asyncio.run(self._put(keys))
        return keys

    def _uploads(self, count: int) -> str:
        now = datetime.now(UTC)
        prefix = f"{self._stage.world_id}/IMAGE/{now:%Y%m%dT%H%M%S%f}Z_"
        asked = {"world": self._stage.world_id, "prefix": prefix, "first": 0, "count": count, "now": now, **FILE}
        self._connection.execute(MAKE_UPLOADS, asked)
        return prefix

    async def _put(self, keys: tuple[str, ...]) -> None:
        at = self._stage.store
        address = StoreAddress(at.bucket, at.region, at.access_key_id, at.secret_access_key, at.endpoint_url)
        store, waiting = S3Store(address), iter(keys)
        await store.open()
        abilities = await store.abilities()

        async def put(http: aiohttp.ClientSession) -> None:
            for key in waiting:
                signed = store.generate_upload_presigned_url(
                    key,
                    content_type="image/png",
                    size_bytes=len(DATA),
                    checksum=str(FILE["checksum"]),
                    expires_seconds=600,
                    abilities=abilities,
                )
                async with http.put(signed.url, data=DATA, headers=signed.headers) as answer:
                    answer.raise_for_status()

        async with aiohttp.ClientSession() as http:
            await asyncio.gather(*(put(http) for _ in range(PUTS_AT_ONCE)))
        await store.close()
