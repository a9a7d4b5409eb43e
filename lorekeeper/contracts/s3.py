"""Presigned URLs on the wire (specification section 2, S3 Models)."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from lorekeeper.contracts.assets import ContentType, ObjectSize
from lorekeeper.contracts.base import A_NUMBER, Checksum, Model, Request, Text, Timestamp
from lorekeeper.contracts.enums import AssetTypeEnum, UploadState

MIB = 1024**2
MAX_PUT_BYTES = 5 * 1024**3
"""The most that S3 takes in one PUT."""
MIN_PART_BYTES = 5 * MIB
"""The least that S3 takes as a part, unless it is the last."""
DEFAULT_PART_BYTES = 16 * MIB
MAX_PARTS = 10_000
MAX_PARTS_A_PAGE = 1000

Disposition = Literal["attachment", "inline"]


def _in_one_piece(size: int) -> int:
    if size > MAX_PUT_BYTES:
        raise ValueError(
            f"one PUT takes {MAX_PUT_BYTES} bytes (5 GiB) at the most; "
            "send larger files in parts: POST /assets/assets/multipart-upload"
        )
    return size


PutSize = Annotated[
    int, Field(ge=1, json_schema_extra={"maximum": MAX_PUT_BYTES}), AfterValidator(_in_one_piece), A_NUMBER
]
PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS), A_NUMBER]


class _UploadRequest(Request):
    world_id: UUID
    asset_type: AssetTypeEnum
    filename: Annotated[Text, Field(min_length=1, max_length=500)]
    content_type: ContentType


class PresignedUploadRequest(_UploadRequest):
    size_bytes: PutSize | None = Field(None, description="Held to at completion when given; 5 GiB at the most.")
    checksum: Checksum | None = Field(None, description="Held to at completion when given.")


class PresignedUploadResponse(Model):
    """Send the file with `method` to `url` with exactly these `headers`."""

    upload_id: UUID
    storage_key: str
    url: str
    method: str = "PUT"
    headers: dict[str, str]
    expires_at: Timestamp


class PresignedDownloadRequest(Request):
    """How the file is to come; left out, it is saved under the name it was uploaded under."""

    disposition: Disposition = Field("attachment", description="`inline`: a browser shows it where it can.")
    filename: Annotated[Text, Field(min_length=1, max_length=255)] | None = Field(
        None, description="Another name than the one it was uploaded under. Folders in it are left out."
    )


class PresignedDownloadResponse(Model):
    asset_id: UUID
    url: str
    method: str = "GET"
    filename: str
    content_type: str
    size_bytes: int
    checksum: str
    expires_at: Timestamp


class PresignedMultipartUploadRequest(_UploadRequest):
    """A file that comes in parts: up to 5 TiB, in up to 10,000 of them."""

    size_bytes: ObjectSize
    checksum: Checksum | None = Field(None, description="Held to when an asset is made of it.")
    part_size_bytes: Annotated[int, Field(ge=MIN_PART_BYTES, le=MAX_PUT_BYTES), A_NUMBER] | None = Field(
        None, description="Of every part but the last. Left out: 16 MiB, or what makes 10,000 parts of a larger file."
    )

    @model_validator(mode="after")
    def _in_few_enough_parts(self) -> Self:
        if self.part_size_bytes is not None and self.size_bytes > self.part_size_bytes * MAX_PARTS:
            raise ValueError(f"that part_size_bytes makes more than {MAX_PARTS} parts of the file")
        return self


class PresignedPart(Model):
    """Send these `size_bytes` of the file with `method` to `url` with exactly these `headers`."""

    part_number: int
    url: str
    method: str = "PUT"
    headers: dict[str, str]
    size_bytes: int


class PresignedMultipartUploadResponse(Model):
    """URLs for some of the parts. Part n begins at byte (n - 1) * `part_size_bytes` of the file."""

    upload_id: UUID
    storage_key: str
    part_size_bytes: int
    part_count: int
    parts: list[PresignedPart]
    next_part_number: int | None = Field(None, description="Ask for URLs from here on; null: there are no more.")
    expires_at: Timestamp


class UploadedPart(Model):
    part_number: int
    size_bytes: int
    etag: str


class MultipartUploadPartsResponse(Model):
    """What the store has of a multipart upload; of one that is completed, no parts any more."""

    upload_id: UUID
    storage_key: str
    part_size_bytes: int
    part_count: int
    parts: list[UploadedPart]
    missing_part_numbers: list[int] = Field(description="To be sent: not there, or of another size.")
    assembled_at: Timestamp | None = None
    expires_at: Timestamp


class CompletedPart(Request):
    part_number: PartNumber
    etag: Annotated[Text, Field(min_length=1, max_length=200)]


class CompleteMultipartUploadRequest(Request):
    upload_id: UUID
    parts: Annotated[list[CompletedPart], Field(max_length=MAX_PARTS)] | None = Field(
        None, description="What the store answered to the parts; held against what it has now, where given."
    )

    @model_validator(mode="after")
    def _each_part_once(self) -> Self:
        numbers = [part.part_number for part in self.parts or ()]
        if len(numbers) != len(set(numbers)):
            raise ValueError("a part_number is given twice")
        return self


class CompletedMultipartUploadResponse(Model):
    """The file is whole. An asset is made of it by completing a job, or by `POST /assets/assets`."""

    upload_id: UUID
    storage_key: str
    content_type: str
    size_bytes: int
    assembled_at: Timestamp


class AbortMultipartUploadRequest(Request):
    upload_id: UUID


class AbortedMultipartUploadResponse(Model):
    upload_id: UUID
    storage_key: str
    state: UploadState
