"""Bringing in a world bundle: all of it in one transaction, or nothing."""

import asyncio
from collections.abc import Mapping
from itertools import chain as chained
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from pydantic import BaseModel

from lorekeeper.access.context import Context
from lorekeeper.contracts.bundle import BundleChunk, BundleClaim, BundleSource, WorldBundle, remapped
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.lore import WorldImportResponse, WorldResponse
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.lore import repository
from lorekeeper.lore.content import hash_of
from lorekeeper.lore.cutting import chunks_of_text
from lorekeeper.lore.service import grantee, written

_ORDER = (LoreKind.ENTITY, LoreKind.SOURCE, LoreKind.SOURCE_CHUNK, LoreKind.CLAIM)


async def import_bundle(ctx: Context, bundle: WorldBundle, *, name: str | None) -> WorldImportResponse:
    """Make a world of a bundle. Its ids are kept where none of them is taken; else every piece gets a fresh one.

    A key that sees single worlds always gets fresh ones: that an id is taken may be a secret of a world it cannot see.
    """
    if name is not None:
        bundle = bundle.model_copy(update={"world": bundle.world.model_copy(update={"name": name})})
    own = _ids(bundle)
    keep = ctx.principal.world_ids is None and not await repository.taken_ids(ctx.database, own)
    if keep:
        try:
            return await _write(ctx, bundle, id_map=None)
        except UniqueViolation:
            pass  # somebody brought in the same bundle at this very moment
    mapped = await asyncio.to_thread(remapped, bundle, new_id)
    return await _write(ctx, mapped, id_map=dict(zip(own, _ids(mapped, like=bundle), strict=True)))


async def _write(ctx: Context, bundle: WorldBundle, *, id_map: dict[UUID, UUID] | None) -> WorldImportResponse:
    world, rows = await asyncio.to_thread(_rows, bundle)
    async with ctx.database.transaction() as session:
        await repository.create_worlds(session, [world], grant_to=grantee(ctx.principal), origin=ctx.origin)
        for kind in _ORDER:
            await repository.create_lore(session, kind, rows[kind], origin=ctx.origin)
    ctx.runtime.authenticator.forget(ctx.principal.id)
    return WorldImportResponse(
        world=WorldResponse.model_validate(written(ctx, world)),
        ids_kept=id_map is None,
        entities=len(rows[LoreKind.ENTITY]),
        sources=len(rows[LoreKind.SOURCE]),
        source_chunks=len(rows[LoreKind.SOURCE_CHUNK]),
        claims=len(rows[LoreKind.CLAIM]),
        id_map=id_map,
    )


def _text(item: UUID | None) -> str | None:
    return None if item is None else str(item)


def _ids(bundle: WorldBundle, like: WorldBundle | None = None) -> list[UUID]:
    """The ids of all pieces that carry one, in a fixed order; with `like`, of those that carry one there."""
    pattern = _pieces(like or bundle)
    pairs = zip(_pieces(bundle), pattern, strict=True)
    return [piece.id for piece, original in pairs if piece.id is not None and original.id is not None]


def _pieces(bundle: WorldBundle) -> list[Any]:
    chunks = [chunk for source in bundle.sources for chunk in source.chunks]
    return [bundle.world, *bundle.entities, *bundle.sources, *chunks, *bundle.claims]


def _row(kind: LoreKind, piece: BaseModel, **more: Any) -> Row:
    row = piece.model_dump(mode="json") | more
    row["id"] = row["id"] or str(new_id())
    return row | {"content_hash": hash_of(kind, row)}


def _rows(bundle: WorldBundle) -> tuple[Row, dict[LoreKind, list[Row]]]:
    """Every piece as a row. Hashing a large world takes a while, so this runs in a thread."""
    source_of: dict[UUID, str] = {}
    sources: list[Row] = []
    chunks: list[Row] = []
    for number, source in enumerate(bundle.sources):
        row = _row(LoreKind.SOURCE, source.model_copy(update={"text": None, "chunks": []}))
        sources.append(row)
        for chunk in _chunks_of(source, f"sources[{number}]."):
            if chunk.id is not None:
                source_of[chunk.id] = row["id"]
            chunks.append(_row(LoreKind.SOURCE_CHUNK, chunk, source_id=row["id"]))
    groups = _version_groups(bundle.claims)
    claims = [
        _row(
            LoreKind.CLAIM,
            claim,
            version_group_id=str(groups[number]),
            source_id=str(claim.source_id) if claim.source_id else _source_of(claim, source_of),
        )
        for number, claim in enumerate(bundle.claims)
    ]
    entities = [_row(LoreKind.ENTITY, entity) for entity in bundle.entities]
    world = _row(LoreKind.WORLD, bundle.world)
    rows = {
        LoreKind.ENTITY: entities,
        LoreKind.SOURCE: sources,
        LoreKind.SOURCE_CHUNK: chunks,
        LoreKind.CLAIM: claims,
    }
    for row in chained.from_iterable(rows.values()):
        row["world_id"] = world["id"]
    return world, rows


def _chunks_of(source: BundleSource, at: str) -> list[BundleChunk]:
    """The chunks that were given, or those that the text is cut into."""
    if source.text is None:
        return source.chunks
    return [
        BundleChunk.model_construct(id=None, chunk_index=index, **chunk.model_dump())
        for index, chunk in enumerate(chunks_of_text(source.text, at=at))
    ]


def _source_of(claim: BundleClaim, source_of: Mapping[UUID, str]) -> str | None:
    """The source of the chunk that a claim points at."""
    return source_of[claim.source_chunk_id] if claim.source_chunk_id else None


def _version_groups(claims: list[BundleClaim]) -> list[UUID]:
    """A version group for each claim: that of the claim it supersedes, or one of its own."""
    number_of = {claim.id: number for number, claim in enumerate(claims) if claim.id}
    groups: dict[int, UUID] = {}
    for first in range(len(claims)):
        chain = [first]
        while chain[-1] not in groups and (earlier := claims[chain[-1]].supersedes_claim_id):
            chain.append(number_of[earlier])
        group = groups.get(chain[-1]) or new_id()
        groups.update(dict.fromkeys(chain, group))
    return [groups[number] for number in range(len(claims))]
