"""The client's group for API keys: `client.keys`, for admins."""

from collections.abc import Iterator
from typing import Unpack

from lorekeeper.contracts.keys import KeyCreate, KeyCreated, KeyResponse, PaginatedKeyResponse
from lorekeeper.sdk.calls import keys as calls
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.filters import KeyFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.transport import Transport


class Keys:
    """`client.keys`: who may use the server. A key that sees some worlds only rules over keys within these."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport.send

    def create(self, body: KeyCreate) -> KeyCreated:
        """Makes a key; its text is in the answer's `key` and never shown again. Raises `WorldNotFoundError`."""
        return self._send(calls.create_key(body))

    def get(self, key_id: str) -> KeyResponse:
        """One key without its secret. Raises `NotFoundError`."""
        return self._send(calls.get_key(key_id))

    def list(
        self, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[KeyFilters]
    ) -> PaginatedKeyResponse:
        """One page, newest first; revoked keys too, unless `alive` is given."""
        return self._send(calls.list_keys(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[KeyFilters]) -> Iterator[KeyResponse]:
        """All of them, newest first, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))

    def revoke(self, key_id: str) -> KeyResponse:
        """Ends a key for good; every server refuses it within a second. Raises `ConflictError` for the last admin's."""
        return self._send(calls.revoke_key(key_id))
