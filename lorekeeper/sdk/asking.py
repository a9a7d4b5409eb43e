"""Asking for jobs: one claim at a time, in a thread of its own, so that a stop need not wait for a long poll."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import tenacity

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import MAX_CLAIM, AssetJobClaim, AssetJobRelease, ClaimedJob
from lorekeeper.sdk.client import Client
from lorekeeper.sdk.keeping import passes
from lorekeeper.sdk.lease import steady_seconds
from lorekeeper.sdk.listening import WorkerListener, tell

_log = logging.getLogger("lorekeeper.worker")

LONG_POLL_SECONDS = 20.0

Wanted = tuple[list[AssetTypeEnum], list[str]]
"""Types and the providers that make exactly those: a claim asks for every pair of the two."""


@dataclass(frozen=True)
class Claimed:
    """What a claim brought. `asked_at` is when it was sent, by `steady_seconds`: the leases are no older."""

    jobs: list[ClaimedJob]
    asked_at: float


@dataclass(frozen=True)
class Call:
    """What of a claim is the same each time."""

    worker_id: str
    wanted: Sequence[Wanted]
    world_ids: list[UUID] | None
    lease_seconds: int


class Asker:
    """Asks when told to, and hands on what came of it. After `close`, what still comes is given back at once."""

    def __init__(
        self,
        client: Client,
        brief: Client,
        call: Call,
        listener: WorkerListener,
        *,
        on_claimed: Callable[[Claimed], None],
        on_refused: Callable[[Exception], None],
    ) -> None:
        self._client = client
        self._brief = brief
        self._call = call
        self._listener = listener
        self._on_claimed = on_claimed
        self._on_refused = on_refused
        self._turn = 0
        self._away = False
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, free: int, *, once: bool) -> None:
        """Begins to ask for at most so many jobs; with `once` it neither waits for one nor for a server."""
        threading.Thread(target=self._ask, args=(free, once), name="lorekeeper-claims", daemon=True).start()

    def stop(self) -> None:
        """No more tries at a server that does not answer."""
        self._closing.set()

    def close(self) -> None:
        """From now on nothing is handed on. A long poll that is still open is not waited for: the server sees it hang
        up when the process ends, and should it be answered before that, the jobs are released.
        """
        self.stop()
        with self._lock:
            self._closed = True

    def _ask(self, free: int, once: bool) -> None:
        try:
            claimed = self._retrying(once)(self._claim, free, once)
        except Exception as error:  # noqa: BLE001 - it is raised again where the worker runs
            self._hand_on(partial(self._on_refused, error), [])
        else:
            if self._away:
                self._away = False
                tell(self._listener.reachable)
            self._hand_on(partial(self._on_claimed, claimed), claimed.jobs)

    def _hand_on(self, news: Callable[[], None], jobs: list[ClaimedJob]) -> None:
        with self._lock:
            if not self._closed:
                news()
                return
        # The brief client may be closed by now.
        for job in jobs:
            self._give_back(job, self._client)

    def give_back(self, job: ClaimedJob) -> None:
        """Puts a job that nobody has begun back into the queue."""
        self._give_back(job, self._brief)

    def _give_back(self, job: ClaimedJob, client: Client) -> None:
        try:
            release = AssetJobRelease(lease_token=job.lease_token, reason="the worker was stopped before it began")
            client.jobs.release(job.id, release)
        except Exception:  # noqa: BLE001 - no answer, or a client that is closed as well: the lease runs out by itself
            _log.warning("job %s could not be given back", job.id, exc_info=True)

    def _claim(self, free: int, once: bool) -> Claimed:
        """Asks for each group of handlers until one has jobs, each time beginning with another: none is starved."""
        wanted = self._call.wanted
        self._turn += 1
        asked_at = steady_seconds()
        for number in range(len(wanted)):
            types, providers = wanted[(self._turn + number) % len(wanted)]
            asked_at = steady_seconds()
            claim = AssetJobClaim(
                worker_id=self._call.worker_id,
                providers=providers,
                asset_types=types,
                world_ids=self._call.world_ids,
                limit=min(free, MAX_CLAIM),
                lease_seconds=self._call.lease_seconds,
                wait_seconds=0 if once else self._patience(),
            )
            if jobs := self._client.jobs.claim(claim).jobs:
                return Claimed(jobs, asked_at)
        return Claimed([], asked_at)

    def _patience(self) -> float:
        """No longer than half the lease: a lease counts from when it was asked for."""
        return min(LONG_POLL_SECONDS / len(self._call.wanted) ** 2, self._call.lease_seconds / 2)

    def _retrying(self, once: bool) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: not once and passes(error)),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=30),
            stop=lambda _: self._closing.is_set(),
            before_sleep=self._tell_unreachable,
            sleep=self._sleep,
            reraise=True,
        )

    def _tell_unreachable(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._away = True
        tell(self._listener.unreachable, str(error), state.upcoming_sleep)

    def _sleep(self, seconds: float) -> None:
        self._closing.wait(seconds)
