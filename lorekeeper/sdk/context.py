"""The `JobContext` that the worker runtime gives its handlers."""

import asyncio
import logging
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import tenacity
from pydantic import ValidationError

from lorekeeper.contracts.jobs import AssetJobHeartbeat, ClaimedJob, JobProgressUpdate
from lorekeeper.sdk.client import Client
from lorekeeper.sdk.errors import APIError, AssetGoneError, NotFoundError, SdkError
from lorekeeper.sdk.handling import JobCancelled, JobContext, JobError
from lorekeeper.sdk.keeping import passes
from lorekeeper.sdk.lease import Lease, steady_seconds

T = TypeVar("T")

LONGEST_STAGE = 100
LONGEST_MESSAGE = 1000

_log = logging.getLogger("lorekeeper.worker")


class WorkerContext:
    """A handler's line back to LoreKeeper, over the lease of its job."""

    def __init__(
        self,
        client: Client,
        brief: Client,
        lease: Lease,
        *,
        work_dir: Path,
        on_progress: Callable[[JobProgressUpdate], None],
    ) -> None:
        self._client = client
        self._brief = brief
        self._lease = lease
        self._work_dir = work_dir
        self._on_progress = on_progress
        self._provider_job_id = lease.job.provider_job_id
        self._fetching = threading.Lock()

    @property
    def work_dir(self) -> Path:
        """An empty folder of this job's own."""
        return self._work_dir

    @property
    def provider_job_id(self) -> str | None:
        """What was ordered from the provider, by this try or an earlier one."""
        return self._provider_job_id

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        """Notes how far the job has come; a heartbeat carries it to the server."""
        self._lease.check()
        progress = as_progress(percent, stage, message)
        self._lease.note(progress)
        self._on_progress(progress)

    def check(self) -> None:
        """Raises `JobCancelled` once the job was cancelled or its lease lost."""
        self._lease.check()

    def remember_provider_job(self, provider_job_id: str) -> None:
        """Sends it at once, also for a job that is to be cancelled: the order is made, and should be on record."""
        body = remembering(self._lease.job, provider_job_id, self._lease.lease_seconds)
        self._provider_job_id = provider_job_id
        try:
            with self._lease.last_word:
                while_held(self._lease, lambda: self._remember(body))
        except (JobCancelled, SdkError):
            _log.exception("the provider's job %r of job %s is not on record", provider_job_id, self._lease.job.id)
            self._lease.check_held()
            raise
        self._lease.check()

    def _remember(self, body: AssetJobHeartbeat) -> None:
        sent_at = steady_seconds()
        try:
            answer = self._brief.jobs.heartbeat(self._lease.job.id, body)
        except APIError as error:
            if error.status in {404, 409}:
                self._lease.lose(error.detail)
            raise
        self._lease.renewed(sent_at, answer)

    def input_asset(self, asset_id: UUID) -> Path:
        """Fetched at the first call; further calls answer the same file."""
        asset = next((one for one in self._lease.job.derivation.lore_snapshot.assets if one.id == asset_id), None)
        if asset is None:
            raise not_referenced(asset_id)
        path = self._work_dir / "inputs" / f"{asset.id}.{asset.format}"
        with self._fetching:
            if path.exists():
                return path
            self._lease.check()
            try:
                return self._client.assets.download(asset_id, path, on_progress=lambda *_: self._lease.check())
            except (AssetGoneError, NotFoundError) as error:
                raise JobError("input_asset_missing", f"The file of asset {asset_id} is gone.") from error


class AsyncWorkerContext:
    """The same for handlers that run on the event loop: what waits for the server is done in a thread."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    @property
    def work_dir(self) -> Path:
        """An empty folder of this job's own."""
        return self._context.work_dir

    @property
    def provider_job_id(self) -> str | None:
        """What was ordered from the provider, by this try or an earlier one."""
        return self._context.provider_job_id

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        """Notes how far the job has come."""
        self._context.progress(percent, stage, message)

    def check(self) -> None:
        """Raises `JobCancelled` once the job was cancelled or its lease lost."""
        self._context.check()

    async def remember_provider_job(self, provider_job_id: str) -> None:
        """Returns once the server has it."""
        # Shielded: what was ordered is put on record even where the handler is cancelled this moment.
        await asyncio.shield(asyncio.to_thread(self._context.remember_provider_job, provider_job_id))

    async def input_asset(self, asset_id: UUID) -> Path:
        """The file of an asset that the job refers to."""
        return await asyncio.to_thread(self._context.input_asset, asset_id)


def as_progress(percent: float, stage: str | None, message: str | None) -> JobProgressUpdate:
    """What a handler says of its progress, made to fit: nothing that it says there is worth losing its work for."""
    return JobProgressUpdate(
        percent=None if math.isnan(percent) else min(max(percent, 0.0), 100.0),
        stage=_storable(stage, LONGEST_STAGE),
        message=_storable(message, LONGEST_MESSAGE),
    )


def _storable(text: str | None, longest: int) -> str | None:
    if text is None:
        return None
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:longest].strip() or None


def remembering(job: ClaimedJob, provider_job_id: str, lease_seconds: int) -> AssetJobHeartbeat:
    """The heartbeat that says it. Raises `JobError`, a final one: each further try would only order again."""
    try:
        return AssetJobHeartbeat(
            lease_token=job.lease_token, lease_seconds=lease_seconds, provider_job_id=provider_job_id
        )
    except ValidationError as error:
        wrong = "The provider's id of what was ordered is not a text of 1 to 500 characters."
        raise JobError("provider_job_id_invalid", wrong) from error


def not_referenced(asset_id: UUID) -> JobError:
    """Provenance would be wrong: it names what the job refers to, and nothing else."""
    return JobError("input_asset_not_referenced", f"The job does not refer to asset {asset_id}.")


def while_held(lease: Lease, call: Callable[[], T], *, patience: float | None = None) -> T:
    """What `call` answers, tried again while the lease holds where it is a matter of waiting.

    Raises `JobCancelled` once the lease is lost; after `patience` seconds what the call raised last.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        stop=tenacity.stop_never if patience is None else tenacity.stop_after_delay(patience),
        before=lambda _: lease.check_held(),
        sleep=lambda seconds: _sleep(lease, seconds),
        reraise=True,
    )
    return retrying(call)


def _sleep(lease: Lease, seconds: float) -> None:
    # Ends at once where the lease does.
    try:
        lease.ended.exception(timeout=seconds)
    except TimeoutError:
        return
