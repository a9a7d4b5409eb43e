"""The lore snapshot: what a job was asked to be made from, word for word, as it stood at that moment.

It is stored inside the derivation and never changes (design sections 1 and 5). A worker reads its lore from here and
nowhere else, so what it shows is what provenance says.
"""

from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import Model, TimePoint, Timestamp
from lorekeeper.contracts.enums import AssetTypeEnum, CanonState, EntityType, SourceType


class _Snapshotted(Model):
    id: UUID
    version: int
    updated_at: Timestamp
    content_hash: str


class WorldSnapshot(Model):
    """The world's name at the time. It is a label: renaming a world makes no job a different one."""

    id: UUID
    name: str


class EntitySnapshot(_Snapshotted):
    type: EntityType
    name: str
    aliases: list[str] = Field(default_factory=list)
    summary: str | None = None
    description: str | None = None


class ClaimSnapshot(_Snapshotted):
    sentence: str
    subject_entity_id: UUID
    subject_name: str
    predicate: str
    object_entity_id: UUID | None = None
    object_name: str | None = None
    object_value: str | None = None
    canon_state: CanonState
    confidence: float
    asserted_by_entity_id: UUID | None = None
    asserted_by_name: str | None = None
    source_id: UUID | None = None
    source_chunk_id: UUID | None = None
    valid_from: TimePoint | None = None
    valid_to: TimePoint | None = None


class SourceSnapshot(_Snapshotted):
    type: SourceType
    title: str
    origin: str | None = None


class SourceChunkSnapshot(_Snapshotted):
    source_id: UUID
    source_title: str
    chunk_index: int
    heading: str | None = None
    char_start: int | None = None
    char_end: int | None = None
    content: str


class AssetSnapshot(Model):
    """An asset that is an input: its checksum is its content."""

    id: UUID
    type: AssetTypeEnum
    format: str
    content_type: str
    size_bytes: int
    checksum: str
    duration_seconds: float | None = None


class LoreSnapshot(Model):
    """Immutable snapshot of lore state for reproducibility (specification, Derivation & References)."""

    v: int = 1
    taken_at: Timestamp
    world: WorldSnapshot
    source: SourceSnapshot | None = None
    entities: list[EntitySnapshot] = Field(default_factory=list)
    claims: list[ClaimSnapshot] = Field(default_factory=list)
    source_chunks: list[SourceChunkSnapshot] = Field(default_factory=list)
    assets: list[AssetSnapshot] = Field(default_factory=list)


def claim_sentence(subject: str, predicate: str, object_name: str | None, object_value: str | None) -> str:
    """How a claim reads everywhere: `Beowulf — slew — Grendel`."""
    return f"{subject} — {predicate} — {object_name if object_name is not None else object_value}"
