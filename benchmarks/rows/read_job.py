"""Reading a job with its derivation over HTTP, against a bare ASGI app that runs the same SQL."""

import psycopg

from benchmarks import load
from benchmarks.frame import Row, compare
from benchmarks.processes import asgi_app
from benchmarks.stage import Stage

GOAL = 0.5
JOBS = 500


def measure(stage: Stage) -> Row:
    job_ids = some_jobs(stage)
    with asgi_app("bare-read", "bare_read", folder=stage.folder, environment=stage.environment) as port:
        ours, bare = stage.reading(stage.port, job_ids), stage.reading(port, job_ids)
        return compare(
            "read a job with its derivation",
            lambda: load.run(ours, stage.effort).per_second,
            "bare ASGI app, the same SQL, json.dumps",
            lambda: load.run(bare, stage.effort).per_second,
            goal=GOAL,
            effort=stage.effort,
        )


def some_jobs(stage: Stage) -> list[str]:
    """The ids of the jobs that are read, made over HTTP where there are none yet."""
    with psycopg.connect(stage.database_url) as connection:
        while True:
            rows = connection.execute("SELECT id FROM asset_job ORDER BY id LIMIT %s", [JOBS]).fetchall()
            if len(rows) == JOBS:
                return [str(row[0]) for row in rows]
            connection.rollback()  # so that the next look sees more
            load.run(stage.creation(), stage.effort)
