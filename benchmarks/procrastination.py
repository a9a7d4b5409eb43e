"""Procrastinate's own worker on jobs that do nothing, in a process of its own, in a schema of its own.

It runs as `python -m benchmarks.procrastination URL JOBS`. It is given what suits it best on this machine: its
asynchronous worker, a task without a body, jobs deferred by its own batches beforehand, no listening for new ones, and
as much concurrency as makes it fastest (1 to 50 were tried).
"""

import asyncio
import subprocess
import sys
import time

import psycopg
from procrastinate import App, PsycopgConnector

from benchmarks.processes import ROOT

CONCURRENCY = 20
CONNECTIONS = 12
SCHEMA = "procrastinate"
_DEFERRED_AT_ONCE = 1000


def run(database_url: str, jobs: int) -> float:
    """Jobs a second, from the worker's start until its queue is empty."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.procrastination", database_url, str(jobs)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Procrastinate failed:\n{done.stderr.decode()[-2000:]}")
    return float(done.stdout)


app = App(connector=PsycopgConnector(), import_paths=["benchmarks.procrastination"])


@app.task(name="nothing")
async def nothing() -> None:
    """As little as a job can be."""


async def _main(database_url: str, jobs: int) -> None:
    connector = PsycopgConnector(
        conninfo=database_url,
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        kwargs={"options": f"-c search_path={SCHEMA}"},
    )
    with app.replace_connector(connector) as ours:
        async with ours.open_async():
            await _prepare(ours, database_url)
            for first in range(0, jobs, _DEFERRED_AT_ONCE):
                await nothing.batch_defer_async(*[{}] * min(_DEFERRED_AT_ONCE, jobs - first))
            began = time.perf_counter()
            await ours.run_worker_async(
                wait=False, concurrency=CONCURRENCY, listen_notify=False, install_signal_handlers=False
            )
            print(jobs / (time.perf_counter() - began))


async def _prepare(ours: App, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
        empty = connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.procrastinate_jobs"]).fetchone() == (None,)
    if empty:
        await ours.schema_manager.apply_schema_async()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
