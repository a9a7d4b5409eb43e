"""Creating a job (3 claims, 2 entities) over HTTP, against pgbench with the same two statements."""

import psycopg

from benchmarks import load, pgbench
from benchmarks.frame import Row, compare
from benchmarks.stage import Stage
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.jobs.repository import QUERIES as JOBS
from lorekeeper.provenance.repository import QUERIES as PROVENANCE

GOAL = 0.35

# What pgbench cannot pass as a parameter, or must make anew for each job, stands in the SQL itself. Ids are UUIDv7 as
# ours are; a hash begins with the random digits, so that its index is written to at random, as it is by real hashes.
EXPRESSIONS = {
    "id": "uuidv7()",
    "derivation_id": "uuidv7()",
    "input_hash": "rpad(to_hex(:number::bigint), 64, '0')",
    "request_id": "to_hex(:number::bigint)",
    "model_id": "nullif(:nothing, '-')",
    "idempotency_key": "nullif(:nothing, '-')",
    "fingerprint": "nullif(:nothing, '-')",
    "source_id": "nullif(:nothing, '-')::uuid",
    "prompt_schema_id": "nullif(:nothing, '-')::uuid",
    "start_by": "nullif(:nothing, '-')::timestamptz",
    "finish_by": "nullif(:nothing, '-')::timestamptz",
    "heeds_canon": "true",
    "named_pairs": "20",
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
        "pgbench -M prepared, the same SQL",
        lambda: pgbench.run(
            SCRIPT, variables, database_url=stage.database_url, folder=stage.folder, effort=stage.effort
        ),
        goal=GOAL,
        effort=stage.effort,
    )


def _variables(stage: Stage) -> dict[str, str]:
    """The parameters of a real job, read back from one that was made over HTTP."""
    with stage.client() as client:
        made = client.jobs.create(AssetJobCreate.model_validate(stage.job("The one that pgbench repeats")))
    with psycopg.connect(stage.database_url) as connection:
        found = connection.execute(
            "SELECT job.asset_type, job.provider, job.priority, job.max_attempts, job.requested_by AS actor,"
            " job.created_at AS now, job.prompt_spec::text, derivation.content_basis, derivation.lore_snapshot::text"
            " FROM asset_job AS job JOIN asset_derivation AS derivation ON derivation.asset_job_id = job.id"
            " WHERE job.id = %s",
            [made.id],
        )
        names = [column.name for column in found.description or ()]
        values = found.fetchone() or ()
    return dict(zip(names, map(str, values), strict=True)) | {
        "nothing": "-",
        "world_id": str(stage.world_id),
        "claim_ids": _array(stage.claim_ids),
        "entity_ids": _array(stage.entity_ids),
        "source_chunk_ids": _array(()),
        "asset_ids": _array(()),
    }


def _array(ids: tuple[object, ...]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"
