"""Retries and transfers, against a little server that misbehaves on purpose."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import httpx
import pytest
import tenacity

from lorekeeper.contracts.errors import Problem
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.lore import WorldCreate
from lorekeeper.contracts.s3 import PresignedDownloadResponse, PresignedUploadResponse
from lorekeeper.sdk import (
    Client,
    IntegrityError,
    RateLimitedError,
    ServerUnreachableError,
    TransferError,
    UnavailableError,
    UnexpectedAnswerError,
    WorldScopeViolationError,
)
from lorekeeper.sdk.calls.core import seconds_to_wait
from lorekeeper.sdk.errors import api_error
from lorekeeper.sdk.retrying import Wait, worth_another_try
from lorekeeper.sdk.transfer import LocalFile, Store

WORLD = {
    "id": str(uuid4()),
    "version": 1,
    "etag": '"1"',
    "content_hash": "0" * 64,
    "created_by": "key",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "name": "Thornmere",
    "metadata": {},
}


@dataclass
class Reply:
    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    cut_after: int | None = None

    @property
    def content(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Misbehaving:
    """Answers the replies it was given, one a request, and keeps what it was asked."""

    def __init__(self):
        self.replies: list[Reply] = []
        self.asked: list[Asked] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def _handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                reply = server.replies.pop(0)
                if reply.hang_up:
                    self.close_connection = True
                    return
                content = reply.content
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: reply.cut_after])
                self.close_connection = reply.cut_after is not None

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        return Handler


@pytest.fixture
def server():
    server = Misbehaving()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def client(server, monkeypatch):
    monkeypatch.setattr("lorekeeper.sdk.transport.Transport._sleep", lambda self, seconds: None)
    with Client(server.url, "lk_key", attempts=4, timeout=5) as client:
        yield client


def problem(status, code):
    body = {"type": f"urn:x:{code}", "title": "t", "status": status, "detail": f"says {code}", "code": code}
    return Reply(status, body, {"Content-Type": "application/problem+json"})


def test_a_read_is_repeated_until_it_succeeds(server, client):
    server.replies = [
        problem(503, "database_unavailable"),
        Reply(502, b"<html>"),
        Reply(hang_up=True),
        Reply(200, WORLD),
    ]
    assert client.worlds.get(uuid4()).name == "Thornmere"
    assert len(server.asked) == 4


def test_it_gives_up_with_the_last_answer(server, client):
    server.replies = [problem(503, "database_unavailable") for _ in range(9)]
    with pytest.raises(UnavailableError, match="says database_unavailable"):
        client.worlds.get(uuid4())
    assert len(server.asked) == 4


@pytest.mark.parametrize("reply", [Reply(hang_up=True), problem(503, "database_unavailable")])
def test_a_write_that_may_have_happened_is_sent_once(server, client, reply):
    server.replies = [reply]
    with pytest.raises((ServerUnreachableError, UnavailableError)):
        client.worlds.create(WorldCreate(name="Thornmere"))
    assert len(server.asked) == 1


def test_a_write_that_was_turned_away_unread_is_repeated(server, client):
    server.replies = [Reply(429, b"", {"Retry-After": "0"}), Reply(201, WORLD)]
    assert client.worlds.create(WorldCreate(name="Thornmere")).name == "Thornmere"


def test_a_job_is_asked_for_again_with_the_same_idempotency_key(server, client):
    server.replies = [Reply(hang_up=True), problem(504, "timeout"), problem(422, "world_scope_violation")]
    job = AssetJobCreate(world_id=uuid4(), asset_type="IMAGE", provider="local", prompt_spec={"a": None})
    with pytest.raises(WorldScopeViolationError):
        client.jobs.create(job)
    keys = {asked.headers["Idempotency-Key"] for asked in server.asked}
    assert len(server.asked) == 3
    assert len(keys) == 1
    assert json.loads(server.asked[0].body)["prompt_spec"] == {"a": None}


def test_two_calls_have_two_idempotency_keys(server, client):
    server.replies = [problem(422, "validation_failed")] * 2
    job = AssetJobCreate(world_id=uuid4(), asset_type="IMAGE", provider="local", prompt_spec={})
    for _ in range(2):
        with pytest.raises(Exception, match="says validation_failed"):
            client.jobs.create(job)
    assert server.asked[0].headers["Idempotency-Key"] != server.asked[1].headers["Idempotency-Key"]


def test_nobody_there_is_tried_for_every_kind_of_request(client, server, monkeypatch):
    tries = []
    real = httpx.Client.request
    monkeypatch.setattr(httpx.Client, "request", lambda *a, **k: (tries.append(1), real(*a, **k))[1])
    with (
        Client("http://127.0.0.1:9", "lk_key", attempts=3) as lonely,
        pytest.raises(ServerUnreachableError) as caught,
    ):
        lonely.worlds.create(WorldCreate(name="Thornmere"))
    assert caught.value.never_sent
    assert len(tries) == 3


@pytest.mark.parametrize("reply", [Reply(200, b"<html>hello</html>"), Reply(200, {"a": 1}), Reply(302, b"")])
def test_an_answer_that_is_not_lorekeepers_is_told_apart(server, client, reply):
    server.replies = [reply]
    with pytest.raises(UnexpectedAnswerError):
        client.worlds.get(uuid4())


def test_a_refusal_without_a_problem_keeps_its_request_id(server, client):
    server.replies = [Reply(429, b"slow down", {"X-Request-Id": "r7", "Retry-After": "7"})] * 4
    with pytest.raises(RateLimitedError) as caught:
        client.worlds.get(uuid4())
    assert (caught.value.request_id, caught.value.retry_after, caught.value.code) == ("r7", 7.0, "http_429")


@pytest.mark.parametrize(
    ("status", "repeatable", "again"),
    [
        (502, True, True),
        (503, True, True),
        (504, True, True),
        (500, True, False),
        (409, True, False),
        (503, False, False),
        (429, False, True),
        (429, True, True),
    ],
)
def test_which_refusals_are_worth_another_try(status, repeatable, again):
    error = api_error(Problem(type="t", title="t", status=status, detail="d", code="x"))
    assert worth_another_try(error, repeatable=repeatable) is again


def test_the_servers_wish_goes_before_the_back_off():
    error = api_error(Problem(type="t", title="t", status=429, detail="d", code="x"), retry_after=7.0)
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.set_exception((type(error), error, None))
    assert Wait()(state) == 7.0


def test_the_back_off_grows_and_is_bounded():
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    error = ServerUnreachableError("gone")
    state.set_exception((type(error), error, None))
    state.attempt_number = 1
    assert 0 <= Wait()(state) <= 0.4
    state.attempt_number = 50
    assert 0 <= Wait()(state) <= 10


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), ("3", 3.0), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)]
)
def test_retry_after_in_both_its_forms(value, seconds):
    assert seconds_to_wait(value) == seconds


# --- files ---------------------------------------------------------------------------------------------------------

CONTENT = b"the harbour stays open\n" * 1000


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr("lorekeeper.sdk.transfer.Wait", tenacity.wait_none)
    store = Store(timeout=5, attempts=3)
    yield store
    store.close()


def presigned(server, **changes):
    known = {
        "asset_id": uuid4(),
        "url": f"{server.url}/bucket/key?X-Amz-Signature=1",
        "filename": "a.txt",
        "content_type": "text/plain",
        "size_bytes": len(CONTENT),
        "checksum": hashlib.sha256(CONTENT).hexdigest(),
        "expires_at": "2026-01-01T00:00:00Z",
    }
    return PresignedDownloadResponse.model_validate(known | changes)


def test_a_download_that_breaks_off_begins_anew(server, store, tmp_path):
    server.replies = [Reply(200, CONTENT, cut_after=100), Reply(500, b""), Reply(200, CONTENT)]
    seen = []
    path = store.download(presigned(server), tmp_path / "sub" / "a.txt", lambda *done: seen.append(done))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]
    assert all("Authorization" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    "body", [CONTENT[:-1], CONTENT + b"!", CONTENT.replace(b"open", b"shut")], ids=["shorter", "longer", "other"]
)
def test_a_file_that_is_not_the_one_on_record_is_not_kept(server, store, tmp_path, body):
    before = tmp_path / "a.txt"
    before.write_text("what was there")
    server.replies = [Reply(200, body)]
    with pytest.raises(IntegrityError, match="not the one on record"):
        store.download(presigned(server), before)
    assert before.read_text() == "what was there"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_a_refused_download_is_not_repeated(server, store, tmp_path):
    server.replies = [Reply(403, b"expired")]
    with pytest.raises(TransferError) as caught:
        store.download(presigned(server), tmp_path / "a.txt")
    assert caught.value.status == 403
    assert not list(tmp_path.iterdir())


def upload_to(server):
    return PresignedUploadResponse(
        upload_id=uuid4(),
        storage_key="w/IMAGE/k",
        url=f"{server.url}/bucket/k",
        headers={"Content-Type": "text/plain", "If-None-Match": "*"},
        expires_at="2026-01-01T00:00:00Z",
    )


def test_an_upload_sends_the_declared_headers_and_the_whole_file(server, store, tmp_path):
    (tmp_path / "a.txt").write_bytes(CONTENT)
    file = LocalFile.read(tmp_path / "a.txt")
    server.replies = [Reply(503, b""), Reply(200, b"")]
    store.upload(file, upload_to(server))
    asked = server.asked[-1]
    assert (asked.method, asked.body, asked.headers["If-None-Match"]) == ("PUT", CONTENT, "*")
    assert asked.headers["Content-Length"] == str(len(CONTENT))
    assert "Transfer-Encoding" not in asked.headers
    assert (file.size_bytes, file.checksum) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_an_upload_whose_answer_was_lost_is_there(server, store, tmp_path):
    (tmp_path / "a.txt").write_bytes(CONTENT)
    server.replies = [Reply(hang_up=True), Reply(412, b"")]
    store.upload(LocalFile.read(tmp_path / "a.txt"), upload_to(server))
    assert len(server.asked) == 2


def test_a_refused_upload_says_so(server, store, tmp_path):
    (tmp_path / "a.txt").write_bytes(CONTENT)
    server.replies = [Reply(403, b"")]
    with pytest.raises(TransferError, match="HTTP 403"):
        store.upload(LocalFile.read(tmp_path / "a.txt"), upload_to(server))
