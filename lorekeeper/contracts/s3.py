"""Presigned URLs on the wire (specification section 2, S3 Models)."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.assets import ContentType, ObjectSize
from lorekeeper.contracts.base import Checksum, Model, Request, Text, Timestamp
from lorekeeper.contracts.enums import AssetTypeEnum


class PresignedUploadRequest(Request):
    world_id: UUID
    asset_type: AssetTypeEnum
    filename: Annotated[Text, Field(min_length=1, max_length=500)]
    content_type: ContentType
    size_bytes: ObjectSize | None = Field(None, description="Held to at completion when given.")
    checksum: Checksum | None = Field(None, description="Held to at completion when given.")


class PresignedUploadResponse(Model):
    """Send the file with `method` to `url` with exactly these `headers`."""

    upload_id: UUID
    storage_key: str
    url: str
    method: str = "PUT"
    headers: dict[str, str]
    expires_at: Timestamp


class PresignedDownloadResponse(Model):
    asset_id: UUID
    url: str
    method: str = "GET"
    filename: str
    content_type: str
    size_bytes: int
    checksum: str
    expires_at: Timestamp
