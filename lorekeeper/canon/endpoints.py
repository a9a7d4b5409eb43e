"""Declared predicates and contradictions over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from lorekeeper.access.context import Editor, Reader
from lorekeeper.access.route import KeyedRoute
from lorekeeper.canon import service
from lorekeeper.contracts.base import Name
from lorekeeper.contracts.canon import (
    PaginatedContradictionResponse,
    PaginatedPredicateResponse,
    PredicateDeclaration,
    PredicateResponse,
)
from lorekeeper.kit.http import answer, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging

router = APIRouter(
    prefix="/worlds/{id:uuid}", tags=["canon"], route_class=KeyedRoute, generate_unique_id_function=operation_id
)

Paged = Annotated[Paging, Depends(paging)]
# `:path`, because a predicate may have a slash in it.
PREDICATE = "/predicates/{predicate:path}"
ThisPredicate = Annotated[Name, Path(description="As the claims have it, letter for letter.")]


@router.get("/predicates", response_model=PaginatedPredicateResponse, responses=responses())
async def list_predicates(id: UUID, ctx: Reader, page: Paged) -> Response:
    """The predicates that something was declared of in this world, newest first."""
    return answer(await service.list_predicates(ctx, id, page))


@router.put(PREDICATE, response_model=PredicateResponse, responses=responses())
async def declare_predicate(id: UUID, predicate: ThisPredicate, body: PredicateDeclaration, ctx: Editor) -> Response:
    """Say whether a predicate is single-valued: then STRICT claims that disagree at once are contradictions."""
    return answer(await service.declare_predicate(ctx, id, predicate, body))


@router.delete(PREDICATE, response_model=PredicateResponse, responses=responses())
async def withdraw_predicate(id: UUID, predicate: ThisPredicate, ctx: Editor) -> Response:
    """Take back what was declared; the answer is what it was."""
    return answer(await service.withdraw_predicate(ctx, id, predicate))


@router.get("/contradictions", response_model=PaginatedContradictionResponse, responses=responses())
async def list_contradictions(id: UUID, ctx: Reader, page: Paged) -> Response:
    """Where canon contradicts itself: by subject and predicate, with the claims that disagree, two by two."""
    return answer(await service.list_contradictions(ctx, id, page))
