"""URLs to download from, and the name that a file is saved under (RFC 6266, RFC 8187)."""

import re
import unicodedata
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets import repository
from lorekeeper.contracts.assets import AssetResponse
from lorekeeper.contracts.enums import AssetStatusEnum
from lorekeeper.contracts.errors import AssetGoneError
from lorekeeper.contracts.s3 import Disposition, PresignedDownloadRequest, PresignedDownloadResponse

LONGEST_NAME_BYTES = 255
"""As long as a file name may be on the file systems in use."""
_LONGEST_EXTENSION_BYTES = 20
_ATTR_CHAR = "!#$&+-.^_`|~"
"""What RFC 8187 lets stand as it is, beside letters and digits."""


async def presign_download(
    ctx: Context, asset_id: UUID, body: PresignedDownloadRequest, *, expires_seconds: int
) -> PresignedDownloadResponse:
    """A URL to fetch the file from. Raises `NotFoundError`, and `AssetGoneError` for a deleted asset."""
    row = await repository.get_asset_to_download(ctx.database, asset_id)
    row = ctx.principal.require_visible("asset", asset_id, row)
    asset = AssetResponse.model_validate(row)
    if asset.status is not AssetStatusEnum.READY:
        raise AssetGoneError(f"Asset {asset_id} is {asset.status}; its file is gone.")
    filename = download_name(body.filename or row["filename"])
    signed = ctx.store.generate_download_presigned_url(
        asset.storage_key,
        disposition=content_disposition(body.disposition, filename),
        content_type=asset.content_type,
        expires_seconds=expires_seconds,
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


def download_name(filename: str) -> str:
    """The name as it was given, without folders and without what is not to be seen or could mislead: control
    characters, marks that turn the direction of writing, dots and spaces at either end.
    """
    last = re.split(r"[/\\]", filename)[-1]
    shown = "".join(char for char in last if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    return _shortened(shown.strip(" .")) or "file"


def content_disposition(disposition: Disposition, filename: str) -> str:
    """The value of `Content-Disposition`: a name in ASCII, and the name itself beside it where that is another one."""
    plain = _in_ascii(filename)
    value = f'{disposition}; filename="{plain}"'
    if plain != filename:
        value += f"; filename*=UTF-8''{quote(filename, safe=_ATTR_CHAR)}"
    return value


def _in_ascii(filename: str) -> str:
    """Of printable ASCII, without what a quoted string would have to escape or a careless reader would take apart."""
    ascii_only = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode()
    plain = re.sub(r'[\x00-\x1f\x7f"\\%;/]', "_", ascii_only).strip(" ")
    stem, dot, extension = plain.rpartition(".")
    return plain if re.search(r"[A-Za-z0-9]", stem if dot else plain) else f"file{dot}{extension}"


def _shortened(filename: str) -> str:
    stem, dot, extension = filename.rpartition(".")
    ending = f"{dot}{extension}" if stem and len(extension.encode()) < _LONGEST_EXTENSION_BYTES else ""
    room = LONGEST_NAME_BYTES - len(ending.encode())
    return filename.removesuffix(ending).encode()[:room].decode(errors="ignore") + ending
