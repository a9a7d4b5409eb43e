"""The example of docs/providers.md, as it stands there, against a real server and a provider of the test's own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness.waiting import until
from real_commands import environment

from lorekeeper.contracts.enums import AssetJobStatusEnum as Status

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "remote_provider.py"
PICTURE = b"\x89PNG\r\n\x1a\n and so on"

# The example itself, with leases short enough for a test to wait for.
RUN = """
import runpy, sys
example = runpy.run_path(sys.argv[1])
example["worker"].lease_seconds = 3
example["worker"].run()
"""


class Muse:
    """The imaginary provider: each order is paid, so it counts them."""

    def __init__(self) -> None:
        self.orders: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.polls = 0
        self.state: dict[str, object] = {"status": "painting", "percent": 30, "ask_again_in": 0.05}
        self.refuse_with: tuple[int, dict[str, str]] | None = None
        self.url = ""

    def answer(self, method: str, path: str, body: bytes, key: str | None) -> tuple[int, dict[str, str], bytes]:
        if self.refuse_with:
            return (*self.refuse_with, b"not now")
        if (method, path) == ("POST", "/orders"):
            self.orders.append(json.loads(body))
            self.keys.append(key)
            return 201, {}, json.dumps({"id": f"order-{len(self.orders)}"}).encode()
        if path == f"/orders/order-{len(self.orders)}":
            self.polls += 1
            return 200, {}, json.dumps(self.state).encode()
        if path == f"/orders/order-{len(self.orders)}/file":
            return 200, {}, PICTURE
        return 404, {}, b""

    def finish(self) -> None:
        self.state = {"status": "done", "model": "muse-3"}


@contextmanager
def running(muse: Muse) -> Iterator[Muse]:
    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, answer = muse.answer(self.command, self.path, body, self.headers.get("idempotency-key"))
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = respond

        def log_message(self, *_: object) -> None:
            """Nothing: the provider counts."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        muse.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield muse
        http.shutdown()
        thread.join()


@pytest.fixture
def muse() -> Iterator[Muse]:
    with running(Muse()) as muse:
        yield muse


@pytest.fixture
def start(server, muse, tmp_path):
    """Starts the example; all that were started are killed in the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        env = environment(
            LOREKEEPER_URL=server.client.url, LOREKEEPER_API_KEY=server.key, MUSE_URL=muse.url, MUSE_KEY="m"
        )
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(EXAMPLE)], env=env, stdout=log, stderr=log, cwd=tmp_path
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_worker_killed_after_the_order_is_followed_by_one_that_resumes_it(client, ask, muse, start):
    job = ask(provider="muse")
    first = start()
    until(lambda: (now := client.jobs.get(job.id).progress) and now.percent == 30)
    first.kill()
    first.wait()
    polls = muse.polls
    assert client.jobs.get(job.id).provider_job_id == "order-1"

    second = start()
    until(lambda: muse.polls > polls)
    assert client.jobs.get(job.id).attempt == 2
    muse.finish()
    done = client.jobs.wait_for(job.id, timeout=30)

    assert (done.status, done.attempt, done.provider_job_id) == (Status.SUCCEEDED, 2, "order-1")
    assert [order["of"] for order in muse.orders] == [["Auntie"]]
    assert muse.keys == [str(job.id)]
    assert (done.asset.size_bytes, done.asset.metadata) == (len(PICTURE), {"model": "muse-3"})

    # The same worker goes on: what the provider says of its failures decides what becomes of the next job.
    muse.state = {"status": "failed", "reason": "indecent", "message": "Not that."}
    refused = client.jobs.wait_for(ask("indecent", provider="muse").id, timeout=30)
    assert (refused.status, refused.error_code, refused.error_message) == (Status.FAILED, "muse_indecent", "Not that.")
    muse.refuse_with = (503, {"Retry-After": "77"})
    job = ask("busy", provider="muse")
    busy = until(lambda: (now := client.jobs.get(job.id)).error_code and now)
    assert (busy.status, busy.error_code) == (Status.QUEUED, "provider_busy")
    assert 70 < (busy.available_at - busy.started_at).total_seconds() < 80
    second.terminate()
    assert second.wait(20) == 0
