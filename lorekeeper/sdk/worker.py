"""The worker runtime: takes jobs, runs your handlers, hands in the files, and loses nothing on the way.

worker = Worker(Client.from_environment())

@worker.handler("IMAGE", provider="local")
def paint(job: ClaimedJob, context: JobContext) -> MadeFile: ...

worker.run()
"""

import os
import queue
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar
from uuid import UUID

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.sdk.asking import Call, Wanted
from lorekeeper.sdk.calling import EventLoopThread, Registered
from lorekeeper.sdk.client import Client
from lorekeeper.sdk.handling import AsyncHandler, Handler
from lorekeeper.sdk.keeping import LeaseKeeper
from lorekeeper.sdk.listening import WorkerListener, WorkerReport, tell
from lorekeeper.sdk.making import Workshop
from lorekeeper.sdk.shift import News, Shift
from lorekeeper.sdk.workfolder import remove_abandoned

DEFAULT_LEASE_SECONDS = 60
DEFAULT_GRACE_SECONDS = 30.0

AnyHandler = TypeVar("AnyHandler", bound=Handler | AsyncHandler)


class Worker:
    """Runs handlers for the jobs of one server, up to `concurrency` at once: functions each in a thread of its own,
    `async def` handlers on one event loop.

    `world_ids` and `asset_types` narrow what it takes. `grace_seconds` is how long a stop waits for jobs in flight.
    Two workers with one `worker_id` do each other no harm: a job belongs to whoever has its lease token.
    """

    def __init__(
        self,
        client: Client,
        *,
        worker_id: str | None = None,
        concurrency: int = 1,
        lease_seconds: int = DEFAULT_LEASE_SECONDS,
        grace_seconds: float = DEFAULT_GRACE_SECONDS,
        world_ids: Iterable[UUID] | None = None,
        asset_types: Iterable[AssetTypeEnum | str] | None = None,
        listener: WorkerListener | None = None,
    ) -> None:
        self.worker_id = worker_id or default_worker_id()
        self._client = client
        self._concurrency = concurrency
        self.lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._world_ids = list(world_ids) if world_ids is not None else None
        self._only = frozenset(map(AssetTypeEnum, asset_types)) if asset_types is not None else frozenset(AssetTypeEnum)
        self.listener = listener or WorkerListener()
        self._handlers: dict[tuple[AssetTypeEnum, str], Registered] = {}
        self._news: News = queue.SimpleQueue()

    def add(
        self,
        asset_type: AssetTypeEnum | str,
        provider: str,
        handler: Handler | AsyncHandler,
        *,
        timeout_seconds: float | None = None,
    ) -> None:
        """Has `handler` make what is asked of `provider` in this type.

        After `timeout_seconds` the job fails, to be tried again, as `handler_timed_out`. An `async def` handler is
        cancelled then. A function cannot be: its slot stays taken until it comes back, and a worker all of whose
        slots are taken like that ends with `WorkerStuckError`, so that what supervises it starts it anew.
        """
        self._handlers[AssetTypeEnum(asset_type), provider] = Registered(handler, timeout_seconds)

    def handler(
        self, asset_type: AssetTypeEnum | str, *, provider: str, timeout_seconds: float | None = None
    ) -> Callable[[AnyHandler], AnyHandler]:
        """The same as a decorator."""

        def register(function: AnyHandler) -> AnyHandler:
            self.add(asset_type, provider, function, timeout_seconds=timeout_seconds)
            return function

        return register

    def run(self, *, once: bool = False, handle_signals: bool = True) -> WorkerReport:
        """Works until stopped, or with `once` until there is nothing left to take; answers how the jobs ended.

        In the main thread SIGTERM and SIGINT stop it: it takes no more jobs, gives those in flight `grace_seconds`,
        and then, or at a second signal, releases what is left, so that others can take it at once. `handle_signals=
        False` leaves the signals alone. Raises `APIError` where the server refuses the worker itself, with `once`
        `ServerUnreachableError` where it does not answer, and `WorkerStuckError`.
        """
        report = WorkerReport()
        remove_abandoned()
        call = Call(self.worker_id, self._wanted(), self._world_ids, self.lease_seconds)
        # A heartbeat that hangs is given up early enough for another.
        with self._client.like_this(timeout=min(max(self.lease_seconds / 6, 1.0), 10.0), attempts=1) as brief:
            keeper = LeaseKeeper(brief.jobs, self.listener)
            shop = Workshop(self._client, brief, keeper, EventLoopThread(), self.listener, report)
            shift = Shift(
                shop,
                self._handlers,
                call,
                self._news,
                concurrency=self._concurrency,
                grace_seconds=self._grace_seconds,
                once=once,
            )
            with self._signals(handle_signals):
                tell(self.listener.started, self.worker_id)
                shift.work()
        return report

    def stop(self) -> None:
        """Asks `run` to take no more jobs and to finish those in flight; a second call, to let them go at once."""
        self._news.put(None)

    def _wanted(self) -> list[Wanted]:
        by_provider: dict[str, set[AssetTypeEnum]] = {}
        for asset_type, provider in self._handlers:
            if asset_type in self._only:
                by_provider.setdefault(provider, set()).add(asset_type)
        groups: dict[tuple[AssetTypeEnum, ...], list[str]] = {}
        for provider, types in by_provider.items():
            groups.setdefault(tuple(sorted(types)), []).append(provider)
        if not groups:
            raise ValueError("this worker has no handler for anything it may take: add one first")
        return [(list(types), providers) for types, providers in groups.items()]

    @contextmanager
    def _signals(self, wanted: bool) -> Iterator[None]:
        if not wanted or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {name: signal.signal(name, self._on_signal) for name in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for name, old in before.items():
                signal.signal(name, old)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()


def default_worker_id() -> str:
    """Host, process and a random part: two workers never share it."""
    host = "".join(letter for letter in socket.gethostname() if "!" <= letter <= "~")[:150]
    return f"{host or 'worker'}-{os.getpid()}-{secrets.token_hex(2)}"
