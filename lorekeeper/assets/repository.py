"""Assets and uploads, as rows."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lorekeeper.contracts.assets import AssetListFilter, PaginatedAssetResponse
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)

DERIVED_BY = ("related_claim_id", "related_entity_id", "related_source_chunk_id", "source_id")
"""The filters that ask for what was made from a piece of lore."""


async def create_upload(database: Database, row: Row, *, origin: Mapping[str, Any]) -> Row:
    """Write down an upload; the answer says `made` and `world_exists`. With a world, not made: the key is taken."""
    return await database.one(QUERIES.create_upload, **row, **origin) or {}


async def get_asset(database: Database, asset_id: UUID) -> Row | None:
    return await database.one(QUERIES.get_asset, id=asset_id)


async def list_assets(
    database: Database, filters: AssetListFilter, paging: Paging, *, visible_worlds: list[UUID] | None
) -> PaginatedAssetResponse:
    """A page of assets. Where `filters.world_id` is given, the caller has checked that the key may see that world."""
    given = filters.model_dump()
    if all(given[name] is None for name in DERIVED_BY):
        query, worlds = QUERIES.list_assets, None
    else:
        query = QUERIES.list_derived_assets
        worlds = visible_worlds if filters.world_id is None else [filters.world_id]
    return await fetch_page(
        PaginatedAssetResponse, database, query, paging, **given, worlds=worlds, visible_worlds=visible_worlds
    )
