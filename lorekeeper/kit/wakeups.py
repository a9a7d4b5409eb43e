"""Waking those in this process who wait for something to happen. Other processes find out by looking again."""

import asyncio


class Wakeups:
    """A waiter returns at the next `notify` or when its time is up, whichever comes first."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()
        self.closed = False
        self.count = 0
        """How often there was a notification."""

    def close(self) -> None:
        """The process is going: wake all, and let nobody wait any more."""
        self.closed = True
        self.notify()

    def notify(self) -> None:
        """Wake all who wait now."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, seconds: float, *, since: int) -> None:
        """`since` is `count` as it was before the caller looked: what happened after that ends the wait at once."""
        if self.closed or self.count != since:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=seconds)
        finally:
            self._waiters.discard(waiter)
