"""The lore's rows: what each kind is read and written with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from psycopg.types.json import Jsonb

from lorekeeper.contracts.base import Model, Page
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.lore import (
    ClaimResponse,
    EntityResponse,
    PaginatedClaimResponse,
    PaginatedEntityResponse,
    PaginatedSourceChunkResponse,
    PaginatedSourceResponse,
    PaginatedWorldResponse,
    SourceChunkResponse,
    SourceResponse,
    WorldResponse,
)
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries, Query

QUERIES = Queries(__package__)


class Writer(Protocol):
    """A database session, inside or outside a transaction."""

    async def one(self, query: Query, /, **parameters: Any) -> Row | None: ...

    async def all(self, query: Query, /, **parameters: Any) -> list[Row]: ...

    async def run(self, query: Query, /, **parameters: Any) -> int: ...


@dataclass(frozen=True)
class Reading:
    """How a kind of lore is read."""

    get: Query
    list: Query
    response: type[Model]
    page: type[Page]


READINGS: dict[LoreKind, Reading] = {
    LoreKind.WORLD: Reading(QUERIES.get_world, QUERIES.list_worlds, WorldResponse, PaginatedWorldResponse),
    LoreKind.ENTITY: Reading(QUERIES.get_entity, QUERIES.list_entities, EntityResponse, PaginatedEntityResponse),
    LoreKind.SOURCE: Reading(QUERIES.get_source, QUERIES.list_sources, SourceResponse, PaginatedSourceResponse),
    LoreKind.SOURCE_CHUNK: Reading(
        QUERIES.get_source_chunk,
        QUERIES.list_source_chunks,
        SourceChunkResponse,
        PaginatedSourceChunkResponse,
    ),
    LoreKind.CLAIM: Reading(QUERIES.get_claim, QUERIES.list_claims, ClaimResponse, PaginatedClaimResponse),
}

_CREATE: dict[LoreKind, Query] = {
    LoreKind.ENTITY: QUERIES.create_entities,
    LoreKind.SOURCE: QUERIES.create_sources,
    LoreKind.SOURCE_CHUNK: QUERIES.create_source_chunks,
    LoreKind.CLAIM: QUERIES.create_claims,
}


async def get_lore(database: Writer, kind: LoreKind, lore_id: UUID) -> Row | None:
    """One living piece of lore, as it is read; None for a tombstone."""
    return await database.one(READINGS[kind].get, id=lore_id)


async def list_lore(database: Database, kind: LoreKind, paging: Paging, **filters: Any) -> Page:
    reading = READINGS[kind]
    return await fetch_page(reading.page, database, reading.list, paging, **filters)


async def create_world(database: Writer, row: Row, *, grant_to: str | None, origin: Mapping[str, Any]) -> None:
    """`grant_to` is the key that is to see the new world, unless it sees all."""
    await database.run(
        QUERIES.create_world, **(row | {"metadata": Jsonb(row["metadata"])}), grant_to=grant_to, **origin
    )


async def create_lore(
    database: Writer, kind: LoreKind, world_id: UUID, rows: Sequence[Row], *, origin: Mapping[str, Any]
) -> None:
    """Insert rows of one kind, in their JSON form, all or none. One statement, however many."""
    if rows:
        await database.run(_CREATE[kind], world_id=world_id, rows=Jsonb(list(rows)), **origin)


async def lock_source(database: Writer, source_id: UUID) -> Row | None:
    """The source and the index that its next chunk takes; nobody else adds chunks until the transaction ends."""
    source = await database.one(QUERIES.lock_source, id=source_id)
    return source and source | (await database.one(QUERIES.next_chunk_index, id=source_id) or {})


async def find_references(
    database: Writer,
    *,
    world_id: UUID | None = None,
    entity_ids: Sequence[UUID] = (),
    source_ids: Sequence[UUID] = (),
    source_chunk_ids: Sequence[UUID] = (),
    claim_ids: Sequence[UUID] = (),
) -> list[Row]:
    """What of these exists: rows of kind, id, world_id, name and part_of."""
    return await database.all(
        QUERIES.find_references,
        world_id=world_id,
        entity_ids=list(entity_ids),
        source_ids=list(source_ids),
        source_chunk_ids=list(source_chunk_ids),
        claim_ids=list(claim_ids),
    )


async def taken_ids(database: Writer, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these ids some piece of lore has already."""
    return {row["id"] for row in await database.all(QUERIES.taken_ids, ids=list(ids))}
