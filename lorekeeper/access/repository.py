"""Keys, as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from lorekeeper.access.principal import Principal
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.keys import PaginatedKeyResponse
from lorekeeper.kit.database import Database, Row, Session
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)

Origin = Mapping[str, Any]


async def find_key(database: Database, key_id: str) -> Row | None:
    """The key of this id, dead or alive, for its secret to be checked."""
    return await database.one(QUERIES.find_key, id=key_id)


async def note_use(database: Database, key_id: str, *, before: datetime, now: datetime) -> None:
    """Note that a key was used, if that was last noted before `before`."""
    await database.run(QUERIES.note_use, id=key_id, before=before, now=now)


async def create_key(database: Database, row: Row, *, origin: Origin) -> set[UUID]:
    """Insert a key with its grants. The answer is the worlds that do not exist: nothing is made where there are any."""
    made = await database.one(QUERIES.create_key, **row, **origin)
    return set(made["unknown_worlds"]) if made else set()


async def lock_full_admins(session: Session) -> set[str]:
    """The living admin keys that see all worlds; nobody else revokes one of them until the transaction ends."""
    return {row["id"] for row in await session.all(QUERIES.lock_full_admins)}


async def revoke_key(session: Session | Database, key_id: str, *, origin: Origin) -> bool:
    """True where it was alive."""
    return await session.one(QUERIES.revoke_key, id=key_id, **origin) is not None


async def get_key(session: Session | Database, key_id: str, asker: Principal) -> Row | None:
    """None where there is none, or none that the asker may see."""
    return await session.one(QUERIES.get_key, id=key_id, asker=asker.id, visible_worlds=asker.visible_worlds)


async def list_keys(
    database: Database, paging: Paging, asker: Principal, *, role: Role | None, alive: bool | None
) -> PaginatedKeyResponse:
    return await fetch_page(
        PaginatedKeyResponse,
        database,
        QUERIES.list_keys,
        paging,
        visible_worlds=asker.visible_worlds,
        place="place",
        asker=asker.id,
        role=role,
        alive=alive,
    )


async def all_keys(database: Database) -> Sequence[Row]:
    return await database.all(QUERIES.all_keys)
