"""Keeping a claimed job: heartbeats from a thread of their own, whatever the handler does meanwhile."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from lorekeeper.contracts.jobs import AssetJobHeartbeat, ClaimedJob, JobProgressUpdate
from lorekeeper.sdk.errors import APIError, SdkError
from lorekeeper.sdk.handling import JobCancelled
from lorekeeper.sdk.jobs import Jobs

PROGRESS_EVERY_SECONDS = 1.0
CANCELLED = "the job was cancelled"


class Lease:
    """One job under its lease, and the handler's `JobContext`.

    It renews at a third of the lease. It ends when the server says so (cancelled, lost), when no renewal got through
    for as long as the lease lasts, or when the worker lets go.
    """

    def __init__(
        self,
        jobs: Jobs,
        job: ClaimedJob,
        *,
        lease_seconds: int,
        work_dir: Path,
        on_progress: Callable[[JobProgressUpdate], None],
    ) -> None:
        self.job = job
        self._jobs = jobs
        self._lease_seconds = lease_seconds
        self._work_dir = work_dir
        self._on_progress = on_progress
        self._progress: JobProgressUpdate | None = None
        self._ended_by: str | None = None
        self.cancelled = False
        self._held_until = time.monotonic() + lease_seconds
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{job.id}", daemon=True)

    @property
    def work_dir(self) -> Path:
        """An empty folder of this job's own."""
        return self._work_dir

    @property
    def ended_by(self) -> str | None:
        """Why the job is no longer this worker's; None while it is."""
        if self._ended_by is None and time.monotonic() >= self._held_until:
            self._ended_by = "the lease ran out: no heartbeat got through"
        return self._ended_by

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        """Notes how far the job has come; a heartbeat carries it to the server, at most once a second."""
        self.check()
        self._progress = JobProgressUpdate(percent=min(max(percent, 0.0), 100.0), stage=stage, message=message)
        self._on_progress(self._progress)
        self._wake.set()

    def check(self) -> None:
        """Raises `JobCancelled` once the job is no longer this worker's."""
        if reason := self.ended_by:
            raise JobCancelled(reason)

    def let_go(self, reason: str) -> None:
        """No more heartbeats; the handler hears of it at its next word."""
        self._ended_by = self._ended_by or reason
        self._over.set()
        self._wake.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._wake.set()

    def _keep(self) -> None:
        pause = self._lease_seconds / 3
        while True:
            had_news = self._wake.wait(pause)
            self._wake.clear()
            if self._over.is_set() or self.ended_by:
                return
            self._beat()
            if had_news and self._over.wait(min(PROGRESS_EVERY_SECONDS, pause)):
                return

    def _beat(self) -> None:
        sent = time.monotonic()
        progress, self._progress = self._progress, None
        beat = AssetJobHeartbeat(lease_token=self.job.lease_token, lease_seconds=self._lease_seconds, progress=progress)
        try:
            answer = self._jobs.heartbeat(self.job.id, beat)
        except APIError as error:
            if error.status < 500 and error.status != 429:
                self._ended_by = self._ended_by or error.detail
        except SdkError:
            # No answer. The lease is ours until it runs out; the next beat tries again.
            self._progress = self._progress or progress
        else:
            self._held_until = sent + self._lease_seconds
            if answer.cancel_requested:
                self.cancelled = True
                self._ended_by = self._ended_by or CANCELLED
