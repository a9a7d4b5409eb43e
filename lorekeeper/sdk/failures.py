"""What a handler raised, as the failure of its job: whether another try can help, and when."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from lorekeeper.contracts.jobs import AssetJobFail
from lorekeeper.sdk.errors import APIError, ServerUnreachableError, TransferError
from lorekeeper.sdk.handling import JobError

LONGEST_MESSAGE = 10_000
LONGEST_CODE = 100
LONGEST_RETRY_SECONDS = 86_400

# Known by name, because none of these libraries need be installed. What inherits from them counts as well.
_NO_ANSWER = frozenset(
    {
        "aiohttp.client_exceptions.ClientConnectionError",
        "aiohttp.client_exceptions.ClientPayloadError",
        "builtins.ConnectionError",
        "builtins.TimeoutError",
        "http.client.HTTPException",
        "httpx.TransportError",
        "requests.exceptions.ChunkedEncodingError",
        "requests.exceptions.ConnectionError",
        "requests.exceptions.Timeout",
        "socket.gaierror",
        "urllib.error.URLError",
        "urllib3.exceptions.HTTPError",
    }
)
_REFUSALS = frozenset(
    {
        "aiohttp.client_exceptions.ClientResponseError",
        "httpx.HTTPStatusError",
        "requests.exceptions.HTTPError",
        "urllib.error.HTTPError",
    }
)
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def as_job_error(error: BaseException) -> JobError:
    """The failure that this error of a handler is. A `JobError` is itself.

    A provider that does not answer, is busy (429, 503) or fails (5xx) is worth another try, after its `Retry-After`
    where it gave one; what it refuses (4xx) is final. Anything else is `handler_crashed`, and worth another try.
    """
    if isinstance(error, JobError):
        return error
    return _of_a_provider(error) or _of_lorekeeper(error) or _crash(error)


def _of_a_provider(error: BaseException) -> JobError | None:
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if names & _REFUSALS and (status := _status(error)) is not None:
        return _refused(status, _retry_after(error))
    if names & _NO_ANSWER:
        # Not the error's own text: it often holds the URL, and that a key.
        reason = f"The provider gave no answer ({type(error).__name__})."
        return JobError("provider_unreachable", reason, retryable=True)
    return None


def _of_lorekeeper(error: BaseException) -> JobError | None:
    """A handler may ask LoreKeeper itself for something."""
    if isinstance(error, APIError):
        passing = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status == HTTPStatus.TOO_MANY_REQUESTS
        return JobError(error.code, error.detail, retryable=passing, retry_after_seconds=error.retry_after)
    if isinstance(error, ServerUnreachableError):
        return JobError("server_unreachable", str(error), retryable=True)
    if isinstance(error, TransferError):
        return JobError("transfer_failed", str(error), retryable=True)
    return None


def _crash(error: BaseException) -> JobError:
    last_line = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
    return JobError("handler_crashed", last_line, retryable=True)


def invalid_file(error: ValidationError) -> JobError:
    """What the handler says of its file cannot be put on record."""
    wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return JobError("handler_made_invalid_file", f"What the handler says of its file is not valid. {wrong}")


def fail_body(error: JobError, lease_token: Any) -> AssetJobFail:
    """The failure as it is sent, whatever characters and lengths the handler chose."""
    code = re.sub(r"[^A-Za-z0-9._-]", "_", error.code).lstrip("._-")[:LONGEST_CODE]
    message = str(error).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    after = error.retry_after_seconds
    return AssetJobFail(
        error_code=code or "handler_failed",
        error_message=message[:LONGEST_MESSAGE],
        retryable=error.retryable,
        retry_after_seconds=None if after is None else min(max(math.ceil(after), 0), LONGEST_RETRY_SECONDS),
        provider_job_over=error.provider_job_over,
        lease_token=lease_token,
    )


def _refused(status: int, retry_after: float | None) -> JobError:
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    said = f"The provider answered HTTP {status}{phrase}."
    if status in _BUSY:
        return JobError("provider_busy", said, retryable=True, retry_after_seconds=retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
        return JobError("provider_failed", said, retryable=True, retry_after_seconds=retry_after)
    return JobError("provider_refused", said)


def _status(error: BaseException) -> int | None:
    """httpx and requests keep it in `response`, urllib in `code`, aiohttp in `status`."""
    response = getattr(error, "response", None)
    for value in (getattr(response, "status_code", None), getattr(error, "code", None), getattr(error, "status", None)):
        if isinstance(value, int):
            return value
    return None


def _retry_after(error: BaseException) -> float | None:
    """`Retry-After` in seconds (RFC 9110 section 10.2.3), given as a number or as a date."""
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None)
    text = headers.get("Retry-After") if headers is not None and hasattr(headers, "get") else None
    if not isinstance(text, str):
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0)
