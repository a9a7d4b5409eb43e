"""Deleting an asset: DELETED first, the file afterwards; what it was made from stays on record."""

from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets import repository
from lorekeeper.assets.cleanup import remove_now
from lorekeeper.assets.service import get_asset
from lorekeeper.contracts.assets import AssetFullResponse
from lorekeeper.contracts.errors import AssetInUseError


async def delete_asset(ctx: Context, asset_id: UUID) -> AssetFullResponse:
    """The asset as it is from now on. Again: the same answer.

    Raises `NotFoundError`, and `AssetInUseError` while jobs that are not over have it as an input. A store that does
    not answer is told later.
    """
    ctx.principal.require_visible("asset", asset_id, await repository.get_asset(ctx.database, asset_id))
    done = await repository.delete_asset(ctx.database, asset_id, origin=ctx.origin)
    if done["needed_by"]:
        raise AssetInUseError(
            f"Asset {asset_id} is an input of jobs that are QUEUED or RUNNING: {done['needed_by']} of them.",
            job_count=done["needed_by"],
            job_ids=[str(job_id) for job_id in done["some_jobs"]],
        )
    if done["upload_id"] is not None:
        await remove_now(ctx, done["upload_id"], done["storage_key"], in_parts=done["in_parts"])
    return await get_asset(ctx, asset_id)
