"""Handing out jobs, and taking one back: claim, claim by id, release (design section 5, Leases)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.base import format_time
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.errors import NotClaimableError
from lorekeeper.contracts.jobs import (
    AssetJobClaim,
    AssetJobClaimById,
    AssetJobFullResponse,
    AssetJobRelease,
)
from lorekeeper.jobs import repository
from lorekeeper.jobs.service import find_job, lease_lost, require_lease, validate_worker_authorization
from lorekeeper.kit.database import Row

LOOK_AGAIN_SECONDS = 1.0
"""How often a waiting claim looks for jobs that another process made, and for leases that ran out."""

ALL_TYPES = [kind.value for kind in AssetTypeEnum]


async def claim_jobs(ctx: Context, body: AssetJobClaim, *, is_gone: Callable[[], Awaitable[bool]]) -> list[bytes]:
    """Hand out up to `limit` jobs, each a `ClaimedJob` as JSON, waiting up to `wait_seconds` for the first.

    `is_gone`: the caller hung up.
    Raises `ForbiddenError` for a provider, `WorldNotFoundError` for a world that is not this key's.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + body.wait_seconds
    with ctx.runtime.new_jobs.listening(body.providers) as listener:
        while True:
            listener.about_to_look()
            now = ctx.runtime.clock.now()
            claim = _claimable(ctx, body) | {"lease_expires_at": now + timedelta(seconds=body.lease_seconds)}
            rows = await repository.claim_asset_jobs(ctx.database, claim, origin=ctx.origin | {"now": now})
            left = give_up - loop.time()
            if rows or left <= 0 or ctx.runtime.new_jobs.closed:
                return _handed_out(ctx, rows, body.limit)
            await listener.wait(min(left, LOOK_AGAIN_SECONDS))
            # Asked before the next look, not after it: a caller who hung up while waiting must be given no job,
            # nor must one whose key was revoked meanwhile, or lost a world.
            if await is_gone():
                return []
            ctx = await ctx.renewed()


def _claimable(ctx: Context, body: AssetJobClaim) -> Row:
    """What is asked for, as far as this key may have it."""
    for provider in body.providers:
        validate_worker_authorization(ctx.principal, provider)
    for world_id in body.world_ids or ():
        ctx.principal.require_world(world_id)
    return {
        "worker_id": body.worker_id,
        "providers": list(dict.fromkeys(body.providers)),
        "asset_types": [kind.value for kind in body.asset_types] if body.asset_types else ALL_TYPES,
        "world_ids": body.world_ids or ctx.principal.visible_worlds,
        "limit": body.limit,
    }


def _handed_out(ctx: Context, rows: list[Row], limit: int) -> list[bytes]:
    assert len(rows) <= limit, f"{len(rows)} jobs were handed out to one who asked for {limit}"  # noqa: S101 - a promise
    ctx.runtime.watched_jobs.stir(*(row["id"] for row in rows))
    return [row["job"] for row in rows]


async def claim_job(ctx: Context, job_id: UUID, body: AssetJobClaimById) -> bytes:
    """Hand out this job, a `ClaimedJob` as JSON. One round trip where it is to be had.

    Raises `NotFoundError`, `ForbiddenError`, `NotClaimableError`.
    """
    claim = {
        "id": job_id,
        "worker_id": body.worker_id,
        "lease_expires_at": ctx.now + timedelta(seconds=body.lease_seconds),
        "visible_worlds": ctx.principal.visible_worlds,
        "visible_providers": ctx.principal.visible_providers,
    }
    row = await repository.claim_asset_job(ctx.database, claim, origin=ctx.origin)
    ctx.runtime.watched_jobs.stir(job_id)
    if row is None:
        job = await find_job(ctx, job_id)
        validate_worker_authorization(ctx.principal, job["provider"])
        raise _not_claimable(job)
    claimed: bytes = row["job"]
    return claimed


def _not_claimable(job: Row) -> NotClaimableError:
    expires = job["lease_expires_at"]
    return NotClaimableError(
        f"The job is {job['status']} and not to be had now.",
        status_of_job=job["status"],
        available_at=format_time(job["available_at"]),
        lease_expires_at=expires and format_time(expires),
    )


async def release_job(ctx: Context, job_id: UUID, body: AssetJobRelease) -> AssetJobFullResponse:
    """Back to QUEUED, to be had at once, with the attempt given back; or over, where nobody wants it any more.

    Raises `LeaseLostError`.
    """
    job = await find_job(ctx, job_id)
    validate_worker_authorization(ctx.principal, job["provider"])
    require_lease(job, body.lease_token, ctx)
    released = await repository.release_asset_job(
        ctx.database, job_id, lease_token=body.lease_token, reason=body.reason, origin=ctx.origin
    )
    if released is None:
        raise lease_lost(await find_job(ctx, job_id))
    ctx.runtime.watched_jobs.stir(job_id)
    ctx.runtime.new_jobs.notify([job["provider"]])
    return AssetJobFullResponse.model_validate(job | released)
