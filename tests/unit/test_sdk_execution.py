"""Code that is written once, carried out for callers who block and for callers who await."""

import asyncio
import threading
from collections.abc import AsyncGenerator

import pytest

from lorekeeper.sdk.execution import Async, Sync


async def seven() -> int:
    return 7


async def waits() -> None:
    await asyncio.sleep(0)


def test_a_blocking_caller_gets_the_outcome_itself() -> None:
    assert Sync().run(seven()) == 7
    with pytest.raises(ZeroDivisionError):
        Sync().run(Sync().aside(lambda: 1 // 0))


async def test_it_does_so_inside_a_running_loop_too() -> None:
    """As in a notebook."""
    assert Sync().run(seven()) == 7


def test_what_would_wait_for_a_loop_is_a_mistake_of_ours() -> None:
    with pytest.raises(RuntimeError, match="waited for an event loop"):
        Sync().run(waits())


def test_a_walk_that_is_abandoned_is_ended() -> None:
    ended = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            for number in range(9):
                yield number
        finally:
            ended.append(True)

    rows = Sync().walk(numbers())
    assert next(rows) == 0
    rows.close()  # type: ignore[attr-defined]  # a generator, though only an iterator is promised
    assert ended == [True]
    assert list(Sync().walk(numbers())) == list(range(9))


def test_a_pause_ends_when_the_client_is_closed() -> None:
    sync = Sync()
    pause = threading.Thread(target=lambda: sync.run(sync.sleep(60)))
    pause.start()
    sync.close()
    pause.join(10)
    assert not pause.is_alive()


class Workers:
    """The first one to come fails once the other is there; the other waits to be told to stop."""

    def __init__(self, execution: Sync | Async) -> None:
        self.execution = execution
        self.stopped = threading.Event()
        self.begun = 0

    async def work(self) -> None:
        self.begun += 1
        first = self.begun == 1
        while not self.stopped.is_set():
            await self.execution.sleep(0.001)
            if first and self.begun == 2:
                raise KeyError("the first")

    def side_by_side(self) -> None:
        work = self.execution.together(self.work, 2, self.stopped.set)
        if isinstance(self.execution, Async):
            asyncio.run(work)
        else:
            self.execution.run(work)


@pytest.mark.parametrize("kind", [Sync, Async])
def test_what_fails_side_by_side_stops_the_others_and_is_told(kind: type[Sync | Async]) -> None:
    workers = Workers(kind())
    with pytest.raises(KeyError, match="the first"):
        workers.side_by_side()
    assert workers.stopped.is_set()
