"""What the demo asks for. A new type of asset needs one more entry in `COMMISSIONS`, and a generator.

What an asset is derived from can be other assets of the same run: those are made first, and named by their types.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from lorekeeper.contracts.enums import AssetTypeEnum, CanonState, EntityType, SourceType
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
_TOLD = frozenset({SourceType.SONG, SourceType.ORAL_TRADITION})
_SHORTEST_NAME = 4


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

    def told_source(self) -> SourceResponse:
        """The source to be heard: a song or what is told from mouth to mouth, else the main one."""
        return next((source for source in self.sources if source.type in _TOLD), self.main_source())

    def passage(self) -> list[SourceChunkResponse]:
        """The chunk of the told source that most claims are taken from."""
        taken = Counter(claim.source_chunk_id for claim in self.certain())
        chunks = self.chunks[self.told_source().id]
        return sorted(chunks, key=lambda chunk: (-taken[chunk.id], chunk.chunk_index))[:1]

    def certain(self) -> list[ClaimResponse]:
        """The claims that hold: no drafts, nothing apocryphal or archived."""
        return [claim for claim in self.claims if claim.canon_state in {CanonState.STRICT, CanonState.MYTHIC}]

    def places(self) -> list[EntityResponse]:
        """Every place."""
        return [entity for entity in self.entities if entity.type == EntityType.LOCATION]

    def claims_about(self, entities: Collection[EntityResponse]) -> list[ClaimResponse]:
        """The claims that hold and speak of any of them."""
        ids = {entity.id for entity in entities}
        return [claim for claim in self.certain() if ids & {claim.subject_entity_id, claim.object_entity_id}]

    def named_in(self, chunks: Collection[SourceChunkResponse]) -> list[EntityResponse]:
        """The entities whose name, or one of whose other names, stands in the text; what the sources call them."""
        text = " ".join(chunk.content for chunk in chunks).casefold()
        return [
            entity
            for entity in self.entities
            if any(_bare(name) in text for name in (entity.name, *entity.aliases) if len(_bare(name)) > _SHORTEST_NAME)
        ]


Made = Mapping[AssetTypeEnum, UUID]
"""The assets that this run has made so far, by their types."""


@dataclass(frozen=True)
class Commission:
    """One asset to ask for: a prompt, and which lore it is to be derived from, and which `inputs` among its fellows.

    `quick` is what the prompt says beside or instead where there is little time.
    """

    asset_type: AssetTypeEnum
    reason: str
    prompt: Callable[[WorldLore], dict[str, Any]]
    references: Callable[[WorldLore], AssetJobReferences]
    inputs: tuple[AssetTypeEnum, ...] = ()
    quick: Mapping[str, Any] = field(default_factory=dict)

    def is_ready(self, made: Made) -> bool:
        """True once all of its inputs are there."""
        return set(self.inputs) <= set(made)

    def request(self, lore: WorldLore, made: Made, *, quick: bool = False) -> AssetJobCreate:
        """The job to create."""
        references = self.references(lore)
        references.asset_ids = [made[asset_type] for asset_type in self.inputs]
        return AssetJobCreate(
            world_id=lore.world.id,
            asset_type=self.asset_type,
            provider=PROVIDER,
            prompt_spec=self.prompt(lore) | (dict(self.quick) if quick else {}),
            references=references,
        )


def _book_prompt(lore: WorldLore) -> dict[str, Any]:
    return {"title": lore.main_source().title, "subtitle": f"From the lore of {lore.world.name}"}


def _book_references(lore: WorldLore) -> AssetJobReferences:
    source = lore.main_source()
    return AssetJobReferences(
        source_id=source.id,
        source_chunk_ids=[chunk.id for chunk in lore.chunks[source.id]],
        claim_ids=[claim.id for claim in lore.certain()],
        entity_ids=[entity.id for entity in lore.most_spoken_of(3)],
    )


def _plate_prompt(lore: WorldLore) -> dict[str, Any]:
    return {"title": _enumeration([entity.name for entity in lore.subjects(3)]), "aspect_ratio": "4:3"}


def _plate_references(lore: WorldLore) -> AssetJobReferences:
    return AssetJobReferences(entity_ids=[entity.id for entity in lore.subjects(3)])


def _map_prompt(lore: WorldLore) -> dict[str, Any]:
    return {"title": _enumeration([place.name for place in lore.places()[:3]]), "aspect_ratio": "4:3"}


def _map_references(lore: WorldLore) -> AssetJobReferences:
    places = lore.places()
    return AssetJobReferences(
        entity_ids=[place.id for place in places], claim_ids=[claim.id for claim in lore.claims_about(places)]
    )


def _recording_prompt(lore: WorldLore) -> dict[str, Any]:
    return {"style": "shanty", "title": lore.told_source().title}


def _recording_references(lore: WorldLore) -> AssetJobReferences:
    return AssetJobReferences(source_id=lore.told_source().id, source_chunk_ids=[one.id for one in lore.passage()])


def _film_prompt(lore: WorldLore) -> dict[str, Any]:
    return {
        "title": lore.told_source().title,
        "description": f"The plate and the map of {lore.world.name}, seen slowly, while a stanza of its song is told.",
        "aspect_ratio": "16:9",
        "quality": "standard",
    }


def _film_references(lore: WorldLore) -> AssetJobReferences:
    told = [chunk.id for chunk in lore.passage()]
    cast = lore.named_in(lore.passage()) or lore.subjects(3)
    taken = [claim for claim in lore.certain() if claim.source_chunk_id in told]
    return AssetJobReferences(
        source_id=lore.told_source().id,
        source_chunk_ids=told,
        claim_ids=[claim.id for claim in taken or lore.claims_about(cast)],
        entity_ids=[entity.id for entity in cast],
    )


COMMISSIONS: tuple[Commission, ...] = (
    Commission(
        AssetTypeEnum.PDF, "a book of a source, with notes that cite every claim", _book_prompt, _book_references
    ),
    Commission(
        AssetTypeEnum.IMAGE,
        "a plate of those most spoken of that can be seen",
        _plate_prompt,
        _plate_references,
        quick={"quality": "draft"},
    ),
    Commission(
        AssetTypeEnum.MAP,
        "a map of every place, by what claims say of them",
        _map_prompt,
        _map_references,
        quick={"quality": "draft"},
    ),
    Commission(
        AssetTypeEnum.AUDIO,
        "a stanza of a song, spoken over music",
        _recording_prompt,
        _recording_references,
        quick={"duration": 5},
    ),
    Commission(
        AssetTypeEnum.VIDEO,
        "a film over the plate and the map, with the recording as its sound",
        _film_prompt,
        _film_references,
        inputs=(AssetTypeEnum.IMAGE, AssetTypeEnum.MAP, AssetTypeEnum.AUDIO),
        quick={"quality": "draft", "duration": 6},
    ),
)


def _bare(name: str) -> str:
    return name.casefold().removeprefix("the ").strip()


def file_name(title: str, extension: str) -> str:
    """A title as a file name that every system takes."""
    without_apostrophes = title.lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    words = re.sub(r"[^\w]+", "-", without_apostrophes).strip("-_")
    return f"{words[:60].rstrip('-') or 'untitled'}.{extension}"


def _enumeration(names: list[str]) -> str:
    """As in "The Goodwife, Auntie and the Slack": only what comes first keeps its capital article."""
    names = names[:1] + [re.sub(r"^The\b", "the", name) for name in names[1:]]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
