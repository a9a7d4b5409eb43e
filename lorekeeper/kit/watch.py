"""Waiting until something changes, whichever process changes it.

All who wait in one process share one look a second. What this process itself has changed it says with `stir`, and that
is looked at at once. Between looks nobody holds a connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from lorekeeper.contracts.errors import DatabaseUnavailableError

EVERY_SECONDS = 1.0

Look = Callable[[list[UUID]], Awaitable[Mapping[UUID, str]]]
"""Tells, for each of these, how it looks now: a text that is another when it has changed."""


class Watcher:
    """One who waits: for `key` to look unlike what it was when the wait began."""

    def __init__(self, unlike: str) -> None:
        self.unlike = unlike
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def saw_a_change(self) -> bool:
        return self._changed.done()

    def told(self, how_it_looks: str | None) -> None:
        if how_it_looks != self.unlike and not self._changed.done():
            self._changed.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Until there is a change, for so long at the most."""
        await asyncio.wait((self._changed,), timeout=seconds)


class Watch:
    """Looks only while somebody watches, and never twice at the same time."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._watchers: dict[UUID, set[Watcher]] = {}
        self._stirred: set[UUID] = set()
        self._wake = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def stir(self, *keys: UUID) -> None:
        """These may have changed: look at those that are watched, at once."""
        if watched := self._watchers.keys() & keys:
            self._stirred |= watched
            self._wake.set()

    @contextmanager
    def watching(self, key: UUID, *, unlike: str) -> Iterator[Watcher]:
        """A change that came before this, but after `unlike` was seen, is found as well."""
        watcher = Watcher(unlike)
        self._watchers.setdefault(key, set()).add(watcher)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_around())
        self.stir(key)
        try:
            yield watcher
        finally:
            watchers = self._watchers[key]
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[key]

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look_around(self) -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time() + EVERY_SECONDS
        while self._watchers:
            try:
                await asyncio.wait_for(self._wake.wait(), max(0.0, next_round - loop.time()))
            except TimeoutError:
                self._stirred.update(self._watchers)
                next_round = loop.time() + EVERY_SECONDS
            keys = [key for key in self._stirred if key in self._watchers]
            self._stirred.clear()
            self._wake.clear()
            if keys:
                await self._look_at(keys)

    async def _look_at(self, keys: list[UUID]) -> None:
        try:
            found = await self._look(keys)
        except DatabaseUnavailableError:
            return  # the next round looks again; whoever has waited to the end is told by a read of their own
        for key in keys:
            for watcher in self._watchers.get(key, ()):
                watcher.told(found.get(key))
