"""Which id each piece of a bundle has in the world that it comes into.

What is there already is found again: under the bundle's own id, or under the one that an earlier import gave it, which
follows from the bundle's id and the world's.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import UUID, uuid5

from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import AssetValidationError

MOST_NAMED = 20
_LOW = (1 << 62) - 1


class Named(NamedTuple):
    """A piece of a bundle that has an id."""

    kind: LoreKind
    place: str
    id: UUID


class Owner(NamedTuple):
    """What has an id by now."""

    kind: LoreKind
    world_id: UUID


def named_pieces(bundle: WorldBundle) -> Iterator[Named]:
    """All but the world itself."""
    for number, entity in enumerate(bundle.entities):
        if entity.id is not None:
            yield Named(LoreKind.ENTITY, f"entities[{number}]", entity.id)
    for number, source in enumerate(bundle.sources):
        if source.id is not None:
            yield Named(LoreKind.SOURCE, f"sources[{number}]", source.id)
        for index, chunk in enumerate(source.chunks):
            if chunk.id is not None:
                yield Named(LoreKind.SOURCE_CHUNK, f"sources[{number}].chunks[{index}]", chunk.id)
    for number, claim in enumerate(bundle.claims):
        if claim.id is not None:
            yield Named(LoreKind.CLAIM, f"claims[{number}]", claim.id)


def derived(world_id: UUID, given: UUID) -> UUID:
    """The id that a piece has in a world where it cannot have its own; the same each time.

    Of a UUIDv7 the time is kept, and with it the order of the pieces.
    """
    made = uuid5(world_id, str(given))
    if given.version != 7:
        return made
    return UUID(int=given.int >> 64 << 64 | 0b10 << 62 | made.int & _LOW)


def settled(world_id: UUID, pieces: list[Named], owners: Mapping[UUID, Owner], *, may_keep: bool) -> dict[UUID, UUID]:
    """From a bundle's ids to those in the world. `owners` knows all that are taken, of both kinds of ids.

    `may_keep`: a free id of the bundle may be used as it is. Raises `AssetValidationError` for an id that is another
    kind's in this world.
    """
    ids: dict[UUID, UUID] = {}
    wrong: list[str] = []
    for piece in pieces:
        other = derived(world_id, piece.id)
        here = next((id for id in (piece.id, other) if id in owners and owners[id].world_id == world_id), None)
        if here is None:
            ids[piece.id] = piece.id if may_keep and piece.id not in owners else other
            continue
        if owners[here].kind is not piece.kind:
            wrong.append(f"{piece.place}.id: {piece.id} is a {_label(owners[here].kind)} in this world")
        ids[piece.id] = here
    if wrong:
        raise AssetValidationError(wrong[0], errors=[_told(sentence) for sentence in wrong[:MOST_NAMED]])
    return ids


def _label(kind: LoreKind) -> str:
    return kind.value.replace("_", " ")


def _told(sentence: str) -> dict[str, str]:
    place, _, message = sentence.partition(": ")
    return {"field": f"body.{place}", "message": message, "type": "bundle"}
