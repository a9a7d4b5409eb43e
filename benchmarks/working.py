"""A worker that does nothing but talk: claims and completes by the hundred, in a process of its own.

It runs as `python -m benchmarks.working`, with a `Work` as JSON on standard input. What it reads of an answer it finds
by its bytes: a client's own parsing is not what is measured.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import uvloop

from benchmarks.load import request
from benchmarks.processes import ROOT

BATCH = 100
CONNECTIONS = 10
"""So many batches are under way at once: as many as pgbench has."""

_TOKEN, _JOB, _ID_LENGTH = b'"lease_token":"', b'"asset_job_id":"', 36
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Work:
    """So many jobs of a provider as there are files; each file lies in the store already, and all are alike."""

    port: int
    key: str
    provider: str
    storage_keys: tuple[str, ...]
    file: dict[str, object]


def run(work: Work) -> float:
    """Jobs a second, from the first claim to the last answer. Raises `RuntimeError` where one was not completed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.working"],
        cwd=ROOT,
        input=json.dumps(asdict(work)).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the worker failed:\n{done.stderr.decode()[-2000:]}")
    return float(done.stdout)


class _Line:
    """One keep-alive connection."""

    def __init__(self, work: Work, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._work = work
        self._reader = reader
        self._writer = writer

    async def post(self, path: str, body: str) -> bytes:
        text = request("POST", path, key=self._work.key, body=body, body_bytes=len(body))
        self._writer.write(text.encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise RuntimeError(head.decode())
        return await self._reader.readexactly(int(length[1]))


def _held(claimed: bytes) -> Iterator[tuple[str, str]]:
    """The jobs of an answer, each with the token of its lease, which stands before what tells its job."""
    for job in claimed.split(_TOKEN)[1:]:
        place = job.index(_JOB) + len(_JOB)
        yield job[place : place + _ID_LENGTH].decode(), job[:_ID_LENGTH].decode()


async def _do(line: _Line, work: Work, batches: Iterator[tuple[str, ...]]) -> None:
    claim = json.dumps({"worker_id": "bench", "providers": [work.provider], "limit": BATCH, "lease_seconds": 600})
    file = json.dumps(work.file)[1:]
    for storage_keys in batches:
        claimed = await line.post("/assets/asset-jobs/claim", claim)
        items = [
            f'{{"job_id":"{job}","lease_token":"{token}","storage_key":"{storage_key}",{file}'
            for (job, token), storage_key in zip(_held(claimed), storage_keys, strict=True)
        ]
        completed = await line.post("/assets/asset-jobs/complete", f'{{"items":[{",".join(items)}]}}')
        if completed.count(b'"status":"SUCCEEDED"') != len(items):
            raise RuntimeError(completed[-2000:].decode())


async def _main() -> None:
    work = Work(**json.load(sys.stdin))
    lines = [
        _Line(work, *await asyncio.open_connection("127.0.0.1", work.port, limit=2**24)) for _ in range(CONNECTIONS)
    ]
    keys = work.storage_keys
    batches = iter([keys[place : place + BATCH] for place in range(0, len(keys), BATCH)])
    began = time.perf_counter()
    await asyncio.gather(*(_do(line, work, batches) for line in lines))
    print(len(keys) / (time.perf_counter() - began))


if __name__ == "__main__":
    uvloop.run(_main())
