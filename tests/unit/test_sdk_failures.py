"""What a handler raised, as the failure of its job."""

import http.client
import socket
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from lorekeeper.contracts.errors import Problem
from lorekeeper.sdk.errors import IntegrityError, ServerUnreachableError, api_error
from lorekeeper.sdk.failures import as_job_error, fail_body
from lorekeeper.sdk.handling import JobError


class Provider(BaseHTTPRequestHandler):
    """Answers `/503` with 503, and with what stands behind the question mark as its `Retry-After`."""

    def do_GET(self) -> None:
        status, _, after = self.path.lstrip("/").partition("?")
        if status == "hang-up":
            self.close_connection = True
            return
        self.send_response(int(status))
        if after:
            self.send_header("Retry-After", after.replace("_", " "))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def by_httpx(url: str) -> None:
    httpx.get(url, trust_env=False).raise_for_status()


def by_urllib(url: str) -> None:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url).close()


def failure(ask, url: str) -> JobError:
    with pytest.raises(Exception) as raised:
        ask(url)
    error = raised.value
    if hasattr(error, "close"):
        error.close()
    return as_job_error(error)


@pytest.mark.parametrize("ask", [by_httpx, by_urllib])
@pytest.mark.parametrize(
    ("path", "code", "retryable", "after"),
    [
        ("503?77", "provider_busy", True, 77),
        ("429", "provider_busy", True, None),
        ("429?soon", "provider_busy", True, None),
        ("500", "provider_failed", True, None),
        ("408", "provider_failed", True, None),
        ("400", "provider_refused", False, None),
        ("404?5", "provider_refused", False, None),
        ("hang-up", "provider_unreachable", True, None),
    ],
)
def test_what_a_provider_answers(provider, ask, path, code, retryable, after):
    error = failure(ask, f"{provider}/{path}")
    assert (error.code, error.retryable, error.retry_after_seconds) == (code, retryable, after)
    assert provider not in str(error), "an address may hold a key"


def test_retry_after_may_be_a_date(provider):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True).replace(" ", "_")
    assert 80 < failure(by_httpx, f"{provider}/503?{later}").retry_after_seconds <= 90
    assert failure(by_httpx, f"{provider}/503?Sun,_06_Nov_1994_08:49:37_GMT").retry_after_seconds == 0


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset"),
        TimeoutError("slow"),
        socket.gaierror(-2, "no such host"),
        http.client.IncompleteRead(b""),
        httpx.ReadTimeout("slow"),
    ],
)
def test_no_answer_is_worth_another_try(error):
    assert (as_job_error(error).code, as_job_error(error).retryable) == ("provider_unreachable", True)


def test_lorekeepers_own_answers():
    def refused(status, code):
        problem = Problem(type="t", title="t", status=status, detail="d", code=code, request_id="r")
        return as_job_error(api_error(problem, retry_after=4 if status == 503 else None))

    assert (refused(404, "not_found").code, refused(404, "not_found").retryable) == ("not_found", False)
    busy = refused(503, "database_unavailable")
    assert (busy.code, busy.retryable, busy.retry_after_seconds) == ("database_unavailable", True, 4)
    assert as_job_error(ServerUnreachableError("gone")).retryable
    assert as_job_error(IntegrityError("another file")).code == "transfer_failed"


def test_the_rest_is_a_crash_told_by_its_last_line():
    error = as_job_error(ValueError("a\nb"))
    assert (error.code, str(error), error.retryable) == ("handler_crashed", "b", True)
    assert str(as_job_error(KeyError())) == "KeyError:"


def test_whatever_a_handler_chose_can_be_sent():
    token = uuid.uuid4()
    odd = fail_body(JobError("too dark!", "\x00\ud800" + "x" * 20_000, retryable=True, retry_after_seconds=1e9), token)
    assert (odd.error_code, odd.retry_after_seconds, len(odd.error_message)) == ("too_dark_", 86_400, 10_000)
    assert fail_body(JobError("…", ""), token).error_code == "handler_failed"
    assert fail_body(JobError("a", "", retry_after_seconds=0.2), token).retry_after_seconds == 1
    assert fail_body(JobError("a", "", provider_job_over=True), token).provider_job_over
