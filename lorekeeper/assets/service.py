"""The asset registry: reading it."""

from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets import repository
from lorekeeper.contracts.assets import AssetFullResponse, AssetListFilter, PaginatedAssetResponse
from lorekeeper.kit.pagination import Paging
from lorekeeper.provenance.repository import list_derivations_of_asset


async def get_asset(ctx: Context, asset_id: UUID) -> AssetFullResponse:
    """One asset with its derivations. A deleted one is still shown: provenance stays."""
    asset = ctx.principal.require_visible("asset", asset_id, await repository.get_asset(ctx.database, asset_id))
    derivations = await list_derivations_of_asset(ctx.database, asset_id)
    return AssetFullResponse.model_validate(asset | {"derivations": derivations})


async def list_assets(ctx: Context, filters: AssetListFilter, paging: Paging) -> PaginatedAssetResponse:
    if filters.world_id is not None:
        ctx.principal.require_world(filters.world_id)
    return await repository.list_assets(ctx.database, filters, paging, visible_worlds=ctx.principal.visible_worlds)
