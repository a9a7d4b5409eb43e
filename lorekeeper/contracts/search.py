"""What looking into a world answers: search hits, summaries, tags, mentions (docs/search.md)."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import Model, Page
from lorekeeper.contracts.enums import (
    AssetJobStatusEnum,
    AssetStatusEnum,
    AssetTypeEnum,
    CanonState,
    EntityType,
    SourceType,
)


class SearchKind(StrEnum):
    ENTITY = "entity"
    CLAIM = "claim"
    SOURCE_CHUNK = "source_chunk"


class ClaimRole(StrEnum):
    """As what an entity stands in a claim."""

    SUBJECT = "subject"
    OBJECT = "object"
    ASSERTER = "asserter"


class Span(Model):
    """From `start` up to, but without `end`, in Unicode code points."""

    start: int
    end: int


class SearchHit(Model):
    """One piece that fits. Texts are the lore's own, without any mark-up; what to highlight is told beside them."""

    kind: SearchKind
    id: UUID
    world_id: UUID
    score: float = Field(description="Comparable within one answer only.")
    match: Literal["exact", "words", "similar"] = Field(
        description="The question is a name; its words are there; or the name is spelt almost like a word of it."
    )
    title: str = Field(description="An entity's name, a claim's sentence, the title of a chunk's source.")
    title_marks: list[Span]
    field: str | None = Field(None, description="What `snippet` is a piece of.")
    snippet: str | None = None
    snippet_marks: list[Span]
    type: EntityType | SourceType | None = Field(None, description="An entity's, or that of a chunk's source.")
    canon_state: CanonState | None = None
    tags: list[str]
    source_id: UUID | None = None
    chunk_index: int | None = None


class _Skipped(Model):
    total: int
    total_is_estimate: bool = False
    skip: int
    limit: int


class SearchResponse(_Skipped):
    """A page of hits, best first. `total_is_estimate`: more fit than were looked at, so `total` is a lower bound."""

    items: list[SearchHit]


class TagCount(Model):
    tag: str
    entities: int
    claims: int


class TagsResponse(_Skipped):
    """The tags of a world by name."""

    items: list[TagCount]


class EntityCounts(Model):
    total: int
    by_type: dict[EntityType, int]


class ClaimCounts(Model):
    total: int
    by_canon_state: dict[CanonState, int]


class JobCounts(Model):
    total: int
    by_status: dict[AssetJobStatusEnum, int]


class AssetCount(Model):
    type: AssetTypeEnum
    status: AssetStatusEnum
    count: int
    size_bytes: int


class WorldSummaryResponse(Model):
    """How much there is in a world, counted at this moment. Tombstones do not count, deleted assets do."""

    world_id: UUID
    entities: EntityCounts
    sources: int
    source_chunks: int
    claims: ClaimCounts
    jobs: JobCounts
    assets: list[AssetCount]
    bytes_stored: int = Field(description="Of all assets that are not deleted.")


class Mention(Span):
    """Where in the chunk's content, and how it is written there."""

    name: str


class MentioningChunk(Model):
    """A chunk that speaks of an entity by its name or an alias."""

    id: UUID
    world_id: UUID
    source_id: UUID
    source_title: str
    chunk_index: int
    content: str
    char_start: int | None = None
    char_end: int | None = None
    mentions: list[Mention]


class PaginatedMentionResponse(Page):
    """In the order of the text. `total` counts by the index, before the letters were compared."""

    items: list[MentioningChunk]
