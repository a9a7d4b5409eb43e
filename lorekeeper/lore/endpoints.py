"""Worlds, entities, sources, chunks and claims over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel

from lorekeeper.access.context import Editor, Reader
from lorekeeper.access.route import KeyedRoute
from lorekeeper.contracts.base import Label, Text
from lorekeeper.contracts.editing import (
    ClaimBatchCreate,
    ClaimBatchResponse,
    EntityBatchCreate,
    EntityBatchResponse,
    LoreDeleted,
    LoreDiff,
    LoreUpdate,
    PaginatedLoreVersionResponse,
    SourceBatchCreate,
    SourceBatchResponse,
    WorldBatchCreate,
    WorldBatchResponse,
    WorldDeleted,
)
from lorekeeper.contracts.editions import SourceEditionCreate, SourceEditionResponse
from lorekeeper.contracts.enums import CanonState, EntityType, LoreKind, SourceType
from lorekeeper.contracts.errors import (
    ConflictError,
    LoreInUseError,
    LoreKeeperError,
    PreconditionFailedError,
    ReferenceNotFoundError,
    WorldNotFoundError,
    WorldScopeViolationError,
)
from lorekeeper.contracts.lore import (
    ClaimCreate,
    ClaimResponse,
    EntityCreate,
    EntityResponse,
    LoreResponse,
    PaginatedClaimResponse,
    PaginatedEntityResponse,
    PaginatedSourceChunkResponse,
    PaginatedSourceResponse,
    PaginatedWorldResponse,
    SourceChunksCreate,
    SourceChunksCreated,
    SourceCreate,
    SourceResponse,
    WorldCreate,
    WorldResponse,
)
from lorekeeper.kit.http import Flag, answer, header, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging
from lorekeeper.lore import creation, deletion, editing, editions, service, versions
from lorekeeper.lore.kinds import KINDS, Kind

router = APIRouter(tags=["lore"], route_class=KeyedRoute, generate_unique_id_function=operation_id)

Paged = Annotated[Paging, Depends(paging)]
Exactly = Annotated[Text | None, Query(max_length=500, description="Exactly this.")]
Tagged = Annotated[list[Label] | None, Query(max_length=20, description="All of these tags; may be repeated.")]
OfVersion = Annotated[int, Path(ge=1, le=2_147_483_647, description="The number of a version.")]
IfMatch = Annotated[
    str,
    Header(
        alias="If-Match",
        max_length=1000,
        pattern=r'^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$',
        description="The `etag` that was read, or several, or `*`. What has another by now is refused with 412.",
    ),
]
Cascade = Annotated[
    Flag, Query(description="With the claims that point at it, and those that supersede them; authors are taken off.")
]
POINTING = (WorldNotFoundError, ReferenceNotFoundError, WorldScopeViolationError, ConflictError)
ETAG_HEADER = {"ETag": header("The piece's `etag`, for `If-Match`.")}


def with_etag(status: int, *errors: type[LoreKeeperError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of an endpoint that answers with one piece of lore, as it is now."""
    return responses(*errors) | {status: {"headers": ETAG_HEADER}}


def made(*errors: type[LoreKeeperError]) -> dict[int | str, dict[str, Any]]:
    return with_etag(201, *errors)


def tagged(piece: LoreResponse, status: int = 200) -> Response:
    return answer(piece, status, {"ETag": piece.etag})


@router.post("/worlds", status_code=201, response_model=WorldResponse, responses=made())
async def create_world(body: WorldCreate, ctx: Editor) -> Response:
    """Make a world. A key that is granted single worlds is granted this one too."""
    return tagged((await creation.create_worlds(ctx, [body]))[0], 201)


@router.post("/worlds/batch", status_code=201, response_model=WorldBatchResponse, responses=responses())
async def create_worlds(body: WorldBatchCreate, ctx: Editor) -> Response:
    """Make up to 1,000 worlds, all or none."""
    return answer(WorldBatchResponse(items=await creation.create_worlds(ctx, body.items)), 201)


@router.get("/worlds", response_model=PaginatedWorldResponse, responses=responses())
async def list_worlds(ctx: Reader, page: Paged, name: Exactly = None) -> Response:
    return answer(await service.listing(ctx, LoreKind.WORLD, page, name=name))


