"""Who is woken by news, and who is left to wait."""

import asyncio

from lorekeeper.kit.wakeups import Wakeups

LONG = 30


async def test_news_wakes_all_who_listen_for_its_name_and_nobody_else() -> None:
    wakeups = Wakeups()
    with wakeups.listening(["a"]) as first, wakeups.listening(["a", "b"]) as second, wakeups.listening(["b"]) as other:
        waiting = asyncio.create_task(other.wait(LONG))

        wakeups.notify(["a", "nobody listens for this"])

        await asyncio.wait_for(asyncio.gather(first.wait(LONG), second.wait(LONG)), LONG / 2)
        assert not waiting.done()
        wakeups.notify(["b"])
        await asyncio.wait_for(waiting, LONG / 2)


async def test_news_that_comes_during_a_look_ends_the_wait_after_it() -> None:
    wakeups = Wakeups()
    with wakeups.listening(["a"]) as listener:
        listener.about_to_look()
        wakeups.notify(["a"])

        await asyncio.wait_for(listener.wait(LONG), LONG / 2)


async def test_news_from_before_the_look_does_not() -> None:
    wakeups = Wakeups()
    with wakeups.listening(["a"]) as listener:
        wakeups.notify(["a"])
        listener.about_to_look()
        waiting = asyncio.create_task(listener.wait(LONG))
        await asyncio.sleep(0)

        assert not waiting.done()
        wakeups.close()
        await asyncio.wait_for(waiting, LONG / 2)
    assert wakeups.closed
