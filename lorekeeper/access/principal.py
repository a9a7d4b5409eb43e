"""Who is asking, and what they may see and do."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from lorekeeper.access.keys import KeyParts
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import ForbiddenError, NotFoundError, WorldNotFoundError


@dataclass(frozen=True)
class Principal:
    """The holder of a valid key. `id` is what `requested_by` and `created_by` record."""

    id: str
    name: str
    role: Role
    world_ids: frozenset[UUID] | None
    """The worlds it was granted; None: all."""
    providers: frozenset[str] | None
    """The providers whose jobs a worker may touch; None: all."""
    key: KeyParts | None = field(default=None, repr=False)
    """What it proved itself with, so that it can be recognised again."""

    def sees(self, world_id: UUID) -> bool:
        return self.world_ids is None or world_id in self.world_ids

    @property
    def visible_worlds(self) -> list[UUID] | None:
        """For a query's filter: the granted worlds, or None where there is nothing to filter."""
        return None if self.world_ids is None else sorted(self.world_ids)

    @property
    def visible_providers(self) -> list[str] | None:
        """The same for providers."""
        return None if self.providers is None else sorted(self.providers)

    def require_world(self, world_id: UUID) -> None:
        """Raises `WorldNotFoundError` for a world that this key may not see, as if it did not exist."""
        if not self.sees(world_id):
            raise WorldNotFoundError(f"There is no world {world_id}.", world_id=str(world_id))

    def require_visible(self, kind: str, row_id: UUID, row: dict[str, Any] | None) -> dict[str, Any]:
        """The row, or `NotFoundError` where it is missing or lies in a world that this key may not see."""
        if row is None or not self.sees(row["world_id"]):
            raise NotFoundError(f"There is no {kind} {row_id}.")
        return row

    def require_role(self, *roles: Role) -> None:
        if self.role is not Role.ADMIN and self.role not in roles:
            allowed = ", ".join([*roles, Role.ADMIN])
            raise ForbiddenError(f"This needs a key with the role {allowed}; yours is {self.role}.")
