"""To the server and back: sends a `Call` over HTTP, again where that is safe."""

import platform
from functools import partial
from importlib.metadata import version
from typing import BinaryIO, TypeVar

import httpx
import tenacity

from lorekeeper.sdk.calls.core import Call
from lorekeeper.sdk.configuration import Access
from lorekeeper.sdk.errors import ServerUnreachableError, UnexpectedAnswerError
from lorekeeper.sdk.execution import Execution
from lorekeeper.sdk.http import Outgoing, Request, describe
from lorekeeper.sdk.retrying import RetryCall, Wait, stop_after
from lorekeeper.sdk.streaming import OnProgress, reader_of

T = TypeVar("T")

# These are raised before a byte of the request was sent.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def user_agent() -> str:
    """What the SDK calls itself."""
    return f"lorekeeper-sdk/{version('lorekeeper')} python/{platform.python_version()}"


class Transport:
    """One server, one key, a pool of connections."""

    def __init__(self, access: Access, execution: Execution, *, timeout: float, attempts: int) -> None:
        self.access = access
        self._execution = execution
        self._attempts = attempts
        headers = {"Authorization": f"Bearer {access.api_key}", "User-Agent": user_agent()}
        self._http = execution.http(timeout=timeout, headers=headers, base_url=access.url)

    async def send(self, call: Call[T]) -> T:
        """The parsed answer. Raises `APIError`, `ServerUnreachableError` or `UnexpectedAnswerError`."""
        retrying = tenacity.AsyncRetrying(
            retry=RetryCall(repeatable=call.repeatable),
            wait=Wait(),
            stop=stop_after(self._attempts),
            sleep=self._execution.sleep,
            reraise=True,
        )
        answer: T = await retrying(self._send_once, call)
        return answer

    async def receive(self, call: Call[T], file: BinaryIO, on_progress: OnProgress) -> None:
        """Write the answer to a file as it comes. Sent once. Raises as `send` does, also where it breaks off midway."""
        try:
            async with self._http.stream(_request(call)) as incoming:
                if incoming.status != 200:
                    call.parse(await incoming.whole())
                    raise UnexpectedAnswerError(f"the server answered HTTP {incoming.status} with no file")
                done, total = 0, int(incoming.headers.get("content-length", 0))
                async for piece in incoming.pieces:
                    await self._execution.aside(partial(file.write, piece))
                    done += len(piece)
                    on_progress(done, total)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    async def _send_once(self, call: Call[T]) -> T:
        try:
            return call.parse(await self._http.request(_request(call)))
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> ServerUnreachableError:
        return ServerUnreachableError(
            f"no answer from {self.access.url}: {describe(error)}", never_sent=isinstance(error, _NEVER_SENT)
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()


def _request(call: Call[T]) -> Request:
    headers = dict(call.headers)
    body: bytes | Outgoing | None = call.body
    if call.body is not None:
        headers["Content-Type"] = "application/json"
        if call.on_progress is not None:
            body = _told_of(call.body, call.on_progress)
    return Request(call.method, call.path, call.params, headers, body, call.patience)


def _told_of(body: bytes, on_progress: OnProgress) -> Outgoing:
    done = 0

    def on_sent(length: int) -> None:
        nonlocal done
        done += length
        on_progress(done, len(body))

    return Outgoing(len(body), reader_of(body), on_sent)
