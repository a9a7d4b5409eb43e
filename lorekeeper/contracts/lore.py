"""Worlds, entities, sources, chunks and claims on the wire (design section 4)."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, computed_field, model_validator

from lorekeeper.contracts.base import (
    IdList,
    Label,
    LongText,
    Metadata,
    Model,
    Name,
    Number,
    Offset,
    Page,
    Request,
    StoredJson,
    Text,
    TimePoint,
    TimePointCreate,
    Timestamp,
)
from lorekeeper.contracts.enums import CanonState, EntityType, SourceType
from lorekeeper.contracts.snapshot import claim_sentence

Tags = Annotated[list[Label], Field(max_length=200)]
Aliases = Annotated[list[Name], Field(max_length=200)]
Confidence = Annotated[Number, Field(ge=0, le=1)]
ChunkText = Annotated[Text, Field(min_length=1, max_length=100_000)]
WholeText = Annotated[Text, Field(min_length=1, max_length=50_000_000)]


class LoreResponse(Model):
    """What every piece of lore carries. `version` grows by one with each edit that changes what can be depicted."""

    id: UUID
    version: int
    etag: str = Field(description="Of this edit, labels included: what `If-Match` takes.")
    content_hash: str
    created_by: str
    created_at: Timestamp
    updated_at: Timestamp


class WorldBody(Request):
    name: Name
    description: LongText | None = None
    metadata: Metadata = Field(default_factory=dict)


class WorldCreate(WorldBody):
    """A new world."""


class WorldResponse(LoreResponse):
    name: str
    description: str | None = None
    metadata: StoredJson


class EntityBody(Request):
    type: EntityType = EntityType.OTHER
    name: Name
    aliases: Aliases = Field(default_factory=list)
    summary: LongText | None = None
    description: LongText | None = None
    tags: Tags = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)


class EntityCreate(EntityBody):
    world_id: UUID


class EntityResponse(LoreResponse):
    world_id: UUID
    type: EntityType
    name: str
    aliases: list[str]
    summary: str | None = None
    description: str | None = None
    tags: list[str]
    metadata: StoredJson


class SourceChunkText(Request):
    """One chunk as the caller cut it. Offsets count Unicode code points from the start of the whole text."""

    content: ChunkText
    char_start: Offset | None = None
    char_end: Offset | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _offsets_agree(self) -> Self:
        if (self.char_start is None) != (self.char_end is None):
            raise ValueError("char_start and char_end go together")
        if self.char_start is None or self.char_end is None:
            return self
        if self.char_end - self.char_start != len(self.content):
            raise ValueError("char_end - char_start must be the length of content in code points")
        return self


class SourceBody(Request):
    type: SourceType = SourceType.OTHER
    title: Name
    author_ids: IdList = Field(default_factory=list, description="Entities of the same world.")
    origin: Text | None = Field(None, max_length=2000, description="Where it comes from: a file name, a URL, a shelf.")
    metadata: Metadata = Field(default_factory=dict)


class SourceCreate(SourceBody):
    """A source, with its text (cut into chunks by the server), with ready-made chunks, or with neither."""

    world_id: UUID
    text: WholeText | None = Field(None, description="The whole text; it is cut at paragraph and heading borders.")
    chunks: Annotated[list[SourceChunkText], Field(max_length=20_000)] | None = None

    @model_validator(mode="after")
    def _one_way_to_give_text(self) -> Self:
        if self.text is not None and self.chunks is not None:
            raise ValueError("give text or chunks, not both")
        return self


class SourceResponse(LoreResponse):
    world_id: UUID
    type: SourceType
    title: str
    author_ids: list[UUID]
    origin: str | None = None
    metadata: StoredJson
    chunk_count: int = 0


class SourceChunksCreate(Request):
    """Chunks to add behind the last one of a source; all or none."""

    chunks: Annotated[list[SourceChunkText], Field(min_length=1, max_length=1000)]


class SourceChunkResponse(LoreResponse):
    world_id: UUID
    source_id: UUID
    chunk_index: int
    content: str
    char_start: int | None = None
    char_end: int | None = None
    metadata: StoredJson


class SourceChunksCreated(Model):
    """The chunks that were added, in order."""

    items: list[SourceChunkResponse]


class ClaimBody(Request):
    """Subject, predicate, object: the object is either an entity or a text. All it points at is of the same world."""

    subject_entity_id: UUID
    predicate: Name
    object_entity_id: UUID | None = None
    object_value: LongText | None = Field(None, min_length=1)
    canon_state: CanonState = CanonState.DRAFT
    confidence: Confidence = 1.0
    asserted_by_entity_id: UUID | None = None
    source_id: UUID | None = None
    source_chunk_id: UUID | None = None
    supersedes_claim_id: UUID | None = None
    valid_from: TimePointCreate | None = None
    valid_to: TimePointCreate | None = None
    tags: Tags = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_object(self) -> Self:
        if (self.object_entity_id is None) == (self.object_value is None):
            raise ValueError("give exactly one of object_entity_id and object_value")
        if self.valid_from and self.valid_to and self.valid_from.is_after(self.valid_to):
            raise ValueError("valid_from lies after valid_to")
        return self


class ClaimCreate(ClaimBody):
    world_id: UUID


class ClaimResponse(LoreResponse):
    world_id: UUID
    subject_entity_id: UUID
    subject_name: str
    predicate: str
    object_entity_id: UUID | None = None
    object_name: str | None = None
    object_value: str | None = None
    canon_state: CanonState
    confidence: float
    asserted_by_entity_id: UUID | None = None
    source_id: UUID | None = None
    source_chunk_id: UUID | None = None
    version_group_id: UUID
    supersedes_claim_id: UUID | None = None
    valid_from: TimePoint | None = None
    valid_to: TimePoint | None = None
    tags: list[str]

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know computed_field over property (pydantic docs)
    @property
    def sentence(self) -> str:
        """The claim as a sentence: `Beowulf — slew — Grendel`."""
        return claim_sentence(self.subject_name, self.predicate, self.object_name, self.object_value)


class PaginatedWorldResponse(Page):
    items: list[WorldResponse]


class PaginatedEntityResponse(Page):
    items: list[EntityResponse]


class PaginatedSourceResponse(Page):
    items: list[SourceResponse]


class PaginatedSourceChunkResponse(Page):
    items: list[SourceChunkResponse]


class PaginatedClaimResponse(Page):
    items: list[ClaimResponse]
