"""A line to the database that breaks when told to: a TCP proxy in front of the real PostgreSQL."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from urllib.parse import urlsplit

_READY = b"Z\x00\x00\x00\x05I"
"""PostgreSQL's word that a statement is over and committed: ReadyForQuery, idle (its protocol, section 54.7)."""


class Breaks(Enum):
    BEFORE = "the statement does not arrive"
    AFTER = "the statement is carried out, and its answer does not arrive"


class DatabaseProxy:
    """`broken`: how often the line broke where it was told to; `refused`: how many came while it was down."""

    def __init__(self, url: str, port: int) -> None:
        parts = urlsplit(url)
        self._behind = (str(parts.hostname), parts.port or 5432)
        self.url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()
        self.broken = 0
        self.refused = 0
        self._down = False
        self._at: tuple[bytes, Breaks] | None = None
        self._lines: set[_Line] = set()
        self._lock = threading.Lock()

    def break_at(self, mark: str, where: Breaks) -> None:
        """Once, at the next statement that has this text among its parameters."""
        self._at = mark.encode(), where

    def go_down(self) -> None:
        """As PostgreSQL's death looks from outside: all connections end, and none is taken until `come_back`."""
        with self._lock:
            self._down = True
            lines = list(self._lines)
        for line in lines:
            line.end()

    def come_back(self) -> None:
        self._down = False

    def taken(self, client: socket.socket) -> None:
        """Carry this connection to its end."""
        if self._down:
            self.refused += 1
            client.close()
            return
        with socket.create_connection(self._behind) as server, client:
            line = _Line(self, client, server)
            with self._lock:
                self._lines.add(line)
            line.carry()
            with self._lock:
                self._lines.discard(line)

    def reached(self, data: bytes) -> Breaks | None:
        """Whether the line is to break at this piece of what the app sends."""
        with self._lock:
            if self._at is None or self._at[0] not in data:
                return None
            (_, where), self._at = self._at, None
            self.broken += 1
            return where


class _Line:
    def __init__(self, proxy: DatabaseProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._swallows = False

    def carry(self) -> None:
        back = threading.Thread(target=self._pass_back, daemon=True)
        back.start()
        with suppress(OSError):
            while data := self._client.recv(1 << 16):
                where = self._proxy.reached(data)
                if where is Breaks.BEFORE:
                    break
                self._swallows = self._swallows or where is Breaks.AFTER
                self._server.sendall(data)
        self.end()
        back.join()

    def _pass_back(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(1 << 16):
                if not self._swallows:
                    self._client.sendall(data)
                elif data.endswith(_READY):
                    break
        self.end()

    def end(self) -> None:
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@contextmanager
def database_proxy(url: str) -> Iterator[DatabaseProxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = DatabaseProxy(url, listener.getsockname()[1])
        threading.Thread(target=_take, args=(listener, proxy), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.go_down()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _take(listener: socket.socket, proxy: DatabaseProxy) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=proxy.taken, args=(client,), daemon=True).start()
