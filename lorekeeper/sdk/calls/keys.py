"""Calls for API keys."""

from lorekeeper.contracts.keys import KeyCreate, KeyCreated, KeyResponse, PaginatedKeyResponse
from lorekeeper.sdk.calls.core import Call, Params, get, model, post


def create_key(body: KeyCreate) -> Call[KeyCreated]:
    # Not repeatable: a second try after a lost answer would leave a key behind that nobody knows.
    return post("/keys", KeyCreated, body)


def get_key(key_id: str) -> Call[KeyResponse]:
    return get(f"/keys/{key_id}", KeyResponse)


def list_keys(params: Params) -> Call[PaginatedKeyResponse]:
    return get("/keys", PaginatedKeyResponse, params)


def revoke_key(key_id: str) -> Call[KeyResponse]:
    return Call("DELETE", f"/keys/{key_id}", model(KeyResponse), repeatable=True)
