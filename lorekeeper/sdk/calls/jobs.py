"""Calls for asset jobs, the requester's and the worker's."""

import uuid
from dataclasses import dataclass
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.batches import (
    AssetJobCompleteBatch,
    AssetJobFailBatch,
    AssetJobHeartbeatBatch,
    AssetJobHeartbeatBatchResponse,
    AssetJobMoveBatchResponse,
)
from lorekeeper.contracts.jobs import (
    AssetJobClaim,
    AssetJobClaimById,
    AssetJobClaimResponse,
    AssetJobComplete,
    AssetJobCreate,
    AssetJobFail,
    AssetJobFullResponse,
    AssetJobHeartbeat,
    AssetJobHeartbeatResponse,
    AssetJobRelease,
    AssetJobResponse,
    AssetJobUpdate,
    ClaimedJob,
    PaginatedAssetJobResponse,
)
from lorekeeper.contracts.late_results import LateResultDownloadResponse
from lorekeeper.contracts.s3 import Disposition, PresignedDownloadRequest
from lorekeeper.sdk.calls.core import Answer, Call, encode, get, model, post, query
from lorekeeper.sdk.filters import JobFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages

JOBS = "/assets/asset-jobs"


class RequestedJob(AssetJobFullResponse):
    """The job that a request led to. `replayed` is true when it had been asked for before and nothing new was made."""

    replayed: bool = False


def create_job(body: AssetJobCreate, *, idempotency_key: str | None = None) -> Call[RequestedJob]:
    """Asks for an asset. What was asked for before is not made again: the answer is that job, `replayed`.

    Without an idempotency key one is made for this call, so that retries never ask twice.
    Raises `ReferenceNotFoundError`, `WorldScopeViolationError`.
    """
    # The key is made here, once for all tries of this call, so that a lost answer never becomes a second job.
    key = idempotency_key or body.idempotency_key or str(uuid.uuid4())
    headers = {"Idempotency-Key": key}
    return Call("POST", JOBS, _requested, body=encode(body), headers=headers, repeatable=True)


def retry_job(job_id: UUID, *, idempotency_key: str | None = None) -> Call[RequestedJob]:
    """Asks again for what a FAILED or CANCELLED job, or one whose asset was deleted, was to make: from the lore as it
    is now. Raises `InvalidTransitionError` for any other job.
    """
    # Sent again, it finds the job that the first one made; with a key also where that is over already.
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    return Call("POST", f"{JOBS}/{job_id}/retry", _requested, headers=headers, repeatable=True)


def _requested(answer: Answer) -> RequestedJob:
    job = model(RequestedJob)(answer)
    replayed = answer.headers.get("idempotent-replayed", "false") == "true"
    return job.model_copy(update={"replayed": replayed})


def get_job(job_id: UUID, *, wait: int = 0) -> Call[AssetJobFullResponse]:
    """A job with its derivation, and its asset once it has one. With `wait`, once it changes: the answer comes after so
    many seconds at the latest, 60 at the most, and at once for a job that is over. Raises `NotFoundError`.
    """
    params = {"wait": str(wait)} if wait else {}
    return Call("GET", f"{JOBS}/{job_id}", model(AssetJobFullResponse), params, repeatable=True, patience=wait)


@dataclass(frozen=True)
class JobLook:
    """A job as it was seen, and the tag of that sight. `job` is None where it is still as at the tag asked with."""

    job: AssetJobFullResponse | None
    etag: str | None


def look_at_job(job_id: UUID, *, wait: int = 0, etag: str | None = None) -> Call[JobLook]:
    """A job once it is another than it was at `etag`, or than it is now; after `wait` seconds (60 at most) as it is.

    Raises `NotFoundError`.
    """
    params = {"wait": str(wait)} if wait else {}
    headers = {} if etag is None else {"If-None-Match": etag}
    return Call("GET", f"{JOBS}/{job_id}", _looked, params, headers=headers, repeatable=True, patience=wait)


def _looked(answer: Answer) -> JobLook:
    job = None if answer.status == 304 else model(AssetJobFullResponse)(answer)
    return JobLook(job, answer.headers.get("etag"))


def list_jobs(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[JobFilters]
) -> Call[PaginatedAssetJobResponse]:
    """One page, newest first."""
    return get(JOBS, PaginatedAssetJobResponse, query(filters, skip=skip, limit=limit, cursor=cursor))


def every_job(**filters: Unpack[JobFilters]) -> Pages[AssetJobResponse]:
    """All of them, newest first, fetched page by page."""
    return Pages(lambda cursor: list_jobs(limit=WALKING_PAGE, cursor=cursor, **filters))


