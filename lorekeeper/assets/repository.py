"""Assets and uploads, as rows."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lorekeeper.contracts.assets import AssetListFilter, PaginatedAssetResponse
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)


async def create_upload(database: Database, row: Row, *, origin: Mapping[str, Any]) -> Row:
    """Write down an upload; the answer says `made` and `world_exists`. With a world, not made: the key is taken."""
    return await database.one(QUERIES.create_upload, **row, **origin) or {}


async def get_asset(database: Database, asset_id: UUID) -> Row | None:
    return await database.one(QUERIES.get_asset, id=asset_id)


async def list_assets(
    database: Database, filters: AssetListFilter, paging: Paging, *, visible_worlds: list[UUID] | None
) -> PaginatedAssetResponse:
    return await fetch_page(
        PaginatedAssetResponse,
        database,
        QUERIES.list_assets,
        paging,
        **filters.model_dump(),
        visible_worlds=visible_worlds,
    )
