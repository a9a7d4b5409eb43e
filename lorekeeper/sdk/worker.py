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
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from uuid import UUID

import tenacity

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import MAX_CLAIM, AssetJobClaim, ClaimedJob
from lorekeeper.sdk.client import Client
from lorekeeper.sdk.errors import APIError, ServerUnreachableError
from lorekeeper.sdk.handling import Handler
from lorekeeper.sdk.listening import WorkerListener, WorkerReport, tell
from lorekeeper.sdk.making import JobRun

DEFAULT_LEASE_SECONDS = 60
DEFAULT_GRACE_SECONDS = 30.0
LONG_POLL_SECONDS = 20.0


class Worker:
    """Runs handlers for the jobs of one server, up to `concurrency` at once, each in a thread of its own.

    `world_ids` and `asset_types` narrow what it takes. `grace_seconds` is how long a stop waits for jobs in flight.
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
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._world_ids = list(world_ids) if world_ids is not None else None
        self._only = frozenset(map(AssetTypeEnum, asset_types)) if asset_types is not None else frozenset(AssetTypeEnum)
        self.listener = listener or WorkerListener()
        self._handlers: dict[tuple[AssetTypeEnum, str], Handler] = {}
        # By lease: a job whose lease was lost may come to this worker again while its first handler still runs.
        self._running: dict[UUID, JobRun] = {}
        self._turn = 0
        # A SimpleQueue, because a signal handler may put into it at any moment.
        self._news: queue.SimpleQueue[JobRun | None] = queue.SimpleQueue()
        self._stops = 0
        self._claiming = False
        self._report = WorkerReport()

    def add(self, asset_type: AssetTypeEnum | str, provider: str, handler: Handler) -> None:
        """Has `handler` make what is asked of `provider` in this type."""
        self._handlers[AssetTypeEnum(asset_type), provider] = handler

    def handler(self, asset_type: AssetTypeEnum | str, *, provider: str) -> Callable[[Handler], Handler]:
        """The same as a decorator."""

        def register(function: Handler) -> Handler:
            self.add(asset_type, provider, function)
            return function

        return register

    def run(self, *, once: bool = False, handle_signals: bool = True) -> WorkerReport:
        """Works until stopped, or with `once` until there is nothing left to take; answers how the jobs ended.

        In the main thread SIGTERM and SIGINT stop it, a second one at once; `handle_signals=False` leaves them alone.
        Raises `APIError` where the server refuses the worker itself, and with `once` where it does not answer.
        """
        self._report = WorkerReport()
        with self._signals(handle_signals):
            tell(self.listener.started, self.worker_id)
            try:
                self._take_jobs(once=once)
                self._drain()
            finally:
                self._let_go_of_the_rest()
                self._stops = 0
        return self._report

    def stop(self) -> None:
        """Asks `run` to take no more jobs and to finish those in flight; a second call, to let them go at once.

        A long poll is not cut short from another thread: it may take its 20 seconds.
        """
        self._stops += 1
        self._news.put(None)

    def _take_jobs(self, *, once: bool) -> None:
        while not self._stops:
            self._hear_all()
            free = self._concurrency - len(self._running)
            jobs = self._claim(free, once=once) if free else []
            for job in jobs:
                self._start(job)
            if free and not jobs and once and not self._running:
                return
            if not free or (once and not jobs):
                self._hear(None)

    def _drain(self) -> None:
        if not self._running:
            return
        tell(self.listener.draining, len(self._running))
        deadline = time.monotonic() + self._grace_seconds
        while self._running and self._stops < 2 and (left := deadline - time.monotonic()) > 0:
            self._hear(left)

    def _let_go_of_the_rest(self) -> None:
        self._hear_all()
        for run in self._running.values():
            run.let_go(f"{self.worker_id} was stopped before the job was done")
        self._running.clear()

    def _start(self, job: ClaimedJob) -> None:
        run = JobRun(
            self._client,
            job,
            self._handlers[job.asset_type, job.provider],
            lease_seconds=self._lease_seconds,
            listener=self.listener,
            report=self._report,
        )
        self._running[job.lease_token] = run
        tell(self.listener.claimed, job)
        threading.Thread(target=self._carry_out, args=(run,), name=f"job-{job.id}", daemon=True).start()

    def _carry_out(self, run: JobRun) -> None:
        try:
            run.carry_out()
        finally:
            self._news.put(run)

    def _hear(self, timeout: float | None) -> None:
        with suppress(queue.Empty):
            run = self._news.get(timeout=timeout)
            if run is not None:
                self._running.pop(run.job.lease_token, None)

    def _hear_all(self) -> None:
        while not self._news.empty():
            self._hear(0)

    def _claim(self, free: int, *, once: bool) -> list[ClaimedJob]:
        """Jobs for the free slots, at most so many; none after a stop, or when there are none."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: not once and _passes(error)),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=30),
            stop=lambda _: self._stops > 0,
            before_sleep=self._tell_unreachable,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._claim_once, free, once=once)
        except _Interrupted:
            return []
        except (ServerUnreachableError, APIError) as error:
            if self._stops and _passes(error):
                return []
            raise

    def _claim_once(self, free: int, *, once: bool) -> list[ClaimedJob]:
        """Asks for each group of handlers until one has jobs, each time beginning with another: none is starved."""
        wanted = self._wanted()
        self._turn += 1
        for number in range(len(wanted)):
            types, providers = wanted[(self._turn + number) % len(wanted)]
            call = AssetJobClaim(
                worker_id=self.worker_id,
                providers=providers,
                asset_types=types,
                world_ids=self._world_ids,
                limit=min(free, MAX_CLAIM),
                lease_seconds=self._lease_seconds,
                wait_seconds=0 if once else LONG_POLL_SECONDS / len(wanted) ** 2,
            )
            with self._interruptible():
                jobs = self._client.jobs.claim(call).jobs
            if jobs:
                return jobs
        return []

    def _wanted(self) -> list[tuple[list[AssetTypeEnum], list[str]]]:
        """Types and the providers that make exactly those: a claim asks for every pair of the two."""
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

    def _tell_unreachable(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        tell(self.listener.unreachable, str(error), state.upcoming_sleep)

    def _sleep(self, seconds: float) -> None:
        # Any news ends the wait: a finished job, or a stop.
        if not self._stops:
            self._hear(seconds)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        self._claiming = True
        try:
            if self._stops:
                raise _Interrupted
            yield
        finally:
            self._claiming = False

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
        if self._claiming:
            # Ends the long poll. Should it have been answered this very moment, that lease runs out by itself.
            self._claiming = False
            raise _Interrupted


class _Interrupted(BaseException):
    """A signal came during a long poll. Not an `Exception`, so that nothing on the way takes it for an error."""


def _passes(error: BaseException) -> bool:
    """Whether it is a matter of waiting."""
    if isinstance(error, APIError):
        return error.status >= 500 or error.status == 429
    return isinstance(error, ServerUnreachableError)


def default_worker_id() -> str:
    """Host, process and a random part: two workers never share it."""
    host = "".join(letter for letter in socket.gethostname() if "!" <= letter <= "~")[:150]
    return f"{host or 'worker'}-{os.getpid()}-{secrets.token_hex(2)}"
