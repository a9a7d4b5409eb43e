"""Asset jobs over HTTP (specification section 7; design sections 5 and 6)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from lorekeeper.access.context import Context, Editor, EditorOrWorker, Reader, Worker
from lorekeeper.access.route import KeyedRoute
from lorekeeper.contracts.base import GivenTime, Text
from lorekeeper.contracts.batches import (
    AssetJobCompleteBatch,
    AssetJobFailBatch,
    AssetJobHeartbeatBatch,
    AssetJobHeartbeatBatchResponse,
    AssetJobMoveBatchResponse,
)
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetTypeEnum
from lorekeeper.contracts.errors import (
    AlreadyCompletedError,
    AssetGoneError,
    AssetValidationError,
    ConflictError,
    ContradictionError,
    IdempotencyKeyReusedError,
    InvalidTransitionError,
    LeaseLostError,
    LoreKeeperError,
    NotClaimableError,
    ReferenceNotFoundError,
    StorageUnavailableError,
    UploadMismatchError,
    WorldNotFoundError,
    WorldScopeViolationError,
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
    AssetJobListFilter,
    AssetJobRelease,
    AssetJobUpdate,
    ClaimedJob,
    IdempotencyKey,
    PaginatedAssetJobResponse,
    Provider,
)
from lorekeeper.contracts.late_results import LateResultDownloadResponse
from lorekeeper.contracts.s3 import PresignedDownloadRequest
from lorekeeper.jobs import service
from lorekeeper.jobs.claiming import claim_job, claim_jobs, release_job
from lorekeeper.jobs.completion import complete_jobs
from lorekeeper.jobs.creation import Created, create_job
from lorekeeper.jobs.late_results import presign_late_download
from lorekeeper.jobs.leases import fail_jobs, renew_leases
from lorekeeper.jobs.outcomes import alone
from lorekeeper.jobs.retrying import retry_job
from lorekeeper.jobs.service import StoredJob
from lorekeeper.jobs.waiting import await_job, matches
from lorekeeper.kit.http import answer, answer_all, answer_each, answer_json, as_json, header, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging

router = APIRouter(
    prefix="/assets/asset-jobs", tags=["asset jobs"], route_class=KeyedRoute, generate_unique_id_function=operation_id
)

MOVES = responses(InvalidTransitionError, LeaseLostError)

REFUSALS = (
    WorldNotFoundError,
    ReferenceNotFoundError,
    WorldScopeViolationError,
    IdempotencyKeyReusedError,
    ConflictError,
    ContradictionError,
)
"""Why asking for an asset may be refused."""

MADE_OR_FOUND: dict[int | str, dict[str, Any]] = {
    200: {
        "model": AssetJobFullResponse,
        "description": "The job was there already.",
        "headers": {"Idempotent-Replayed": header("Always `true`.", enum=["true"])},
    },
    201: {"headers": {"Location": header("The path of the new job.")}},
}

ETAG = {"ETag": header("Of what changes of a job while it is made; a lease's renewal is no change.")}
IfNoneMatch = Annotated[
    str,
    Header(
        alias="If-None-Match",
        max_length=1000,
        pattern=r'^(|\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$',
        description="The ETag that was read: the same job is answered with 304, at once or after `wait`.",
    ),
]


def _filters(
    world_id: UUID | None = None,
    status: AssetJobStatusEnum | None = None,
    asset_type: AssetTypeEnum | None = None,
    provider: Provider | None = None,
    requested_by: Annotated[Text | None, Query(max_length=200)] = None,
    created_after: GivenTime | None = None,
    created_before: GivenTime | None = None,
) -> AssetJobListFilter:
    return AssetJobListFilter(
        world_id=world_id,
        status=status,
        asset_type=asset_type,
        provider=provider,
        requested_by=requested_by,
        created_after=created_after,
        created_before=created_before,
    )


@router.post(
    "",
    status_code=201,
    response_model=AssetJobFullResponse,
    responses=responses(*REFUSALS) | MADE_OR_FOUND,
)
async def create_asset_job(
    body: AssetJobCreate,
    ctx: Editor,
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> Response:
    """Ask for an asset. The same inputs twice are one job: 201 the first time, 200 with that job afterwards."""
    if idempotency_key and body.idempotency_key and idempotency_key != body.idempotency_key:
        raise AssetValidationError("The Idempotency-Key header and idempotency_key in the body differ.")
    if idempotency_key and body.idempotency_key is None:
        body = body.model_copy(update={"idempotency_key": idempotency_key})
    return _asked(await create_job(ctx, body))


@router.post(
    "/{id:uuid}/retry",
    status_code=201,
    response_model=AssetJobFullResponse,
    responses=responses(InvalidTransitionError, *REFUSALS) | MADE_OR_FOUND,
)
async def retry_asset_job(
    id: UUID, ctx: Editor, idempotency_key: Annotated[IdempotencyKey | None, Header()] = None
) -> Response:
    """Ask again for what a job did not bring: a new job, from the lore as it is now. A repetition finds that one."""
    return _asked(await retry_job(ctx, id, idempotency_key))


def _asked(created: Created) -> Response:
    if created.replayed:
        return answer(created.job, headers={"Idempotent-Replayed": "true"})
    return answer(created.job, 201, {"Location": f"/assets/asset-jobs/{created.job.id}"})


@router.get("", response_model=PaginatedAssetJobResponse, responses=responses(WorldNotFoundError))
async def list_asset_jobs(
    ctx: Reader,
    page: Annotated[Paging, Depends(paging)],
    filters: Annotated[AssetJobListFilter, Depends(_filters)],
) -> Response:
    """Jobs, newest first; any combination of filters."""
    return answer(await service.list_jobs(ctx, filters, page))


@router.post("/claim", response_model=AssetJobClaimResponse, responses=responses(WorldNotFoundError))
async def claim_asset_jobs(body: AssetJobClaim, ctx: Worker, request: Request) -> Response:
    """Take jobs to work on, each under a lease. With `wait_seconds`, the answer comes when there is a job."""
    claimed = await claim_jobs(ctx, body, is_gone=request.is_disconnected)
    return answer_all("jobs", claimed)


@router.post("/{id:uuid}/claim", response_model=ClaimedJob, responses=responses(NotClaimableError))
async def claim_asset_job(id: UUID, body: AssetJobClaimById, ctx: Worker) -> Response:
    """Take this very job, under a lease."""
    return answer_json(await claim_job(ctx, id, body))


@router.post("/{id:uuid}/release", response_model=AssetJobFullResponse, responses=responses(LeaseLostError))
async def release_asset_job(id: UUID, body: AssetJobRelease, ctx: Worker) -> Response:
    """Give a job back, for another worker to take at once; the attempt does not count."""
    return answer(await release_job(ctx, id, body))


@router.get(
    "/{id:uuid}",
    response_model=AssetJobFullResponse,
    responses=responses()
    | {200: {"headers": ETAG}, 304: {"description": "It is still what If-None-Match names.", "headers": ETAG}},
)
async def get_asset_job(
    id: UUID,
    ctx: Reader,
    request: Request,
    wait: Annotated[int, Query(ge=0, le=60, description="Seconds to wait for a change.")] = 0,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """A job with its derivation and asset. With `wait`, the answer comes when it changes, or when the time is up."""
    job = await await_job(
        ctx, id, wait_seconds=wait, if_none_match=if_none_match or None, is_gone=request.is_disconnected
    )
    headers = {"ETag": job.etag}
    if if_none_match and matches(if_none_match, job.etag):
        return Response(status_code=304, headers=headers)
    return answer(job.stored.job, headers=headers, stored=job.stored.parts)


@router.patch("/{id:uuid}", response_model=AssetJobFullResponse, responses=MOVES)
async def update_asset_job(id: UUID, body: AssetJobUpdate, ctx: Worker) -> Response:
    """Set a job's status, times and error (workers only)."""
    return answer(await service.update_job(ctx, id, body))


