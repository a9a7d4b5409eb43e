"""Assets and uploads, as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from lorekeeper.contracts.assets import AssetCreate, AssetListFilter, PaginatedAssetResponse
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.kit.database import Database, Row, Session
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)

DERIVED_BY = ("related_claim_id", "related_entity_id", "related_source_chunk_id", "source_id")
"""The filters that ask for what was made from a piece of lore."""

Origin = Mapping[str, Any]


async def create_upload(database: Database, row: Row, *, origin: Origin) -> Row:
    """Write down an upload; the answer says `made` and `world_exists`. With a world, not made: the key is taken."""
    return await database.one(QUERIES.create_upload, **row, **origin) or {}


async def get_upload(database: Database, upload_id: UUID) -> Row | None:
    return await database.one(QUERIES.get_upload, id=upload_id)


async def get_upload_and_asset(database: Database, storage_key: str) -> Row:
    """What was handed out under a key, in its JSON form, as `upload`, and `asset_id`; both None where nothing was."""
    row = await database.one(QUERIES.get_upload_and_asset, storage_key=storage_key)
    return row or {"upload": None, "asset_id": None}


async def note_checksum(database: Database, storage_key: str, checksum: str) -> None:
    """Keep the SHA-256 that was read off an assembled file."""
    await database.run(QUERIES.note_checksum, storage_key=storage_key, checksum=checksum)


async def begin_multipart_upload(database: Database, upload_id: UUID, multipart_id: str) -> bool:
    """Note the store's name for it; False when the upload was given up meanwhile."""
    row = await database.one(QUERIES.begin_multipart_upload, id=upload_id, multipart_id=multipart_id)
    return row is not None


async def issue_parts(database: Database, upload_id: UUID, *, expires_at: datetime, origin: Origin) -> Row | None:
    """The upload, good until `expires_at` at least; None when no part of it is taken any more."""
    return await database.one(QUERIES.issue_parts, id=upload_id, expires_at=expires_at, **origin)


async def assemble_upload(database: Database, upload_id: UUID, *, origin: Origin) -> Row | None:
    """Note that the parts were put together; None when that is known already, or the upload was given up."""
    return await database.one(QUERIES.assemble_upload, id=upload_id, **origin)


async def abandon_upload(database: Database, upload_id: UUID, *, origin: Origin) -> Row | None:
    """Give one upload up; None when it is not PENDING (any more)."""
    return await database.one(QUERIES.abandon_upload, id=upload_id, **origin)


async def abandon_uploads(database: Database, *, before: datetime, limit: int, origin: Origin) -> int:
    """Give up at most `limit` uploads whose URLs expired before that moment; the answer says how many it were."""
    row = await database.one(QUERIES.abandon_uploads, before=before, limit=limit, **origin)
    return int(row["uploads"]) if row else 0


async def list_uploads_to_remove(database: Database, *, after: UUID, limit: int, now: datetime) -> list[Row]:
    return await database.all(QUERIES.list_uploads_to_remove, after=after, limit=limit, now=now)


async def note_removed(database: Database, upload_ids: Sequence[UUID], *, origin: Origin) -> int:
    """Note that the store holds nothing of them; not of those that a URL is still good for."""
    return await database.run(QUERIES.note_removed, ids=list(upload_ids), **origin)


async def get_asset(database: Database, asset_id: UUID) -> Row | None:
    return await database.one(QUERIES.get_asset, id=asset_id)


async def get_asset_to_download(database: Database, asset_id: UUID) -> Row | None:
    """The asset, with the name that its file was uploaded under as `filename`."""
    return await database.one(QUERIES.get_asset_to_download, id=asset_id)


async def create_asset(
    session: Session, asset_id: UUID, file: AssetCreate, *, world_id: UUID, type: AssetTypeEnum, origin: Origin
) -> Row | None:
    """The asset, made of an upload of that world and type; None when the upload is not PENDING (any more)."""
    columns = file.model_dump(include=set(AssetCreate.model_fields)) | {"metadata": Jsonb(file.metadata)}
    return await session.one(QUERIES.create_asset, id=asset_id, world_id=world_id, type=type, **columns, **origin)


async def delete_asset(database: Database, asset_id: UUID, *, origin: Origin) -> Row:
    """Delete an asset that no live job needs. The row says `needed_by` and `some_jobs`; and, where it was deleted just
    now, which upload (`upload_id`, `storage_key`, `in_parts`) the store is rid of next.

    Two statements, since what waited for the lock has to see the jobs that were made meanwhile.
    """
    async with database.transaction() as session:
        await session.one(QUERIES.lock_asset, id=asset_id)
        return await session.one(QUERIES.delete_asset, id=asset_id, **origin) or {}


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
