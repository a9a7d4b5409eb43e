"""Holding on to jobs, and giving them up: heartbeats and failures of up to 100 jobs (design section 5, Leases).

Each is one statement that judges and writes; only what it passed over is read, to say why.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import AssetJobStatusEnum
from lorekeeper.contracts.errors import LoreKeeperError
from lorekeeper.contracts.jobs import AssetJobFail, AssetJobHeartbeat, AssetJobHeartbeatResponse
from lorekeeper.jobs import repository
from lorekeeper.jobs.outcomes import require_worker
from lorekeeper.jobs.service import (
    StoredJob,
    lease_lost,
    require_lease,
    stored_job,
    validate_job_status_transition,
)
from lorekeeper.kit.database import Row

Status = AssetJobStatusEnum


async def renew_leases(
    ctx: Context, asked: Mapping[UUID, AssetJobHeartbeat]
) -> dict[UUID, AssetJobHeartbeatResponse | LoreKeeperError]:
    """By job, its renewed lease. `LeaseLostError` where it ran out, was taken over or the job is finished."""
    rows = await repository.heartbeat(
        ctx.database,
        asked,
        lease_ends=[ctx.now + timedelta(seconds=body.lease_seconds) for body in asked.values()],
        now=ctx.now,
        visible_worlds=ctx.principal.visible_worlds,
        visible_providers=ctx.principal.visible_providers,
    )
    renewed = {row["job_id"]: AssetJobHeartbeatResponse.model_validate(row) for row in rows}
    told = [job_id for job_id in renewed if asked[job_id].progress or asked[job_id].provider_job_id]
    ctx.runtime.watched_jobs.stir(*told)
    left = await _passed_over(ctx, asked, renewed)
    return {job_id: renewed.get(job_id) or _not_renewed(ctx, job_id, left.get(job_id)) for job_id in asked}


def _not_renewed(ctx: Context, job_id: UUID, row: Row | None) -> LoreKeeperError:
    try:
        return lease_lost(require_worker(ctx, job_id, row))
    except LoreKeeperError as refusal:
        return refusal


async def fail_jobs(ctx: Context, asked: Mapping[UUID, AssetJobFail]) -> dict[UUID, StoredJob | LoreKeeperError]:
    """By job: FAILED; or QUEUED again for a retryable failure with attempts left; or CANCELLED where that was asked
    for, or nobody needs it any more. `LeaseLostError`, `InvalidTransitionError`.
    """
    rows = await repository.fail_asset_jobs(
        ctx.database,
        asked,
        visible_worlds=ctx.principal.visible_worlds,
        visible_providers=ctx.principal.visible_providers,
        origin=ctx.origin,
    )
    failed = {row["id"]: stored_job(row) for row in rows}
    ctx.runtime.watched_jobs.stir(*failed)
    ctx.runtime.new_jobs.notify(one.job.provider for one in failed.values() if one.job.status is Status.QUEUED)
    left = await _passed_over(ctx, asked, failed)
    return {
        job_id: failed.get(job_id) or _not_failed(ctx, job_id, left.get(job_id), body) for job_id, body in asked.items()
    }


def _not_failed(ctx: Context, job_id: UUID, row: Row | None, body: AssetJobFail) -> LoreKeeperError:
    try:
        job = require_worker(ctx, job_id, row)
        require_lease(job, body.lease_token, ctx)
        target = Status.FAILED if job["cancel_requested_at"] is None else Status.CANCELLED
        validate_job_status_transition(Status(job["status"]), target)
    except LoreKeeperError as refusal:
        return refusal
    return lease_lost(job)  # it changed after it was passed over


async def _passed_over(ctx: Context, asked: Mapping[UUID, object], done: Mapping[UUID, object]) -> dict[UUID, Row]:
    """The jobs that the statement had no row for, as they are now."""
    left = [job_id for job_id in asked if job_id not in done]
    return {row["id"]: row for row in await repository.list_jobs_to_judge(ctx.database, left)} if left else {}