@router.post("/{id:uuid}/heartbeat", response_model=AssetJobHeartbeatResponse, responses=responses(LeaseLostError))
async def heartbeat(id: UUID, body: AssetJobHeartbeat, ctx: Worker) -> Response:
    """Renew a lease and report progress; says whether the job was cancelled."""
    return answer(alone(await renew_leases(ctx, {id: body})))


@router.post("/heartbeat", response_model=AssetJobHeartbeatBatchResponse, responses=responses())
async def heartbeat_batch(body: AssetJobHeartbeatBatch, ctx: Worker) -> Response:
    """The same for up to 100 jobs, each answered as if it were alone."""
    renewed = await renew_leases(ctx, {item.job_id: item for item in body.items})
    return _each(ctx, "lease", renewed)


@router.post(
    "/{id:uuid}/complete",
    response_model=AssetJobFullResponse,
    responses=responses(
        InvalidTransitionError, LeaseLostError, AlreadyCompletedError, UploadMismatchError, StorageUnavailableError
    ),
)
async def complete_asset_job(id: UUID, body: AssetJobComplete, ctx: Worker, request: Request) -> Response:
    """Hand in the finished file. It is checked against the store before anything is written."""
    return answer_json(alone(_in_json(await complete_jobs(ctx, {id: body}, keep_late=_keep_late(request)))))


