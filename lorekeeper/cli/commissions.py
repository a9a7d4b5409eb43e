"""What the demo asks for. A new type of asset needs one more entry in `COMMISSIONS`, and a generator."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from lorekeeper.contracts.enums import AssetTypeEnum, CanonState, EntityType
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.lore import ClaimResponse, EntityResponse, SourceChunkResponse, SourceResponse, WorldResponse
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.sdk import Client

PROVIDER = "local"
_SEEN = frozenset(
    {
        EntityType.CREATURE,
        EntityType.VEHICLE,
        EntityType.PERSON,
        EntityType.LOCATION,
        EntityType.ITEM,
        EntityType.ARTIFACT,
    }
)


@dataclass(frozen=True)
class WorldLore:
    """A world's lore as the server has it."""

    world: WorldResponse
    entities: list[EntityResponse]
    sources: list[SourceResponse]
    chunks: dict[UUID, list[SourceChunkResponse]]
    claims: list[ClaimResponse]

    @classmethod
    def read(cls, client: Client, world: WorldResponse) -> Self:
        """All of it, over the API."""
        sources = list(client.sources.iterate(world_id=world.id))
        return cls(
            world=world,
            entities=list(client.entities.iterate(world_id=world.id)),
            sources=sources,
            chunks={source.id: list(client.sources.iterate_chunks(source.id)) for source in sources},
            claims=list(client.claims.iterate(world_id=world.id)),
        )

    def main_source(self) -> SourceResponse:
        """The source with the most text."""
        return max(self.sources, key=lambda source: sum(len(chunk.content) for chunk in self.chunks[source.id]))

    def most_spoken_of(self, count: int) -> list[EntityResponse]:
        """The entities that most claims are about."""
        spoken = Counter[UUID]()
        for claim in self.claims:
            about = {claim.subject_entity_id, claim.object_entity_id}
            spoken.update(entity_id for entity_id in about if entity_id)
        return sorted(self.entities, key=lambda entity: (-spoken[entity.id], entity.name))[:count]

    def subjects(self, count: int) -> list[EntityResponse]:
        """The same for a picture: those that can be seen come before events and ideas."""
        ranked = self.most_spoken_of(len(self.entities))
        return sorted(ranked, key=lambda entity: entity.type not in _SEEN)[:count]


@dataclass(frozen=True)
class Commission:
    """One asset to ask for: a prompt, and which lore it is to be derived from."""

    asset_type: AssetTypeEnum
    reason: str
    prompt: Callable[[WorldLore], dict[str, Any]]
    references: Callable[[WorldLore], AssetJobReferences]

    def request(self, lore: WorldLore) -> AssetJobCreate:
        """The job to create."""
        return AssetJobCreate(
            world_id=lore.world.id,
            asset_type=self.asset_type,
            provider=PROVIDER,
            prompt_spec=self.prompt(lore),
            references=self.references(lore),
        )


def _book_prompt(lore: WorldLore) -> dict[str, Any]:
    return {"title": lore.main_source().title, "subtitle": f"From the lore of {lore.world.name}"}


def _book_references(lore: WorldLore) -> AssetJobReferences:
    source = lore.main_source()
    certain = [claim.id for claim in lore.claims if claim.canon_state in {CanonState.STRICT, CanonState.MYTHIC}]
    return AssetJobReferences(
        source_id=source.id,
        source_chunk_ids=[chunk.id for chunk in lore.chunks[source.id]],
        claim_ids=certain,
        entity_ids=[entity.id for entity in lore.most_spoken_of(3)],
    )


def _plate_prompt(lore: WorldLore) -> dict[str, Any]:
    return {"title": _enumeration([entity.name for entity in lore.subjects(3)]), "aspect_ratio": "4:3"}


def _plate_references(lore: WorldLore) -> AssetJobReferences:
    return AssetJobReferences(entity_ids=[entity.id for entity in lore.subjects(3)])


COMMISSIONS: tuple[Commission, ...] = (
    Commission(
        AssetTypeEnum.PDF, "a book of a source, with notes that cite every claim", _book_prompt, _book_references
    ),
    Commission(
        AssetTypeEnum.IMAGE, "a plate of those most spoken of that can be seen", _plate_prompt, _plate_references
    ),
)


def file_name(title: str, extension: str) -> str:
    """A title as a file name that every system takes."""
    without_apostrophes = title.lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    words = re.sub(r"[^\w]+", "-", without_apostrophes).strip("-_")
    return f"{words[:60].rstrip('-') or 'untitled'}.{extension}"


def _enumeration(names: list[str]) -> str:
    """As in "The Goodwife, Auntie and the Slack": only what comes first keeps its capital article."""
    names = names[:1] + [re.sub(r"^The\b", "the", name) for name in names[1:]]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
