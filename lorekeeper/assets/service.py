"""The rules of the asset registry."""

import re
from datetime import timedelta
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets import repository
from lorekeeper.contracts.assets import (
    AssetCreate,
    AssetFullResponse,
    AssetListFilter,
    AssetResponse,
    PaginatedAssetResponse,
)
from lorekeeper.contracts.enums import AssetStatusEnum, AssetTypeEnum, UploadState
from lorekeeper.contracts.errors import AssetGoneError, UploadMismatchError, WorldNotFoundError
from lorekeeper.contracts.s3 import PresignedDownloadResponse, PresignedUploadRequest, PresignedUploadResponse
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.pagination import Paging
from lorekeeper.provenance.repository import list_derivations_of_asset
from lorekeeper.storage.keys import safe_filename, storage_key


async def get_asset(ctx: Context, asset_id: UUID) -> AssetFullResponse:
    """One asset with its derivations. A deleted one is still shown: provenance stays."""
    asset = await _visible(ctx, asset_id)
    derivations = await list_derivations_of_asset(ctx.database, asset_id)
    return AssetFullResponse.model_validate(asset | {"derivations": derivations})


async def list_assets(ctx: Context, filters: AssetListFilter, paging: Paging) -> PaginatedAssetResponse:
    if filters.world_id is not None:
        ctx.principal.require_world(filters.world_id)
    return await repository.list_assets(ctx.database, filters, paging, visible_worlds=ctx.principal.visible_worlds)


async def presign_upload(
    ctx: Context, body: PresignedUploadRequest, *, expires_seconds: int
) -> PresignedUploadResponse:
    """Hand out a place to upload to, good for one upload. Raises `WorldNotFoundError`."""
    ctx.principal.require_world(body.world_id)
    upload = body.model_dump() | {"id": new_id(), "expires_at": ctx.now + timedelta(seconds=expires_seconds)}
    made = False
    later = timedelta()
    while not made:
        key = storage_key(body.world_id, body.asset_type, body.filename, ctx.now + later)
        row = await repository.create_upload(ctx.database, upload | {"storage_key": key}, origin=ctx.origin)
        if not row["world_exists"]:
            raise WorldNotFoundError(f"There is no world {body.world_id}.", world_id=str(body.world_id))
        made = row["made"]
        later += timedelta(microseconds=1)  # the same name in the same microsecond, by another process
    signed = ctx.store.generate_upload_presigned_url(
        key, content_type=body.content_type, checksum=body.checksum, expires_seconds=expires_seconds
    )
    return PresignedUploadResponse(
        upload_id=upload["id"], storage_key=key, url=signed.url, headers=signed.headers, expires_at=upload["expires_at"]
    )


async def presign_download(ctx: Context, asset_id: UUID, *, expires_seconds: int) -> PresignedDownloadResponse:
    """A URL to fetch the file from. Raises `NotFoundError`, and `AssetGoneError` for a deleted asset."""
    asset = AssetResponse.model_validate(await _visible(ctx, asset_id))
    if asset.status is not AssetStatusEnum.READY:
        raise AssetGoneError(f"Asset {asset_id} is {asset.status}; its file is gone.")
    filename = download_name(asset)
    signed = ctx.store.generate_download_presigned_url(
        asset.storage_key, filename=filename, content_type=asset.content_type, expires_seconds=expires_seconds
    )
    return PresignedDownloadResponse(
        asset_id=asset.id,
        url=signed.url,
        filename=filename,
        content_type=asset.content_type,
        size_bytes=asset.size_bytes,
        checksum=asset.checksum,
        expires_at=ctx.now + timedelta(seconds=expires_seconds),
    )


def download_name(asset: AssetResponse) -> str:
    """The name the file was uploaded under, without the time stamp that the key put before it."""
    return safe_filename(re.sub(r"^[0-9]{8}T[0-9]{12}Z_", "", asset.storage_key.rpartition("/")[2]))


async def verify_upload(
    ctx: Context, upload: Row | None, world_id: UUID, asset_type: AssetTypeEnum, file: AssetCreate
) -> None:
    """Believe nothing of an upload: was the key handed out, and does the store hold exactly what is declared?

    `upload` is what was written down when the key was handed out, in its JSON form; None: it never was.

    Raises `UploadMismatchError`, whose code says which check failed. Asks the store, so never call it in a transaction.
    """
    if upload is None or upload["world_id"] != str(world_id) or upload["asset_type"] != asset_type:
        raise UploadMismatchError(
            "upload_not_issued", "storage_key was not handed out for an upload to this world and asset type."
        )
    if upload["state"] != UploadState.PENDING:
        raise UploadMismatchError("upload_already_used", "storage_key belongs to an asset already.")
    _agree_with_issue(upload, file)
    stored = await ctx.store.head_object(file.storage_key)
    if stored is None:
        raise UploadMismatchError("object_missing", "Nothing was uploaded to storage_key.")
    _agree("size_mismatch", "size_bytes", file.size_bytes, stored.size_bytes)
    _agree("content_type_mismatch", "content_type", file.content_type, stored.content_type)
    checksum = stored.checksum or await ctx.store.checksum_of(file.storage_key)
    _agree("checksum_mismatch", "checksum", file.checksum, checksum)


def _agree_with_issue(upload: Row, file: AssetCreate) -> None:
    if upload["size_bytes"] is not None:
        _agree("size_mismatch", "size_bytes", file.size_bytes, upload["size_bytes"])
    _agree("content_type_mismatch", "content_type", file.content_type, upload["content_type"])
    if upload["checksum"] is not None:
        _agree("checksum_mismatch", "checksum", file.checksum, upload["checksum"])


def _agree(code: str, field: str, declared: object, found: object) -> None:
    if declared != found:
        raise UploadMismatchError(
            code, f"{field} is declared as {declared}, but it is {found}.", declared=declared, found=found
        )


async def _visible(ctx: Context, asset_id: UUID) -> Row:
    return ctx.principal.require_visible("asset", asset_id, await repository.get_asset(ctx.database, asset_id))
