"""A server of one's own for as long as a command runs: the real `lorekeeper serve`, as a process beside this one."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from rich.text import Text

from lorekeeper.cli.terminal import CommandError
from lorekeeper.places import ADMIN_KEY_FILE, SERVER_FILE
from lorekeeper.sdk import Client, SdkError

READY_SECONDS = 90.0
STOP_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.05


@contextmanager
def own_server(data_dir: Path) -> Iterator[Client]:
    """A client of a new server on this data folder, once it is ready; the server is stopped at the end, come what may.

    Raises `CommandError` with the server's own words where it does not start.
    """
    data_dir = data_dir.absolute()
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as elsewhere, _sigterm_unwinds():
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-m", "lorekeeper", "serve", "--data-dir", str(data_dir), "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_bare_environment(),
            # Not where the user stands: a .env file there is for another server.
            cwd=elsewhere,
            # The terminal's Ctrl-C reaches this process alone, which then stops the server in order.
            start_new_session=True,
        )
        try:
            _wait_until(lambda: _is_announced(data_dir, process.pid), process, log)
            with Client.of_data_dir(data_dir) as client:
                _wait_until(lambda: _is_ready(client), process, log)
                yield client
        finally:
            _stop(process)


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        if process.poll() is not None:
            raise CommandError(_last_words(log))
        if time.monotonic() > deadline:
            raise CommandError(f"the server is not ready after {READY_SECONDS:.0f} s; it said: {_last_words(log)}")
        time.sleep(LOOK_EVERY_SECONDS)


def _is_announced(data_dir: Path, pid: int) -> bool:
    """Whether the folder tells of this very server, not of an earlier one, and holds the key for it."""
    try:
        told = json.loads((data_dir / SERVER_FILE).read_text(encoding="utf-8"))
        return told["pid"] == pid and (data_dir / ADMIN_KEY_FILE).exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_ready(client: Client) -> bool:
    try:
        return client.system.is_ready()
    except SdkError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(log: IO[bytes]) -> str:
    """What the server gave as its error, or else the last line that it wrote."""
    log.seek(0)
    lines = [Text.from_ansi(line).plain.strip() for line in log.read().decode(errors="replace").splitlines()]
    spoken = [line for line in lines if line] or ["it said nothing"]
    errors = [line.removeprefix("Error:").strip() for line in spoken if line.startswith("Error:")]
    return (errors or spoken)[-1]


def _bare_environment() -> dict[str, str]:
    """Ours without a server's settings: what is configured for a real server must not be written to."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "DATABASE_URL" and not name.startswith(("S3_", "LOREKEEPER_"))
    }


@contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """SIGTERM ends this process through its `finally` blocks, as Ctrl-C does."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
