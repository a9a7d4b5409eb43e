"""What an import did, or would do (docs/world-bundle.md)."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import Model
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.lore import WorldResponse

MOST_NAMED = 100
"""How many pieces that change a report names."""


class ImportCounts(Model):
    """What became of the pieces of one kind."""

    created: int = 0
    updated: int = 0
    restored: int = Field(0, description="Had been deleted, and came back as a new version.")
    unchanged: int = 0
    removed: int = Field(0, description="Chunks only: what the new text of a source lacks is a tombstone now.")


class ImportChanges(Model):
    world: ImportCounts = Field(default_factory=ImportCounts)
    entities: ImportCounts = Field(default_factory=ImportCounts)
    sources: ImportCounts = Field(default_factory=ImportCounts)
    source_chunks: ImportCounts = Field(default_factory=ImportCounts)
    claims: ImportCounts = Field(default_factory=ImportCounts)
    predicates: ImportCounts = Field(default_factory=ImportCounts)


class ImportedPiece(Model):
    """A piece that was there and is another now."""

    kind: LoreKind
    id: UUID
    place: str = Field(description="Where it stands in the bundle: `entities[3]`.")
    fields: list[str] = Field(description="Those that differ; none where it only came back.")


class ImportReport(Model):
    """What an import made of a bundle, or would make. The plain numbers are those of the bundle's pieces."""

    dry_run: bool
    ids_kept: bool
    entities: int
    sources: int
    source_chunks: int
    claims: int
    changes: ImportChanges
    changed: Annotated[list[ImportedPiece], Field(description="The first hundred pieces that were there and differ.")]


class WorldImportResponse(ImportReport):
    """`id_map` leads from those ids of the bundle that were not kept to the new ones; null where all were."""

    world: WorldResponse
    id_map: dict[UUID, UUID] | None = None
