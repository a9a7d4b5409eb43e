"""One claimed job from its handler to its end."""

import logging
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from lorekeeper.contracts.enums import AssetJobStatusEnum
from lorekeeper.contracts.jobs import AssetJobComplete, AssetJobFail, ClaimedJob, JobProgressUpdate
from lorekeeper.sdk.client import Client
from lorekeeper.sdk.errors import (
    APIError,
    ConflictError,
    InvalidTransitionError,
    NotFoundError,
    SdkError,
    TransferError,
    UploadMismatchError,
)
from lorekeeper.sdk.handling import Handler, JobCancelled, JobError, MadeFile
from lorekeeper.sdk.lease import CANCELLED, Lease
from lorekeeper.sdk.listening import WorkerListener, WorkerReport, tell

_log = logging.getLogger("lorekeeper.worker")

LONGEST_MESSAGE = 10_000


class JobRun:
    """A job in this worker's hands. Whoever ends it first, the handler's thread or a stop, ends it alone."""

    def __init__(
        self,
        client: Client,
        job: ClaimedJob,
        handler: Handler,
        *,
        lease_seconds: int,
        listener: WorkerListener,
        report: WorkerReport,
    ) -> None:
        self.job = job
        self._client = client
        self._handler = handler
        self._lease_seconds = lease_seconds
        self._listener = listener
        self._report = report
        self._lock = threading.Lock()
        self._ended = False
        self._lease: Lease | None = None

    def carry_out(self) -> None:
        """Runs the handler and hands in its file, or says why not."""
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="lorekeeper-job-", ignore_cleanup_errors=True) as folder:
            lease = Lease(
                self._client.jobs,
                self.job,
                lease_seconds=self._lease_seconds,
                work_dir=Path(folder),
                on_progress=lambda progress: tell(self._listener.progressed, self.job, progress),
            )
            self._lease = lease
            with lease:
                self._make_and_hand_in(lease, began)

    def let_go(self, reason: str) -> None:
        """Gives the job back to the queue at once, whatever the handler is doing."""
        if not self._end():
            return
        if self._lease:
            self._lease.let_go(reason)
        release = self._failure("worker_stopped", reason, retryable=True)
        # If it does not get through, the lease runs out by itself.
        with suppress(SdkError):
            self._client.jobs.fail(self.job.id, release)
        self._count_dropped(reason)

    def _make_and_hand_in(self, lease: Lease, began: float) -> None:
        try:
            made = self._make(lease)
            lease.check()
            self._hand_in(made, lease, began)
        except JobCancelled as stopped:
            if lease.cancelled:
                self._confirm_cancelled()
            elif reason := lease.ended_by:
                self._drop(reason)
            else:
                self._fail("handler_stopped", str(stopped) or "the handler stopped by itself", retryable=True)
        except JobError as error:
            self._fail(error.code, str(error), retryable=error.retryable)
        except InvalidTransitionError:
            # Cancelled after the last heartbeat: the file came too late.
            self._confirm_cancelled()
        except (ConflictError, NotFoundError) as error:
            self._drop(error.detail)
        except UploadMismatchError as error:
            self._fail(error.code, error.detail, retryable=True)
        except TransferError as error:
            self._fail("upload_failed", str(error), retryable=True)
        except APIError as error:
            self._fail(error.code, error.detail, retryable=error.status >= 500 or error.status == 429)
        except SdkError as error:
            self._drop(f"the file could not be handed in: {error}")

    def _make(self, lease: Lease) -> MadeFile:
        try:
            made = self._handler(self.job, lease)
        except (JobCancelled, JobError):
            raise
        # A handler is somebody else's code: whatever it raises ends this job, and never the worker.
        except Exception as error:
            _log.exception("the handler of job %s crashed", self.job.id)
            last_line = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
            raise JobError("handler_crashed", last_line, retryable=True) from error
        if not made.path.is_file() or not made.path.stat().st_size:
            raise JobError("handler_made_nothing", f"the handler left no file at {made.path.name}", retryable=True)
        return made

    def _hand_in(self, made: MadeFile, lease: Lease, began: float) -> None:
        self._tell(JobProgressUpdate(percent=100, stage="uploading"))
        uploaded = self._client.assets.upload(
            made.path,
            world_id=self.job.world_id,
            asset_type=self.job.asset_type,
            content_type=made.content_type,
        )
        lease.check()
        done = AssetJobComplete(
            storage_key=uploaded.storage_key,
            format=made.format,
            content_type=uploaded.content_type,
            size_bytes=uploaded.size_bytes,
            checksum=uploaded.checksum,
            duration_seconds=made.duration_seconds,
            metadata=made.metadata,
            lease_token=self.job.lease_token,
        )
        job = self._client.jobs.complete(self.job.id, done)
        if self._end() and job.asset is not None:
            self._report.count(succeeded=1)
            tell(self._listener.succeeded, self.job, job.asset, time.monotonic() - began)

    def _fail(self, code: str, message: str, *, retryable: bool) -> None:
        if not self._end():
            return
        try:
            job = self._client.jobs.fail(self.job.id, self._failure(code, message, retryable=retryable))
        except SdkError as error:
            self._count_dropped(f"{message} (and the server did not take note: {error})")
            return
        if job.status == AssetJobStatusEnum.CANCELLED:
            self._count_dropped(CANCELLED)
            return
        will_retry = job.status == AssetJobStatusEnum.QUEUED
        self._report.count(retried=int(will_retry), failed=int(not will_retry))
        tell(self._listener.failed, self.job, code, message, will_retry=will_retry)

    def _failure(self, code: str, message: str, *, retryable: bool) -> AssetJobFail:
        return AssetJobFail(
            error_code=code,
            error_message=message.replace("\x00", "")[:LONGEST_MESSAGE],
            retryable=retryable,
            lease_token=self.job.lease_token,
        )

    def _confirm_cancelled(self) -> None:
        """Ends the lease of a cancelled job, so that it need not run out first. The server makes it CANCELLED."""
        if not self._end():
            return
        with suppress(SdkError):
            self._client.jobs.fail(self.job.id, self._failure("cancelled", CANCELLED, retryable=False))
        self._count_dropped(CANCELLED)

    def _drop(self, reason: str) -> None:
        if self._end():
            self._count_dropped(reason)

    def _count_dropped(self, reason: str) -> None:
        self._report.count(dropped=1)
        tell(self._listener.dropped, self.job, reason)

    def _tell(self, progress: JobProgressUpdate) -> None:
        tell(self._listener.progressed, self.job, progress)

    def _end(self) -> bool:
        with self._lock:
            ended, self._ended = self._ended, True
            return not ended
