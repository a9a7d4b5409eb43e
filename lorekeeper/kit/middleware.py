"""The one middleware, pure ASGI: request id, body limit, access log and request metrics."""

import re
import time

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from lorekeeper.kit.ids import new_id
from lorekeeper.kit.telemetry import Metrics, log

_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})


class RequestMiddleware:
    """Outermost of the app. A caller's own `X-Request-Id` is kept when it is harmless, else one is made."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

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
        self._metrics.in_flight.inc()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, _limited(receive, self._max_body_bytes), send_with_id)
        finally:
            self._metrics.in_flight.dec()
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        self._metrics.answered(scope["method"], route, status, seconds)
        if route not in _QUIET_ROUTES or status >= 400:
            level = log.error if status >= 500 else log.info
            level("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return str(value, "ascii")
    return new_id().hex


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
