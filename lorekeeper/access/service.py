"""Keys: made, revoked, and recognised."""

import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lorekeeper.access.keys import KeyParts, make_key, read_key
from lorekeeper.access.principal import Principal
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import UnauthorizedException
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)

REMEMBER_SECONDS = 1.0
"""How long a looked-up key is believed without asking again: the longest that a revoked key can live on."""

REMEMBER_KEYS = 10_000


@dataclass(frozen=True)
class _Known:
    row: Row | None
    until: float


class Authenticator:
    """Recognises keys. A lookup is remembered for a second, so a busy key costs no query on a request."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal behind an `Authorization` header (RFC 6750). Raises `UnauthorizedException`."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise UnauthorizedException("Send your API key as `Authorization: Bearer lk_…`.")
        parts = read_key(text.strip())
        row = await self._look_up(parts) if parts else None
        if parts is None or row is None or row["revoked_at"] is not None:
            raise UnauthorizedException("That API key is not valid.")
        if not hmac.compare_digest(parts.secret_hash, bytes(row["secret_hash"])):
            raise UnauthorizedException("That API key is not valid.")
        return Principal(
            id=row["id"],
            name=row["name"],
            role=Role(row["role"]),
            world_ids=None if row["all_worlds"] else frozenset(row["world_ids"]),
            providers=None if row["providers"] is None else frozenset(row["providers"]),
        )

    def forget(self, key_id: str) -> None:
        """Look this key up anew at its next use; for a key whose grants have just changed."""
        self._known.pop(key_id, None)

    async def _look_up(self, parts: KeyParts) -> Row | None:
        moment = time.monotonic()
        known = self._known.get(parts.id)
        if known is not None and known.until > moment:
            return known.row
        row = await self._database.one(QUERIES.get_key, id=parts.id)
        if len(self._known) >= REMEMBER_KEYS:
            self._known.clear()
        self._known[parts.id] = _Known(row, moment + REMEMBER_SECONDS)
        return row


async def create_key(
    database: Database,
    *,
    name: str,
    role: Role,
    world_ids: Sequence[UUID] | None,
    providers: Sequence[str] | None,
    actor: str,
    now: datetime,
) -> tuple[str, str]:
    """Make a key; the answer is its id and its text, which is shown now and never again. No worlds given: all."""
    text, parts = make_key()
    await database.run(
        QUERIES.create_key,
        id=parts.id,
        name=name,
        role=role.value,
        secret_hash=parts.secret_hash,
        all_worlds=world_ids is None,
        world_ids=list(world_ids or ()),
        providers=None if providers is None else list(providers),
        actor=actor,
        now=now,
    )
    return parts.id, text


async def revoke_key(database: Database, key_id: str, *, actor: str, now: datetime) -> Row | None:
    """End a key. None where there is no such key alive. Every process obeys within `REMEMBER_SECONDS`."""
    return await database.one(QUERIES.revoke_key, id=key_id, actor=actor, now=now)


async def list_keys(database: Database) -> list[Row]:
    return await database.all(QUERIES.list_keys)
