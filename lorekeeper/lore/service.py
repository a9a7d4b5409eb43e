"""The rules of the lore: what may be written, and what it then is."""

import asyncio
from itertools import islice
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.access.principal import Principal
from lorekeeper.contracts.base import Model, Page, Request, format_time
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import AssetValidationError
from lorekeeper.contracts.lore import (
    ClaimCreate,
    ClaimResponse,
    EntityCreate,
    EntityResponse,
    SourceChunkResponse,
    SourceChunksCreate,
    SourceChunkText,
    SourceCreate,
    SourceResponse,
    WorldCreate,
    WorldResponse,
)
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.pagination import Paging
from lorekeeper.lore import repository
from lorekeeper.lore.chunking import iter_cut
from lorekeeper.lore.content import hash_of
from lorekeeper.lore.validation import validate_references_exist, validate_world_exists, validate_world_scoping

MAX_CHUNKS = 100_000
"""The most chunks that one text may make."""

REFERENCE_KINDS = {
    "subject_entity_id": "entity",
    "object_entity_id": "entity",
    "asserted_by_entity_id": "entity",
    "author_ids": "entity",
    "source_id": "source",
    "source_chunk_id": "source_chunk",
    "supersedes_claim_id": "claim",
}
"""The fields that point elsewhere, and the kind of lore that each must find."""

CLAIM_REFERENCES = [field for field in REFERENCE_KINDS if field in ClaimCreate.model_fields]


def as_row(kind: LoreKind, body: Request, **more: Any) -> Row:
    """A piece of lore in its JSON form, with a fresh id and its content hash."""
    row = {"id": str(new_id())} | body.model_dump(mode="json") | more
    return row | {"content_hash": hash_of(kind, row)}


def written(ctx: Context, row: Row) -> Row:
    """What the database adds to a new row, for the answer."""
    return row | {
        "version": 1,
        "created_by": ctx.principal.id,
        "created_at": format_time(ctx.now),
        "updated_at": format_time(ctx.now),
    }


async def read(ctx: Context, kind: LoreKind, lore_id: UUID) -> Model:
    """One piece of lore. Raises `NotFoundError`."""
    row = await repository.get_lore(ctx.database, kind, lore_id)
    label = kind.value.replace("_", " ")
    return repository.READINGS[kind].response.model_validate(ctx.principal.require_visible(label, lore_id, row))


async def listing(ctx: Context, kind: LoreKind, paging: Paging, **filters: Any) -> Page:
    """A page of the lore that this key may see, newest first."""
    if (world_id := filters.get("world_id")) is not None:
        ctx.principal.require_world(world_id)
    return await repository.list_lore(
        ctx.database, kind, paging, **filters, visible_worlds=ctx.principal.visible_worlds
    )


async def create_world(ctx: Context, body: WorldCreate) -> WorldResponse:
    row = as_row(LoreKind.WORLD, body)
    await repository.create_world(ctx.database, row, grant_to=grantee(ctx.principal), origin=ctx.origin)
    ctx.runtime.authenticator.forget(ctx.principal.id)
    return WorldResponse.model_validate(written(ctx, row))


def grantee(principal: Principal) -> str | None:
    """The key that must be granted a world it makes, to see it at all."""
    return None if principal.world_ids is None else principal.id


async def create_entity(ctx: Context, body: EntityCreate) -> EntityResponse:
    await _check(ctx, body.world_id, {})
    row = as_row(LoreKind.ENTITY, body)
    await repository.create_lore(ctx.database, LoreKind.ENTITY, body.world_id, [row], origin=ctx.origin)
    return EntityResponse.model_validate(written(ctx, row))


async def create_source(ctx: Context, body: SourceCreate) -> SourceResponse:
    """A source and, in the same transaction, its chunks."""
    await _check(ctx, body.world_id, {"author_ids": body.author_ids})
    row = as_row(LoreKind.SOURCE, body)
    # Cutting and hashing a large text takes a while: other requests go on meanwhile.
    chunk_rows = await asyncio.to_thread(lambda: _chunk_rows(row["id"], _chunks_of(body)))
    async with ctx.database.transaction() as session:
        await repository.create_lore(session, LoreKind.SOURCE, body.world_id, [row], origin=ctx.origin)
        await repository.create_lore(session, LoreKind.SOURCE_CHUNK, body.world_id, chunk_rows, origin=ctx.origin)
    return SourceResponse.model_validate(written(ctx, row) | {"chunk_count": len(chunk_rows)})


