"""Creating a job (3 claims, 2 entities) over HTTP, against pgbench with the same two statements."""

import json

import psycopg

from benchmarks import load, pgbench
from benchmarks.frame import Row, compare
from benchmarks.stage import Stage
from lorekeeper.contracts.hashing import canonical_json
from lorekeeper.jobs.repository import QUERIES as JOBS
from lorekeeper.kit.database import Row as DatabaseRow
from lorekeeper.provenance.repository import QUERIES as PROVENANCE

GOAL = 0.35

# What pgbench cannot pass as a parameter, or must make anew for each job, stands in the SQL itself. Ids are UUIDv7 as
# ours are; a hash begins with the random digits, so that its index is written to at random, as it is by real hashes.
EXPRESSIONS = {
    "id": "uuidv7()",
    "derivation_id": "uuidv7()",
    "input_hash": "rpad(to_hex(:number::bigint), 64, '0')",
    "request_id": "to_hex(:number::bigint)",
    "model_id": "nullif(:nothing, '')",
    "idempotency_key": "nullif(:nothing, '')",
    "request_fingerprint": "nullif(:nothing, '')",
    "source_id": "nullif(:nothing, '')::uuid",
    "start_by": "nullif(:nothing, '')::timestamptz",
    "finish_by": "nullif(:nothing, '')::timestamptz",
}
SCRIPT = (
    "\\set number random(1, 9223372036854775806)\n"
    + pgbench.statement(PROVENANCE.take_snapshot, EXPRESSIONS)
    + pgbench.statement(JOBS.create_asset_job, EXPRESSIONS)
)


def measure(stage: Stage) -> Row:
    variables = _variables(stage)
    creation = stage.creation()
    return compare(
        "create a job over HTTP",
        lambda: load.run(creation, stage.effort).per_second,
        "pgbench, prepared, the same SQL",
        lambda: pgbench.run(
            SCRIPT, variables, database_url=stage.database_url, folder=stage.folder, effort=stage.effort
        ),
        goal=GOAL,
        effort=stage.effort,
    )


def _variables(stage: Stage) -> dict[str, str]:
    """The parameters of a real job, taken from one that was made over HTTP."""
    with stage.client() as client:
        made = client.jobs.create(stage.creation_model("the one that pgbench repeats"))
    with psycopg.connect(stage.database_url) as connection:
        found = connection.execute(
            "SELECT lore_snapshot::text, content_basis FROM asset_derivation WHERE asset_job_id = %s", [made.job.id]
        ).fetchone()
    assert found
    return {
        "nothing": "",
        "world_id": str(stage.world_id),
    } | _x(found, json, canonical_json, DatabaseRow)
