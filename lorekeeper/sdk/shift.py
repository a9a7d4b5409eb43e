"""One run of a worker, from its first claim to its last word.

    the caller's thread    Shift: which slots are free, when to ask, when to stop; it hears of the rest by `News`
    a claim's thread       Asker: one claim or long poll at a time, with its back-off where the server does not answer
    one thread             LeaseKeeper: the heartbeats of all jobs
    a thread for each job  JobRun: waits for the handler, uploads, completes or fails
    its handler            in another thread, or on the event loop that all `async def` handlers share

So neither a handler nor a long poll nor a slow upload keeps a lease from being renewed, or a stop from being heard.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.sdk.asking import Asker, Call, Claimed
from lorekeeper.sdk.calling import Registered
from lorekeeper.sdk.errors import WorkerStuckError
from lorekeeper.sdk.keeping import passes
from lorekeeper.sdk.lease import Lease
from lorekeeper.sdk.listening import tell
from lorekeeper.sdk.making import JobRun, Workshop

LETTING_GO_SECONDS = 10.0
RELEASES_AT_ONCE = 16
COMING_BACK_SECONDS = 1.0
"""How long handlers that were let go may take to clean up before the worker ends without them."""

News = queue.SimpleQueue[Callable[[], None] | None]
"""What the shift is told by its other threads, to be carried out in its own; None is a stop.

A SimpleQueue, because a signal handler may put into it at any moment.
"""

Handlers = Mapping[tuple[AssetTypeEnum, str], Registered]


class Shift:
    """Fills its slots, and empties them at the end. All but the jobs themselves happens in the thread of `work`."""

    def __init__(
        self,
        shop: Workshop,
        handlers: Handlers,
        call: Call,
        news: News,
        *,
        concurrency: int,
        grace_seconds: float,
        once: bool,
    ) -> None:
        self._shop = shop
        self._handlers = handlers
        self._call = call
        self._news = news
        self._concurrency = concurrency
        self._grace_seconds = grace_seconds
        self._once = once
        # By object: a job whose lease was lost may come to this worker again while its first handler still runs.
        self._runs: set[JobRun] = set()
        self._stops = 0
        self._asking = False
        self._dry = False
        self._refusal: Exception | None = None
        self._asker = Asker(
            shop.client,
            shop.brief,
            call,
            shop.listener,
            on_claimed=lambda claimed: news.put(partial(self._take, claimed)),
            on_refused=lambda error: news.put(partial(self._refused, error)),
        )

    def work(self) -> None:
        """Until stopped, or with `once` until there is nothing left to take.

        Raises what the server refused the worker with, and `WorkerStuckError`.
        """
        try:
            self._take_jobs()
            self._asker.stop()
            self._drain()
        finally:
            self._let_go_of_the_rest()

    def _take_jobs(self) -> None:
        stuck_until: float | None = None
        self._hear_all()
        while not self._stops and self._refusal is None:
            free = self._concurrency - len(self._runs)
            at_work = sum(not run.over.done() for run in self._runs)
            if free and not self._asking and not (self._once and self._dry):
                self._asking = True
                self._asker.ask(free, once=self._once)
            elif self._once and self._dry and not at_work:
                return
            if free or at_work:
                stuck_until = None
                self._hear(None)
                continue
            stuck_until = stuck_until or time.monotonic() + self._grace_seconds
            if (left := stuck_until - time.monotonic()) <= 0:
                raise WorkerStuckError(
                    f"none of the {self._concurrency} handlers that were given up has come back: start the worker anew"
                )
            self._hear(left)
        if self._refusal is not None and not (self._stops and passes(self._refusal)):
            raise self._refusal

    def _drain(self) -> None:
        deadline = time.monotonic() + self._grace_seconds
        told = False
        while (at_work := sum(not run.over.done() for run in self._runs)) and self._stops < 2:
            if not told:
                tell(self._shop.listener.draining, at_work)
                told = True
            if (left := deadline - time.monotonic()) <= 0:
                return
            self._hear(left)

    def _let_go_of_the_rest(self) -> None:
        self._asker.close()
        self._stops += 1  # however it came to this: what a claim has brought is given back, not begun
        self._hear_all()
        reason = f"{self._call.worker_id} was stopped before the job was done"
        rest = [run for run in self._runs if not run.over.done()]
        if rest:
            pool = ThreadPoolExecutor(min(len(rest), RELEASES_AT_ONCE), thread_name_prefix="lorekeeper-release")
            wait([pool.submit(run.let_go, reason) for run in rest], LETTING_GO_SECONDS)
            pool.shutdown(wait=False, cancel_futures=True)
        self._shop.loop.close()
        deadline = time.monotonic() + COMING_BACK_SECONDS
        while self._runs and (left := deadline - time.monotonic()) > 0:
            self._hear(left)
        self._shop.keeper.close()

    def _hear_all(self) -> None:
        while not self._news.empty():
            self._hear(0)

    def _hear(self, timeout: float | None) -> None:
        with suppress(queue.Empty):
            news = self._news.get(timeout=timeout)
            if news is None:
                self._stops += 1
            else:
                news()

    def _take(self, claimed: Claimed) -> None:
        self._asking = False
        self._dry = not claimed.jobs
        for job in claimed.jobs:
            if self._stops:
                self._asker.give_back(job)
            else:
                self._start(job, claimed.asked_at)

    def _refused(self, error: Exception) -> None:
        self._asking = False
        self._refusal = error

    def _start(self, job: ClaimedJob, asked_at: float) -> None:
        lease = Lease(job, lease_seconds=self._call.lease_seconds, asked_at=asked_at)
        run = JobRun(
            self._shop,
            lease,
            self._handlers[job.asset_type, job.provider],
            # Only to have the shift look again.
            on_over=lambda: self._news.put(lambda: None),
        )
        self._runs.add(run)
        tell(self._shop.listener.claimed, job)
        threading.Thread(target=self._carry_out, args=(run,), name=f"job-{job.id}", daemon=True).start()

    def _carry_out(self, run: JobRun) -> None:
        try:
            run.carry_out()
        finally:
            self._news.put(partial(self._forget, run))

    def _forget(self, run: JobRun) -> None:
        self._runs.discard(run)
        self._dry = False
