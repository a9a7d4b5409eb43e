"""Calls for entities, sources, chunks and claims."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.editing import (
    ClaimBatchCreate,
    ClaimBatchResponse,
    EntityBatchCreate,
    EntityBatchResponse,
    SourceBatchCreate,
    SourceBatchResponse,
)
from lorekeeper.contracts.editions import SourceEditionCreate, SourceEditionResponse
from lorekeeper.contracts.lore import (
    ClaimCreate,
    ClaimResponse,
    EntityCreate,
    EntityResponse,
    PaginatedClaimResponse,
    PaginatedEntityResponse,
    PaginatedSourceChunkResponse,
    PaginatedSourceResponse,
    SourceChunkResponse,
    SourceChunksCreate,
    SourceChunksCreated,
    SourceCreate,
    SourceResponse,
)
from lorekeeper.sdk.calls.core import Call, encode, get, items_of, model, post, query
from lorekeeper.sdk.calls.editing import if_match
from lorekeeper.sdk.filters import ClaimFilters, EntityFilters, SourceFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages


def create_entity(body: EntityCreate) -> Call[EntityResponse]:
    """Makes an entity."""
    return post("/entities", EntityResponse, body)


def create_entities(items: Sequence[EntityCreate]) -> Call[Sequence[EntityResponse]]:
    """Makes up to 1,000 entities in one request, all or none, in this order."""
    body = EntityBatchCreate(items=list(items))
    return Call("POST", "/entities/batch", items_of(model(EntityBatchResponse)), body=encode(body), patience=60)


def get_entity(entity_id: UUID) -> Call[EntityResponse]:
    """One entity. Raises `NotFoundError`."""
    return get(f"/entities/{entity_id}", EntityResponse)


def list_entities(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[EntityFilters]
) -> Call[PaginatedEntityResponse]:
    """One page."""
    return get("/entities", PaginatedEntityResponse, query(filters, skip=skip, limit=limit, cursor=cursor))


def every_entity(**filters: Unpack[EntityFilters]) -> Pages[EntityResponse]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_entities(limit=WALKING_PAGE, cursor=cursor, **filters))


def create_source(body: SourceCreate) -> Call[SourceResponse]:
    """Makes a source. With `text` the server cuts it into chunks whose offsets give back the exact text."""
    # A long text is cut and stored before the answer comes.
    return post("/sources", SourceResponse, body, patience=300)


def create_sources(items: Sequence[SourceCreate]) -> Call[Sequence[SourceResponse]]:
    """Makes up to 1,000 sources in one request, all or none, in this order."""
    body = SourceBatchCreate(items=list(items))
    return Call("POST", "/sources/batch", items_of(model(SourceBatchResponse)), body=encode(body), patience=300)


def get_source(source_id: UUID) -> Call[SourceResponse]:
    """One source. Raises `NotFoundError`."""
    return get(f"/sources/{source_id}", SourceResponse)


def list_sources(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[SourceFilters]
) -> Call[PaginatedSourceResponse]:
    """One page."""
    return get("/sources", PaginatedSourceResponse, query(filters, skip=skip, limit=limit, cursor=cursor))


def every_source(**filters: Unpack[SourceFilters]) -> Pages[SourceResponse]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_sources(limit=WALKING_PAGE, cursor=cursor, **filters))


def add_chunks(source_id: UUID, body: SourceChunksCreate) -> Call[SourceChunksCreated]:
    """Adds chunks behind the last one, all or none."""
    return post(f"/sources/{source_id}/chunks", SourceChunksCreated, body)


def new_edition(source_id: UUID, body: SourceEditionCreate, *, etag: str | None = None) -> Call[SourceEditionResponse]:
    """Makes this text the source's own. Chunks of the same text keep id and version; the answer counts the others.

    With `etag`, only where the source is still that edit: else `PreconditionFailedError`.
    """
    # Not repeated: a second time it would report that nothing changed.
    return Call(
        "POST",
        f"/sources/{source_id}/editions",
        model(SourceEditionResponse),
        body=encode(body),
        headers=if_match(etag),
        patience=300,
    )


def list_chunks(
    source_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
) -> Call[PaginatedSourceChunkResponse]:
    """One page of a source's chunks, in their order."""
    page = query({}, skip=skip, limit=limit, cursor=cursor)
    return get(f"/sources/{source_id}/chunks", PaginatedSourceChunkResponse, page)


def every_chunk(source_id: UUID) -> Pages[SourceChunkResponse]:
    """All chunks of a source, in their order."""
    return Pages(lambda cursor: list_chunks(source_id, limit=WALKING_PAGE, cursor=cursor))


def get_chunk(chunk_id: UUID) -> Call[SourceChunkResponse]:
    """One chunk. Raises `NotFoundError`."""
    return get(f"/source-chunks/{chunk_id}", SourceChunkResponse)


def create_claim(body: ClaimCreate) -> Call[ClaimResponse]:
    """Makes a claim. Raises `WorldScopeViolationError` where it speaks of another world's things."""
    return post("/claims", ClaimResponse, body)


def create_claims(items: Sequence[ClaimCreate]) -> Call[Sequence[ClaimResponse]]:
    """Makes up to 1,000 claims in one request, all or none, in this order."""
    body = ClaimBatchCreate(items=list(items))
    return Call("POST", "/claims/batch", items_of(model(ClaimBatchResponse)), body=encode(body), patience=60)


def get_claim(claim_id: UUID) -> Call[ClaimResponse]:
    """One claim. Raises `NotFoundError`."""
    return get(f"/claims/{claim_id}", ClaimResponse)


def list_claims(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[ClaimFilters]
) -> Call[PaginatedClaimResponse]:
    """One page."""
    return get("/claims", PaginatedClaimResponse, query(filters, skip=skip, limit=limit, cursor=cursor))


def every_claim(**filters: Unpack[ClaimFilters]) -> Pages[ClaimResponse]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_claims(limit=WALKING_PAGE, cursor=cursor, **filters))
