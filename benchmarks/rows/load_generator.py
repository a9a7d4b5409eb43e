"""Whether the load generator is fit to measure with: what it reaches on a trivial app, against the API's fastest route.

Far above 1, the rows over HTTP tell of the server and not of the client.
"""

from benchmarks import load
from benchmarks.frame import Row, compare
from benchmarks.processes import asgi_app
from benchmarks.rows.read_job import some_jobs
from benchmarks.stage import Stage

GOAL = 3.0


def measure(stage: Stage) -> Row:
    job_ids = some_jobs(stage)
    with asgi_app("trivial", "trivial", folder=stage.folder, environment=stage.environment) as port:
        trivial, reading = stage.reading(port, job_ids), stage.reading(stage.port, job_ids)
        return compare(
            "load generator's ceiling (trivial app)",
            lambda: load.run(trivial, stage.effort).per_second,
            "reads of our API",
            lambda: load.run(reading, stage.effort).per_second,
            goal=GOAL,
            effort=stage.effort,
        )
