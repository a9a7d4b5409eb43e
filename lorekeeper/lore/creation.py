"""New lore: one piece, or many in one request, all or none."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import ConflictError
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
from lorekeeper.lore import references, repository
from lorekeeper.lore.cutting import MAX_CHUNKS, chunks_of_text, too_many
from lorekeeper.lore.references import Found, Pointing
from lorekeeper.lore.service import TRIES, as_row, grantee, source_of, visible, written

AT_ONE: Sequence[str] = ("",)


def at_items(count: int) -> list[str]:
    """Where each piece of a batch stands in the request."""
    return [f"items[{number}]." for number in range(count)]


async def create_worlds(ctx: Context, bodies: Sequence[WorldCreate]) -> list[WorldResponse]:
    rows = [as_row(LoreKind.WORLD, body) for body in bodies]
    await repository.create_worlds(ctx.database, rows, grant_to=grantee(ctx.principal), origin=ctx.origin)
    ctx.runtime.authenticator.forget(ctx.principal.id)
    return [WorldResponse.model_validate(written(ctx, row)) for row in rows]


async def create_entities(
    ctx: Context, bodies: Sequence[EntityCreate], at: Sequence[str] = AT_ONE
) -> list[EntityResponse]:
    """Raises `WorldNotFoundError`."""
    rows = [as_row(LoreKind.ENTITY, body) for body in bodies]
    pieces = [Pointing(body.world_id, {}, where) for body, where in zip(bodies, at, strict=True)]

    async def insert(_: Found) -> None:
        await repository.create_lore(ctx.database, LoreKind.ENTITY, rows, origin=ctx.origin)

    await _once_all_is_there(ctx, pieces, insert)
    return [EntityResponse.model_validate(written(ctx, row)) for row in rows]


async def create_sources(
    ctx: Context, bodies: Sequence[SourceCreate], at: Sequence[str] = AT_ONE
) -> list[SourceResponse]:
    """Sources and, in the same transaction, their chunks."""
    pieces = [Pointing.of(body.world_id, body, at=where) for body, where in zip(bodies, at, strict=True)]
    made: list[tuple[Row, list[Row]]] = []

    async def insert(_: Found) -> None:
        if not made:
            # Cutting and hashing a large text takes a while: other requests go on meanwhile.
            made.extend(await asyncio.to_thread(_source_rows, bodies, at))
        async with ctx.database.transaction() as session:
            await repository.create_lore(session, LoreKind.SOURCE, [row for row, _ in made], origin=ctx.origin)
            chunks = [chunk for _, of_source in made for chunk in of_source]
            await repository.create_lore(session, LoreKind.SOURCE_CHUNK, chunks, origin=ctx.origin)

    await _once_all_is_there(ctx, pieces, insert)
    return [SourceResponse.model_validate(written(ctx, row) | {"chunk_count": len(chunks)}) for row, chunks in made]


async def add_chunks(ctx: Context, source_id: UUID, body: SourceChunksCreate) -> list[SourceChunkResponse]:
    """Put chunks behind a source's last one; two callers at once come one after the other."""
    rows = await asyncio.to_thread(_chunk_rows, str(source_id), body.chunks)
    async with ctx.database.transaction() as session:
        source = visible(ctx, LoreKind.SOURCE, source_id, await repository.lock_source(session, source_id))
        place = {"world_id": str(source["world_id"])}
        rows = [row | place | {"chunk_index": source["next_index"] + row["chunk_index"]} for row in rows]
        await repository.create_lore(session, LoreKind.SOURCE_CHUNK, rows, origin=ctx.origin)
    return [SourceChunkResponse.model_validate(written(ctx, row)) for row in rows]


async def create_claims(ctx: Context, bodies: Sequence[ClaimCreate], at: Sequence[str] = AT_ONE) -> list[ClaimResponse]:
    """Raises `ReferenceNotFoundError` and `WorldScopeViolationError`, which name every id of every item."""
    pieces = [Pointing.of(body.world_id, body, at=where) for body, where in zip(bodies, at, strict=True)]
    made: list[Row] = []

    async def write(database: repository.Writer, found: Found) -> None:
        made[:] = [_claim_row(body, where, found) for body, where in zip(bodies, at, strict=True)]
        await repository.create_lore(database, LoreKind.CLAIM, made, origin=ctx.origin)

    async def insert(found: Found) -> None:
        joined = sorted({body.world_id for body in bodies if body.supersedes_claim_id})
        if not joined:
            await write(ctx.database, found)
            return
        async with ctx.database.transaction() as session:
            # What they supersede may have been moved to another version group, and now may not any more.
            for world_id in joined:
                await repository.lock_supersession(session, world_id)
            found = await references.find(session, pieces)
            references.check(ctx.principal, pieces, found)
            await write(session, found)

    found = await _once_all_is_there(ctx, pieces, insert)
    return [
        ClaimResponse.model_validate(written(ctx, row) | names_in(body, found))
        for row, body in zip(made, bodies, strict=True)
    ]


def _claim_row(body: ClaimCreate, at: str, found: Found) -> Row:
    source_id = source_of(body.source_id, body.source_chunk_id, found, at)
    group = found[LoreKind.CLAIM, body.supersedes_claim_id]["part_of"] if body.supersedes_claim_id else new_id()
    return as_row(LoreKind.CLAIM, body, source_id=str(source_id) if source_id else None, version_group_id=str(group))


def names_in(body: ClaimCreate, found: Found) -> Row:
    """The names that a claim is read with."""
    names = {"subject_name": found[LoreKind.ENTITY, body.subject_entity_id]["name"]}
    if body.object_entity_id is not None:
        names["object_name"] = found[LoreKind.ENTITY, body.object_entity_id]["name"]
    return names


async def _once_all_is_there(
    ctx: Context, pieces: Sequence[Pointing], insert: Callable[[Found], Awaitable[None]]
) -> Found:
    """Check what the pieces point at, then insert them; look again where some of it is deleted in between."""
    for _ in range(TRIES):
        found = await references.find(ctx.database, pieces)
        references.check(ctx.principal, pieces, found)
        try:
            await insert(found)
        except repository.LostReferenceError:
            continue
        return found
    raise ConflictError("What this points at is being deleted and restored over and over; try again in a moment.")


def _source_rows(bodies: Sequence[SourceCreate], at: Sequence[str]) -> list[tuple[Row, list[Row]]]:
    """Each source as a row, with the rows of its chunks."""
    made = []
    left = MAX_CHUNKS
    for body, where in zip(bodies, at, strict=True):
        texts = _chunks_of(body, where, left)
        left -= len(texts)
        row = as_row(LoreKind.SOURCE, body.model_copy(update={"text": None, "chunks": None}))
        place = {"world_id": row["world_id"]}
        made.append((row, [chunk | place for chunk in _chunk_rows(row["id"], texts)]))
    return made


def _chunks_of(body: SourceCreate, at: str, at_most: int) -> list[SourceChunkText]:
    """The chunks that were given, or those that the text is cut into."""
    if body.text is not None:
        return chunks_of_text(body.text, at=at, at_most=at_most)
    chunks = list(body.chunks or ())
    if len(chunks) > at_most:
        raise too_many(f"{at}chunks")
    return chunks


def _chunk_rows(source_id: str, chunks: Sequence[SourceChunkText]) -> list[Row]:
    return [
        as_row(LoreKind.SOURCE_CHUNK, chunk, source_id=source_id, chunk_index=index)
        for index, chunk in enumerate(chunks)
    ]
