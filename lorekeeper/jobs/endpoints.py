"""Asset jobs over HTTP (specification section 7; design sections 5 and 6)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from lorekeeper.access.context import Editor, EditorOrWorker, Reader, Worker
from lorekeeper.access.route import KeyedRoute
from lorekeeper.contracts.base import GivenTime, Text
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetTypeEnum
from lorekeeper.contracts.errors import (
    AlreadyCompletedError,
    AssetValidationError,
    ConflictError,
    ContradictionError,
    IdempotencyKeyReusedError,
    InvalidTransitionError,
    LeaseLostError,
    ReferenceNotFoundError,
    StorageUnavailableError,
    UploadMismatchError,
    WorldNotFoundError,
    WorldScopeViolationError,
)
from lorekeeper.contracts.jobs import (
    AssetJobClaim,
    AssetJobClaimResponse,
    AssetJobComplete,
    AssetJobCreate,
    AssetJobFail,
    AssetJobFullResponse,
    AssetJobHeartbeat,
    AssetJobHeartbeatResponse,
    AssetJobListFilter,
    AssetJobUpdate,
    IdempotencyKey,
    PaginatedAssetJobResponse,
    Provider,
)
from lorekeeper.jobs import service
from lorekeeper.jobs.completion import complete_job
from lorekeeper.jobs.creation import create_job
from lorekeeper.kit.http import answer, header, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging

router = APIRouter(
    prefix="/assets/asset-jobs", tags=["asset jobs"], route_class=KeyedRoute, generate_unique_id_function=operation_id
)

MOVES = responses(InvalidTransitionError, LeaseLostError)


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
    responses=responses(
        WorldNotFoundError,
        ReferenceNotFoundError,
        WorldScopeViolationError,
        IdempotencyKeyReusedError,
        ConflictError,
        ContradictionError,
    )
    | {
        200: {
            "model": AssetJobFullResponse,
            "description": "The job was there already.",
            "headers": {"Idempotent-Replayed": header("Always `true`.", enum=["true"])},
        },
        201: {"headers": {"Location": header("The path of the new job.")}},
    },
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
    created = await create_job(ctx, body)
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
    return answer(await service.claim_jobs(ctx, body, is_gone=request.is_disconnected))


@router.get("/{id:uuid}", response_model=AssetJobFullResponse, responses=responses())
async def get_asset_job(id: UUID, ctx: Reader) -> Response:
    """A job with its derivation and asset."""
    found = await service.read_job(ctx, id)
    return answer(found.job, stored={"derivation": found.derivation, "asset": found.asset})


@router.patch("/{id:uuid}", response_model=AssetJobFullResponse, responses=MOVES)
async def update_asset_job(id: UUID, body: AssetJobUpdate, ctx: Worker) -> Response:
    """Set a job's status, times and error (workers only)."""
    return answer(await service.update_job(ctx, id, body))


@router.post("/{id:uuid}/heartbeat", response_model=AssetJobHeartbeatResponse, responses=responses(LeaseLostError))
async def heartbeat(id: UUID, body: AssetJobHeartbeat, ctx: Worker) -> Response:
    """Renew a lease and report progress; says whether the job was cancelled."""
    return answer(await service.heartbeat(ctx, id, body))


@router.post(
    "/{id:uuid}/complete",
    response_model=AssetJobFullResponse,
    responses=responses(
        InvalidTransitionError, LeaseLostError, AlreadyCompletedError, UploadMismatchError, StorageUnavailableError
    ),
)
async def complete_asset_job(id: UUID, body: AssetJobComplete, ctx: Worker) -> Response:
    """Hand in the finished file. It is checked against the store before anything is written."""
    return answer(await complete_job(ctx, id, body))


@router.post("/{id:uuid}/fail", response_model=AssetJobFullResponse, responses=MOVES)
async def fail_asset_job(id: UUID, body: AssetJobFail, ctx: Worker) -> Response:
    """Say that a job could not be done; with `retryable` it is queued again while attempts are left."""
    return answer(await service.fail_job(ctx, id, body))


@router.post("/{id:uuid}/cancel", response_model=AssetJobFullResponse, responses=responses(InvalidTransitionError))
async def cancel_asset_job(id: UUID, ctx: EditorOrWorker) -> Response:
    """Cancel a job; a worker that holds it learns of it with its next heartbeat."""
    return answer(await service.cancel_job(ctx, id))
