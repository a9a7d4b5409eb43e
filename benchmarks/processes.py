"""Child processes that end with the block that started them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 30.0
STOP_SECONDS = 10.0


@contextmanager
def server(name: str, arguments: list[str], port: int, *, folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """`python -m …` as a server of its own; the answer, once it listens on `port`, is its process id.

    Its working folder is `folder`, so that no `.env` of the checkout reaches it, and its output goes to a file there.
    """
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env=_bare_environment() | environment | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_port(process, port, log)
        yield process.pid
    finally:
        _stop(process)


@contextmanager
def asgi_app(name: str, factory: str, *, folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """An app of `benchmarks.apps` under uvicorn, as `lorekeeper serve` runs its own; the answer is its port."""
    port = free_port()
    arguments = ["uvicorn", f"benchmarks.apps:{factory}", "--factory", "--port", str(port)]
    arguments += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header"]
    with server(name, [*arguments, "--log-level", "warning"], port, folder=folder, environment=environment):
        yield port


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _bare_environment() -> dict[str, str]:
    """Ours without a server's settings: a benchmark must not write to a real server."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "DATABASE_URL" and not name.startswith(("S3_", "LOREKEEPER_"))
    }


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{log.stem} does not start:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
