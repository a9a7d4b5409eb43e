"""Many who wait share their looks."""

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid4

from lorekeeper.contracts.errors import DatabaseUnavailableError
from lorekeeper.kit.watch import EVERY_SECONDS, Watch


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


class Things:
    """What changes, and how often it was looked at."""

    def __init__(self) -> None:
        self.states: dict[UUID, str] = {}
        self.looks: list[set[UUID]] = []
        self.away = False
        self.watch = Watch(self.look)

    async def look(self, keys: list[UUID]) -> dict[UUID, str]:
        self.looks.append(set(keys))
        await asyncio.sleep(0)
        if self.away:
            raise DatabaseUnavailableError("away")
        return {key: self.states[key] for key in keys}

    async def waits(self, key: UUID, seconds: float, *, unlike: str = "before") -> bool:
        with self.watch.watching(key, unlike=unlike) as watcher:
            await watcher.wait(seconds)
            return watcher.saw_a_change


async def test_a_thousand_who_wait_cost_one_look_a_round() -> None:
    things = Things()
    keys = [uuid4() for _ in range(1000)]
    things.states = dict.fromkeys(keys, "before")
    waiting = [asyncio.create_task(things.waits(key, 5)) for key in keys]
    await until(lambda: bool(things.looks))
    begun = len(things.looks)
    things.states = dict.fromkeys(keys, "after")

    assert all(await asyncio.gather(*waiting))
    assert things.looks[0] == set(keys)
    assert (begun, len(things.looks)) == (1, 2)


async def test_what_is_stirred_is_looked_at_at_once_and_alone() -> None:
    things = Things()
    one, other = uuid4(), uuid4()
    things.states = {one: "before", other: "before"}
    waiting = [asyncio.create_task(things.waits(key, EVERY_SECONDS / 2)) for key in (one, other)]
    await until(lambda: bool(things.looks))
    things.states[one] = "after"
    things.watch.stir(one, uuid4())

    assert await asyncio.wait_for(waiting[0], 0.2)
    assert not await waiting[1]
    assert things.looks[-1] == {one}


async def test_a_change_before_the_wait_is_seen() -> None:
    things = Things()
    key = uuid4()
    things.states = {key: "after"}

    assert await asyncio.wait_for(things.waits(key, 5), 0.5)


async def test_nobody_looks_when_nobody_waits() -> None:
    things = Things()
    key = uuid4()
    things.states = {key: "before"}
    assert not await things.waits(key, 0.01)
    looked = len(things.looks)

    things.watch.stir(key)
    await until(lambda: len(asyncio.all_tasks()) == 1)  # this test's own

    assert len(things.looks) == looked


async def test_a_look_that_fails_is_made_again() -> None:
    things = Things()
    key = uuid4()
    things.states, things.away = {key: "after"}, True
    waiting = asyncio.create_task(things.waits(key, 5))
    await until(lambda: bool(things.looks))
    things.away = False

    assert await waiting
    await things.watch.close()
