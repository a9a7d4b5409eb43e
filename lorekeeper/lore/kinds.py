"""The five kinds of lore, and what each is read, written and edited as."""

from dataclasses import dataclass

from lorekeeper.contracts.base import Request
from lorekeeper.contracts.editing import (
    ClaimUpdate,
    EntityUpdate,
    LoreUpdate,
    SourceChunkUpdate,
    SourceUpdate,
    WorldUpdate,
)
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.lore import (
    ClaimBody,
    ClaimResponse,
    EntityBody,
    EntityResponse,
    LoreResponse,
    SourceBody,
    SourceChunkResponse,
    SourceChunkText,
    SourceResponse,
    WorldBody,
    WorldResponse,
)


@dataclass(frozen=True)
class Kind:
    """`body` is what a caller writes of a piece, and what an edited one must be valid as; `update` a patch of it."""

    kind: LoreKind
    path: str
    body: type[Request]
    update: type[LoreUpdate]
    response: type[LoreResponse]

    @property
    def label(self) -> str:
        """As people call it."""
        return self.kind.value.replace("_", " ")


KINDS: dict[LoreKind, Kind] = {
    kind.kind: kind
    for kind in (
        Kind(LoreKind.WORLD, "/worlds", WorldBody, WorldUpdate, WorldResponse),
        Kind(LoreKind.ENTITY, "/entities", EntityBody, EntityUpdate, EntityResponse),
        Kind(LoreKind.SOURCE, "/sources", SourceBody, SourceUpdate, SourceResponse),
        Kind(LoreKind.SOURCE_CHUNK, "/source-chunks", SourceChunkText, SourceChunkUpdate, SourceChunkResponse),
        Kind(LoreKind.CLAIM, "/claims", ClaimBody, ClaimUpdate, ClaimResponse),
    )
}

REFERENCE_KINDS: dict[str, LoreKind] = {
    "subject_entity_id": LoreKind.ENTITY,
    "object_entity_id": LoreKind.ENTITY,
    "asserted_by_entity_id": LoreKind.ENTITY,
    "author_ids": LoreKind.ENTITY,
    "source_id": LoreKind.SOURCE,
    "source_chunk_id": LoreKind.SOURCE_CHUNK,
    "supersedes_claim_id": LoreKind.CLAIM,
}
"""The fields that point elsewhere, and the kind of lore that each must find."""
