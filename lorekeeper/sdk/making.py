"""One claimed job from its handler to its end."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lorekeeper.contracts.enums import AssetJobStatusEnum
from lorekeeper.contracts.jobs import (
    AssetJobComplete,
    AssetJobFullResponse,
    AssetJobRelease,
    ClaimedJob,
    JobProgressUpdate,
)
from lorekeeper.sdk.calling import EventLoopThread, HandlerCall, Registered
from lorekeeper.sdk.client import Client
from lorekeeper.sdk.context import WorkerContext, while_held
from lorekeeper.sdk.errors import (
    APIError,
    ConflictError,
    NotFoundError,
    SdkError,
    TransferError,
    UploadMismatchError,
)
from lorekeeper.sdk.failures import as_job_error, fail_body, invalid_file
from lorekeeper.sdk.handling import JobCancelled, JobError, MadeFile
from lorekeeper.sdk.keeping import LeaseKeeper
from lorekeeper.sdk.lease import Lease, cancelled_because
from lorekeeper.sdk.listening import WorkerListener, WorkerReport, tell
from lorekeeper.sdk.uploading import UploadedFile
from lorekeeper.sdk.workfolder import work_folder

_log = logging.getLogger("lorekeeper.worker")

PATIENCE_SECONDS = 300.0
"""How long to try to hand in a file, or to say why there is none, while the lease holds and that is not taken."""

COMPLETING_SECONDS = 5.0
"""How long a stop that lets go waits for a file that is being handed in this very moment."""

REMEMBERING_SECONDS = 5.0
"""The same for an order that is being put on record."""

COMING_BACK_SECONDS = 5.0
"""How long a handler whose job is over may take to end before its slot counts as lost."""


@dataclass(frozen=True)
class Workshop:
    """What all jobs of one worker share."""

    client: Client
    brief: Client
    """The same server with one attempt and little patience: for heartbeats, and for what is said at shutdown."""
    keeper: LeaseKeeper
    loop: EventLoopThread
    listener: WorkerListener
    report: WorkerReport


class JobRun:
    """A job in this worker's hands. Whoever ends it first, its own thread or a stop, ends it alone."""

    def __init__(self, shop: Workshop, lease: Lease, handler: Registered, *, on_over: Callable[[], None]) -> None:
        self.job: ClaimedJob = lease.job
        self.over: Future[None] = Future()
        """Done once the job is no more this worker's. Its handler may still be at work."""
        self._shop = shop
        self._lease = lease
        self._handler = handler
        self._on_over = on_over
        self._lock = threading.Lock()
        self._ended = False
        self._handing_in = False

    def carry_out(self) -> None:
        """Runs the handler and hands in its file, or says why not. Returns when the handler has, whenever that is."""
        try:
            self._shop.keeper.keep(self._lease)
            with work_folder() as folder:
                self._carry_out_in(folder)
        # No room for another folder or thread.
        except (OSError, RuntimeError) as error:
            _log.exception("job %s could not be begun", self.job.id)
            self._fail(JobError("worker_broken", f"The worker could not begin: {error}", retryable=True))
        finally:
            self._close()

    def _carry_out_in(self, folder: Path) -> None:
        shop = self._shop
        context = WorkerContext(shop.client, shop.brief, self._lease, work_dir=folder, on_progress=self._on_progress)
        call = self._handler.start(self.job, context, self._shop.loop)
        try:
            self._see_through(call)
        finally:
            self._close()
            self._wait_for_the_handler(call)

    def _wait_for_the_handler(self, call: HandlerCall) -> None:
        """A slot is held until its handler is back: what hangs still has its memory, and perhaps the GPU."""
        if call.done.done():
            return
        call.interrupt()
        if wait([call.done], COMING_BACK_SECONDS).not_done:
            tell(self._shop.listener.slot_lost, self.job)
            wait([call.done])

    def let_go(self, reason: str) -> None:
        """Gives the job back to the queue at once, whatever the handler is doing."""
        if self._handing_in:
            wait([self.over], COMPLETING_SECONDS)
        if self._lease.last_word.acquire(timeout=REMEMBERING_SECONDS):
            self._lease.last_word.release()
        if not self._end():
            return
        self._lease.lose(reason)
        try:
            release = AssetJobRelease(lease_token=self.job.lease_token, reason=reason)
            self._shop.brief.jobs.release(self.job.id, release)
        except SdkError as error:
            # The lease runs out by itself.
            reason = f"{reason} (and the server did not take note: {error})"
        self._count_dropped(reason)

    def _see_through(self, call: HandlerCall) -> None:
        began = time.monotonic()
        try:
            self._hand_in(self._made(call), began)
        except JobCancelled as stopped:
            self._stopped(stopped)
        except JobError as error:
            self._fail(error)
        except (ConflictError, NotFoundError) as error:
            self._drop(error.detail)
        except UploadMismatchError as error:
            self._fail(JobError(error.code, error.detail, retryable=True))
        except TransferError as error:
            self._fail(JobError("upload_failed", str(error), retryable=True))
        except APIError as error:
            self._fail(as_job_error(error))
        except SdkError as error:
            self._drop(f"the file could not be handed in: {error}")
        except Exception as error:  # noqa: BLE001 - what nobody foresaw must cost no slot; the lease runs out by itself
            _log.exception("the file of job %s could not be handed in", self.job.id)
            self._drop(f"the file could not be handed in: {type(error).__name__}")

    def _made(self, call: HandlerCall) -> MadeFile:
        either: list[Future[Any]] = [call.done, self._lease.ended]
        wait(either, self._handler.timeout_seconds, FIRST_COMPLETED)
        if not call.done.done():
            self._lease.check_held()
            raise timed_out(self._handler.timeout_seconds)
        return what_it_made(call)

    def _hand_in(self, made: MadeFile, began: float) -> None:
        """Also where the job was cancelled meanwhile: what was made, and perhaps paid, is kept as a late result."""
        as_completion(self.job, made)
        self._lease.check_held()
        self._lease.note(progress := JobProgressUpdate(percent=100, stage="uploading"))
        self._on_progress(progress)
        uploaded = while_held(self._lease, lambda: self._upload(made), patience=PATIENCE_SECONDS)
        body = as_completion(self.job, made, uploaded)
        self._handing_in = True
        job = while_held(
            self._lease, lambda: self._shop.client.jobs.complete(self.job.id, body), patience=PATIENCE_SECONDS
        )
        if self._end():
            self._handed_in(job, time.monotonic() - began)

    def _upload(self, made: MadeFile) -> UploadedFile:
        return self._shop.client.assets.upload(
            made.path,
            world_id=self.job.world_id,
            asset_type=self.job.asset_type,
            content_type=made.content_type,
            on_progress=lambda *_: self._lease.check_held(),
        )

    def _handed_in(self, job: AssetJobFullResponse, seconds: float) -> None:
        if job.asset is not None:
            self._shop.report.count(succeeded=1)
            tell(self._shop.listener.succeeded, self.job, job.asset, seconds)
        else:
            self._shop.report.count(late=1)
            tell(self._shop.listener.came_late, self.job, job)

    def _stopped(self, stopped: JobCancelled) -> None:
        if reason := self._lease.lost_because:
            self._drop(reason)
        elif reason := self._lease.cancel_reason:
            # Ends the lease, so that it need not run out first. The server makes the job CANCELLED.
            self._fail(JobError("cancelled", cancelled_because(reason)))
        else:
            self._fail(JobError("handler_stopped", str(stopped) or "the handler stopped by itself", retryable=True))

    def _fail(self, error: JobError) -> None:
        if not self._end():
            return
        body = fail_body(error, self.job.lease_token)
        with self._lease.last_word:
            pass  # a handler whose time is up may be at it; it tries for no longer than the lease holds
        try:
            job = while_held(
                self._lease, lambda: self._shop.client.jobs.fail(self.job.id, body), patience=PATIENCE_SECONDS
            )
        except (SdkError, JobCancelled) as refusal:
            self._count_dropped(f"{error} (and the server did not take note: {refusal})")
            return
        if job.status == AssetJobStatusEnum.CANCELLED:
            self._count_dropped(cancelled_because(self._lease.cancel_reason or job.error_code or "requested"))
            return
        will_retry = job.status == AssetJobStatusEnum.QUEUED
        self._shop.report.count(retried=int(will_retry), failed=int(not will_retry))
        tell(self._shop.listener.failed, self.job, body.error_code, str(error), will_retry=will_retry)

    def _drop(self, reason: str) -> None:
        if self._end():
            self._count_dropped(reason)

    def _count_dropped(self, reason: str) -> None:
        self._shop.report.count(dropped=1)
        tell(self._shop.listener.dropped, self.job, reason)

    def _on_progress(self, progress: JobProgressUpdate) -> None:
        self._shop.keeper.wake()
        tell(self._shop.listener.progressed, self.job, progress)

    def _end(self) -> bool:
        with self._lock:
            ended, self._ended = self._ended, True
            return not ended

    def _close(self) -> None:
        """A handler that goes on all the same hears at its next word that the job is over."""
        if self.over.done():
            return
        self._shop.keeper.drop(self._lease)
        self._lease.lose("the job is over")
        self.over.set_result(None)
        self._on_over()


