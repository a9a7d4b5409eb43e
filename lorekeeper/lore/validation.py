"""Whether what a request points at exists, and lies in its world (specification section 3).

Each function is given what one query found, so that a request is checked in one round trip.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from lorekeeper.access.principal import Principal
from lorekeeper.contracts.errors import ReferenceNotFoundError, WorldNotFoundError, WorldScopeViolationError

Found = Mapping[UUID, UUID]
"""The id of each piece that exists, and the world that it is in."""


def validate_world_exists(world_id: UUID, world: Mapping[str, Any] | None, principal: Principal) -> None:
    """Raises `WorldNotFoundError` for a world that is not there, or that this key may not see."""
    principal.require_world(world_id)
    if world is None:
        raise WorldNotFoundError(f"There is no world {world_id}.", world_id=str(world_id))


def validate_references_exist(wanted: Mapping[str, Iterable[UUID]], found: Found, principal: Principal) -> None:
    """Raises `ReferenceNotFoundError` naming, by field, each id that is missing or in a world this key may not see."""
    missing = {
        field: [str(item) for item in ids if item not in found or not principal.sees(found[item])]
        for field, ids in wanted.items()
    }
    missing = {field: ids for field, ids in missing.items() if ids}
    if missing:
        named = "; ".join(f"{field}: {', '.join(ids)}" for field, ids in missing.items())
        raise ReferenceNotFoundError(f"Not found: {named}.", missing=missing)


def validate_world_scoping(world_id: UUID, wanted: Mapping[str, Iterable[UUID]], found: Found) -> None:
    """Raises `WorldScopeViolationError` naming, by field, each id that belongs to another world."""
    foreign = {field: [str(item) for item in ids if found[item] != world_id] for field, ids in wanted.items()}
    foreign = {field: ids for field, ids in foreign.items() if ids}
    if foreign:
        named = "; ".join(f"{field}: {', '.join(ids)}" for field, ids in foreign.items())
        raise WorldScopeViolationError(f"Not of world {world_id}: {named}.", foreign=foreign)
