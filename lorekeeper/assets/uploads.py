"""Uploads in one piece: handed out, and held against what lies in the store (design section 5, Complete)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets import repository
from lorekeeper.contracts.assets import AssetCreate
from lorekeeper.contracts.enums import AssetTypeEnum, UploadState
from lorekeeper.contracts.errors import UploadMismatchError, WorldNotFoundError
from lorekeeper.contracts.s3 import PresignedMultipartUploadRequest, PresignedUploadRequest, PresignedUploadResponse
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.storage.keys import storage_key


async def presign_upload(
    ctx: Context, body: PresignedUploadRequest, *, expires_seconds: int
) -> PresignedUploadResponse:
    """Hand out a place to upload to, good for one upload. Raises `WorldNotFoundError`, `StorageUnavailableError`."""
    abilities = await ctx.store.abilities()
    expires_at = ctx.now + timedelta(seconds=expires_seconds)
    upload_id, key = await issue(ctx, body, part_size_bytes=None, expires_at=expires_at)
    signed = ctx.store.generate_upload_presigned_url(
        key,
        content_type=body.content_type,
        size_bytes=body.size_bytes,
        checksum=body.checksum,
        expires_seconds=expires_seconds,
        abilities=abilities,
    )
    return PresignedUploadResponse(
        upload_id=upload_id, storage_key=key, url=signed.url, headers=signed.headers, expires_at=expires_at
    )


async def issue(
    ctx: Context,
    body: PresignedUploadRequest | PresignedMultipartUploadRequest,
    *,
    part_size_bytes: int | None,
    expires_at: datetime,
) -> tuple[UUID, str]:
    """Write an upload down, before anybody hears of it. The answer is its id and its key.

    Raises `WorldNotFoundError`.
    """
    ctx.principal.require_world(body.world_id)
    upload = body.model_dump() | {"id": new_id(), "part_size_bytes": part_size_bytes, "expires_at": expires_at}
    made = False
    later = timedelta()
    while not made:
        key = storage_key(body.world_id, body.asset_type, body.filename, ctx.now + later)
        row = await repository.create_upload(ctx.database, upload | {"storage_key": key}, origin=ctx.origin)
        if not row["world_exists"]:
            raise WorldNotFoundError(f"There is no world {body.world_id}.", world_id=str(body.world_id))
        made = row["made"]
        later += timedelta(microseconds=1)  # the same name in the same microsecond, by another process
    return upload["id"], key


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
    require_pending(upload)
    _agree_with_issue(upload, file)
    stored = await ctx.store.head_object(file.storage_key)
    if stored is None:
        unfinished = upload["part_size_bytes"] is not None and upload["assembled_at"] is None
        why = "The multipart upload was not completed" if unfinished else "Nothing was uploaded to storage_key"
        raise UploadMismatchError("object_missing", f"{why}.")
    _agree("size_mismatch", "size_bytes", file.size_bytes, stored.size_bytes)
    _agree("content_type_mismatch", "content_type", file.content_type, stored.content_type)
    checksum = stored.checksum or upload["found_checksum"] or await _read_checksum(ctx, upload)
    _agree("checksum_mismatch", "checksum", file.checksum, checksum)


async def _read_checksum(ctx: Context, upload: Row) -> str:
    """Read the whole file, which takes as long as it is large; of an assembled one it is remembered."""
    checksum = await ctx.store.checksum_of(upload["storage_key"])
    if upload["assembled_at"] is not None:
        await repository.note_checksum(ctx.database, upload["storage_key"], checksum)
    return checksum


def require_pending(upload: Row) -> None:
    """Raises `UploadMismatchError` for an upload that an asset was made of, or that was given up."""
    if upload["state"] == UploadState.ABANDONED:
        raise abandoned()
    if upload["state"] != UploadState.PENDING:
        raise UploadMismatchError("upload_already_used", "storage_key belongs to an asset already.")


def abandoned() -> UploadMismatchError:
    return UploadMismatchError("upload_abandoned", "The upload was given up; ask for another one.")


def _agree_with_issue(upload: Row, file: AssetCreate) -> None:
    if upload["size_bytes"] is not None:
        _agree("size_mismatch", "size_bytes", file.size_bytes, upload["size_bytes"])
    _agree("content_type_mismatch", "content_type", file.content_type, upload["content_type"])
    if upload["checksum"] is not None:
        _agree("checksum_mismatch", "checksum", file.checksum, upload["checksum"])


def _agree(code: str, field: str, declared: Any, found: Any) -> None:
    if declared != found:
        raise UploadMismatchError(
            code, f"{field} is declared as {declared}, but it is {found}.", declared=declared, found=found
        )
