"""The one middleware, pure ASGI: request id, body limit, access log and request metrics."""

import asyncio
import re
import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from lorekeeper.contracts.errors import (
    HeadersTooLargeError,
    LoreKeeperError,
    PayloadTooLargeError,
    ServerStoppingError,
    UriTooLongError,
)
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.problems import problem_response
from lorekeeper.kit.telemetry import Metrics, log

MAX_URI_BYTES = 16 * 1024
MAX_HEADER_BYTES = 32 * 1024

_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})
_STOPPING = ServerStoppingError("The server is stopping; send the request again.")


class RequestMiddleware:
    """Outermost of the app. A caller's own `X-Request-Id` is kept when it is harmless, else one is made."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, body_limit: Callable[[str], int]) -> None:
        """`body_limit` tells how many bytes a request to a path may have."""
        self._app = app
        self._metrics = metrics
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        status = 500
        started = False
        self._metrics.in_flight.inc()

        async def send_with_id(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        most = self._body_limit(scope["path"])
        try:
            if refusal := _too_much(scope, most):
                await problem_response(refusal, request_id)(scope, receive, send_with_id)
            else:
                await self._app(scope, _limited(receive, most), send_with_id)
        except asyncio.CancelledError:
            # The server is stopping and this request took longer than its grace.
            if started:
                raise
            await problem_response(_STOPPING, request_id)(scope, receive, send_with_id)
        finally:
            self._metrics.in_flight.dec()
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", "(none)")  # without the converters: `{id}`, not `{id:uuid}`
        self._metrics.answered(scope["method"], route, status, seconds)
        if route not in _QUIET_ROUTES or status >= 400:
            level = log.error if status >= 500 else log.info
            path = scope["path"][:1000]
            level("request", method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 1))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return str(value, "ascii")
    return new_id().hex


def _too_much(scope: Scope, most: int) -> LoreKeeperError | None:
    """What can be refused before any of the body is read. What a body's length is declared as is no more than that."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URI_BYTES:
        return UriTooLongError(f"Path and query are longer than {MAX_URI_BYTES} bytes.")
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        # More digits than twenty are no length that anybody means.
        if name == b"content-length" and value.isdigit() and (len(value) > 20 or int(value) > most):
            return PayloadTooLargeError(f"The request body is larger than {most} bytes.")
    if size > MAX_HEADER_BYTES:
        return HeadersTooLargeError(f"The headers are larger than {MAX_HEADER_BYTES} bytes.")
    return None


def _limited(receive: Receive, most: int) -> Receive:
    """Stop reading a body that is larger than allowed, whatever its Content-Length says."""
    read = 0

    async def receive_some() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > most:
                # FastAPI lets this class through and turns any other error raised while it reads into a 400.
                raise HTTPException(413, f"The request body is larger than {most} bytes.")
        return message

    return receive_some
