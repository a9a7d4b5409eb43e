"""Waking those in this process who wait for something of some name. Other processes find out by looking again."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Listener:
    """One who looks for something, and between looks waits for news of it."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def hear(self) -> None:
        self._news.set()

    def about_to_look(self) -> None:
        """What comes from now on ends the next wait, also what comes before it begins."""
        self._news.clear()

    async def wait(self, seconds: float) -> None:
        """Until there is news, for so long at the most."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return


class Wakeups:
    """Only those are woken who listen for the name: else each new job would have all idle workers ask for theirs."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self.closed = False

    def close(self) -> None:
        """The process is going: wake all. Whoever listens looks once more at the most, and waits no longer."""
        self.closed = True
        self.notify(self._listeners)

    def notify(self, names: Iterable[str]) -> None:
        """Wake all who listen now for one of these."""
        for name in names:
            for listener in self._listeners.get(name, ()):
                listener.hear()

    @contextmanager
    def listening(self, names: Iterable[str]) -> Iterator[Listener]:
        """A listener for what is notified under any of these names."""
        listener, wanted = Listener(), set(names)
        for name in wanted:
            self._listeners.setdefault(name, set()).add(listener)
        try:
            yield listener
        finally:
            for name in wanted:
                listeners = self._listeners[name]
                listeners.discard(listener)
                if not listeners:
                    del self._listeners[name]
