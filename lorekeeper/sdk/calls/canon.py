"""Calls for declared predicates and contradictions."""

from urllib.parse import quote
from uuid import UUID

from lorekeeper.contracts.canon import (
    Contradiction,
    PaginatedContradictionResponse,
    PaginatedPredicateResponse,
    PredicateDeclaration,
    PredicateResponse,
)
from lorekeeper.sdk.calls.core import Call, delete, encode, get, model, query
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages


def declare_predicate(world_id: UUID, predicate: str, *, single_valued: bool) -> Call[PredicateResponse]:
    """Says whether a predicate is single-valued in a world: of each subject it says one thing at a time then."""
    body = encode(PredicateDeclaration(single_valued=single_valued))
    return Call("PUT", _path(world_id, predicate), model(PredicateResponse), body=body, repeatable=True)


def withdraw_predicate(world_id: UUID, predicate: str) -> Call[PredicateResponse]:
    """Takes back what was declared, and answers it. Raises `NotFoundError`."""
    return delete(_path(world_id, predicate), PredicateResponse, {})


def list_predicates(
    world_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
) -> Call[PaginatedPredicateResponse]:
    """One page of the predicates that something was declared of, newest first."""
    page = query({}, skip=skip, limit=limit, cursor=cursor)
    return get(f"/worlds/{world_id}/predicates", PaginatedPredicateResponse, page)


def every_predicate(world_id: UUID) -> Pages[PredicateResponse]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_predicates(world_id, limit=WALKING_PAGE, cursor=cursor))


def list_contradictions(
    world_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
) -> Call[PaginatedContradictionResponse]:
    """One page of what canon contradicts itself in, with the claims that disagree."""
    page = query({}, skip=skip, limit=limit, cursor=cursor)
    return get(f"/worlds/{world_id}/contradictions", PaginatedContradictionResponse, page)


def every_contradiction(world_id: UUID) -> Pages[Contradiction]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_contradictions(world_id, limit=WALKING_PAGE, cursor=cursor))


def _path(world_id: UUID, predicate: str) -> str:
    return f"/worlds/{world_id}/predicates/{quote(predicate, safe='')}"
