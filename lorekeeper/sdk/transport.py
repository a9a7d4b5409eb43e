"""The synchronous transport: sends a `Call` over HTTP, again where that is safe."""

import platform
import threading
from collections.abc import Iterator
from importlib.metadata import version
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import httpx
import tenacity

from lorekeeper.sdk.calls.core import Answer, Call
from lorekeeper.sdk.configuration import Access
from lorekeeper.sdk.errors import ServerUnreachableError, UnexpectedAnswerError
from lorekeeper.sdk.retrying import RetryCall, Wait, stop_after
from lorekeeper.sdk.streaming import PIECE, OnBytes, in_pieces

T = TypeVar("T")

# These are raised before a byte of the request was sent.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

# A proxy named in the environment is for the outside: it cannot reach this machine's own loopback.
NO_PROXY_HERE: dict[str, httpx.BaseTransport | None] = {
    "all://localhost": None,
    "all://127.0.0.1": None,
    "all://[::1]": None,
}


def user_agent() -> str:
    """What the SDK calls itself."""
    return f"lorekeeper-sdk/{version('lorekeeper')} python/{platform.python_version()}"


class Transport:
    """One server, one key, a pool of connections. Safe to use from several threads."""

    def __init__(self, access: Access, *, timeout: float, attempts: int) -> None:
        self.access = access
        self._timeout = timeout
        self._attempts = attempts
        self._closed = threading.Event()
        self._http = httpx.Client(
            base_url=access.url,
            headers={"Authorization": f"Bearer {access.api_key}", "User-Agent": user_agent()},
            timeout=timeout,
            mounts=NO_PROXY_HERE,
        )

    def send(self, call: Call[T], on_sent: OnBytes | None = None) -> T:
        """The parsed answer. Raises `APIError`, `ServerUnreachableError` or `UnexpectedAnswerError`.

        `on_sent` hears how much of the body was sent.
        """
        retrying = tenacity.Retrying(
            retry=RetryCall(repeatable=call.repeatable),
            wait=Wait(),
            stop=stop_after(self._attempts),
            sleep=self._sleep,
            reraise=True,
        )
        answer: T = retrying(self._send_once, call, on_sent)
        return answer

    def receive(self, call: Call[T], file: BinaryIO, on_bytes: OnBytes) -> None:
        """Write the answer to a file as it comes. Sent once. Raises as `send` does, also where it breaks off midway."""
        try:
            with self._http.stream(**self._request(call, None)) as response:
                if response.status_code != 200:
                    call.parse(Answer(response.status_code, response.headers, response.read()))
                    raise UnexpectedAnswerError(f"the server answered HTTP {response.status_code} with no file")
                done, total = 0, int(response.headers.get("content-length", 0))
                for piece in response.iter_bytes(PIECE):
                    file.write(piece)
                    done += len(piece)
                    on_bytes(done, total)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _send_once(self, call: Call[T], on_sent: OnBytes | None) -> T:
        try:
            response = self._http.request(**self._request(call, on_sent))
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        return call.parse(Answer(response.status_code, response.headers, response.content))

    def _request(self, call: Call[T], on_sent: OnBytes | None) -> dict[str, Any]:
        headers = dict(call.headers)
        content: bytes | Iterator[bytes] | None = call.body
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            if on_sent is not None:
                headers["Content-Length"] = str(len(call.body))
                content = in_pieces(call.body, on_sent)
        return {
            "method": call.method,
            "url": call.path,
            "params": dict(call.params),
            "content": content,
            "headers": headers,
            "timeout": httpx.Timeout(self._timeout, read=self._timeout + call.patience),
        }

    def _unreachable(self, error: httpx.TransportError) -> ServerUnreachableError:
        return ServerUnreachableError(
            f"no answer from {self.access.url}: {describe(error)}", never_sent=isinstance(error, _NEVER_SENT)
        )

    def _sleep(self, seconds: float) -> None:
        # Closing the client ends its waits at once.
        self._closed.wait(seconds)

    def close(self) -> None:
        """Closes the connections."""
        self._closed.set()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def describe(error: httpx.TransportError) -> str:
    """What went wrong on the line, in words."""
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    text = str(error).removeprefix("[Errno 111] ")
    return text[:1].lower() + text[1:] if text else type(error).__name__
