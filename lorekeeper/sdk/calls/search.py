"""Calls for looking into a world: search, summary, tags, an entity's claims and mentions."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.lore import ClaimResponse, PaginatedClaimResponse
from lorekeeper.contracts.search import (
    ClaimRole,
    MentioningChunk,
    PaginatedMentionResponse,
    SearchResponse,
    TagsResponse,
    WorldSummaryResponse,
)
from lorekeeper.sdk.calls.core import Call, get, query
from lorekeeper.sdk.filters import SearchFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages


def search(q: str, *, skip: int = 0, limit: int = 20, **filters: Unpack[SearchFilters]) -> Call[SearchResponse]:
    """What fits the question, best first; of all worlds that this key sees unless `world_id` names one.

    The marks of a hit are code points of its `title` and `snippet`, which are plain text of the lore's own.
    """
    return get("/search", SearchResponse, query({"q": q, **filters}, skip=skip, limit=limit))


def summarize_world(world_id: UUID) -> Call[WorldSummaryResponse]:
    """How much there is in a world. Raises `NotFoundError`."""
    return get(f"/worlds/{world_id}/summary", WorldSummaryResponse)


def list_tags(world_id: UUID, *, skip: int = 0, limit: int = 100) -> Call[TagsResponse]:
    """The tags of a world by name, with how often each is used. Raises `NotFoundError`."""
    return get(f"/worlds/{world_id}/tags", TagsResponse, query({}, skip=skip, limit=limit))


def list_entity_claims(
    entity_id: UUID,
    *,
    roles: Sequence[ClaimRole] | None = None,
    skip: int = 0,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
) -> Call[PaginatedClaimResponse]:
    """One page of the claims about an entity: as any of these roles, or as any at all. Raises `NotFoundError`."""
    params = query({"as": None if roles is None else list(roles)}, skip=skip, limit=limit, cursor=cursor)
    return get(f"/entities/{entity_id}/claims", PaginatedClaimResponse, params)


def every_entity_claim(entity_id: UUID, *, roles: Sequence[ClaimRole] | None = None) -> Pages[ClaimResponse]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_entity_claims(entity_id, roles=roles, limit=WALKING_PAGE, cursor=cursor))


def list_entity_mentions(
    entity_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
) -> Call[PaginatedMentionResponse]:
    """One page of the chunks that mention an entity by name or alias, in text order. Raises `NotFoundError`."""
    page = query({}, skip=skip, limit=limit, cursor=cursor)
    return get(f"/entities/{entity_id}/mentions", PaginatedMentionResponse, page)


def every_entity_mention(entity_id: UUID) -> Pages[MentioningChunk]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_entity_mentions(entity_id, limit=WALKING_PAGE, cursor=cursor))