def timed_out(seconds: float | None) -> JobError:
    """The handler took longer than it may."""
    return JobError("handler_timed_out", f"The handler took longer than {seconds or 0:g} s.", retryable=True)


def what_it_made(call: HandlerCall) -> MadeFile:
    """The file of a handler that has ended, once there is one. Raises `JobError` and `JobCancelled`, nothing else."""
    error = call.done.exception()
    if error is None:
        return _checked(call.done.result())
    if isinstance(error, JobCancelled | JobError):
        raise error
    if isinstance(error, asyncio.CancelledError):
        raise JobCancelled("the handler was cancelled")
    _log.error("a handler raised", exc_info=error)
    raise as_job_error(error) from error


def _checked(made: MadeFile) -> MadeFile:
    if not isinstance(made, MadeFile):
        raise JobError("handler_made_nothing", f"the handler gave a {type(made).__name__}, not a MadeFile")
    path = Path(made.path)
    if not path.is_file() or not path.stat().st_size:
        raise JobError("handler_made_nothing", f"the handler left no file at {path.name}", retryable=True)
    return made


def as_completion(job: ClaimedJob, made: MadeFile, uploaded: UploadedFile | None = None) -> AssetJobComplete:
    """What completes the job; without an upload only to see, before anything is sent, whether it is valid.

    Raises `JobError`.
    """
    try:
        return AssetJobComplete(
            storage_key=uploaded.storage_key if uploaded else "-",
            format=made.format,
            content_type=made.content_type,
            size_bytes=uploaded.size_bytes if uploaded else 1,
            checksum=uploaded.checksum if uploaded else "0" * 64,
            duration_seconds=made.duration_seconds,
            metadata=made.metadata,
            lease_token=job.lease_token,
        )
    except ValidationError as error:
        raise invalid_file(error) from error
