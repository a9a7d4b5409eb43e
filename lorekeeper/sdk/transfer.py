"""Moving files to and from the object store, over presigned URLs. The API key never goes there."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

import httpx
import tenacity

from lorekeeper.sdk.errors import TransferError
from lorekeeper.sdk.execution import Execution
from lorekeeper.sdk.http import Incoming, Outgoing, Request, describe
from lorekeeper.sdk.retrying import RetryTransfer, Wait, stop_after
from lorekeeper.sdk.transport import user_agent

# What a store answers to a URL whose time is over. S3 says 403, and 400 once the credentials behind it have expired.
_STALE = frozenset({400, 403})


class Presigned(Protocol):
    """Where to move a file, and how."""

    @property
    def method(self) -> str:
        """PUT or GET."""
        ...

    @property
    def url(self) -> str:
        """With everything in it that the store asks for."""
        ...


U = TypeVar("U", bound=Presigned)


class Place(Generic[U]):
    """A presigned URL, and how to get another one for the same when its time is over."""

    def __init__(self, now: U, expires_at: datetime, another: Callable[[], Awaitable[tuple[U, datetime]]]) -> None:
        self.now = now
        self._expires_at = expires_at
        self._another = another

    async def fresh(self) -> U:
        """The URL, or another one where this one's time is over by our own clock."""
        if datetime.now(UTC) >= self._expires_at:
            await self.renew()
        return self.now

    async def renew(self) -> U:
        """Another one."""
        self.now, self._expires_at = await self._another()
        return self.now


class Store:
    """Sends and fetches over presigned URLs; what breaks off is tried again, up to `attempts` times."""

    def __init__(self, execution: Execution, *, timeout: float, attempts: int) -> None:
        self._execution = execution
        self._attempts = attempts
        self._http = execution.http(timeout=timeout, headers={"User-Agent": user_agent()})

    async def move(self, place: Place[U], once: Callable[[U], Awaitable[None]]) -> None:
        """Has `once` move something to or from the place until it gets through. Raises `TransferError`.

        A URL that the store refuses is replaced. If it refuses the fresh one too, it is not a matter of time.
        """

        async def attempt() -> None:
            try:
                await once(await place.fresh())
            except TransferError as error:
                if error.status not in _STALE:
                    raise
                await once(await place.renew())

        await tenacity.AsyncRetrying(
            retry=RetryTransfer(),
            wait=Wait(),
            stop=stop_after(self._attempts),
            sleep=self._execution.sleep,
            reraise=True,
        )(attempt)

    async def put(self, to: Presigned, headers: Mapping[str, str], body: Outgoing, what: str) -> None:
        """Sends it once, with exactly these headers. Raises `TransferError`."""
        try:
            answer = await self._http.request(Request(to.method, to.url, headers=headers, body=body))
        except httpx.TransportError as error:
            raise TransferError(f"{what} broke off: {describe(error)}") from error
        # 412: an earlier try of ours arrived after all. The key was handed out to us alone, and whoever makes an asset
        # of it checks what lies there.
        if answer.status >= 300 and answer.status != 412:
            raise TransferError(f"the store refused {what} (HTTP {answer.status})", status=answer.status)

    @asynccontextmanager
    async def get(self, what: Presigned, headers: Mapping[str, str], name: str) -> AsyncIterator[Incoming]:
        """Fetches it once. Raises `TransferError`, also where it breaks off while it is read."""
        try:
            async with self._http.stream(Request(what.method, what.url, headers=headers)) as incoming:
                yield incoming
        except httpx.TransportError as error:
            raise TransferError(f"{name} broke off: {describe(error)}") from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()
