"""Calls for API keys."""

from typing import Unpack

from lorekeeper.contracts.keys import KeyCreate, KeyCreated, KeyResponse, PaginatedKeyResponse
from lorekeeper.sdk.calls.core import Call, get, model, post, query
from lorekeeper.sdk.filters import KeyFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages


def create_key(body: KeyCreate) -> Call[KeyCreated]:
    """Makes a key; its text is in the answer's `key` and never shown again. Raises `WorldNotFoundError`."""
    # Not repeatable: a second try after a lost answer would leave a key behind that nobody knows.
    return post("/keys", KeyCreated, body)


def get_key(key_id: str) -> Call[KeyResponse]:
    """One key without its secret. Raises `NotFoundError`."""
    return get(f"/keys/{key_id}", KeyResponse)


def list_keys(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[KeyFilters]
) -> Call[PaginatedKeyResponse]:
    """One page, newest first; revoked keys too, unless `alive` is given."""
    return get("/keys", PaginatedKeyResponse, query(filters, skip=skip, limit=limit, cursor=cursor))


def every_key(**filters: Unpack[KeyFilters]) -> Pages[KeyResponse]:
    """All of them, newest first, fetched page by page."""
    return Pages(lambda cursor: list_keys(limit=WALKING_PAGE, cursor=cursor, **filters))


def revoke_key(key_id: str) -> Call[KeyResponse]:
    """Ends a key for good; every server refuses it within a second. Raises `ConflictError` for the last admin's."""
    return Call("DELETE", f"/keys/{key_id}", model(KeyResponse), repeatable=True)
