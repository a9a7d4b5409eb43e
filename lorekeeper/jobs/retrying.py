"""Asking again for what a job did not bring."""

from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetStatusEnum
from lorekeeper.contracts.errors import InvalidTransitionError
from lorekeeper.contracts.jobs import AssetJobCreate, IdempotencyKey
from lorekeeper.jobs.creation import Created, create_job
from lorekeeper.jobs.service import find_job
from lorekeeper.kit.database import Row

Status = AssetJobStatusEnum

ASKED_AGAIN = ("world_id", "asset_type", "provider", "model_id", "prompt_spec", "priority", "max_attempts")
"""What a new job takes over. Its deadlines were the old one's, and lore is taken as it is by now."""


async def retry_job(ctx: Context, job_id: UUID, idempotency_key: IdempotencyKey | None) -> Created:
    """A new job for the same inputs; or the one that somebody has asked for since.

    Raises `InvalidTransitionError` for a job that is still to bring its asset, or has brought it, and whatever
    `create_job` raises, such as `ReferenceNotFoundError` where lore was deleted since.
    """
    row = await find_job(ctx, job_id)
    if not _is_open_to_retry(row):
        raise InvalidTransitionError(
            f"The job is {row['status']}: what can be retried has FAILED, was CANCELLED, or lost its asset.",
            from_status=row["status"],
            to_status=Status.QUEUED.value,
        )
    asked = {name: row[name] for name in ASKED_AGAIN} | {"references": row["derivation"]["references"]}
    return await create_job(ctx, AssetJobCreate.model_validate(asked | {"idempotency_key": idempotency_key}))


def _is_open_to_retry(job: Row) -> bool:
    if job["status"] == Status.SUCCEEDED:
        return bool(job["asset"]["status"] == AssetStatusEnum.DELETED)
    return job["status"] in {Status.FAILED, Status.CANCELLED}
