"""The life of a job after it was asked for: claim, heartbeat, complete, fail, cancel (design section 5)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.access.principal import Principal
from lorekeeper.contracts.enums import AssetJobStatusEnum
from lorekeeper.contracts.errors import (
    AssetValidationError,
    ForbiddenError,
    InvalidTransitionError,
    LeaseLostError,
    NotFoundError,
)
from lorekeeper.contracts.jobs import (
    AssetJobClaim,
    AssetJobClaimResponse,
    AssetJobFail,
    AssetJobFullResponse,
    AssetJobHeartbeat,
    AssetJobHeartbeatResponse,
    AssetJobListFilter,
    AssetJobResponse,
    AssetJobUpdate,
    ClaimedJob,
    PaginatedAssetJobResponse,
)
from lorekeeper.contracts.state_machine import TERMINAL, is_allowed
from lorekeeper.jobs import repository
from lorekeeper.kit.database import Row
from lorekeeper.kit.pagination import Paging

LOOK_AGAIN_SECONDS = 1.0
"""How often a waiting claim looks for jobs that another process made, and for leases that ran out."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a worker's clock may be ahead of ours."""

TRIES = 3
Status = AssetJobStatusEnum


def validate_job_status_transition(current: Status, target: Status) -> None:
    """Raises `InvalidTransitionError`, which names both states."""
    if not is_allowed(current, target):
        raise InvalidTransitionError(
            f"A job cannot go from {current} to {target}.", from_status=current.value, to_status=target.value
        )


def validate_worker_authorization(principal: Principal, provider: str) -> None:
    """Raises `ForbiddenError` for a provider that this worker's key was not granted."""
    if principal.providers is not None and provider not in principal.providers:
        raise ForbiddenError(f"This key may not work for the provider {provider}.")


@dataclass(frozen=True)
class StoredJob:
    """A job as it is read. Its derivation and its asset are JSON already: they were checked when they were written."""

    job: AssetJobResponse
    derivation: bytes | None
    asset: bytes | None


async def read_job(ctx: Context, job_id: UUID) -> StoredJob:
    row = visible_job(ctx, job_id, await repository.read_asset_job(ctx.database, job_id))
    return StoredJob(AssetJobResponse.model_validate(row), row["derivation"], row["asset"])


async def get_job(ctx: Context, job_id: UUID) -> AssetJobFullResponse:
    return AssetJobFullResponse.model_validate(await _job(ctx, job_id))


async def list_jobs(ctx: Context, filters: AssetJobListFilter, paging: Paging) -> PaginatedAssetJobResponse:
    if filters.world_id is not None:
        ctx.principal.require_world(filters.world_id)
    return await repository.list_asset_jobs(ctx.database, filters, paging, visible_worlds=ctx.principal.visible_worlds)


async def claim_jobs(
    ctx: Context, body: AssetJobClaim, *, is_gone: Callable[[], Awaitable[bool]]
) -> AssetJobClaimResponse:
    """Hand out up to `limit` jobs, waiting up to `wait_seconds` for the first. `is_gone`: the caller hung up."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + body.wait_seconds
    while True:
        seen = ctx.runtime.new_jobs.count
        now = ctx.runtime.clock.now()
        claim = _claimable(ctx.principal, body) | {"lease_expires_at": now + timedelta(seconds=body.lease_seconds)}
        rows = await repository.claim_asset_jobs(ctx.database, claim, origin=ctx.origin | {"now": now})
        left = give_up - loop.time()
        if rows or left <= 0 or ctx.runtime.new_jobs.closed:
            return AssetJobClaimResponse(jobs=[ClaimedJob.model_validate(row) for row in rows])
        await ctx.runtime.new_jobs.wait(min(left, LOOK_AGAIN_SECONDS), since=seen)
        # Asked before the next look, not after it: a caller who hung up while waiting must be given no job,
        # nor must one whose key was revoked meanwhile, or lost a world.
        if await is_gone():
            return AssetJobClaimResponse(jobs=[])
        ctx = await ctx.renewed()


def _claimable(principal: Principal, body: AssetJobClaim) -> Row:
    """What is asked for, as far as this key may have it. Raises `ForbiddenError`, `WorldNotFoundError`."""
    for provider in body.providers:
        validate_worker_authorization(principal, provider)
    for world_id in body.world_ids or ():
        principal.require_world(world_id)
    return {
        "worker_id": body.worker_id,
        "providers": list(dict.fromkeys(body.providers)),
        "asset_types": [kind.value for kind in body.asset_types] if body.asset_types else None,
        "world_ids": body.world_ids or principal.visible_worlds,
        "limit": body.limit,
    }


async def heartbeat(ctx: Context, job_id: UUID, body: AssetJobHeartbeat) -> AssetJobHeartbeatResponse:
    """Renew a lease. Raises `LeaseLostError` when it ran out, was taken over or the job is finished."""
    row = await repository.heartbeat(
        ctx.database,
        job_id,
        lease_token=body.lease_token,
        lease_expires_at=ctx.now + timedelta(seconds=body.lease_seconds),
        progress=body.progress,
        provider_job_id=body.provider_job_id,
        now=ctx.now,
        visible_worlds=ctx.principal.visible_worlds,
        visible_providers=ctx.principal.visible_providers,
    )
    if row is None:
        job = await _job(ctx, job_id)
        validate_worker_authorization(ctx.principal, job["provider"])
        raise lease_lost(job)
    return AssetJobHeartbeatResponse.model_validate(row)


async def update_job(ctx: Context, job_id: UUID, body: AssetJobUpdate) -> AssetJobFullResponse:
    """The specification's `PATCH`: a worker without leases sets RUNNING, FAILED or CANCELLED itself."""
    return await _move(ctx, job_id, body.lease_token, lambda job: _updated(ctx, job, body))


