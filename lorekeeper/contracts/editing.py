"""Changing lore on the wire: merge patches, batches, versions and what lies between two of them, deletion."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import (
    IdList,
    LongText,
    Metadata,
    Model,
    Name,
    Offset,
    Page,
    Request,
    Text,
    TimePointCreate,
    Timestamp,
)
from lorekeeper.contracts.enums import CanonState, EntityType, LoreKind, SourceType
from lorekeeper.contracts.lore import (
    Aliases,
    ChunkText,
    ClaimCreate,
    ClaimResponse,
    Confidence,
    EntityCreate,
    EntityResponse,
    SourceCreate,
    SourceResponse,
    Tags,
    WorldCreate,
    WorldResponse,
)


def _absent() -> Any:
    return None


ABSENT: Any = Field(default_factory=_absent)
"""The default of a field that was not given, which is another thing than null. It shows in no schema."""


class LoreUpdate(Request):
    """A JSON merge patch (RFC 7396) of a piece's own fields: what is given replaces what is there, null clears it.

    Its dump holds what was given and nothing else: `model_dump(exclude_unset=True)`.
    """


class WorldUpdate(LoreUpdate):
    name: Name = ABSENT
    description: LongText | None = ABSENT
    metadata: Metadata = ABSENT


class EntityUpdate(LoreUpdate):
    type: EntityType = ABSENT
    name: Name = ABSENT
    aliases: Aliases = ABSENT
    summary: LongText | None = ABSENT
    description: LongText | None = ABSENT
    tags: Tags = ABSENT
    metadata: Metadata = ABSENT


class SourceUpdate(LoreUpdate):
    type: SourceType = ABSENT
    title: Name = ABSENT
    author_ids: IdList = ABSENT
    origin: Annotated[Text, Field(max_length=2000)] | None = ABSENT
    metadata: Metadata = ABSENT


class SourceChunkUpdate(LoreUpdate):
    """Offsets that no longer fit a new `content` are cleared, unless new ones are given."""

    content: ChunkText = ABSENT
    char_start: Offset | None = ABSENT
    char_end: Offset | None = ABSENT
    metadata: Metadata = ABSENT


class ClaimUpdate(LoreUpdate):
    """To turn a value into an entity or back, give the one and null for the other."""

    subject_entity_id: UUID = ABSENT
    predicate: Name = ABSENT
    object_entity_id: UUID | None = ABSENT
    object_value: Annotated[LongText, Field(min_length=1)] | None = ABSENT
    canon_state: CanonState = ABSENT
    confidence: Confidence = ABSENT
    asserted_by_entity_id: UUID | None = ABSENT
    source_id: UUID | None = ABSENT
    source_chunk_id: UUID | None = ABSENT
    supersedes_claim_id: UUID | None = ABSENT
    valid_from: TimePointCreate | None = ABSENT
    valid_to: TimePointCreate | None = ABSENT
    tags: Tags = ABSENT


MAX_BATCH = 1000
"""The most pieces that one request makes."""


class WorldBatchCreate(Request):
    """Worlds to make, all or none."""

    items: Annotated[list[WorldCreate], Field(min_length=1, max_length=MAX_BATCH)]


class EntityBatchCreate(Request):
    """Entities to make, all or none."""

    items: Annotated[list[EntityCreate], Field(min_length=1, max_length=MAX_BATCH)]


class SourceBatchCreate(Request):
    """Sources to make, with their chunks, all or none."""

    items: Annotated[list[SourceCreate], Field(min_length=1, max_length=MAX_BATCH)]


class ClaimBatchCreate(Request):
    """Claims to make, all or none."""

    items: Annotated[list[ClaimCreate], Field(min_length=1, max_length=MAX_BATCH)]


class WorldBatchResponse(Model):
    """The worlds that were made, in the order given."""

    items: list[WorldResponse]


class EntityBatchResponse(Model):
    """The entities that were made, in the order given."""

    items: list[EntityResponse]


class SourceBatchResponse(Model):
    """The sources that were made, in the order given."""

    items: list[SourceResponse]


class ClaimBatchResponse(Model):
    """The claims that were made, in the order given."""

    items: list[ClaimResponse]


class LoreVersion(Model):
    """One version of a piece of lore: from `updated_at` to `replaced_at`, or until now."""

    version: int
    content_hash: str
    updated_at: Timestamp
    replaced_at: Timestamp | None = None
    deleted_at: Timestamp | None = Field(None, description="Of the last version of what was deleted.")


class PaginatedLoreVersionResponse(Page):
    """Newest first; the first of all is the present one, or the last that a deleted piece had."""

    items: list[LoreVersion]


class FieldChange(Model):
    """One field in both versions. For a text, `diff` is a line diff; `words` marks what changed within its lines."""

    field: str
    before: Any = None
    after: Any = None
    diff: str | None = Field(None, description="Lines: `  ` in both, `- ` only before, `+ ` only after.")
    words: str | None = Field(None, description="The text with `[-gone-]` and `{+new+}` words.")


class LoreDiff(Model):
    """What lies between two versions of a piece: of what can be depicted, field by field."""

    kind: LoreKind
    id: UUID
    from_version: int
    to_version: int
    changes: list[FieldChange]


class LoreDeleted(Model):
    """What a deletion did. All of it is a tombstone now: its versions can be read and restored."""

    id: UUID
    deleted_at: Timestamp
    claim_ids: list[UUID] = Field(default_factory=list, description="Claims that went with it.")
    edited_source_ids: list[UUID] = Field(default_factory=list, description="Sources that it was an author of.")
    source_chunks: int = Field(0, description="Chunks that went with their source.")


class WorldDeleted(Model):
    """What went with a world. Jobs, assets and provenance stay on record; the files are removed from the store."""

    id: UUID
    deleted_at: Timestamp
    entities: int
    sources: int
    source_chunks: int
    claims: int
    jobs_cancelled: int
    assets: int
    uploads: int
