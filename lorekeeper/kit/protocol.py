"""uvicorn's HTTP protocol, with an end to what may come before a body and after it."""

import asyncio
from importlib.util import find_spec
from typing import Literal

from lorekeeper.contracts.errors import BadRequestError, HeadersTooLargeError, LoreKeeperError
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.problems import problem_response

MOST_BEFORE_BODY = 1024 * 1024
"""Bytes, and as many for the trailers behind a body. Whole requests have far smaller limits (`middleware.py`); this one
keeps memory from filling before that.
"""

LONGEST_URL = 60_000


def bounded_protocol() -> type[asyncio.Protocol] | Literal["auto"]:
    """What to give to uvicorn as `http`. Where httptools is missing, h11 has a limit of its own."""
    if find_spec("httptools") is None:
        return "auto"
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

    class Bounded(HttpToolsProtocol):
        """httptools gathers request line, headers and trailers for as long as they come, and asks nobody.

        Trailers are not let in among the headers. What is no HTTP at all is refused with a problem document, too.
        """

        _before_body = False
        _received = 0

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._before_body, self._received = True, 0

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._before_body:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._before_body = False
            # httptools reads no longer URL; what is left of this one is still refused as too long.
            self.url = self.url[:LONGEST_URL]
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._received = 0
            super().on_body(body)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            # What is received at once may hold the end of an earlier request or of a body: far less than the limit.
            self._received += len(data)
            if self._received <= MOST_BEFORE_BODY:
                return
            if self._before_body:
                self._refuse(
                    HeadersTooLargeError(f"Request line and headers are larger than {MOST_BEFORE_BODY} bytes.")
                )
            else:  # trailers; the request may have been answered already
                self.transport.close()

        def send_400_response(self, msg: str) -> None:
            self._refuse(BadRequestError(msg))

        def _refuse(self, error: LoreKeeperError) -> None:
            request_id = new_id().hex
            response = problem_response(error, request_id)
            headers = [*response.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
            head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            self.transport.write(STATUS_LINE[error.status] + head + b"\r\n" + bytes(response.body))
            self.transport.close()

    return Bounded
