"""Workers as processes: told to stop, told twice, and stopped in their tracks until their lease is another's."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.store_proxy import StoreProxy, store_proxy
from harness.waiting import until
from real_commands import environment

from lorekeeper.contracts.enums import AssetJobStatusEnum as Status
from lorekeeper.contracts.jobs import AssetJobClaim
from lorekeeper.storage.store import StoreAddress

WORKER = """
import pathlib, sys, time, uuid
from lorekeeper.sdk import Client, MadeFile, Worker, WorkerListener

place, world, lease, grace, deaf = pathlib.Path(sys.argv[1]), uuid.UUID(sys.argv[2]), *map(int, sys.argv[3:])

class Listener(WorkerListener):
    def draining(self, in_flight): (place / "draining").touch()
    def dropped(self, job, reason): print("dropped:", reason, flush=True)

worker = Worker(Client.from_environment(), world_ids=[world], lease_seconds=lease, grace_seconds=grace,
                listener=Listener())

@worker.handler("IMAGE", provider="local")
def make(job, context):
    (place / "begun").touch()
    while not (place / "go").exists():
        if not deaf:
            context.check()
        time.sleep(0.02)
    (place / "made").touch()
    path = context.work_dir / "plate.png"
    path.write_bytes(b"made by a process")
    return MadeFile(path, "png", "image/png")

print(worker.run(), flush=True)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(server, world, tmp_path) -> Iterator[Start]:
    """Starts a worker that is killed in the end. Its handler goes on until there is a file `go`."""
    started: list[subprocess.Popen[str]] = []

    def start(*, url: str | None = None, lease: int = 30, grace: int = 30, deaf: bool = False) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *map(str, (tmp_path, world.id, lease, grace, int(deaf)))],
            env=environment(LOREKEEPER_URL=url or server.client.url, LOREKEEPER_API_KEY=server.key),
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def wire(server) -> Iterator[StoreProxy]:
    with store_proxy(StoreAddress("", "", "", "", endpoint_url=server.client.url)) as proxy:
        yield proxy


def there(path: Path) -> None:
    until(path.exists)


def test_a_worker_told_to_stop_finishes_what_it_has_and_takes_nothing_new(client, ask, start, tmp_path):
    job = ask()
    process = start()
    there(tmp_path / "begun")
    process.send_signal(signal.SIGTERM)
    there(tmp_path / "draining")
    second = ask("second")
    (tmp_path / "go").touch()
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "succeeded=1" in out
    assert client.jobs.get(job.id).status == Status.SUCCEEDED
    assert client.jobs.get(second.id).status == Status.QUEUED


@pytest.mark.parametrize("how", ["a second signal", "the grace time"])
def test_after_the_grace_time_or_at_a_second_signal_the_lease_is_released(client, ask, start, tmp_path, how):
    job = ask()
    process = start(grace=1 if how == "the grace time" else 60, deaf=True)
    there(tmp_path / "begun")
    process.send_signal(signal.SIGTERM)
    there(tmp_path / "draining")
    began = time.monotonic()
    if how == "a second signal":
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "dropped=1" in out
    assert time.monotonic() - began < 10
    # Claimable at once, though the lease would have held for half a minute; and nobody has failed.
    claim = AssetJobClaim(worker_id="next", providers=["local"], world_ids=[job.world_id])
    (claimed,) = client.jobs.claim(claim).jobs
    assert (claimed.id, claimed.attempt, claimed.error_code) == (job.id, 1, None)
    assert not (tmp_path / "made").exists()


def test_a_worker_that_was_stopped_for_longer_than_its_lease_writes_nothing(client, ask, start, wire, tmp_path):
    job = ask()
    process = start(url=wire.address.endpoint_url, lease=3, deaf=True)
    there(tmp_path / "begun")
    # Right after a heartbeat, so that none is on its way.
    held_until = client.jobs.get(job.id).lease_expires_at
    until(lambda: client.jobs.get(job.id).lease_expires_at > held_until)
    os.kill(process.pid, signal.SIGSTOP)
    claim = AssetJobClaim(worker_id="next", providers=["local"], world_ids=[job.world_id], wait_seconds=20)
    (claimed,) = client.jobs.claim(claim).jobs
    assert (claimed.id, claimed.attempt) == (job.id, 2)
    said = len(wire.seen)
    (tmp_path / "go").touch()
    os.kill(process.pid, signal.SIGCONT)

    assert process.stdout is not None
    assert process.stdout.readline() == "dropped: the lease ran out: no heartbeat got through\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert "dropped=1" in out
    # The file was made, and neither sent nor spoken of; nor was a lease renewed that was no more its own.
    assert (tmp_path / "made").exists()
    assert {asked.target for asked in wire.seen[said:]} <= {"/assets/asset-jobs/claim"}
    assert client.jobs.get(job.id).worker_id == "next"
