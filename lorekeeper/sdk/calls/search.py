"""Calls for looking into a world: search, summary, tags, an entity's claims and mentions."""

from uuid import UUID

from lorekeeper.contracts.lore import PaginatedClaimResponse
from lorekeeper.contracts.search import PaginatedMentionResponse, SearchResponse, TagsResponse, WorldSummaryResponse
from lorekeeper.sdk.calls.core import Call, Params, get


def search(params: Params) -> Call[SearchResponse]:
    return get("/search", SearchResponse, params)


def summarize_world(world_id: UUID) -> Call[WorldSummaryResponse]:
    return get(f"/worlds/{world_id}/summary", WorldSummaryResponse)


def list_tags(world_id: UUID, params: Params) -> Call[TagsResponse]:
    return get(f"/worlds/{world_id}/tags", TagsResponse, params)


def list_entity_claims(entity_id: UUID, params: Params) -> Call[PaginatedClaimResponse]:
    return get(f"/entities/{entity_id}/claims", PaginatedClaimResponse, params)


def list_entity_mentions(entity_id: UUID, params: Params) -> Call[PaginatedMentionResponse]:
    return get(f"/entities/{entity_id}/mentions", PaginatedMentionResponse, params)
