"""`lorekeeper serve` on a data folder of its own, in one life after the other, and the processes that can be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
from harness.waiting import until

from lorekeeper.local.ports import is_free
from lorekeeper.storage.store import StoreAddress
from robustness.audit import embedded_store

TESTS = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """This one without what would point a command at another server, and with this code to run."""
    foreign = ("LOREKEEPER_", "S3_", "DATABASE_URL")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return ours | {"PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}


class Serving:
    """One data folder and one port. Whoever is told its URL finds the server there in each of its lives."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "serve.log"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def key(self) -> str:
        return (self.data_dir / "admin.key").read_text().strip()

    @property
    def database_url(self) -> str:
        url: str = json.loads((self.data_dir / "server.json").read_text())["database_url"]
        return url

    @property
    def store(self) -> StoreAddress:
        return embedded_store(self.data_dir)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def launch(self) -> None:
        """Returns at once."""
        command = [
            sys.executable,
            "-m",
            "lorekeeper",
            "serve",
            "--data-dir",
            str(self.data_dir),
            "--port",
            str(self.port),
        ]
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file, env=environment(), cwd=self.log.parent)

    def start(self) -> None:
        """Returns once it is ready."""
        self.launch()
        until(lambda: self.is_ready() or self.process.poll() is not None, 90, every=0.05)
        assert self.process.poll() is None, f"the server ended by itself, see {self.log}"

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health/ready", trust_env=False, timeout=10).is_success
        return False

    def kill(self) -> bool:
        """The API, which takes PostgreSQL and the store along. Whether there was anything to kill."""
        if self.process.poll() is not None:
            return False
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, f"the server ended by itself, see {self.log}"
        return True

    def kill_postgres(self) -> bool:
        """PostgreSQL alone. False where none runs, as while the server starts."""
        postmaster = self.postmaster()
        if postmaster is None:
            return False
        with suppress(psutil.NoSuchProcess):
            postmaster.kill()
            return True
        return False

    def postmaster(self) -> psutil.Process | None:
        """Of this life: a child of the server. (Its own pid file may be of the life before.)"""
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            pid = int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
            if process.name() == "postgres" and process.ppid() == self.process.pid:
                return process
        return None

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    server = Serving(folder)
    try:
        server.start()
        yield server
    finally:
        server.end()


def _free_port() -> int:
    """Below those that outgoing connections take, since it must be free in each of the lives."""
    start = 12_000 + os.getpid() % 7_000
    return next(port for port in range(start, 20_000) if is_free(port))
