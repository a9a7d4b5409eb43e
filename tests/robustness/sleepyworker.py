"""A worker process that lingers over its jobs until it is told to go on.

python -m robustness.sleepyworker URL KEY PROVIDER BEGUN GO_ON HEARD
"""

import sys
import time
from pathlib import Path

from lorekeeper.sdk import Client, MadeFile, Worker, WorkerListener


class Heard(WorkerListener):
    def __init__(self, path: Path) -> None:
        self._path = path

    def _note(self, what: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{what}\n")

    def succeeded(self, job, asset, seconds):
        self._note("succeeded")

    def dropped(self, job, reason):
        self._note("dropped")


def main(url: str, key: str, provider: str, begun: str, go_on: str, heard: str) -> None:
    def linger(job, context):
        Path(begun).touch()
        while not Path(go_on).exists():
            time.sleep(0.01)
        path = context.work_dir / "plate.png"
        path.write_bytes(b"Made in a dream." * 9)
        return MadeFile(path, "png", "image/png")

    with Client(url, key) as client:
        worker = Worker(client, worker_id="sleepy", lease_seconds=1, listener=Heard(Path(heard)))
        worker.add("IMAGE", provider, linger)
        worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
