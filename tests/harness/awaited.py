"""The asynchronous client for tests that block: each call is run to its end, so that one test holds both clients."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any

from lorekeeper.sdk.operations import Group


class Awaited:
    """An `AsyncClient`, or a group of it, that looks like the synchronous one."""

    def __init__(self, inner: Any, runner: asyncio.Runner) -> None:
        self._inner = inner
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if isinstance(found, Group):
            return Awaited(found, self._runner)
        return (lambda *args, **given: self._outcome(found(*args, **given))) if callable(found) else found

    def __call__(self, *args: Any, **given: Any) -> Any:
        return self._outcome(self._inner(*args, **given))

    def _outcome(self, begun: Any) -> Any:
        if isinstance(begun, Coroutine):
            return self._runner.run(begun)
        return self._rows(begun) if inspect.isasyncgen(begun) else begun

    def _rows(self, begun: AsyncGenerator[Any, None]) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._runner.run(_next(begun))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(_close(begun))


async def _next(rows: AsyncGenerator[Any, None]) -> Any:
    return await anext(rows)


async def _close(rows: AsyncGenerator[Any, None]) -> None:
    await rows.aclose()
