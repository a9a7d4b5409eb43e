"""Reading jobs; what is set from outside, PATCH and cancel; and what all moves of a job share (design section 5)."""

from collections.abc import Callable
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
)
from lorekeeper.contracts.jobs import (
    AssetJobFullResponse,
    AssetJobListFilter,
    AssetJobResponse,
    AssetJobUpdate,
    PaginatedAssetJobResponse,
)
from lorekeeper.contracts.state_machine import TERMINAL, is_allowed
from lorekeeper.jobs import repository
from lorekeeper.kit.database import Row
from lorekeeper.kit.pagination import Paging

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a worker's clock may be ahead of ours."""

PARTS = ("derivation", "asset", "late_result")
"""Of the answer to a read: what a job has beside its own fields."""

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
    """A job as it is read. Its parts are JSON already (or None): they were checked when they were written."""

    job: AssetJobResponse
    parts: dict[str, bytes | None]


def stored_job(row: Row) -> StoredJob:
    """Of a row whose parts were left unparsed."""
    return StoredJob(AssetJobResponse.model_validate(row), {name: row[name] for name in PARTS})


async def get_job(ctx: Context, job_id: UUID) -> AssetJobFullResponse:
    return AssetJobFullResponse.model_validate(await find_job(ctx, job_id))


async def list_jobs(ctx: Context, filters: AssetJobListFilter, paging: Paging) -> PaginatedAssetJobResponse:
    if filters.world_id is not None:
        ctx.principal.require_world(filters.world_id)
    return await repository.list_asset_jobs(ctx.database, filters, paging, visible_worlds=ctx.principal.visible_worlds)


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
    if target is Status.RUNNING and current is Status.QUEUED and is_missed(job, ctx):
        raise InvalidTransitionError(
            "The job was not to be started so late.", from_status=current.value, to_status=target.value
        )
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


async def cancel_job(ctx: Context, job_id: UUID) -> AssetJobFullResponse:
    """Cancel; cancelling twice is the same as once. Raises `InvalidTransitionError` for a job that is over."""
    job = await find_job(ctx, job_id)
    validate_worker_authorization(ctx.principal, job["provider"])
    if job["status"] != Status.CANCELLED and not await repository.cancel_asset_job(
        ctx.database, job_id, origin=ctx.origin
    ):
        job = await find_job(ctx, job_id)
        if job["status"] != Status.CANCELLED:  # else somebody else has cancelled it meanwhile
            validate_job_status_transition(Status(job["status"]), Status.CANCELLED)
    ctx.runtime.watched_jobs.stir(job_id)
    return await get_job(ctx, job_id)


async def _move(
    ctx: Context, job_id: UUID, lease_token: UUID | None, judge: Callable[[Row], Row]
) -> AssetJobFullResponse:
    """Write the move that `judge` makes of the job as it is; judge again where it changed before that was written."""
    for _ in range(TRIES):
        job = await find_job(ctx, job_id)
        validate_worker_authorization(ctx.principal, job["provider"])
        require_lease(job, lease_token, ctx)
        move = judge(job) | {"expected": job["status"], "lease_token": lease_token}
        moved = await repository.update_asset_job_status(ctx.database, job_id, move, origin=ctx.origin)
        if moved is not None:
            ctx.runtime.watched_jobs.stir(job_id)
            return AssetJobFullResponse.model_validate(job | moved)
    raise lease_lost(job)


def is_missed(job: Row, ctx: Context) -> bool:
    """Whether a job is not to be started any more: too late, or of no use."""
    return any(by is not None and by <= ctx.now for by in (job["start_by"], job["finish_by"]))


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
    return ctx.principal.require_visible("job", job_id, row)


async def find_job(ctx: Context, job_id: UUID) -> Row:
    """The job with its derivation and asset. Raises `NotFoundError`."""
    return visible_job(ctx, job_id, await repository.get_asset_job(ctx.database, job_id))
