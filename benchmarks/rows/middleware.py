"""Our middleware and authentication around a read, against the same route without them."""

from benchmarks import load
from benchmarks.frame import Row, compare
from benchmarks.processes import asgi_app
from benchmarks.rows.read_job import some_jobs
from benchmarks.stage import Stage

GOAL = 0.8


def measure(stage: Stage) -> Row:
    job_ids = some_jobs(stage)
    with asgi_app("uncovered", "uncovered", folder=stage.folder, environment=stage.environment) as port:
        ours, uncovered = stage.reading(stage.port, job_ids), stage.reading(port, job_ids)
        return compare(
            "middleware and authentication",
            lambda: load.run(ours, stage.effort).per_second,
            "the same route without them",
            lambda: load.run(uncovered, stage.effort).per_second,
            goal=GOAL,
            effort=stage.effort,
        )