async def add_chunks(ctx: Context, source_id: UUID, body: SourceChunksCreate) -> list[SourceChunkResponse]:
    """Put chunks behind a source's last one; two callers at once come one after the other."""
    rows = await asyncio.to_thread(_chunk_rows, str(source_id), body.chunks)
    async with ctx.database.transaction() as session:
        source = ctx.principal.require_visible("source", source_id, await repository.lock_source(session, source_id))
        rows = [row | {"chunk_index": source["next_index"] + row["chunk_index"]} for row in rows]
        await repository.create_lore(session, LoreKind.SOURCE_CHUNK, source["world_id"], rows, origin=ctx.origin)
    return [SourceChunkResponse.model_validate(written(ctx, row) | {"world_id": source["world_id"]}) for row in rows]


async def create_claim(ctx: Context, body: ClaimCreate) -> ClaimResponse:
    wanted = {field: _given(getattr(body, field)) for field in CLAIM_REFERENCES}
    found = await _check(ctx, body.world_id, wanted)
    source_id = body.source_id
    if body.source_chunk_id is not None:
        of_chunk = found["source_chunk", body.source_chunk_id]["part_of"]
        if source_id is not None and source_id != of_chunk:
            raise AssetValidationError("source_chunk_id: that chunk belongs to another source than source_id.")
        source_id = of_chunk
    group = found["claim", body.supersedes_claim_id]["part_of"] if body.supersedes_claim_id else new_id()
    row = as_row(LoreKind.CLAIM, body, source_id=str(source_id) if source_id else None, version_group_id=str(group))
    await repository.create_lore(ctx.database, LoreKind.CLAIM, body.world_id, [row], origin=ctx.origin)
    names = {"subject_name": found["entity", body.subject_entity_id]["name"]}
    if body.object_entity_id is not None:
        names["object_name"] = found["entity", body.object_entity_id]["name"]
    return ClaimResponse.model_validate(written(ctx, row) | names)


def _chunks_of(body: SourceCreate) -> list[SourceChunkText]:
    """The chunks that were given, or those that the text is cut into; the heading goes with each as a label."""
    if body.text is None:
        return list(body.chunks or ())
    pieces = list(islice(iter_cut(body.text), MAX_CHUNKS + 1))
    if not pieces:
        raise AssetValidationError("text holds nothing but white space.")
    if len(pieces) > MAX_CHUNKS:
        raise AssetValidationError(f"text makes more than {MAX_CHUNKS} chunks; bring it in as several sources.")
    return [
        SourceChunkText.model_construct(
            content=piece.content,
            char_start=piece.char_start,
            char_end=piece.char_end,
            metadata={"heading": piece.heading} if piece.heading else {},
        )
        for piece in pieces
    ]


def _chunk_rows(source_id: str, chunks: list[SourceChunkText]) -> list[Row]:
    return [
        as_row(LoreKind.SOURCE_CHUNK, chunk, source_id=source_id, chunk_index=index)
        for index, chunk in enumerate(chunks)
    ]


def _given(item: UUID | None) -> list[UUID]:
    return [] if item is None else [item]


async def _check(ctx: Context, world_id: UUID, wanted: dict[str, list[UUID]]) -> dict[tuple[str, UUID], Row]:
    """That the world and all that is pointed at exist, and belong together; what was found, by kind and id."""
    ids: dict[str, list[UUID]] = {kind: [] for kind in ("entity", "source", "source_chunk", "claim")}
    asked_as: dict[UUID, set[str]] = {}
    for field, targets in wanted.items():
        ids[REFERENCE_KINDS[field]] += targets
        for target in targets:
            asked_as.setdefault(target, set()).add(REFERENCE_KINDS[field])
    rows = await repository.find_references(
        ctx.database,
        world_id=world_id,
        entity_ids=ids["entity"],
        source_ids=ids["source"],
        source_chunk_ids=ids["source_chunk"],
        claim_ids=ids["claim"],
    )
    found = {(row["kind"], row["id"]): row for row in rows}
    validate_world_exists(world_id, found.get(("world", world_id)), ctx.principal)
    # An id that is asked for as two kinds, or as what it is not, counts as missing.
    worlds = {row["id"]: row["world_id"] for row in rows if asked_as.get(row["id"]) == {row["kind"]}}
    validate_references_exist(wanted, worlds, ctx.principal)
    validate_world_scoping(world_id, wanted, worlds)
    return found
