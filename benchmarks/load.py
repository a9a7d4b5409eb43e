"""The HTTP load: keep-alive connections, one request at a time on each, bytes prepared beforehand.

It runs in a process of its own (`python -m benchmarks.load`, the `Load` as JSON on standard input), so that it shares
no interpreter with the server. Its own ceiling is measured by the row `load generator`.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import cast

import httptools
import uvloop

from benchmarks.frame import Effort
from benchmarks.processes import ROOT

CONNECTIONS = 10
"""As many as the API has connections to PostgreSQL by default; pgbench is given the same number."""


@dataclass(frozen=True)
class Load:
    """Requests that differ in one place: between `before` and `after` stands one of `values`, again and again.

    Without values a serial number stands there that no other run uses, `SERIAL_DIGITS` long.
    """

    port: int
    before: str
    after: str
    expect: int
    values: tuple[str, ...] = ()


SERIAL_DIGITS = 20


@dataclass(frozen=True)
class Outcome:
    """What came of a load. `client_cpu` is the share of one core that the generator itself took."""

    per_second: float
    client_cpu: float


def run(load: Load, effort: Effort) -> Outcome:
    """Put the load on and wait for the end. Raises `RuntimeError` where an answer has another status than expected."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        cwd=ROOT,
        input=json.dumps(asdict(load) | {"warm_up": effort.warm_up, "seconds": effort.seconds}).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the load failed:\n{done.stderr.decode()[-2000:]}")
    return Outcome(**json.loads(done.stdout))


def request(method: str, target: str, *, key: str | None = None, body: str = "", body_bytes: int = 0) -> str:
    """The text of a request. `body_bytes` is the length of the whole body, where `body` is only its beginning."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: lorekeeper-bench"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {body_bytes}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body


class _Tally:
    """The requests to send and the answers that were counted; shared by all connections."""

    def __init__(self, requests: Iterator[bytes], expect: int) -> None:
        self.requests = requests
        self.expect = expect
        self.answered = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(why))


class _Connection(asyncio.Protocol):
    """One keep-alive connection: the next request goes out when the answer is complete."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._body = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own, which does not derive from it
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(next(self._tally.requests))

    def data_received(self, data: bytes) -> None:
        self._body = data
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() != self._tally.expect:
            self._tally.fail(f"status {self._parser.get_status_code()}: {self._body.decode(errors='replace')[-500:]}")
            return
        self._tally.answered += 1
        self._transport.write(next(self._tally.requests))

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.fail(f"the server hung up: {exc}")


def _requests(before: str, after: str, values: list[str]) -> Iterator[bytes]:
    head, tail = before.encode(), after.encode()
    if values:
        yield from itertools.cycle([head + value.encode() + tail for value in values])
    for serial in itertools.count(time.time_ns()):
        yield head + str(serial).zfill(SERIAL_DIGITS).encode() + tail


async def _put_on(port: int, tally: _Tally, *, warm_up: float, seconds: float) -> Outcome:
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(tally), "127.0.0.1", port)
    await asyncio.wait((tally.ended,), timeout=warm_up)
    answered, wall, cpu = tally.answered, time.perf_counter(), time.process_time()
    await asyncio.wait((tally.ended,), timeout=seconds)
    answered, wall, cpu = tally.answered - answered, time.perf_counter() - wall, time.process_time() - cpu
    if tally.ended.done():
        tally.ended.result()
    if answered == 0:
        raise RuntimeError("the server answered nothing")
    return Outcome(per_second=answered / wall, client_cpu=cpu / wall)


async def _main() -> None:
    load = json.load(sys.stdin)
    tally = _Tally(_requests(load["before"], load["after"], load["values"]), load["expect"])
    outcome = await _put_on(load["port"], tally, warm_up=load["warm_up"], seconds=load["seconds"])
    tally.ended.cancel()
    json.dump(asdict(outcome), sys.stdout)


if __name__ == "__main__":
    uvloop.run(_main())
