"""Calls for declared predicates and contradictions."""

from urllib.parse import quote
from uuid import UUID

from lorekeeper.contracts.canon import (
    PaginatedContradictionResponse,
    PaginatedPredicateResponse,
    PredicateDeclaration,
    PredicateResponse,
)
from lorekeeper.sdk.calls.core import Call, Params, delete, encode, get, model


def list_predicates(world_id: UUID, params: Params) -> Call[PaginatedPredicateResponse]:
    return get(f"/worlds/{world_id}/predicates", PaginatedPredicateResponse, params)


def declare_predicate(world_id: UUID, predicate: str, body: PredicateDeclaration) -> Call[PredicateResponse]:
    return Call("PUT", _path(world_id, predicate), model(PredicateResponse), body=encode(body), repeatable=True)


def withdraw_predicate(world_id: UUID, predicate: str) -> Call[PredicateResponse]:
    return delete(_path(world_id, predicate), PredicateResponse, {})


def list_contradictions(world_id: UUID, params: Params) -> Call[PaginatedContradictionResponse]:
    return get(f"/worlds/{world_id}/contradictions", PaginatedContradictionResponse, params)


def _path(world_id: UUID, predicate: str) -> str:
    return f"/worlds/{world_id}/predicates/{quote(predicate, safe='')}"
