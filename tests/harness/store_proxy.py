"""A store that differs: a real HTTP proxy in front of the real store, which answers some requests in its own way."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import urlsplit

from lorekeeper.storage.store import StoreAddress

# Those of one connection, which are not passed on (RFC 9110, 7.6.1), and those that are written anew.
_OWN_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True)
class Asked:
    """One request to the store. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    promised_bytes: int | None = None
    """What is said of the body's length, where that is not the truth."""


Forward = Callable[[], Answer]
Behaviour = Callable[[Asked, Forward], Answer | None]
"""How the store answers; None hangs up. `forward` asks the real store."""


def as_it_is(_: Asked, forward: Forward) -> Answer:
    return forward()


def hangs_up(_: Asked, __: Forward) -> None:
    """Down: it takes the connection and says nothing."""
    return


def refusing(header: str) -> Behaviour:
    """A store that does not know the header and says so, as some do."""

    def behave(asked: Asked, forward: Forward) -> Answer:
        return Answer(501) if header in asked.headers else forward()

    return behave


def swallowing(status: int) -> Behaviour:
    """A store that takes the uploads that it should refuse with this status."""

    def behave(asked: Asked, forward: Forward) -> Answer:
        answer = forward()
        return Answer(200) if asked.method == "PUT" and answer.status == status else answer

    return behave


def forgetting_checksums(asked: Asked, forward: Forward) -> Answer:
    """A store that gives no checksum back."""
    answer = forward()
    kept = {name: value for name, value in answer.headers.items() if not name.startswith("x-amz-checksum-")}
    return replace(answer, headers=kept)


class StoreProxy:
    """`behave` can be set at any time; `seen` is every request in the order of coming."""

    def __init__(self, server: ThreadingHTTPServer, behind: StoreAddress) -> None:
        self.behave: Behaviour = as_it_is
        self.seen: list[Asked] = []
        self.address = replace(behind, endpoint_url=f"http://127.0.0.1:{server.server_port}")
        self._store = urlsplit(str(behind.endpoint_url)).netloc

    def answer(self, asked: Asked) -> Answer | None:
        self.seen.append(asked)
        return self.behave(asked, lambda: self._forward(asked))

    def _forward(self, asked: Asked) -> Answer:
        """With the `Host` that the client sent: it is signed."""
        connection = http.client.HTTPConnection(self._store, timeout=30)
        try:
            connection.request(asked.method, asked.target, body=asked.body or None, headers=asked.headers)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            length = int(headers["content-length"]) if asked.method == "HEAD" and "content-length" in headers else None
            passed = {name: value for name, value in headers.items() if name not in _OWN_HEADERS}
            return Answer(answer.status, passed, answer.read(), length)
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        proxy = cast(_Server, self.server).proxy
        answer = proxy.answer(Asked(self.command, self.path, headers, body))
        self.close_connection = answer is None or answer.promised_bytes is not None
        if answer is None:
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(answer.promised_bytes or len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass

    def log_message(self, *_: object) -> None:
        """Nothing: `seen` tells it all."""


class _Server(ThreadingHTTPServer):
    proxy: StoreProxy
    daemon_threads = True


@contextmanager
def store_proxy(behind: StoreAddress, behave: Behaviour = as_it_is) -> Iterator[StoreProxy]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.proxy = StoreProxy(server, behind)
        server.proxy.behave = behave
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.proxy
        finally:
            server.shutdown()
            thread.join()
