"""One claimed job under its lease: whether it is still this worker's, and what the next heartbeat has to say."""

import threading
import time
from concurrent.futures import Future

from lorekeeper.contracts.jobs import AssetJobHeartbeatResponse, ClaimedJob, JobProgressUpdate
from lorekeeper.sdk.handling import JobCancelled

PROGRESS_EVERY_SECONDS = 1.0
BEATS_IN_A_LEASE = 3
REQUESTED = "requested"
RAN_OUT = "the lease ran out: no heartbeat got through"


def steady_seconds() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps, where it has such a one."""
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()


_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Lease:
    """It holds from the moment the request for it was *sent*: the server counts from later, so never from less.

    A process that was stopped meanwhile, or an answer that was long on its way, so never makes a stale lease look
    fresh. It is lost once the server says so, once that time is over, or once the worker lets go; and then for good.
    """

    def __init__(self, job: ClaimedJob, *, lease_seconds: int, asked_at: float) -> None:
        self.job = job
        self.lease_seconds = lease_seconds
        self.ended: Future[None] = Future()
        """Done once the lease is lost."""
        self.last_word = threading.Lock()
        """Held while an order is put on record: what ends the attempt lets that through first, for it was paid."""
        self._lock = threading.Lock()
        self._held_until = asked_at + lease_seconds
        self._lost_because: str | None = None
        self._cancel_reason: str | None = None
        self._progress: JobProgressUpdate | None = None
        self._last_beat = asked_at
        self._due_at = asked_at + lease_seconds / BEATS_IN_A_LEASE

    @property
    def lost_because(self) -> str | None:
        """Why the job is no longer this worker's; None while it is."""
        if self._lost_because is None and steady_seconds() >= self._held_until:
            self.lose(RAN_OUT)
        return self._lost_because

    @property
    def cancel_reason(self) -> str | None:
        """Why the job is to be given up; None while it is not. The lease holds on."""
        return self._cancel_reason

    @property
    def due_at(self) -> float:
        """When the next heartbeat is to be sent, or the lease is over, by `steady_seconds`."""
        return min(self._due_at, self._held_until)

    def check_held(self) -> None:
        """Raises `JobCancelled` once the lease is lost."""
        if reason := self.lost_because:
            raise JobCancelled(reason, lease_lost=True)

    def check(self) -> None:
        """The same, also once the job is to be given up."""
        self.check_held()
        if reason := self._cancel_reason:
            raise JobCancelled(cancelled_because(reason))

    def note(self, progress: JobProgressUpdate) -> None:
        """Has the next heartbeat say it, at most a second after the one before."""
        with self._lock:
            self._progress = progress
            pause = min(PROGRESS_EVERY_SECONDS, self.lease_seconds / BEATS_IN_A_LEASE)
            self._due_at = min(self._due_at, self._last_beat + pause)

    def begin_beat(self) -> JobProgressUpdate | None:
        """What there is to say. Whoever takes it sends it, and says how that went."""
        with self._lock:
            progress, self._progress = self._progress, None
            self._last_beat = steady_seconds()
            self._due_at = self._last_beat + self.lease_seconds / BEATS_IN_A_LEASE
            return progress

    def renewed(self, sent_at: float, answer: AssetJobHeartbeatResponse) -> None:
        """A heartbeat that was sent then came through."""
        with self._lock:
            self._held_until = max(self._held_until, sent_at + self.lease_seconds)
            if answer.cancel_requested and self._cancel_reason is None:
                self._cancel_reason = answer.cancel_reason or REQUESTED

    @property
    def again_seconds(self) -> float:
        """How long after a heartbeat without an answer to send another."""
        return min(max(self.lease_seconds / 12, 0.1), 5.0)

    def unanswered(self, progress: JobProgressUpdate | None) -> None:
        """No answer came. The lease is ours until it runs out; ask again soon."""
        with self._lock:
            self._progress = self._progress or progress
            self._due_at = steady_seconds() + self.again_seconds

    def lose(self, reason: str) -> None:
        """The job is no longer this worker's."""
        with self._lock:
            if self._lost_because is not None:
                return
            self._lost_because = reason
        self.ended.set_result(None)


def cancelled_because(reason: str) -> str:
    """The same in words."""
    return "the job was cancelled" if reason == REQUESTED else f"the job was cancelled: {reason}"
