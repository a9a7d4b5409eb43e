"""The client's group for asset jobs: `client.jobs`."""

import time
from collections.abc import Iterator
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.jobs import (
    AssetJobClaim,
    AssetJobClaimResponse,
    AssetJobComplete,
    AssetJobCreate,
    AssetJobFail,
    AssetJobFullResponse,
    AssetJobHeartbeat,
    AssetJobHeartbeatResponse,
    AssetJobResponse,
    AssetJobUpdate,
    PaginatedAssetJobResponse,
)
from lorekeeper.contracts.state_machine import TERMINAL
from lorekeeper.sdk.calls import jobs as calls
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.calls.jobs import RequestedJob
from lorekeeper.sdk.errors import WaitTimeoutError
from lorekeeper.sdk.filters import JobFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.transport import Transport

FIRST_LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 2.0


class Jobs:
    """`client.jobs`: asking for media, and the worker's side of making it."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport.send

    def create(self, body: AssetJobCreate, *, idempotency_key: str | None = None) -> RequestedJob:
        """Asks for an asset. What was asked for before is not made again: the answer is that job, `replayed`.

        Without an idempotency key one is made for this call, so that retries never ask twice.
        Raises `ReferenceNotFoundError`, `WorldScopeViolationError`.
        """
        return self._send(calls.create_job(body, idempotency_key))

    def get(self, job_id: UUID) -> AssetJobFullResponse:
        """A job with its derivation, and its asset once it has one. Raises `NotFoundError`."""
        return self._send(calls.get_job(job_id))

    def list(
        self, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[JobFilters]
    ) -> PaginatedAssetJobResponse:
        """One page, newest first."""
        return self._send(calls.list_jobs(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[JobFilters]) -> Iterator[AssetJobResponse]:
        """All of them, newest first, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))

    def wait_for(self, job_id: UUID, timeout: float) -> AssetJobFullResponse:
        """The job once it is over, however it ended. Raises `WaitTimeoutError` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        pause = FIRST_LOOK_SECONDS
        while True:
            job = self.get(job_id)
            left = deadline - time.monotonic()
            if job.status in TERMINAL:
                return job
            if left <= 0:
                raise WaitTimeoutError(f"job {job_id} is still {job.status} after {timeout:g} s", job_id=job_id)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)

    def cancel(self, job_id: UUID) -> AssetJobFullResponse:
        """Calls the job off. A worker that runs it hears of it with its next heartbeat."""
        return self._send(calls.cancel_job(job_id))

    def update(self, job_id: UUID, body: AssetJobUpdate) -> AssetJobFullResponse:
        """Sets the status by hand, for workers that take no lease (specification, Update Status)."""
        return self._send(calls.update_job(job_id, body))

    def claim(self, body: AssetJobClaim) -> AssetJobClaimResponse:
        """Takes jobs under a lease, waiting up to `wait_seconds` for one. `lorekeeper.sdk.Worker` does this for you."""
        return self._send(calls.claim_jobs(body))

    def heartbeat(self, job_id: UUID, body: AssetJobHeartbeat) -> AssetJobHeartbeatResponse:
        """Renews the lease and reports progress. Raises `LeaseLostError`."""
        return self._send(calls.heartbeat_job(job_id, body))

    def complete(self, job_id: UUID, body: AssetJobComplete) -> AssetJobFullResponse:
        """Hands in the uploaded file. Doing it twice with the same file is fine.

        Raises `UploadMismatchError` where the store holds something else than was declared, `LeaseLostError`.
        """
        return self._send(calls.complete_job(job_id, body))

    def fail(self, job_id: UUID, body: AssetJobFail) -> AssetJobFullResponse:
        """Gives the job up; `retryable` puts it back in the queue while attempts are left. Raises `LeaseLostError`."""
        return self._send(calls.fail_job(job_id, body))
