"""Worlds, entities, sources, chunks and claims over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from lorekeeper.access.context import Editor, Reader
from lorekeeper.access.route import KeyedRoute
from lorekeeper.contracts.base import Name, Text
from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.enums import CanonState, EntityType, LoreKind, SourceType
from lorekeeper.contracts.errors import ReferenceNotFoundError, WorldNotFoundError, WorldScopeViolationError
from lorekeeper.contracts.lore import (
    ClaimCreate,
    ClaimResponse,
    EntityCreate,
    EntityResponse,
    PaginatedClaimResponse,
    PaginatedEntityResponse,
    PaginatedSourceChunkResponse,
    PaginatedSourceResponse,
    PaginatedWorldResponse,
    SourceChunkResponse,
    SourceChunksCreate,
    SourceChunksCreated,
    SourceCreate,
    SourceResponse,
    WorldCreate,
    WorldImportResponse,
    WorldResponse,
)
from lorekeeper.kit.http import answer, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging
from lorekeeper.lore import service
from lorekeeper.lore.importing import import_bundle

router = APIRouter(tags=["lore"], route_class=KeyedRoute, generate_unique_id_function=operation_id)

Paged = Annotated[Paging, Depends(paging)]
Exactly = Annotated[Text | None, Query(max_length=500, description="Exactly this.")]
WRITE_ERRORS = responses(WorldNotFoundError, ReferenceNotFoundError, WorldScopeViolationError)


@router.post("/worlds", status_code=201, response_model=WorldResponse, responses=responses())
async def create_world(body: WorldCreate, ctx: Editor) -> Response:
    """Make a world. A key that is granted single worlds is granted this one too."""
    return answer(await service.create_world(ctx, body), 201)


@router.post("/worlds/import", status_code=201, response_model=WorldImportResponse, responses=responses())
async def import_world(
    body: WorldBundle, ctx: Editor, name: Annotated[Name | None, Query(description="Instead of the bundle's.")] = None
) -> Response:
    """Make a world of a bundle, all or nothing."""
    return answer(await import_bundle(ctx, body, name=name), 201)


@router.get("/worlds", response_model=PaginatedWorldResponse, responses=responses())
async def list_worlds(ctx: Reader, page: Paged, name: Exactly = None) -> Response:
    return answer(await service.listing(ctx, LoreKind.WORLD, page, name=name))


@router.get("/worlds/{id:uuid}", response_model=WorldResponse, responses=responses())
async def get_world(id: UUID, ctx: Reader) -> Response:
    return answer(await service.read(ctx, LoreKind.WORLD, id))


@router.post("/entities", status_code=201, response_model=EntityResponse, responses=WRITE_ERRORS)
async def create_entity(body: EntityCreate, ctx: Editor) -> Response:
    return answer(await service.create_entity(ctx, body), 201)


@router.get("/entities", response_model=PaginatedEntityResponse, responses=responses(WorldNotFoundError))
async def list_entities(
    ctx: Reader, page: Paged, world_id: UUID | None = None, type: EntityType | None = None, name: Exactly = None
) -> Response:
    return answer(await service.listing(ctx, LoreKind.ENTITY, page, world_id=world_id, type=type, name=name))


@router.get("/entities/{id:uuid}", response_model=EntityResponse, responses=responses())
async def get_entity(id: UUID, ctx: Reader) -> Response:
    return answer(await service.read(ctx, LoreKind.ENTITY, id))


@router.post("/sources", status_code=201, response_model=SourceResponse, responses=WRITE_ERRORS)
async def create_source(body: SourceCreate, ctx: Editor) -> Response:
    """Bring in a source: with its whole `text`, which is cut into chunks here, or with ready-made `chunks`."""
    return answer(await service.create_source(ctx, body), 201)


@router.get("/sources", response_model=PaginatedSourceResponse, responses=responses(WorldNotFoundError))
async def list_sources(
    ctx: Reader, page: Paged, world_id: UUID | None = None, type: SourceType | None = None, title: Exactly = None
) -> Response:
    return answer(await service.listing(ctx, LoreKind.SOURCE, page, world_id=world_id, type=type, title=title))


@router.get("/sources/{id:uuid}", response_model=SourceResponse, responses=responses())
async def get_source(id: UUID, ctx: Reader) -> Response:
    return answer(await service.read(ctx, LoreKind.SOURCE, id))


@router.post("/sources/{id:uuid}/chunks", status_code=201, response_model=SourceChunksCreated, responses=responses())
async def add_chunks(id: UUID, body: SourceChunksCreate, ctx: Editor) -> Response:
    """Add chunks behind the last one."""
    return answer(SourceChunksCreated(items=await service.add_chunks(ctx, id, body)), 201)


@router.get("/sources/{id:uuid}/chunks", response_model=PaginatedSourceChunkResponse, responses=responses())
async def list_source_chunks(id: UUID, ctx: Reader, page: Paged) -> Response:
    """The chunks in the order of the text."""
    await service.read(ctx, LoreKind.SOURCE, id)
    return answer(await service.listing(ctx, LoreKind.SOURCE_CHUNK, page, source_id=id))


@router.get("/source-chunks/{id:uuid}", response_model=SourceChunkResponse, responses=responses())
async def get_source_chunk(id: UUID, ctx: Reader) -> Response:
    return answer(await service.read(ctx, LoreKind.SOURCE_CHUNK, id))


@router.post("/claims", status_code=201, response_model=ClaimResponse, responses=WRITE_ERRORS)
async def create_claim(body: ClaimCreate, ctx: Editor) -> Response:
    return answer(await service.create_claim(ctx, body), 201)


@router.get("/claims", response_model=PaginatedClaimResponse, responses=responses(WorldNotFoundError))
async def list_claims(
    ctx: Reader,
    page: Paged,
    world_id: UUID | None = None,
    canon_state: CanonState | None = None,
    subject_entity_id: UUID | None = None,
    object_entity_id: UUID | None = None,
    source_id: UUID | None = None,
    predicate: Exactly = None,
) -> Response:
    return answer(
        await service.listing(
            ctx,
            LoreKind.CLAIM,
            page,
            world_id=world_id,
            canon_state=canon_state,
            subject_entity_id=subject_entity_id,
            object_entity_id=object_entity_id,
            source_id=source_id,
            predicate=predicate,
        )
    )


@router.get("/claims/{id:uuid}", response_model=ClaimResponse, responses=responses())
async def get_claim(id: UUID, ctx: Reader) -> Response:
    return answer(await service.read(ctx, LoreKind.CLAIM, id))
