"""What a worker tells about its work, for a terminal, a log or a test."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec

from lorekeeper.contracts.assets import AssetResponse
from lorekeeper.contracts.jobs import ClaimedJob, JobProgress

_log = logging.getLogger("lorekeeper.worker")

P = ParamSpec("P")


@dataclass(slots=True)
class WorkerReport:
    """How the jobs of one `Worker.run` ended."""

    succeeded: int = 0
    failed: int = 0
    """Failed for good."""
    retried: int = 0
    """Failed, and put back in the queue."""
    dropped: int = 0
    """Cancelled, or lost to another worker, or let go at shutdown."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def count(self, *, succeeded: int = 0, failed: int = 0, retried: int = 0, dropped: int = 0) -> None:
        """Adds the end of a job; jobs end in several threads."""
        with self._lock:
            self.succeeded += succeeded
            self.failed += failed
            self.retried += retried
            self.dropped += dropped


class WorkerListener:
    """Override what you want to hear. With concurrency, methods are called from several threads at once."""

    def started(self, worker_id: str) -> None:
        """The worker begins to ask for jobs."""

    def claimed(self, job: ClaimedJob) -> None:
        """A job is this worker's now."""

    def progressed(self, job: ClaimedJob, progress: JobProgress) -> None:
        """The handler, or the upload after it, has come further."""

    def succeeded(self, job: ClaimedJob, asset: AssetResponse, seconds: float) -> None:
        """The file is in the store and the asset on record."""

    def failed(self, job: ClaimedJob, code: str, message: str, *, will_retry: bool) -> None:
        """The job was given up; `will_retry` is true when it went back to the queue."""

    def dropped(self, job: ClaimedJob, reason: str) -> None:
        """The job is no longer this worker's: its file was not handed in."""

    def unreachable(self, reason: str, wait_seconds: float) -> None:
        """The server does not answer; the worker asks again after this time."""

    def draining(self, in_flight: int) -> None:
        """The worker was asked to stop: it finishes what it has and takes nothing new."""


def tell(hear: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Calls a listener's method. It is somebody else's code: an error in it is logged, and costs no job."""
    try:
        hear(*args, **kwargs)
    except Exception:  # noqa: BLE001 - the reason is above
        _log.exception("a worker's listener failed")
