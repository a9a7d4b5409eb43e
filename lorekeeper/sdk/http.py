"""HTTP by httpx, for callers who block and for callers who await; bodies and answers a piece at a time where large.

The methods are coroutines in both; those of `SyncHttp` never wait (see `execution`).
"""

import asyncio
import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from lorekeeper.sdk.calls.core import Answer
from lorekeeper.sdk.streaming import PIECE

# A proxy named in the environment is for the outside: it cannot reach this machine's own loopback.
_HERE = ("all://localhost", "all://127.0.0.1", "all://[::1]")

# httpx would open 100 connections and have the rest wait: how much goes on at once is the caller's matter.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A body that is sent a piece at a time, once: each try takes another one."""

    length: int
    next_piece: Callable[[], bytes]
    """Reads the next piece; empty at the end. It may block."""
    on_sent: Callable[[int], None]
    """Hears the length of each piece once it was sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    url: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Outgoing | None = None
    patience: float = 0.0
    """Seconds to wait for the answer on top of the usual time."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer whose body has not been read yet. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]
    """What is meant: decompressed."""
    raw: AsyncIterator[bytes]
    """What is sent, as it comes, so that nothing of it is lost where it breaks off. Only one of the two can be read."""

    async def whole(self) -> Answer:
        """The answer, read to its end."""
        return Answer(self.status, self.headers, b"".join([piece async for piece in self.pieces]))


class Http(ABC):
    """A pool of connections. Whatever goes wrong on the line is an `httpx.TransportError`."""

    @abstractmethod
    async def request(self, request: Request) -> Answer:
        """Sends it once, and reads the answer to its end."""

    @abstractmethod
    def stream(self, request: Request) -> AbstractAsyncContextManager[Incoming]:
        """Sends it once; the answer is there as soon as it begins."""

    @abstractmethod
    async def close(self) -> None:
        """Closes the connections."""


class SyncHttp(Http):
    """It blocks. Safe to use from several threads."""

    def __init__(self, *, timeout: float, headers: dict[str, str], base_url: str) -> None:
        self._timeout = timeout
        direct: dict[str, httpx.BaseTransport | None] = dict.fromkeys(_HERE)
        self._client = httpx.Client(timeout=timeout, headers=headers, base_url=base_url, mounts=direct, limits=_LIMITS)

    async def request(self, request: Request) -> Answer:
        """Sends it once, and reads the answer to its end."""
        return _answer(self._client.request(**_arguments(request, self._timeout, _pieces)))

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Incoming]:
        """Sends it once; the answer is there as soon as it begins."""
        with self._client.stream(**_arguments(request, self._timeout, _pieces)) as response:
            pieces, raw = _awaitable(response.iter_bytes(PIECE)), _awaitable(response.iter_raw())
            yield Incoming(response.status_code, response.headers, pieces, raw)

    async def close(self) -> None:
        """Closes the connections."""
        self._client.close()


class AsyncHttp(Http):
    """It awaits. For one event loop."""

    def __init__(self, *, timeout: float, headers: dict[str, str], base_url: str) -> None:
        self._timeout = timeout
        direct: dict[str, httpx.AsyncBaseTransport | None] = dict.fromkeys(_HERE)
        self._client = httpx.AsyncClient(
            timeout=timeout, headers=headers, base_url=base_url, mounts=direct, limits=_LIMITS, verify=_tls()
        )

    async def request(self, request: Request) -> Answer:
        """Sends it once, and reads the answer to its end."""
        return _answer(await self._client.request(**_arguments(request, self._timeout, _pieces_aside)))

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Incoming]:
        """Sends it once; the answer is there as soon as it begins."""
        async with self._client.stream(**_arguments(request, self._timeout, _pieces_aside)) as response:
            pieces, raw = response.aiter_bytes(PIECE), response.aiter_raw()
            yield Incoming(response.status_code, response.headers, pieces, raw)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


@cache
def _tls() -> ssl.SSLContext:
    """One for all connections of this process: reading the authorities' certificates takes tens of milliseconds."""
    return httpx.create_ssl_context()


def describe(error: httpx.TransportError) -> str:
    """What went wrong on the line, in words."""
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(error))
    return text[:1].lower() + text[1:] if text else type(error).__name__


def _arguments(request: Request, timeout: float, pieces: Callable[[Outgoing], Any]) -> dict[str, Any]:
    headers, content = dict(request.headers), request.body
    if isinstance(content, Outgoing):
        headers["Content-Length"] = str(content.length)
        content = pieces(content)
    return {
        "method": request.method,
        "url": request.url,
        "params": dict(request.params) or None,  # an empty mapping would take away the query that the URL has
        "content": content,
        "headers": headers,
        "timeout": httpx.Timeout(timeout, read=timeout + request.patience),
    }


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _pieces(body: Outgoing) -> Iterator[bytes]:
    while piece := body.next_piece():
        yield piece
        body.on_sent(len(piece))


async def _pieces_aside(body: Outgoing) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(body.next_piece):
        yield piece
        body.on_sent(len(piece))


async def _awaitable(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
