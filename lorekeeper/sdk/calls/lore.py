"""Calls for worlds, entities, sources, chunks and claims."""

from uuid import UUID

from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.editing import (
    ClaimBatchCreate,
    ClaimBatchResponse,
    EntityBatchCreate,
    EntityBatchResponse,
    SourceBatchCreate,
    SourceBatchResponse,
    WorldBatchCreate,
    WorldBatchResponse,
)
from lorekeeper.contracts.editions import SourceEditionCreate, SourceEditionResponse
from lorekeeper.contracts.imports import ImportReport, WorldImportResponse
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
    WorldResponse,
)
from lorekeeper.sdk.calls.core import Call, M, Params, encode, get, model, post
from lorekeeper.sdk.calls.editing import if_match


def create_world(body: WorldCreate) -> Call[WorldResponse]:
    return post("/worlds", WorldResponse, body)


def create_worlds(body: WorldBatchCreate) -> Call[WorldBatchResponse]:
    return post("/worlds/batch", WorldBatchResponse, body, patience=60)


def get_world(world_id: UUID) -> Call[WorldResponse]:
    return get(f"/worlds/{world_id}", WorldResponse)


def list_worlds(params: Params) -> Call[PaginatedWorldResponse]:
    return get("/worlds", PaginatedWorldResponse, params)


def import_world(bundle: WorldBundle | bytes, name: str | None) -> Call[WorldImportResponse]:
    return _importing("/worlds/import", WorldImportResponse, bundle, name, dry_run=False)


def preview_import(bundle: WorldBundle | bytes, name: str | None) -> Call[ImportReport]:
    return _importing("/worlds/import", ImportReport, bundle, name, dry_run=True)


def import_into_world(
    world_id: UUID, bundle: WorldBundle | bytes, name: str | None, dry_run: bool
) -> Call[WorldImportResponse]:
    return _importing(f"/worlds/{world_id}/import", WorldImportResponse, bundle, name, dry_run=dry_run)


def export_world(world_id: UUID) -> Call[WorldBundle]:
    return Call("GET", f"/worlds/{world_id}/export", model(WorldBundle), repeatable=True, patience=300)


def _importing(path: str, answer: type[M], bundle: WorldBundle | bytes, name: str | None, *, dry_run: bool) -> Call[M]:
    params = {} if name is None else {"name": name}
    if dry_run:
        params["dry_run"] = "true"
    body = bundle if isinstance(bundle, bytes) else encode(bundle)
    return Call("POST", path, model(answer), params, body, repeatable=dry_run, patience=300)


def create_entity(body: EntityCreate) -> Call[EntityResponse]:
    return post("/entities", EntityResponse, body)


def create_entities(body: EntityBatchCreate) -> Call[EntityBatchResponse]:
    return post("/entities/batch", EntityBatchResponse, body, patience=60)


def get_entity(entity_id: UUID) -> Call[EntityResponse]:
    return get(f"/entities/{entity_id}", EntityResponse)


def list_entities(params: Params) -> Call[PaginatedEntityResponse]:
    return get("/entities", PaginatedEntityResponse, params)


def create_source(body: SourceCreate) -> Call[SourceResponse]:
    # A long text is cut and stored before the answer comes.
    return post("/sources", SourceResponse, body, patience=300)


def create_sources(body: SourceBatchCreate) -> Call[SourceBatchResponse]:
    return post("/sources/batch", SourceBatchResponse, body, patience=300)


def get_source(source_id: UUID) -> Call[SourceResponse]:
    return get(f"/sources/{source_id}", SourceResponse)


def list_sources(params: Params) -> Call[PaginatedSourceResponse]:
    return get("/sources", PaginatedSourceResponse, params)


def add_chunks(source_id: UUID, body: SourceChunksCreate) -> Call[SourceChunksCreated]:
    return post(f"/sources/{source_id}/chunks", SourceChunksCreated, body)


def new_edition(source_id: UUID, body: SourceEditionCreate, etag: str | None = None) -> Call[SourceEditionResponse]:
    # Not repeated: a second time it would report that nothing changed.
    return Call(
        "POST",
        f"/sources/{source_id}/editions",
        model(SourceEditionResponse),
        body=encode(body),
        headers=if_match(etag),
        patience=300,
    )


def list_chunks(source_id: UUID, params: Params) -> Call[PaginatedSourceChunkResponse]:
    return get(f"/sources/{source_id}/chunks", PaginatedSourceChunkResponse, params)


def get_chunk(chunk_id: UUID) -> Call[SourceChunkResponse]:
    return get(f"/source-chunks/{chunk_id}", SourceChunkResponse)


def create_claim(body: ClaimCreate) -> Call[ClaimResponse]:
    return post("/claims", ClaimResponse, body)


def create_claims(body: ClaimBatchCreate) -> Call[ClaimBatchResponse]:
    return post("/claims/batch", ClaimBatchResponse, body, patience=60)


def get_claim(claim_id: UUID) -> Call[ClaimResponse]:
    return get(f"/claims/{claim_id}", ClaimResponse)


def list_claims(params: Params) -> Call[PaginatedClaimResponse]:
    return get("/claims", PaginatedClaimResponse, params)
