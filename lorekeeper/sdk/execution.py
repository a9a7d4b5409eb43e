"""How the SDK's code runs. It is written once, as coroutines, for callers who block and for callers who await.

Whatever takes time in it (a request, a pause, several things side by side) is asked of the execution. `Sync` blocks
there, so that a coroutine never has to wait and is carried out on the spot; `Async` awaits, and hands the coroutine to
its caller.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from lorekeeper.sdk.http import AsyncHttp, Http, SyncHttp

T = TypeVar("T")
Work = Coroutine[Any, Any, T]


class Execution(ABC):
    """What is not alike for the two kinds of caller."""

    @abstractmethod
    def http(self, *, timeout: float, headers: dict[str, str], base_url: str = "") -> Http:
        """Connections of its own."""

    @abstractmethod
    def run(self, work: Work[T]) -> Any:
        """What the caller of an operation gets: its outcome, or a coroutine that brings it."""

    @abstractmethod
    def walk(self, rows: AsyncGenerator[T, None]) -> Any:
        """The same for rows that come one after the other."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """A pause."""

    @abstractmethod
    async def aside(self, function: Callable[[], T]) -> T:
        """What a function gives that reads or writes a file, or computes for long."""

    @abstractmethod
    async def together(self, work: Callable[[], Work[None]], times: int, stop: Callable[[], None]) -> None:
        """Does the work so many times side by side. After a failure `stop` asks the others to end, and it is raised."""

    @abstractmethod
    def close(self) -> None:
        """Ends the pauses that can be ended from outside."""


class Sync(Execution):
    """For callers who block. Several threads may use it at once."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def http(self, *, timeout: float, headers: dict[str, str], base_url: str = "") -> Http:
        """Connections of its own."""
        return SyncHttp(timeout=timeout, headers=headers, base_url=base_url)

    def run(self, work: Work[T]) -> T:
        """The outcome."""
        try:
            work.send(None)
        except StopIteration as done:
            outcome: T = done.value
            return outcome
        work.close()
        raise RuntimeError("an operation of the synchronous client waited for an event loop")

    def walk(self, rows: AsyncGenerator[T, None]) -> Iterator[T]:
        """The rows as a generator."""
        try:
            while True:
                try:
                    row = self.run(_next(rows))
                except StopAsyncIteration:
                    return
                yield row
        finally:
            self.run(_close(rows))

    async def sleep(self, seconds: float) -> None:
        """A pause, which ends at once when the client is closed."""
        self._closed.wait(seconds)

    async def aside(self, function: Callable[[], T]) -> T:
        """Here and now: whoever called is blocked anyway."""
        return function()

    async def together(self, work: Callable[[], Work[None]], times: int, stop: Callable[[], None]) -> None:
        """In threads, unless it is one alone."""
        if times == 1:
            await work()
            return
        with ThreadPoolExecutor(times, thread_name_prefix="lorekeeper-transfer") as pool:
            running = [pool.submit(lambda: self.run(work())) for _ in range(times)]
            try:
                for one in wait(running, return_when=FIRST_EXCEPTION).done:
                    one.result()
            except BaseException:  # a Ctrl-C, too, must not wait until the others have done all there is to do
                stop()
                raise

    def close(self) -> None:
        """Ends the pauses."""
        self._closed.set()


class Async(Execution):
    """For callers who await."""

    def http(self, *, timeout: float, headers: dict[str, str], base_url: str = "") -> Http:
        """Connections of its own."""
        return AsyncHttp(timeout=timeout, headers=headers, base_url=base_url)

    def run(self, work: Work[T]) -> Work[T]:
        """The coroutine itself."""
        return work

    def walk(self, rows: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The asynchronous generator itself."""
        return rows

    async def sleep(self, seconds: float) -> None:
        """A pause of this task alone."""
        await asyncio.sleep(seconds)

    async def aside(self, function: Callable[[], T]) -> T:
        """In a thread, so that the event loop goes on."""
        return await asyncio.to_thread(function)

    async def together(self, work: Callable[[], Work[None]], times: int, stop: Callable[[], None]) -> None:
        """As tasks."""
        running = [asyncio.ensure_future(work()) for _ in range(times)]
        try:
            await asyncio.gather(*running)
        except BaseException:
            stop()
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            raise

    def close(self) -> None:
        """Nothing to do: a cancelled task ends its own pauses."""


async def _next(rows: AsyncGenerator[T, None]) -> T:
    return await anext(rows)


async def _close(rows: AsyncGenerator[T, None]) -> None:
    await rows.aclose()
