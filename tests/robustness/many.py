"""A thousand jobs at once: copies of one that the server made, with its derivation and its event."""

from typing import Any

import psycopg
from factories.jobs import new_job
from factories.lore import Made, World

_COPIES = """
WITH copies AS (
    INSERT INTO asset_job
    SELECT (jsonb_populate_record(job, jsonb_build_object(
        'id', gen_random_uuid(), 'input_hash', md5(n::text) || md5(n::text)))).*
    FROM asset_job AS job, generate_series(1, %(copies)s) AS n WHERE job.id = %(id)s
    RETURNING id, world_id
), derived AS (
    INSERT INTO asset_derivation
    SELECT (jsonb_populate_record(derivation, jsonb_build_object(
        'id', gen_random_uuid(), 'asset_job_id', copies.id))).*
    FROM asset_derivation AS derivation, copies WHERE derivation.asset_job_id = %(id)s
)
INSERT INTO event (world_id, kind, subject_id, actor, after, occurred_at)
SELECT copies.world_id, event.kind, copies.id, event.actor, event.after, event.occurred_at
FROM event, copies WHERE event.subject_id = %(id)s::text
"""


def many_jobs(world: World, database: psycopg.Connection[Made], number: int, **fields: Any) -> None:
    """So many QUEUED jobs of the world's provider."""
    job = new_job(world, **fields)
    database.execute(_COPIES, {"id": job["id"], "copies": number - 1})