@router.delete(
    "/worlds/{id:uuid}", response_model=WorldDeleted, responses=responses(ConflictError, PreconditionFailedError)
)
async def delete_world(
    id: UUID,
    ctx: Editor,
    name: Annotated[Text, Query(max_length=500, description="The world's exact name, for safety.")],
    if_match: IfMatch = "*",
) -> Response:
    """Delete a world with all lore in it; its files are removed from the store. Refused while jobs of it run."""
    return answer(await deletion.delete_world(ctx, id, name=name, if_match=if_match))


@router.post("/entities", status_code=201, response_model=EntityResponse, responses=made(*POINTING))
async def create_entity(body: EntityCreate, ctx: Editor) -> Response:
    return tagged((await creation.create_entities(ctx, [body]))[0], 201)


@router.post("/entities/batch", status_code=201, response_model=EntityBatchResponse, responses=responses(*POINTING))
async def create_entities(body: EntityBatchCreate, ctx: Editor) -> Response:
    """Make up to 1,000 entities, all or none; a refusal names the item: `items[3]`."""
    at = creation.at_items(len(body.items))
    return answer(EntityBatchResponse(items=await creation.create_entities(ctx, body.items, at)), 201)


@router.get("/entities", response_model=PaginatedEntityResponse, responses=responses(WorldNotFoundError))
async def list_entities(
    ctx: Reader,
    page: Paged,
    world_id: UUID | None = None,
    type: EntityType | None = None,
    name: Exactly = None,
    tag: Tagged = None,
) -> Response:
    filters = {"world_id": world_id, "type": type, "name": name}
    return answer(await service.listing(ctx, LoreKind.ENTITY, page, **filters, **service.tagged(tag)))


@router.post("/sources", status_code=201, response_model=SourceResponse, responses=made(*POINTING))
async def create_source(body: SourceCreate, ctx: Editor) -> Response:
    """Bring in a source: with its whole `text`, which is cut into chunks here, or with ready-made `chunks`."""
    return tagged((await creation.create_sources(ctx, [body]))[0], 201)


@router.post("/sources/batch", status_code=201, response_model=SourceBatchResponse, responses=responses(*POINTING))
async def create_sources(body: SourceBatchCreate, ctx: Editor) -> Response:
    """Make up to 1,000 sources, all or none; a refusal names the item: `items[3]`."""
    at = creation.at_items(len(body.items))
    return answer(SourceBatchResponse(items=await creation.create_sources(ctx, body.items, at)), 201)


@router.get("/sources", response_model=PaginatedSourceResponse, responses=responses(WorldNotFoundError))
async def list_sources(
    ctx: Reader, page: Paged, world_id: UUID | None = None, type: SourceType | None = None, title: Exactly = None
) -> Response:
    return answer(await service.listing(ctx, LoreKind.SOURCE, page, world_id=world_id, type=type, title=title))


@router.post("/sources/{id:uuid}/chunks", status_code=201, response_model=SourceChunksCreated, responses=responses())
async def add_chunks(id: UUID, body: SourceChunksCreate, ctx: Editor) -> Response:
    """Add chunks behind the last one."""
    return answer(SourceChunksCreated(items=await creation.add_chunks(ctx, id, body)), 201)


@router.post(
    "/sources/{id:uuid}/editions",
    response_model=SourceEditionResponse,
    responses=with_etag(200, ConflictError, PreconditionFailedError),
)
async def new_edition(id: UUID, body: SourceEditionCreate, ctx: Editor, if_match: IfMatch = "*") -> Response:
    """Bring in the new text of a source, all or nothing. Chunks whose text did not change keep id and version, moved or
    not; a changed one gets a new version, a vanished one becomes a tombstone. The same text again changes nothing.
    """
    report = await editions.new_edition(ctx, id, body, if_match)
    return answer(report, headers={"ETag": report.source.etag})


@router.get("/sources/{id:uuid}/chunks", response_model=PaginatedSourceChunkResponse, responses=responses())
async def list_source_chunks(id: UUID, ctx: Reader, page: Paged) -> Response:
    """The chunks in the order of the text."""
    await service.read(ctx, LoreKind.SOURCE, id)
    return answer(await service.listing(ctx, LoreKind.SOURCE_CHUNK, page, source_id=id))


@router.post("/claims", status_code=201, response_model=ClaimResponse, responses=made(*POINTING))
async def create_claim(body: ClaimCreate, ctx: Editor) -> Response:
    return tagged((await creation.create_claims(ctx, [body]))[0], 201)


