"""Calls for asset jobs, the requester's and the worker's."""

import uuid
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
    AssetJobUpdate,
    PaginatedAssetJobResponse,
)
from lorekeeper.sdk.calls.core import Answer, Call, Params, encode, get, model, post

JOBS = "/assets/asset-jobs"


class RequestedJob(AssetJobFullResponse):
    """The job that a request led to. `replayed` is true when it had been asked for before and nothing new was made."""

    replayed: bool = False


def create_job(body: AssetJobCreate, idempotency_key: str | None = None) -> Call[RequestedJob]:
    # The key is made here, once for all tries of this call, so that a lost answer never becomes a second job.
    key = idempotency_key or body.idempotency_key or str(uuid.uuid4())
    headers = {"Idempotency-Key": key}
    return Call("POST", JOBS, _requested, body=encode(body), headers=headers, repeatable=True)


def _requested(answer: Answer) -> RequestedJob:
    job = model(RequestedJob)(answer)
    replayed = answer.headers.get("idempotent-replayed", "false") == "true"
    return job.model_copy(update={"replayed": replayed})


def get_job(job_id: UUID) -> Call[AssetJobFullResponse]:
    return get(f"{JOBS}/{job_id}", AssetJobFullResponse)


def list_jobs(params: Params) -> Call[PaginatedAssetJobResponse]:
    return get(JOBS, PaginatedAssetJobResponse, params)


def update_job(job_id: UUID, body: AssetJobUpdate) -> Call[AssetJobFullResponse]:
    return Call("PATCH", f"{JOBS}/{job_id}", model(AssetJobFullResponse), body=encode(body))


def cancel_job(job_id: UUID) -> Call[AssetJobFullResponse]:
    return post(f"{JOBS}/{job_id}/cancel", AssetJobFullResponse)


def claim_jobs(body: AssetJobClaim) -> Call[AssetJobClaimResponse]:
    # Not repeatable: a second claim after a lost answer would take a second job.
    return post(f"{JOBS}/claim", AssetJobClaimResponse, body, patience=body.wait_seconds)


def heartbeat_job(job_id: UUID, body: AssetJobHeartbeat) -> Call[AssetJobHeartbeatResponse]:
    return post(f"{JOBS}/{job_id}/heartbeat", AssetJobHeartbeatResponse, body, repeatable=True)


def complete_job(job_id: UUID, body: AssetJobComplete) -> Call[AssetJobFullResponse]:
    # The server may have to read the whole file to know its checksum.
    return post(f"{JOBS}/{job_id}/complete", AssetJobFullResponse, body, repeatable=True, patience=300)


def fail_job(job_id: UUID, body: AssetJobFail) -> Call[AssetJobFullResponse]:
    # A lease token works once, so under a lease a repetition can at worst be refused.
    return post(f"{JOBS}/{job_id}/fail", AssetJobFullResponse, body, repeatable=body.lease_token is not None)