def update_job(job_id: UUID, body: AssetJobUpdate) -> Call[AssetJobFullResponse]:
    """Sets the status by hand, for workers that take no lease (specification, Update Status)."""
    return Call("PATCH", f"{JOBS}/{job_id}", model(AssetJobFullResponse), body=encode(body))


def cancel_job(job_id: UUID) -> Call[AssetJobFullResponse]:
    """Calls the job off; a second time is the same as once. A worker that runs it hears of it with its next heartbeat.

    Raises `InvalidTransitionError` for a job that is over.
    """
    return post(f"{JOBS}/{job_id}/cancel", AssetJobFullResponse, repeatable=True)


def claim_jobs(body: AssetJobClaim) -> Call[AssetJobClaimResponse]:
    """Takes jobs under a lease, waiting up to `wait_seconds` for one. `lorekeeper.sdk.Worker` does this for you."""
    # Not repeatable: a second claim after a lost answer would take a second job.
    return post(f"{JOBS}/claim", AssetJobClaimResponse, body, patience=body.wait_seconds)


def claim_job(job_id: UUID, body: AssetJobClaimById) -> Call[ClaimedJob]:
    """Takes this very job. Raises `NotClaimableError` where it is not to be had now."""
    # Not repeatable: after a lost answer the job is no longer to be had, because it is ours.
    return post(f"{JOBS}/{job_id}/claim", ClaimedJob, body)


def heartbeat_job(job_id: UUID, body: AssetJobHeartbeat) -> Call[AssetJobHeartbeatResponse]:
    """Renews the lease and reports progress. Raises `LeaseLostError`."""
    return post(f"{JOBS}/{job_id}/heartbeat", AssetJobHeartbeatResponse, body, repeatable=True)


def complete_job(job_id: UUID, body: AssetJobComplete) -> Call[AssetJobFullResponse]:
    """Hands in the uploaded file. Doing it twice with the same file is fine.

    Raises `UploadMismatchError` where the store holds something else than was declared, `LeaseLostError`.
    """
    # The server may have to read the whole file to know its checksum.
    return post(f"{JOBS}/{job_id}/complete", AssetJobFullResponse, body, repeatable=True, patience=300)


def fail_job(job_id: UUID, body: AssetJobFail) -> Call[AssetJobFullResponse]:
    """Gives the job up; `retryable` puts it back in the queue while attempts are left. Raises `LeaseLostError`."""
    # A lease token works once, so under a lease a repetition can at worst be refused.
    return post(f"{JOBS}/{job_id}/fail", AssetJobFullResponse, body, repeatable=body.lease_token is not None)


def release_job(job_id: UUID, body: AssetJobRelease) -> Call[AssetJobFullResponse]:
    """Gives the job back to the queue at once; the attempt does not count. Raises `LeaseLostError`."""
    # Repeated after a lost answer, it can at worst be refused: the token is used up.
    return post(f"{JOBS}/{job_id}/release", AssetJobFullResponse, body, repeatable=True)


def heartbeat_batch(body: AssetJobHeartbeatBatch) -> Call[AssetJobHeartbeatBatchResponse]:
    """Heartbeats of up to 100 jobs, each answered as if it had been alone."""
    return post(f"{JOBS}/heartbeat", AssetJobHeartbeatBatchResponse, body, repeatable=True)


def complete_batch(body: AssetJobCompleteBatch) -> Call[AssetJobMoveBatchResponse]:
    """Hands in the files of up to 100 jobs, each answered as if it had been alone. Doing it twice is fine."""
    return post(f"{JOBS}/complete", AssetJobMoveBatchResponse, body, repeatable=True, patience=300)


def fail_batch(body: AssetJobFailBatch) -> Call[AssetJobMoveBatchResponse]:
    """Gives up to 100 jobs up, each answered as if it had been alone."""
    leased = all(item.lease_token is not None for item in body.items)
    return post(f"{JOBS}/fail", AssetJobMoveBatchResponse, body, repeatable=leased)


def presign_late_result(
    job_id: UUID, *, disposition: Disposition = "attachment", filename: str | None = None
) -> Call[LateResultDownloadResponse]:
    """A URL to download what was handed in too late to be an asset, for as long as it is kept.

    Raises `ConflictError` where the job has none, and `AssetGoneError` once it was let go.
    """
    body = PresignedDownloadRequest(disposition=disposition, filename=filename)
    path = f"{JOBS}/{job_id}/late-result/presign-download"
    return post(path, LateResultDownloadResponse, body, repeatable=True)
