"""The client's group for looking into a world."""

from collections.abc import Iterator, Sequence
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
from lorekeeper.sdk.calls import search as calls
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.filters import SearchFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.transport import Transport


class Search:
    """`client.search`: calling it searches; its methods count and follow names."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport.send

    def __call__(self, q: str, *, skip: int = 0, limit: int = 20, **filters: Unpack[SearchFilters]) -> SearchResponse:
        """What fits the question, best first; of all worlds that this key sees unless `world_id` names one.

        The marks of a hit are code points of its `title` and `snippet`, which are plain text of the lore's own.
        """
        return self._send(calls.search(query({"q": q, **filters}, skip=skip, limit=limit)))

    def summary(self, world_id: UUID) -> WorldSummaryResponse:
        """How much there is in a world. Raises `NotFoundError`."""
        return self._send(calls.summarize_world(world_id))

    def tags(self, world_id: UUID, *, skip: int = 0, limit: int = 100) -> TagsResponse:
        """The tags of a world by name, with how often each is used. Raises `NotFoundError`."""
        return self._send(calls.list_tags(world_id, query({}, skip=skip, limit=limit)))

    def claims_of(
        self,
        entity_id: UUID,
        *,
        roles: Sequence[ClaimRole] | None = None,
        skip: int = 0,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
    ) -> PaginatedClaimResponse:
        """One page of the claims about an entity: as any of these roles, or as any at all. Raises `NotFoundError`."""
        params = query({"as": None if roles is None else list(roles)}, skip=skip, limit=limit, cursor=cursor)
        return self._send(calls.list_entity_claims(entity_id, params))

    def iterate_claims_of(
        self, entity_id: UUID, *, roles: Sequence[ClaimRole] | None = None
    ) -> Iterator[ClaimResponse]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.claims_of(entity_id, roles=roles, limit=WALKING_PAGE, cursor=cursor))

    def mentions_of(
        self, entity_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> PaginatedMentionResponse:
        """One page of the chunks that mention an entity by name or alias, in text order. Raises `NotFoundError`."""
        return self._send(calls.list_entity_mentions(entity_id, query({}, skip=skip, limit=limit, cursor=cursor)))

    def iterate_mentions_of(self, entity_id: UUID) -> Iterator[MentioningChunk]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.mentions_of(entity_id, limit=WALKING_PAGE, cursor=cursor))