def _updated(ctx: Context, job: Row, body: AssetJobUpdate) -> Row:
    current = Status(job["status"])
    target = body.status or current
    if target is Status.SUCCEEDED and current is Status.RUNNING:
        raise AssetValidationError("status: a job becomes SUCCEEDED by …/complete, which brings its file.")
    # Of two workers that both set it RUNNING one must lose; a lease token tells that it is the same one.
    if target is not current or current in TERMINAL or (body.status and body.lease_token is None):
        validate_job_status_transition(current, target)
    if target is Status.QUEUED and current is Status.RUNNING:
        raise InvalidTransitionError(
            "A job goes back from RUNNING to QUEUED only by a retryable …/fail.",
            from_status=current.value,
            to_status=target.value,
        )
    if target is Status.QUEUED:
        raise AssetValidationError("A QUEUED job has no times and no error yet.")
    started = body.started_at or (ctx.now if current is Status.QUEUED and target is Status.RUNNING else None)
    finished = body.finished_at or max(ctx.now, started or job["started_at"] or ctx.now)
    if max(started or finished, finished) > ctx.now + CLOCK_TOLERANCE:
        raise AssetValidationError("started_at or finished_at lies in the future.")
    if (started or job["started_at"] or finished) > finished:
        raise AssetValidationError("finished_at lies before started_at.")
    return {
        "status": target.value,
        "started_at": started,
        "finished_at": finished,
        "error_code": body.error_code,
        "error_message": body.error_message,
    }


async def fail_job(ctx: Context, job_id: UUID, body: AssetJobFail) -> AssetJobFullResponse:
    """FAILED; or back to QUEUED for a retryable failure with attempts left; or CANCELLED where that was asked for."""
    failed = await _move(ctx, job_id, body.lease_token, lambda job: _failed(ctx, job, body))
    if failed.status is Status.QUEUED:
        ctx.runtime.new_jobs.notify()
    return failed


def _failed(ctx: Context, job: Row, body: AssetJobFail) -> Row:
    if job["cancel_requested_at"] is not None:
        target = Status.CANCELLED
    elif body.retryable and job["attempt"] < job["max_attempts"]:
        target = Status.QUEUED
    else:
        target = Status.FAILED
    validate_job_status_transition(Status(job["status"]), target)
    return {
        "status": target.value,
        "started_at": None,
        "finished_at": max(ctx.now, job["started_at"] or ctx.now),
        "error_code": body.error_code,
        "error_message": body.error_message,
    }


async def cancel_job(ctx: Context, job_id: UUID) -> AssetJobFullResponse:
    """Cancel; cancelling twice is the same as once. Raises `InvalidTransitionError` for a job that is over."""
    job = await _job(ctx, job_id)
    validate_worker_authorization(ctx.principal, job["provider"])
    if job["status"] != Status.CANCELLED and not await repository.cancel_asset_job(
        ctx.database, job_id, origin=ctx.origin
    ):
        job = await _job(ctx, job_id)
        validate_job_status_transition(Status(job["status"]), Status.CANCELLED)
    return await get_job(ctx, job_id)


async def _move(
    ctx: Context, job_id: UUID, lease_token: UUID | None, judge: Callable[[Row], Row]
) -> AssetJobFullResponse:
    """Write the move that `judge` makes of the job as it is; judge again where it changed before that was written."""
    for _ in range(TRIES):
        job = await _job(ctx, job_id)
        validate_worker_authorization(ctx.principal, job["provider"])
        require_lease(job, lease_token, ctx)
        move = judge(job) | {"expected": job["status"], "lease_token": lease_token}
        moved = await repository.update_asset_job_status(ctx.database, job_id, move, origin=ctx.origin)
        if moved is not None:
            return AssetJobFullResponse.model_validate(job | moved)
    raise lease_lost(job)


def require_lease(job: Row, lease_token: UUID | None, ctx: Context) -> None:
    """Raises `LeaseLostError` unless the token is that of the job's living lease, or there is neither."""
    if lease_token is not None and job["lease_token"] != lease_token:
        raise lease_lost(job)
    if job["lease_token"] is not None and (lease_token is None or job["lease_expires_at"] <= ctx.now):
        raise lease_lost(job)


def lease_lost(job: Row) -> LeaseLostError:
    return LeaseLostError(
        f"The job is {job['status']} and not held by this lease token (any more).", status_of_job=job["status"]
    )


def visible_job(ctx: Context, job_id: UUID, row: Row | None) -> Row:
    """The row, or `NotFoundError` where there is none that this key may see."""
    if row is None or not ctx.principal.sees(row["world_id"]):
        raise NotFoundError(f"There is no job {job_id}.")
    return row


async def _job(ctx: Context, job_id: UUID) -> Row:
    return visible_job(ctx, job_id, await repository.get_asset_job(ctx.database, job_id))
