"""What pieces of lore point at: asked for in one query, and checked against what that found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lorekeeper.access.principal import Principal
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.kit.database import Row
from lorekeeper.lore import repository
from lorekeeper.lore.kinds import REFERENCE_KINDS
from lorekeeper.lore.validation import validate_references_exist, validate_world_exists, validate_world_scoping

Found = Mapping[tuple[LoreKind, UUID], Row]
"""What lives of all that was asked for, by kind and id."""


@dataclass(frozen=True)
class Pointing:
    """What one piece points at, by field; `at` says where in the request it stands: `items[3].` in a batch."""

    world_id: UUID
    targets: Mapping[str, list[UUID]]
    at: str = ""

    @classmethod
    def of(cls, world_id: UUID, piece: Any, fields: Iterable[str] = REFERENCE_KINDS, at: str = "") -> "Pointing":
        """Of a model, in those of the fields that it has."""
        given = {field: getattr(piece, field, None) for field in fields}
        return cls(world_id, {name: _as_list(value) for name, value in given.items() if value}, at)


def _as_list(value: Any) -> list[UUID]:
    return value if isinstance(value, list) else [value]


async def find(database: repository.Writer, pieces: Sequence[Pointing], *, held: bool = False) -> Found:
    """One query for the worlds and targets of all pieces. `held`: what is found lives until the transaction ends."""
    ids: dict[LoreKind, set[UUID]] = {kind: set() for kind in LoreKind}
    for piece in pieces:
        ids[LoreKind.WORLD].add(piece.world_id)
        for field, targets in piece.targets.items():
            ids[REFERENCE_KINDS[field]].update(targets)
    rows = await repository.find_references(database, ids, held=held)
    return {(LoreKind(row["kind"]), row["id"]): row for row in rows}


def check(principal: Principal, pieces: Sequence[Pointing], found: Found) -> None:
    """That worlds and targets exist and belong together. Raises `WorldNotFoundError`, `ReferenceNotFoundError` and
    `WorldScopeViolationError`, which name all ids by field.
    """
    asked_as: dict[UUID, set[LoreKind]] = {}
    wanted: dict[UUID, dict[str, list[UUID]]] = {}
    for piece in pieces:
        validate_world_exists(piece.world_id, found.get((LoreKind.WORLD, piece.world_id)), principal)
        for field, targets in piece.targets.items():
            wanted.setdefault(piece.world_id, {})[f"{piece.at}{field}"] = targets
            for target in targets:
                asked_as.setdefault(target, set()).add(REFERENCE_KINDS[field])
    # An id that is asked for as two kinds, or as what it is not, counts as missing.
    worlds = {target: row["world_id"] for (kind, target), row in found.items() if asked_as.get(target) == {kind}}
    validate_references_exist({at: ids for fields in wanted.values() for at, ids in fields.items()}, worlds, principal)
    for world_id, fields in wanted.items():
        validate_world_scoping(world_id, fields, worlds)


def missing(pieces: Sequence[Pointing], found: Found) -> dict[str, list[str]]:
    """By field, what lives no more."""
    gone = {
        f"{piece.at}{field}": [str(target) for target in targets if (REFERENCE_KINDS[field], target) not in found]
        for piece in pieces
        for field, targets in piece.targets.items()
    }
    return {field: ids for field, ids in gone.items() if ids}
