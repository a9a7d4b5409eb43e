"""Search, summaries, tags and mentions over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from lorekeeper.access.context import Reader
from lorekeeper.contracts.base import Label, Text
from lorekeeper.contracts.enums import CanonState, EntityType, SourceType
from lorekeeper.contracts.errors import WorldNotFoundError
from lorekeeper.contracts.lore import PaginatedClaimResponse
from lorekeeper.contracts.search import (
    ClaimRole,
    PaginatedMentionResponse,
    SearchKind,
    SearchResponse,
    TagsResponse,
    WorldSummaryResponse,
)
from lorekeeper.kit.http import answer, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging
from lorekeeper.search import service

router = APIRouter(tags=["search"], generate_unique_id_function=operation_id)

Paged = Annotated[Paging, Depends(paging)]
Skip = Annotated[int, Query(ge=0, le=3000, description="Hits to pass over.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Hits a page.")]


@router.get("/search", response_model=SearchResponse, responses=responses(WorldNotFoundError))
async def search(
    ctx: Reader,
    q: Annotated[
        Text, Query(min_length=1, max_length=500, description='Words, "phrases", -not, or. The last word may be begun.')
    ],
    world_id: Annotated[UUID | None, Query(description="All worlds that the key sees if not given.")] = None,
    kind: Annotated[list[SearchKind] | None, Query(max_length=3, description="Only these; may be repeated.")] = None,
    type: Annotated[EntityType | SourceType | None, Query(description="Of entities, or of chunks' sources.")] = None,
    canon_state: Annotated[CanonState | None, Query(description="Of claims.")] = None,
    tag: Annotated[list[Label] | None, Query(max_length=20, description="All of them; may be repeated.")] = None,
    skip: Skip = 0,
    limit: Limit = 20,
) -> Response:
    """What fits the question, best first: entities by name (misspelt ones, too), alias, summary and description, claims
    by their sentence, chunks by their text.
    """
    found = await service.search(
        ctx,
        q,
        world_id=world_id,
        kinds=kind,
        type=type,
        canon_state=canon_state,
        tags=tag or (),
        skip=skip,
        limit=limit,
    )
    return answer(found)


@router.get("/worlds/{id:uuid}/summary", response_model=WorldSummaryResponse, responses=responses())
async def summarize_world(id: UUID, ctx: Reader) -> Response:
    """How much there is in a world, counted exactly."""
    return answer(await service.summarize(ctx, id))


@router.get("/worlds/{id:uuid}/tags", response_model=TagsResponse, responses=responses())
async def list_tags(
    id: UUID,
    ctx: Reader,
    skip: Annotated[int, Query(ge=0, le=1_000_000, description="Tags to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Tags a page.")] = 100,
) -> Response:
    """The tags of a world by name, with how many entities and claims have each."""
    return answer(await service.list_tags(ctx, id, skip=skip, limit=limit))


@router.get("/entities/{id:uuid}/claims", response_model=PaginatedClaimResponse, responses=responses())
async def list_entity_claims(
    id: UUID,
    ctx: Reader,
    page: Paged,
    roles: Annotated[
        list[ClaimRole] | None, Query(alias="as", max_length=3, description="Only as these; may be repeated.")
    ] = None,
) -> Response:
    """The claims about an entity, as subject, object or the one who asserts it, newest first."""
    return answer(await service.claims_of_entity(ctx, id, page, roles))


@router.get("/entities/{id:uuid}/mentions", response_model=PaginatedMentionResponse, responses=responses())
async def list_entity_mentions(id: UUID, ctx: Reader, page: Paged) -> Response:
    """The chunks of its world that mention an entity by name or alias, in the order of the text."""
    return answer(await service.mentions(ctx, id, page))
