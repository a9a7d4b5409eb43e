"""`kill -9` of the server, ten times over, while jobs are created and completed: nothing lost, nothing doubled."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from harness.waiting import until

KILLS = 10
WRITERS = 4
ACKNOWLEDGED_EACH_TIME = 12
"""How many answers a life of the server must give before it is killed."""

JOBS, ASSETS = "/assets/asset-jobs", "/assets/assets"


class Server:
    """`lorekeeper serve` on one data folder, in one life after the other."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        url: str = json.loads((self.data_dir / "server.json").read_text())["url"]
        return url

    @property
    def key(self) -> str:
        return (self.data_dir / "admin.key").read_text().strip()

    def start(self, log: Path) -> None:
        foreign = ("LOREKEEPER_", "S3_", "DATABASE_URL")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        (self.data_dir / "server.json").unlink(missing_ok=True)  # of the life before
        command = [sys.executable, "-m", "lorekeeper", "serve", "--data-dir", str(self.data_dir), "--port", "0"]
        with log.open("ab") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=log.parent)
        until(self._is_ready, 60)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server ended by itself"
        with suppress(OSError, ValueError, httpx.HTTPError):
            return httpx.get(f"{self.url}/health/ready", trust_env=False, timeout=5).is_success
        return False

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(15)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@dataclass
class Ledger:
    """What the server has acknowledged, kept where no kill reaches it."""

    jobs: dict[str, str] = field(default_factory=dict)
    """By the prompt's title: the id that was answered."""
    assets: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By job: the asset and the checksum that were answered."""
    answers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def job(self, title: str, job_id: str) -> None:
        with self._lock:
            self.answers += 1
            assert self.jobs.setdefault(title, job_id) == job_id, f"two jobs were answered for {title}"

    def asset(self, job_id: str, asset_id: str, checksum: str) -> None:
        with self._lock:
            self.answers += 1
            made = (asset_id, checksum)
            assert self.assets.setdefault(job_id, made) == made, f"two assets were answered for job {job_id}"


class Writer:
    """Creates jobs and completes them, and after a crash asks for the last one again, as a careful client does."""

    def __init__(self, number: int, world_id: str, ledger: Ledger) -> None:
        self._number = number
        self._world_id = world_id
        self._ledger = ledger
        self._made = 0
        self._unanswered: str | None = None
        self._completing: tuple[str, dict[str, Any]] | None = None

    def work(self, url: str, key: str, stop: threading.Event) -> None:
        """Until told to stop, or until the server is gone."""
        headers = {"Authorization": f"Bearer {key}"}
        with (
            httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as api,
            httpx.Client(timeout=30, trust_env=False) as store,
            suppress(httpx.TransportError, _Unavailable),
        ):
            self._complete_again(api)
            while not stop.is_set():
                self._once(api, store)

    def _once(self, api: httpx.Client, store: httpx.Client) -> None:
        title = self._unanswered or f"writer {self._number}, plate {self._made}"
        self._unanswered = title
        job = _ok(api.post(JOBS, json=self._request(title)))
        self._ledger.job(title, job["id"])
        self._unanswered = None
        self._made += 1
        if job["status"] == "QUEUED":
            self._hand_in(api, store, f"p{self._number}")

    def _hand_in(self, api: httpx.Client, store: httpx.Client, provider: str) -> None:
        claim = {"worker_id": f"w{self._number}", "providers": [provider], "lease_seconds": 60}
        for job in _ok(api.post(f"{JOBS}/claim", json=claim))["jobs"]:
            data = uuid.uuid4().bytes * random.randint(1, 4096)
            checksum = hashlib.sha256(data).hexdigest()
            upload = _ok(
                api.post(
                    f"{ASSETS}/presign-upload",
                    json={
                        "world_id": self._world_id,
                        "asset_type": "IMAGE",
                        "filename": "plate.png",
                        "content_type": "image/png",
                        "size_bytes": len(data),
                        "checksum": checksum,
                    },
                )
            )
            _ok(store.put(upload["url"], content=data, headers=upload["headers"]), json_body=False)
            payload = {
                "storage_key": upload["storage_key"],
                "format": "png",
                "content_type": "image/png",
                "size_bytes": len(data),
                "checksum": checksum,
                "lease_token": job["lease_token"],
            }
            self._completing = job["id"], payload
            self._complete_again(api)

    def _complete_again(self, api: httpx.Client) -> None:
        if self._completing is None:
            return
        job_id, payload = self._completing
        done = _ok(api.post(f"{JOBS}/{job_id}/complete", json=payload))
        assert done["asset"]["checksum"] == payload["checksum"]
        self._ledger.asset(job_id, done["asset"]["id"], payload["checksum"])
        self._completing = None

    def _request(self, title: str) -> dict[str, Any]:
        return {
            "world_id": self._world_id,
            "asset_type": "IMAGE",
            "provider": f"p{self._number}",
            "prompt_spec": {"title": title},
        }


class _Unavailable(Exception):
    """The server still answers, but an engine of its is gone already."""


def _ok(answer: httpx.Response, *, json_body: bool = True) -> Any:
    """The body of a good answer; the store, which is not ours, gives none."""
    if answer.status_code == 503 or (answer.is_server_error and not json_body):
        raise _Unavailable(answer.text)
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if json_body else None


@contextmanager
def working(writers: list[Writer], url: str, key: str) -> Iterator[None]:
    """The writers are at work for as long as the block lasts; what one of them finds wrong is raised at its end."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(writers)) as pool:
        running = [pool.submit(writer.work, url, key, stop) for writer in writers]
        try:
            yield
        finally:
            stop.set()
        for one in running:
            one.result(60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    yield server
    server.end()


def engines_of(data_dir: Path) -> list[psutil.Process]:
    """Processes whose command line or working folder is in the data folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            place = [*process.cmdline(), process.cwd() if process.name() in {"postgres", "weed"} else ""]
            if any(str(data_dir) in part for part in place) and process.pid != os.getpid():
                found.append(process)
    return found


def test_nothing_is_lost_and_nothing_doubled(server: Server, tmp_path: Path) -> None:
    log, chance, ledger = tmp_path / "serve.log", random.Random(9), Ledger()
    server.start(log)
    with httpx.Client(headers={"Authorization": f"Bearer {server.key}"}, timeout=30, trust_env=False) as api:
        world_id = _ok(api.post(f"{server.url}/worlds", json={"name": "Killed"}))["id"]
    writers = [Writer(number, world_id, ledger) for number in range(WRITERS)]

    for _ in range(KILLS):
        with working(writers, server.url, server.key):
            enough = ledger.answers + ACKNOWLEDGED_EACH_TIME + chance.randrange(20)
            until(lambda enough=enough: ledger.answers >= enough, 30, every=0.001)
            server.kill()
        server.start(log)

    with working(writers, server.url, server.key):
        enough = ledger.answers + ACKNOWLEDGED_EACH_TIME
        until(lambda: ledger.answers >= enough, 30)
    _everything_acknowledged_is_there(server, world_id, ledger)

    assert {"postgres", "weed"} <= {process.name() for process in engines_of(server.data_dir)}
    assert server.stop() == 0
    until(lambda: not engines_of(server.data_dir), 5)


def _everything_acknowledged_is_there(server: Server, world_id: str, ledger: Ledger) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30, trust_env=False) as api:
        jobs = {job["id"]: job for job in _walk(api, JOBS, world_id)}
        assets = {asset["id"]: asset for asset in _walk(api, ASSETS, world_id)}

        assert len(ledger.jobs) > KILLS * WRITERS
        assert len(ledger.assets) > KILLS
        assert set(ledger.jobs.values()) <= set(jobs)
        for title, job_id in ledger.jobs.items():
            assert jobs[job_id]["prompt_spec"] == {"title": title}
        # Nothing doubled: one job for each input, one asset for each job.
        assert max(Counter(job["input_hash"] for job in jobs.values()).values()) == 1
        succeeded = [job_id for job_id, job in jobs.items() if job["status"] == "SUCCEEDED"]
        assert len(succeeded) == len(assets)
        for job_id, (asset_id, checksum) in ledger.assets.items():
            job = _ok(api.get(f"{JOBS}/{job_id}"))
            assert (job["status"], job["asset"]["id"], job["asset"]["checksum"]) == ("SUCCEEDED", asset_id, checksum)
            assert job["derivation"]["asset_id"] == asset_id
            url = _ok(api.post(f"{ASSETS}/{asset_id}/presign-download"))["url"]
            file = httpx.get(url, trust_env=False, timeout=30)
            assert hashlib.sha256(file.content).hexdigest() == checksum


def _walk(api: httpx.Client, path: str, world_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"world_id": world_id, "limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = _ok(api.get(path, params=params))
        items += page["items"]
        if (cursor := page["next_cursor"]) is None:
            return items
