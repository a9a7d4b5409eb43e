"""Assets and their provenance on the wire (specification section 2)."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, field_validator

from lorekeeper.contracts.base import (
    A_NUMBER,
    MAX_SAFE_INTEGER,
    Checksum,
    JsonObject,
    Model,
    Number,
    Page,
    Request,
    StoredJson,
    Timestamp,
)
from lorekeeper.contracts.enums import AssetStatusEnum, AssetTypeEnum, DerivationOrigin
from lorekeeper.contracts.references import AssetJobReferences, References
from lorekeeper.contracts.snapshot import LoreSnapshot

Format = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]{0,31}$")]
"""A short lower-case name of the file format: `png`, `pdf`, `mp4`."""

ContentType = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*(; ?[a-z0-9-]+=[A-Za-z0-9_.+-]+)*$",
        max_length=200,
    ),
]
"""A media type in lower case, with optional parameters (RFC 9110 section 8.3.1)."""

StorageKey = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f]+$")]
MAX_OBJECT_BYTES = 5 * 1024**4
ObjectSize = Annotated[int, Field(ge=1, le=MAX_OBJECT_BYTES), A_NUMBER]
_Rate = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER), A_NUMBER]
_Count = Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER), A_NUMBER]


class AssetMetadata(Request):
    """What is known of the file itself. Further fields may stand beside the named ones."""

    model_config = ConfigDict(extra="allow")

    width: _Count | None = Field(None, description="Pixels.")
    height: _Count | None = Field(None, description="Pixels.")
    resolution: str | None = Field(None, max_length=50)
    bitrate: _Rate | None = Field(None, description="Bits a second.")
    codec: str | None = Field(None, max_length=100)
    page_count: _Count | None = None


class AssetCreate(Request):
    """The file a worker made: where it was uploaded to, and what it must be found to be."""

    storage_key: StorageKey
    format: Format
    content_type: ContentType
    size_bytes: ObjectSize
    checksum: Checksum
    duration_seconds: Number | None = Field(None, ge=0, le=1e9)
    metadata: JsonObject = Field(default_factory=dict, description="Common fields have the names of AssetMetadata.")

    @field_validator("metadata")
    @classmethod
    def _known_fields_fit(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        AssetMetadata.model_validate(metadata)
        return metadata


class AssetImport(AssetCreate):
    """A file that no job made: brought in with what is known of what it was made from, and how."""

    world_id: UUID
    type: AssetTypeEnum
    references: AssetJobReferences = Field(default_factory=AssetJobReferences)
    prompt_spec: JsonObject = Field(
        default_factory=dict,
        description="What is known of how it was made. Kept with `checksum` set to the file's own.",
    )


class AssetResponse(Model):
    id: UUID
    world_id: UUID
    type: AssetTypeEnum
    format: str
    status: AssetStatusEnum
    storage_key: str
    content_type: str
    duration_seconds: float | None = None
    size_bytes: int
    checksum: str
    metadata: StoredJson
    created_by: str
    created_at: Timestamp
    deleted_at: Timestamp | None = None


class AssetDerivationResponse(Model):
    """Provenance: what a job, and its asset once there is one, was made from. It never changes.

    An asset that was brought in without a job (`origin` IMPORT) has one, too: without `asset_job_id`.
    """

    id: UUID
    world_id: UUID
    origin: DerivationOrigin
    asset_job_id: UUID | None = None
    asset_id: UUID | None = None
    source_id: UUID | None = None
    prompt_spec: StoredJson
    input_hash: str
    content_basis: str
    references: References
    lore_snapshot: LoreSnapshot
    created_at: Timestamp


class AssetFullResponse(AssetResponse):
    """A single asset with its derivations."""

    derivations: list[AssetDerivationResponse] = Field(default_factory=list)


class PaginatedAssetResponse(Page):
    items: list[AssetResponse]


class AssetListFilter(Request):
    """The filters of `GET /assets/assets`; any combination."""

    world_id: UUID | None = None
    type: AssetTypeEnum | None = None
    status: AssetStatusEnum | None = None
    created_by: str | None = Field(None, max_length=200)
    related_claim_id: UUID | None = None
    related_entity_id: UUID | None = None
    related_source_chunk_id: UUID | None = None
    source_id: UUID | None = None
