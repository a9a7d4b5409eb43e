"""Handing in finished files: checked against the store, then written all at once (design section 5, Complete).

A completion under a living lease of a job that was to be cancelled, or whose `finish_by` has passed, is checked all the
same, and kept as a late result: it was paid for.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets.uploads import list_bound, require_pending, verify_upload
from lorekeeper.contracts.assets import AssetCreate, AssetResponse
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetTypeEnum
from lorekeeper.contracts.errors import AlreadyCompletedError, LoreKeeperError, UploadMismatchError
from lorekeeper.contracts.jobs import AssetJobComplete
from lorekeeper.contracts.late_results import LateResult
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
from lorekeeper.kit.ids import new_id

CHECKS_AT_ONCE = 32
"""Objects of one batch that the store is asked about side by side."""

Status = AssetJobStatusEnum
Outcome = bytes | StoredJob | LoreKeeperError
"""Bytes: the job as JSON, as the database made it of what it wrote."""
Asked = Mapping[UUID, AssetJobComplete]


async def complete_jobs(ctx: Context, asked: Asked, *, keep_late: timedelta) -> dict[UUID, Outcome]:
    """By job: finished with its asset, or with a late result that is kept for so long; or as it was, and why.

    The same payload again gets the same answer. `UploadMismatchError`, `LeaseLostError`, `InvalidTransitionError`,
    `AlreadyCompletedError`, `StorageUnavailableError`. Two round trips to the database, with the store asked in
    between; a third where something is not as it was, or was done before.
    """
    rows = {row["id"]: row for row in await repository.find_jobs_to_complete(ctx.database, asked)}
    refusals = _refusals(ctx, rows, asked)
    sound = {job_id: rows[job_id] for job_id in asked if job_id not in refusals}
    refusals |= await _wrong_files(ctx, sound, asked)
    right = {job_id: asked[job_id] for job_id in sound if job_id not in refusals}
    done = await _write(ctx, right, rows, keep_late) if right else {}
    left = {job_id: body for job_id, body in asked.items() if job_id not in done}
    settled = await _settle(ctx, left, refusals) if left else {}
    return {job_id: done.get(job_id) or settled[job_id] for job_id in asked}


async def _write(ctx: Context, right: Asked, rows: Mapping[UUID, Row], keep_late: timedelta) -> dict[UUID, bytes]:
    # The store took its time: leases are judged by the moment of writing, not by that of asking.
    now = ctx.runtime.clock.now()
    written = await repository.complete_asset_jobs(
        ctx.database,
        right,
        asset_ids=[new_id() for _ in right],
        uploads=[rows[job_id]["upload"] for job_id in right],
        keep_until=now + keep_late,
        origin=ctx.origin | {"now": now},
    )
    ctx.runtime.watched_jobs.stir(*(row["id"] for row in written))
    return {row["id"]: row["job"] for row in written}


def _refusals(ctx: Context, rows: Mapping[UUID, Row], asked: Asked) -> dict[UUID, LoreKeeperError]:
    found = {job_id: _refusal(ctx, job_id, rows.get(job_id), body) for job_id, body in asked.items()}
    return {job_id: refusal for job_id, refusal in found.items() if refusal is not None}


def _refusal(ctx: Context, job_id: UUID, row: Row | None, body: AssetJobComplete) -> LoreKeeperError | None:
    """Why the job cannot be completed as it is. One that is over may have been completed by this very request."""
    try:
        job = require_worker(ctx, job_id, row)
        require_lease(job, body.lease_token, ctx)
        validate_job_status_transition(Status(job["status"]), Status.SUCCEEDED)
    except LoreKeeperError as refusal:
        return refusal
    return None


async def _wrong_files(ctx: Context, rows: Mapping[UUID, Row], asked: Asked) -> dict[UUID, LoreKeeperError]:
    """The files that are not what is declared, or could not be looked at. Side by side; no connection is held."""
    wrong: dict[UUID, LoreKeeperError] = {}
    listed = await list_bound(ctx, (job["upload"] for job in rows.values()))
    waiting = iter(rows.items())

    async def check() -> None:
        for job_id, job in waiting:
            try:
                await verify_upload(
                    ctx,
                    job["upload"],
                    job["world_id"],
                    AssetTypeEnum(job["asset_type"]),
                    asked[job_id],
                    listed_size=listed.get(asked[job_id].storage_key),
                )
            except LoreKeeperError as error:
                wrong[job_id] = error

    async with asyncio.TaskGroup() as checks:
        for _ in range(min(CHECKS_AT_ONCE, len(rows))):
            checks.create_task(check())
    return wrong


async def _settle(ctx: Context, left: Asked, refusals: Mapping[UUID, LoreKeeperError]) -> dict[UUID, Outcome]:
    """What comes of those that were not written: they were completed before, or there is something against it."""
    rows = {row["id"]: row for row in await repository.read_asset_jobs(ctx.database, _seen(left, refusals))}
    outcomes: dict[UUID, Outcome] = {}
    overtaken: dict[UUID, AssetJobComplete] = {}
    for job_id, body in left.items():
        ended = rows.get(job_id)
        if ended is not None and ended["asset" if ended["status"] == Status.SUCCEEDED else "late_result"] is not None:
            outcomes[job_id] = _completed_before(ended, body)
        elif job_id in refusals:
            outcomes[job_id] = refusals[job_id]
        else:
            overtaken[job_id] = body
    return outcomes | await _overtaken(ctx, overtaken)


def _seen(left: Asked, refusals: Mapping[UUID, LoreKeeperError]) -> list[UUID]:
    """Those that may have been completed before: what must not be seen is not looked at again."""
    return [job_id for job_id in left if getattr(refusals.get(job_id), "status", 409) not in {403, 404}]


async def _overtaken(ctx: Context, asked: Asked) -> dict[UUID, Outcome]:
    """The job, or the upload, changed while the store was asked: say what is the case now."""
    if not asked:
        return {}
    rows = {row["id"]: row for row in await repository.find_jobs_to_complete(ctx.database, asked)}
    return {job_id: _changed(ctx, job_id, rows.get(job_id), body) for job_id, body in asked.items()}


def _changed(ctx: Context, job_id: UUID, row: Row | None, body: AssetJobComplete) -> LoreKeeperError:
    if (refusal := _refusal(ctx, job_id, row, body)) is not None:
        return refusal
    assert row is not None  # noqa: S101 - it would have been refused
    try:
        require_pending(row["upload"])
    except UploadMismatchError as mismatch:
        return mismatch
    return lease_lost(row)


def _completed_before(row: Row, body: AssetJobComplete) -> Outcome:
    made: AssetResponse | LateResult
    if row["status"] == Status.SUCCEEDED:
        made = AssetResponse.model_validate_json(row["asset"])
        refusal = AlreadyCompletedError(f"The job has asset {made.id} already, made of another file.")
    else:
        made = LateResult.model_validate_json(row["late_result"])
        refusal = AlreadyCompletedError("The job was cancelled, and has a late result already, of another file.")
    declared = body.model_dump(include=set(AssetCreate.model_fields))
    return refusal if any(getattr(made, name) != value for name, value in declared.items()) else stored_job(row)
