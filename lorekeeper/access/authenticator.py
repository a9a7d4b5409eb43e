"""Keys, recognised: who is behind a request."""

import hmac
import time
from dataclasses import dataclass
from datetime import timedelta

from lorekeeper.access import repository
from lorekeeper.access.keys import KeyParts, read_key
from lorekeeper.access.principal import Principal
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import DatabaseUnavailableError, UnauthorizedException
from lorekeeper.kit.clock import Clock
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.telemetry import log

REMEMBER_SECONDS = 1.0
"""How long a looked-up key is believed without asking again: the longest that a revoked key can live on."""

REMEMBER_KEYS = 10_000


NOTE_EVERY = timedelta(minutes=1)
"""How exact a key's `last_used_at` is."""


@dataclass
class _Known:
    row: Row | None
    until: float
    noted: bool = False


class Authenticator:
    """Recognises keys. A look-up is remembered for a second, so a busy key costs no query on a request."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._forgotten = 0

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal behind an `Authorization` header (RFC 6750). Raises `UnauthorizedException`."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise UnauthorizedException("Send your API key as `Authorization: Bearer lk_…`.")
        return await self._recognise(read_key(text.strip()))

    async def again(self, principal: Principal) -> Principal:
        """The same principal as it is now, for a request that waits. Raises `UnauthorizedException` once revoked."""
        return await self._recognise(principal.key)

    async def _recognise(self, parts: KeyParts | None) -> Principal:
        known = await self._look_up(parts) if parts else None
        if parts is None or known is None or known.row is None or known.row["revoked_at"] is not None:
            raise UnauthorizedException("That API key is not valid.")
        row = known.row
        if not hmac.compare_digest(parts.secret_hash, bytes(row["secret_hash"])):
            raise UnauthorizedException("That API key is not valid.")
        if not known.noted:
            known.noted = True
            await self._note_use(row)
        return Principal(
            id=row["id"],
            name=row["name"],
            role=Role(row["role"]),
            world_ids=None if row["all_worlds"] else frozenset(row["world_ids"]),
            providers=None if row["providers"] is None else frozenset(row["providers"]),
            key=parts,
        )

    def forget(self, key_id: str) -> None:
        """Look this key up anew at its next use; for a key that has just changed."""
        self._known.pop(key_id, None)
        self._forgotten += 1

    async def _look_up(self, parts: KeyParts) -> _Known:
        moment, forgotten = time.monotonic(), self._forgotten
        known = self._known.get(parts.id)
        if known is not None and known.until > moment:
            return known
        known = _Known(await repository.find_key(self._database, parts.id), moment + REMEMBER_SECONDS)
        if len(self._known) >= REMEMBER_KEYS:
            self._known.clear()
        if forgotten == self._forgotten:  # else what was read may be older than what was to be forgotten
            self._known[parts.id] = known
        return known

    async def _note_use(self, row: Row) -> None:
        now = self._clock.now()
        if row["last_used_at"] is not None and row["last_used_at"] > now - NOTE_EVERY:
            return
        try:
            await repository.note_use(self._database, row["id"], before=now - NOTE_EVERY, now=now)
        except DatabaseUnavailableError as error:
            # A disk that is full lets nothing be written; what is there can still be read.
            log.warning("the use of a key was not noted", key=row["id"], cause=str(error.__cause__))