@router.post("/claims/batch", status_code=201, response_model=ClaimBatchResponse, responses=responses(*POINTING))
async def create_claims(body: ClaimBatchCreate, ctx: Editor) -> Response:
    """Make up to 1,000 claims, all or none; a refusal names the item: `items[3]`."""
    at = creation.at_items(len(body.items))
    return answer(ClaimBatchResponse(items=await creation.create_claims(ctx, body.items, at)), 201)


@router.get("/claims", response_model=PaginatedClaimResponse, responses=responses(WorldNotFoundError))
async def list_claims(
    ctx: Reader,
    page: Paged,
    world_id: UUID | None = None,
    canon_state: CanonState | None = None,
    subject_entity_id: UUID | None = None,
    object_entity_id: UUID | None = None,
    source_id: UUID | None = None,
    version_group_id: UUID | None = None,
    predicate: Exactly = None,
    tag: Tagged = None,
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
            version_group_id=version_group_id,
            predicate=predicate,
            **service.tagged(tag),
        )
    )


def _life_of(kind: Kind) -> None:
    """What can be done with one piece of any kind: read, edit, look at its versions, restore one."""
    here = f"{kind.path}/{{id:uuid}}"

    def operation(
        method: str, path: str, name: str, answers: type[BaseModel], problems: Any, call: Callable[..., Any]
    ) -> None:
        router.add_api_route(
            path, call, methods=[method], name=name.format(kind.kind), response_model=answers, responses=problems
        )

    async def get(id: UUID, ctx: Reader) -> Response:
        return tagged(await service.read(ctx, kind.kind, id))

    async def update(id: UUID, body: LoreUpdate, ctx: Editor, if_match: IfMatch = "*") -> Response:
        """Edit it: a JSON merge patch (RFC 7396) of its own fields. What changes nothing leaves it as it is."""
        return tagged(await editing.edit(ctx, kind.kind, id, body, if_match))

    async def list_versions(id: UUID, ctx: Reader, page: Paged) -> Response:
        """Its versions, newest first, the present one on top; of a deleted piece, too."""
        return answer(await versions.list_versions(ctx, kind.kind, id, page))

    async def get_version(id: UUID, n: OfVersion, ctx: Reader) -> Response:
        """The piece as it was in this version, also of a deleted one."""
        return answer(await versions.get_version(ctx, kind.kind, id, n))

    async def diff(
        id: UUID,
        n: OfVersion,
        ctx: Reader,
        to: Annotated[int | None, Query(ge=1, le=2_147_483_647, description="The present one if not given.")] = None,
    ) -> Response:
        """What can be depicted that differs between two versions, field by field."""
        return answer(await versions.diff(ctx, kind.kind, id, n, to))

    async def restore(id: UUID, n: OfVersion, ctx: Editor, if_match: IfMatch = "*") -> Response:
        """Make a new version with what this one depicts; labels stay. A deleted piece comes back with it."""
        return tagged(await editing.restore(ctx, kind.kind, id, n, if_match))

    async def delete(id: UUID, ctx: Editor, cascade: Cascade = False, if_match: IfMatch = "*") -> Response:
        """Delete it. Lists forget it, provenance still shows it; its versions can be read, and restored."""
        return answer(await deletion.delete(ctx, kind.kind, id, cascade=cascade, if_match=if_match))

    # One function stands for five, so the type of its body is told here and not in its signature.
    update.__annotations__["body"] = kind.update
    edited = with_etag(200, PreconditionFailedError, *POINTING)
    operation("GET", here, "get_{}", kind.response, with_etag(200), get)
    operation("PATCH", here, "update_{}", kind.response, edited, update)
    if kind.kind is not LoreKind.WORLD:
        operation("DELETE", here, "delete_{}", LoreDeleted, responses(LoreInUseError, PreconditionFailedError), delete)
    operation("GET", f"{here}/versions", "list_{}_versions", PaginatedLoreVersionResponse, responses(), list_versions)
    operation("GET", f"{here}/versions/{{n:int}}", "get_{}_version", kind.response, responses(), get_version)
    operation("GET", f"{here}/versions/{{n:int}}/diff", "diff_{}_versions", LoreDiff, responses(), diff)
    operation("POST", f"{here}/versions/{{n:int}}/restore", "restore_{}_version", kind.response, edited, restore)


for _kind in KINDS.values():
    _life_of(_kind)
