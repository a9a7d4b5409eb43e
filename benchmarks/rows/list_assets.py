"""A page of a claim's assets: among a million against among ten thousand, and at the far end against the first."""

import http.client
import json
import time
from collections.abc import Callable
from statistics import quantiles

import psycopg

from benchmarks.frame import Row, compare
from benchmarks.stage import Stage

GOAL = 1 / 1.2
"""The 95th percentile may be 1.2 times as long. What is compared is its reciprocal, as rows are by the second."""

PAGE = 20
MANY, FEW = 1_000_000, 10_000

# Only what the list reads. The foreign keys would have the uploads and derivations behind it, too, so they go; the
# database does after the run.
UNTIE = """
DO $$
DECLARE tie record;
BEGIN
    FOR tie IN SELECT conrelid::regclass AS kept_in, conname FROM pg_constraint
               WHERE contype = 'f' AND conrelid IN ('asset'::regclass, 'asset_derivation_claim'::regclass)
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', tie.kept_in, tie.conname); END LOOP;
END $$
"""
FILL = """
WITH made AS (
    INSERT INTO asset (id, world_id, type, format, storage_key, content_type, size_bytes, checksum, created_by,
                       created_at)
    SELECT uuidv7(), %(world_id)s, 'IMAGE', 'png', %(claim_id)s || '/' || n, 'image/png', 1, repeat('a', 64),
           'benchmark', now()
    FROM generate_series(1, %(count)s) AS n
    RETURNING id
)
INSERT INTO asset_derivation_claim (world_id, derivation_id, claim_id, made_asset_id)
SELECT %(world_id)s, uuidv7(), %(claim_id)s, id FROM made
"""


def measure_size(stage: Stage) -> Row:
    many, few = _claims(stage)
    return compare(
        f"list a claim's assets, p95, of {MANY:,}",
        _p95(stage, _first_page(many)),
        f"the same of {FEW:,}",
        _p95(stage, _first_page(few)),
        goal=GOAL,
        effort=stage.effort,
    )


def measure_depth(stage: Stage) -> Row:
    many, _ = _claims(stage)
    before = _get(_connection(stage), stage, f"{_first_page(many)}&skip={MANY - 2 * PAGE}")
    return compare(
        "list a claim's assets, p95, last page by cursor",
        _p95(stage, f"{_first_page(many)}&cursor={json.loads(before)['next_cursor']}"),
        "the first page",
        _p95(stage, _first_page(many)),
        goal=GOAL,
        effort=stage.effort,
    )


def _claims(stage: Stage) -> tuple[str, str]:
    """Two claims, with the assets that are to be listed; they are made once."""
    with psycopg.connect(stage.database_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        claims = (str(stage.claim_ids[0]), str(stage.claim_ids[1]))
        found = connection.execute("SELECT FROM asset WHERE created_by = 'benchmark' LIMIT 1").fetchone()
        if found is None:
            connection.execute(UNTIE)
            for claim_id, count in zip(claims, (MANY, FEW), strict=True):
                connection.execute(FILL, {"world_id": str(stage.world_id), "claim_id": claim_id, "count": count})
            connection.execute("VACUUM ANALYZE asset, asset_derivation_claim")
    return claims


def _first_page(claim_id: str) -> str:
    return f"/assets/assets?related_claim_id={claim_id}&limit={PAGE}"


def _connection(stage: Stage) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", stage.port)


def _get(connection: http.client.HTTPConnection, stage: Stage, target: str) -> bytes:
    connection.request("GET", target, headers={"Authorization": f"Bearer {stage.key}"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}: {body.decode(errors='replace')[-500:]}")
    return body


def _p95(stage: Stage, target: str) -> Callable[[], float]:
    """One connection, one request after the other."""

    def measure() -> float:
        connection, took = _connection(stage), list[float]()
        counted_from = time.perf_counter() + stage.effort.warm_up
        while (began := time.perf_counter()) < counted_from + stage.effort.seconds:
            _get(connection, stage, target)
            if began >= counted_from:
                took.append(time.perf_counter() - began)
        connection.close()
        return 1 / quantiles(took, n=20)[-1]

    return measure
