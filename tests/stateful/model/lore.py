"""Lore as far as jobs are concerned: what a piece says, which other pieces it names, and whether it is there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stateful.model.values import Made, Refusal


@dataclass(eq=False)
class Piece:
    """`says` is the one thing of it that is edited here: a name, a title, a text."""

    id: str
    world_id: str
    kind: str
    says: str
    names: tuple["Piece", ...] = ()
    """The pieces whose names a worker is handed with it."""
    version: int = 1
    is_there: bool = True


def named_in(references: Made) -> dict[str, list[str]]:
    """The ids by kind, each once, in the order of the request."""
    lists = {
        kind: [ids.lower()] if isinstance(ids, str) else list(dict.fromkeys(ids)) for kind, ids in references.items()
    }
    return {kind: ids for kind, ids in lists.items() if ids}


def written_in(lore: Mapping[str, Piece], references: Made) -> frozenset[tuple[str, str]]:
    """What the pieces that are referred to say at this moment, and the names that go with them."""
    pieces = [lore[id] for ids in named_in(references).values() for id in ids if id in lore]
    return frozenset((piece.id, piece.says) for one in pieces for piece in (one, *one.names))


def reference_refusal(worlds: Mapping[str, str], references: Made, world_id: str) -> Refusal | None:
    """`worlds`: of all that there is to refer to, by id."""
    missing = _those(references, lambda id: id not in worlds)
    if missing:
        return Refusal(404, "reference_not_found", {"missing": missing})
    foreign = _those(references, lambda id: worlds[id] != world_id)
    if foreign:
        return Refusal(422, "world_scope_violation", {"foreign": foreign})
    return None


def _those(references: Made, wrong: Callable[[str], bool]) -> dict[str, list[str]]:
    of_kinds: Iterable[tuple[str, list[str]]] = (
        (kind, [id for id in ids if wrong(id)]) for kind, ids in named_in(references).items()
    )
    return {kind: ids for kind, ids in of_kinds if ids}