@router.post("/complete", response_model=AssetJobMoveBatchResponse, responses=responses())
async def complete_asset_job_batch(body: AssetJobCompleteBatch, ctx: Worker, request: Request) -> Response:
    """The same for up to 100 jobs, each answered as if it were alone."""
    asked = {item.job_id: item for item in body.items}
    return _each(ctx, "job", await complete_jobs(ctx, asked, keep_late=_keep_late(request)))


@router.post("/{id:uuid}/fail", response_model=AssetJobFullResponse, responses=MOVES)
async def fail_asset_job(id: UUID, body: AssetJobFail, ctx: Worker) -> Response:
    """Say that a job could not be done; with `retryable` it is queued again while attempts are left."""
    failed = alone(await fail_jobs(ctx, {id: body}))
    return answer(failed.job, stored=failed.parts)


@router.post("/fail", response_model=AssetJobMoveBatchResponse, responses=responses())
async def fail_asset_job_batch(body: AssetJobFailBatch, ctx: Worker) -> Response:
    """The same for up to 100 jobs, each answered as if it were alone."""
    return _each(ctx, "job", await fail_jobs(ctx, {item.job_id: item for item in body.items}))


@router.post(
    "/{id:uuid}/late-result/presign-download",
    response_model=LateResultDownloadResponse,
    responses=responses(ConflictError, AssetGoneError),
)
async def presign_late_result(
    id: UUID, ctx: Reader, request: Request, body: PresignedDownloadRequest | None = None
) -> Response:
    """A URL to download what was handed in too late, for as long as it is kept."""
    seconds = request.app.state.settings.s3_presigned_url_expiry_seconds
    return answer(await presign_late_download(ctx, id, body or PresignedDownloadRequest(), expires_seconds=seconds))


@router.post("/{id:uuid}/cancel", response_model=AssetJobFullResponse, responses=responses(InvalidTransitionError))
async def cancel_asset_job(id: UUID, ctx: EditorOrWorker) -> Response:
    """Cancel a job; a worker that holds it learns of it with its next heartbeat."""
    return answer(await service.cancel_job(ctx, id))


def _keep_late(request: Request) -> timedelta:
    return timedelta(days=request.app.state.settings.late_result_days)


Outcomes = Mapping[UUID, bytes | StoredJob | AssetJobHeartbeatResponse | LoreKeeperError]


def _each(ctx: Context, name: str, outcomes: Outcomes) -> Response:
    return answer_each(name, _in_json(outcomes), ctx.request_id)


def _in_json(outcomes: Outcomes) -> dict[UUID, bytes | LoreKeeperError]:
    return {
        job_id: outcome if isinstance(outcome, LoreKeeperError) else _as_json(outcome)
        for job_id, outcome in outcomes.items()
    }


def _as_json(outcome: bytes | StoredJob | AssetJobHeartbeatResponse) -> bytes:
    if isinstance(outcome, bytes):
        return outcome
    return as_json(outcome.job, outcome.parts) if isinstance(outcome, StoredJob) else as_json(outcome, {})
