"""A worker process with a quick handler, which writes down each completion that the server acknowledged.

python -m robustness.quickworker URL KEY PROVIDER NAME LEDGER
"""

import json
import os
import random
import sys
import time
from pathlib import Path

from lorekeeper.contracts.assets import AssetResponse
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.sdk import Client, JobContext, JobError, MadeFile, Worker, WorkerListener

LEASE_SECONDS = 5
CONCURRENCY = 4


def make(job: ClaimedJob, context: JobContext) -> MadeFile:
    """A file that tells who made it, for which try. One in thirty fails, and may be tried again; a few are slow."""
    lot = random.random()
    if lot < 1 / 30:
        raise JobError("no_luck", "Not this time.", retryable=True, retry_after_seconds=0.5)
    if lot > 0.9:
        context.progress(50, "dozing")
        time.sleep(random.random())
        context.progress(90)
    made = {"job": str(job.id), "attempt": job.attempt, "worker": job.worker_id}
    path = context.work_dir / "plate.json"
    path.write_text(json.dumps(made | {"padding": "x" * random.randrange(4000)}))
    return MadeFile(path, "json", "application/json", metadata=made)


class Ledger(WorkerListener):
    """One line for each acknowledged completion. A killed process leaves whole lines: each is one write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def succeeded(self, job: ClaimedJob, asset: AssetResponse, seconds: float) -> None:
        os.write(self._file, f"{job.id} {asset.id}\n".encode())


def main(url: str, key: str, provider: str, name: str, ledger: str) -> None:
    with Client(url, key) as client:
        worker = Worker(
            client,
            worker_id=name,
            concurrency=CONCURRENCY,
            lease_seconds=LEASE_SECONDS,
            listener=Ledger(Path(ledger)),
        )
        worker.add("IMAGE", provider, make)
        worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
