"""Contradictions are found at the same cost whatever a large world looks like: each claim is read a few times, and
another world's not at all. A new job in a world without rules pays for one look at an index.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from harness.engines import Engines, database_beside
from psycopg.rows import scalar_row

from lorekeeper.canon.repository import QUERIES as CANON
from lorekeeper.db import migrate
from lorekeeper.kit.queries import Query
from lorekeeper.provenance.repository import QUERIES as PROVENANCE

CLAIMS = 100_000
WORLDS = 100
"""One of them large; the others have ten claims each."""
OF_ONE = 30_000
"""Claims of one subject, an undated one of each three hundred among them: each two of those disagree."""
READS = 6 * CLAIMS
"""Rows of claims and of their index at most. Each held against each would be thousands of times as many."""
FEW = 400

FILL = f"""
CREATE FUNCTION nth(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT lpad(to_hex(n * 16 + kind), 32, '0')::uuid $$;
CREATE VIEW stamps AS SELECT repeat('a', 64) AS hash, 'somebody' AS by, now() AS at;
INSERT INTO world (id, name, content_hash, created_by, created_at, updated_at)
SELECT nth(1, n), 'World ' || n, hash, by, at, at FROM generate_series(1, {WORLDS} + 1) AS n, stamps;
INSERT INTO entity (id, world_id, type, name, content_hash, created_by, created_at, updated_at)
SELECT nth(2, n), nth(1, greatest(1, {WORLDS} + 1 - n)), 'OTHER', 'Entity ' || n, hash, by, at, at
FROM generate_series(1, {CLAIMS // 5}) AS n, stamps;
INSERT INTO predicate_rule (id, world_id, predicate, single_valued, created_by, created_at, updated_at)
SELECT nth(4, n), nth(1, n), 'rules', true, by, at, at FROM generate_series(1, {WORLDS}) AS n, stamps;
INSERT INTO claim (id, world_id, subject_entity_id, predicate, object_value, canon_state, confidence, version_group_id,
                   valid_from_sort, valid_to_sort, supersedes_claim_id, content_hash, created_by, created_at,
                   updated_at)
SELECT nth(3, n), nth(1, world), nth(2, subject), 'rules', 'Value ' || value, 'STRICT', 1, nth(3, n),
       CASE WHEN dated THEN n END, CASE WHEN dated THEN n + 1 END,
       CASE WHEN n % 10 = 9 THEN nth(3, n - 1) END, hash, by, at, at
FROM generate_series(1, {CLAIMS}) AS n, stamps,
     LATERAL (SELECT n / 10 AS ten) AS tens,
     LATERAL (SELECT greatest(1, {WORLDS} - ten) AS world, ten < {WORLDS} OR n % 300 > 0 AS dated) AS placed,
     LATERAL (SELECT CASE WHEN ten < {WORLDS} THEN ten WHEN n <= {OF_ONE} THEN {WORLDS} + 1
                          ELSE {WORLDS} + 2 + n % {CLAIMS // 10} END AS subject,
                     CASE WHEN n <= {OF_ONE} THEN n ELSE n % {CLAIMS // 10} END AS value) AS said;
"""


def nth(kind: int, n: int) -> UUID:
    return UUID(int=n * 16 + kind)


LARGE, SMALL, FREE = (nth(1, n) for n in (1, 2, WORLDS + 1))


class Reader:
    """A connection on which it can be asked what a query reads."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._cursor = psycopg.ClientCursor(connection, row_factory=scalar_row)

    def plan(self, text: bytes, parameters: dict[str, Any], mode: str) -> dict[str, Any]:
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text.decode())))
        numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text.decode())
        types = ", ".join(_type_of(parameters[name]) for name in names)
        values = f"({', '.join(['%s'] * len(names))})"
        self._cursor.execute(f"SET plan_cache_mode = force_{mode}_plan".encode())
        self._cursor.execute(f"PREPARE looked_at ({types}) AS {numbered}".encode())
        try:
            self._cursor.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE looked_at {values}".encode(),
                [parameters[name] for name in names],
            )
            found: Any = self._cursor.fetchone()
        finally:
            self._cursor.execute(b"DEALLOCATE looked_at")
        top: dict[str, Any] = found[0]["Plan"]
        return top


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "bigint"
        case UUID():
            return "uuid"
        case list():
            return "uuid[]"
        case _:
            return "unknown"


def reads(plan: dict[str, Any]) -> float:
    """How many rows were read from claims, those that were thrown away again among them."""
    own = 0.0
    if "Scan" in plan["Node Type"] and plan.get("Relation Name") == "claim":
        rows = (
            plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        )
        own = rows * plan["Actual Loops"]
    return own + sum(reads(child) for child in plan.get("Plans", ()))


def buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.fixture(scope="module")
def reader(engines: Engines, worker_id: str) -> Iterator[Reader]:
    with database_beside(engines.database_url, f"{worker_id}_canon") as url:
        migrate.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            keys = connection.execute(
                "SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint"
                " WHERE contype = 'f' AND conrelid IN ('claim'::regclass, 'entity'::regclass)"
            ).fetchall()
            for table, name in keys:
                connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
            connection.execute(FILL.encode())
            connection.execute("VACUUM ANALYZE")
            yield Reader(connection)


def page(world: UUID, **changes: Any) -> dict[str, Any]:
    return {"world_id": world, "skip": 0, "limit": 51, "at_most": 20, "ordered": True} | changes


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("ask", [Query.sql, Query.counting], ids=["page", "count"])
def test_a_large_world_is_read_a_few_times(reader: Reader, mode: str, ask: Any) -> None:
    asked = page(LARGE)

    plan = reader.plan(ask(CANON.list_contradictions, asked), asked, mode)

    assert plan["Actual Rows"] == 1
    assert CLAIMS * 0.9 < reads(plan) < READS


@pytest.mark.parametrize("mode", ["custom", "generic"])
def test_a_small_world_beside_it_reads_its_own(reader: Reader, mode: str) -> None:
    asked = page(SMALL)

    plan = reader.plan(CANON.list_contradictions.sql(asked), asked, mode)

    assert plan["Actual Rows"] == 0
    assert buffers(plan) < FEW


@pytest.mark.parametrize("mode", ["custom", "generic"])
def test_the_declared_predicates_are_counted_along_an_index(reader: Reader, mode: str) -> None:
    for world, blocks in ((SMALL, FEW), (LARGE, CLAIMS / 50)):
        asked = page(world)
        assert buffers(reader.plan(CANON.list_predicates.sql(asked), asked, mode)) < blocks


def snapshot(world: UUID, *claims: int, heeds_canon: bool = True) -> dict[str, Any]:
    return {
        "world_id": world,
        "source_id": None,
        "entity_ids": [],
        "claim_ids": [nth(3, n) for n in claims],
        "source_chunk_ids": [],
        "asset_ids": [],
        "heeds_canon": heeds_canon,
        "named_pairs": 20,
        "asset_type": None,
        "provider": None,
        "actor": "somebody",
        "idempotency_key": None,
    }


@pytest.mark.parametrize("mode", ["custom", "generic"])
def test_a_job_pays_for_no_more_than_it_asks(reader: Reader, mode: str) -> None:
    """In blocks: beside the same job that does not ask. The first time a function is run it is planned, so: twice."""

    def cost(world: UUID, *claims: int, heeds_canon: bool = True) -> int:
        asked = snapshot(world, *claims, heeds_canon=heeds_canon)
        return [buffers(reader.plan(PROVENANCE.take_snapshot.sql(asked), asked, mode)) for _ in range(2)][-1]

    few = (50_001, 60_001, 70_001)
    unasked = cost(LARGE, *few, heeds_canon=False)

    assert cost(FREE, *few) - unasked <= 4
    assert cost(LARGE, *few) - unasked < FEW
