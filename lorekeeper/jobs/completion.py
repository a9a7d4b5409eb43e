"""Handing in the finished file: checked against the store, then written all at once (design section 5, Complete)."""

from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets.uploads import require_pending, verify_upload
from lorekeeper.contracts.assets import AssetCreate, AssetResponse
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetTypeEnum
from lorekeeper.contracts.errors import AlreadyCompletedError, InvalidTransitionError, UploadMismatchError
from lorekeeper.contracts.jobs import AssetJobComplete, AssetJobFullResponse
from lorekeeper.jobs import repository
from lorekeeper.jobs.service import (
    lease_lost,
    require_lease,
    validate_job_status_transition,
    validate_worker_authorization,
    visible_job,
)
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id

Status = AssetJobStatusEnum


async def complete_job(ctx: Context, job_id: UUID, body: AssetJobComplete) -> AssetJobFullResponse:
    """Make the asset and finish the job, or leave everything as it was.

    The same payload again gets the same answer. Raises `UploadMismatchError`, `LeaseLostError`,
    `InvalidTransitionError`, `AlreadyCompletedError`. Two round trips to the database, with the store asked in between.
    """
    found = await repository.get_asset_job_and_upload(ctx.database, job_id, body.storage_key)
    job = visible_job(ctx, job_id, found)
    validate_worker_authorization(ctx.principal, job["provider"])
    if job["status"] == Status.SUCCEEDED:
        return _completed_before(job, body)
    _may_complete(ctx, job, body)
    asset_id = new_id()
    try:
        await verify_upload(ctx, job["upload"], job["world_id"], AssetTypeEnum(job["asset_type"]), body)
        # The store took its time: the lease is judged by the moment of writing, not by that of asking.
        origin = ctx.origin | {"now": ctx.runtime.clock.now()}
        done = await repository.complete_asset_job(
            ctx.database, job_id, body, asset_id=asset_id, lease_token=body.lease_token, origin=origin
        )
    except UploadMismatchError:
        job = visible_job(ctx, job_id, await repository.get_asset_job(ctx.database, job_id))
        if job["status"] == Status.SUCCEEDED:  # the same request, sent twice at once, was quicker
            return _completed_before(job, body)
        raise
    if done is None:
        return await _overtaken(ctx, job_id, body)
    job["derivation"]["asset_id"] = asset_id
    return AssetJobFullResponse.model_validate(job | done)


def _may_complete(ctx: Context, job: Row, body: AssetJobComplete) -> None:
    require_lease(job, body.lease_token, ctx)
    validate_job_status_transition(Status(job["status"]), Status.SUCCEEDED)
    if job["cancel_requested_at"] is not None:
        raise InvalidTransitionError(
            "The job was cancelled while it ran.", from_status=Status.RUNNING.value, to_status=Status.SUCCEEDED.value
        )


async def _overtaken(ctx: Context, job_id: UUID, body: AssetJobComplete) -> AssetJobFullResponse:
    """The job, or the upload, changed while the store was asked: say what is the case now."""
    found = await repository.get_asset_job_and_upload(ctx.database, job_id, body.storage_key)
    job = visible_job(ctx, job_id, found)
    if job["status"] == Status.SUCCEEDED:
        return _completed_before(job, body)
    _may_complete(ctx, job, body)
    require_pending(job["upload"])
    raise lease_lost(job)


def _completed_before(job: Row, body: AssetJobComplete) -> AssetJobFullResponse:
    asset = AssetResponse.model_validate(job["asset"])
    declared = body.model_dump(include=set(AssetCreate.model_fields))
    if any(getattr(asset, name) != value for name, value in declared.items()):
        raise AlreadyCompletedError(f"The job has asset {asset.id} already, made of another file.")
    return AssetJobFullResponse.model_validate(job)
