"""The lore's rows: what each kind is read and written with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from psycopg.errors import ForeignKeyViolation
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
EDITING = Queries(__package__, "editing.sql")
EDITIONS = Queries(__package__, "editions.sql")
DELETION = Queries(__package__, "deletion.sql")


class LostReferenceError(Exception):
    """What was there when it was looked at is not any more: look again."""


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
_UPDATE: dict[LoreKind, Query] = {
    LoreKind.WORLD: EDITING.update_world,
    LoreKind.ENTITY: EDITING.update_entity,
    LoreKind.SOURCE: EDITING.update_source,
    LoreKind.SOURCE_CHUNK: EDITING.update_source_chunk,
    LoreKind.CLAIM: EDITING.update_claim,
}
_REVIVE: dict[LoreKind, Query] = {
    LoreKind.WORLD: EDITING.revive_lore_of_world,
    LoreKind.SOURCE: EDITING.revive_chunks_of_source,
}


async def get_lore(database: Writer, kind: LoreKind, lore_id: UUID) -> Row | None:
    """One living piece of lore, as it is read; None for a tombstone."""
    return await database.one(READINGS[kind].get, id=lore_id)


async def list_lore(database: Database, kind: LoreKind, paging: Paging, **filters: Any) -> Page:
    reading = READINGS[kind]
    return await fetch_page(reading.page, database, reading.list, paging, **filters)


async def create_worlds(
    database: Writer, rows: Sequence[Row], *, grant_to: str | None, origin: Mapping[str, Any]
) -> None:
    """Insert worlds in their JSON form. `grant_to` is the key that is to see them, unless it sees all."""
    await database.run(QUERIES.create_worlds, rows=Jsonb(list(rows)), grant_to=grant_to, **origin)


async def create_lore(database: Writer, kind: LoreKind, rows: Sequence[Row], *, origin: Mapping[str, Any]) -> None:
    """Insert rows of one kind, in their JSON form with their `world_id`, all or none. One statement, however many.

    Raises `LostReferenceError` where something that they point at is being deleted at this moment.
    """
    if rows:
        with _losing():
            await database.run(_CREATE[kind], rows=Jsonb(list(rows)), **origin)


@contextmanager
def _losing() -> Iterator[None]:
    try:
        yield
    except ForeignKeyViolation as error:
        raise LostReferenceError from error


async def lock_source(database: Writer, source_id: UUID) -> Row | None:
    """The source and the index that its next chunk takes; nobody else adds chunks until the transaction ends."""
    source = await database.one(QUERIES.lock_source, id=source_id)
    return source and source | (await database.one(QUERIES.next_chunk_index, id=source_id) or {})


async def find_references(
    database: Writer, ids: Mapping[LoreKind, Iterable[UUID]], *, held: bool = False, locked: bool = False
) -> list[Row]:
    """What of these lives: rows of kind, id, world_id, name, part_of and edit.

    In a transaction, `held` keeps it alive and `locked` keeps everybody away from it until the end.
    """
    return await database.all(
        QUERIES.find_references,
        **_id_lists(ids),
        held=True if held else None,
        locked=True if locked else None,
    )


def _id_lists(ids: Mapping[LoreKind, Iterable[UUID]]) -> dict[str, list[UUID]]:
    return {f"{kind.value}_ids": list(ids.get(kind, ())) for kind in LoreKind}


async def update_lore(
    database: Writer,
    kind: LoreKind,
    row: Row,
    *,
    author_ids: Sequence[UUID] | None = None,
    event: str,
    before: Row,
    after: Row,
    origin: Mapping[str, Any],
) -> bool:
    """Write a piece, in its JSON form, over the one with its `id` and `edit`; False where that is not there any more.

    `author_ids` where a source's authors change. The trigger `keep_revision` keeps what was, and lets `edit` grow.
    Raises `LostReferenceError` as `create_lore` does.
    """
    if kind is LoreKind.CLAIM:
        row = row | _times_in_columns(row)
    parameters = {"author_ids": None if author_ids is None else list(author_ids)} if kind is LoreKind.SOURCE else {}
    with _losing():
        noted = await database.run(
            _UPDATE[kind], row=Jsonb(row), event=event, before=Jsonb(before), after=Jsonb(after), **parameters, **origin
        )
    return noted == 1


def _times_in_columns(claim: Row) -> Row:
    return {
        f"{end}_{part}": (claim[end] or {}).get(part)
        for end in ("valid_from", "valid_to")
        for part in ("label", "sort")
    }


async def lock_supersession(database: Writer, world_id: UUID) -> None:
    """Nobody else changes what supersedes what in this world until the transaction ends."""
    await database.run(EDITING.lock_supersession, world_id=world_id)


async def superseded_by(database: Writer, claim_id: UUID) -> set[UUID]:
    """A claim and all that it supersedes, over any number of steps."""
    return {row["id"] for row in await database.all(EDITING.superseded_by, id=claim_id)}


async def regroup_claims(database: Writer, claim_id: UUID, group: UUID, *, origin: Mapping[str, Any]) -> None:
    """All that supersede a claim follow it into its version group."""
    await database.run(EDITING.regroup_claims, id=claim_id, version_group_id=group, **origin)


async def hold_worlds_of(database: Writer, ids: Mapping[LoreKind, Iterable[UUID]]) -> None:
    """Nobody deletes the world of any of these until the transaction ends."""
    await database.all(DELETION.hold_worlds_of, **_id_lists(ids))


async def find_users(
    database: Writer, ids: Mapping[LoreKind, Iterable[UUID]], *, at_most: int | None = None
) -> dict[str, list[UUID]]:
    """The ids of living pieces that point at any of these, by the field that does; `at_most` of each field."""
    users: dict[str, list[UUID]] = {}
    for row in await database.all(DELETION.find_users, **_id_lists(ids), at_most=at_most):
        users.setdefault(row["field"], []).append(row["id"])
    return users


async def bury(database: Writer, ids: Mapping[LoreKind, Iterable[UUID]], *, origin: Mapping[str, Any]) -> int:
    """Make tombstones of these; the answer is how many chunks went with their sources."""
    row = await database.one(DELETION.bury, **_id_lists(ids), **origin)
    return int(row["source_chunks"]) if row else 0


async def lock_jobs_of_world(database: Writer, world_id: UUID) -> list[UUID]:
    """Keep the jobs of a world from moving until the transaction ends; up to 20 of those that run."""
    row = await database.one(DELETION.lock_jobs_of_world, id=world_id)
    return list(row["running"]) if row else []


async def bury_world(database: Writer, world_id: UUID, *, origin: Mapping[str, Any]) -> Row:
    """Make tombstones of a world and all in it; how many of each."""
    return await database.one(DELETION.bury_world, id=world_id, **origin) or {}


async def free_place(database: Writer, source_id: UUID, index: int) -> int:
    """This index where no living chunk of the source has it, else the one behind the last; others wait meanwhile."""
    await lock_source(database, source_id)
    row = await database.one(EDITING.free_place, source_id=source_id, index=index)
    return int(row["index"]) if row else index


async def revive_parts(database: Writer, kind: LoreKind, lore_id: UUID, died_at: datetime) -> None:
    """Bring back what was deleted with a piece, at that moment: a source's chunks, all of a world's lore."""
    if kind in _REVIVE:
        await database.run(_REVIVE[kind], id=lore_id, died_at=died_at)


async def read_chunks(database: Writer, source_id: UUID) -> list[Row]:
    """The living chunks of a source in their order, without their contents."""
    return await database.all(EDITIONS.read_chunks, source_id=source_id)


async def read_contents(database: Writer, chunk_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await database.all(EDITIONS.read_contents, ids=list(chunk_ids))
    return {row["id"]: row["content"] for row in rows}


async def lock_chunks(database: Writer, source_id: UUID) -> list[tuple[UUID, int]]:
    """Id and edit of a source's living chunks, in the order of ids; nobody else touches or cites them until the end."""
    return [(row["id"], row["edit"]) for row in await database.all(EDITIONS.lock_chunks, source_id=source_id)]


async def write_edition(
    database: Writer,
    source_id: UUID,
    *,
    rows: Sequence[Row],
    removed_ids: Sequence[UUID],
    metadata: Row | None,
    event: Row,
    origin: Mapping[str, Any],
) -> None:
    """Write a source's chunks: rows in their JSON form, with `is_new`; where that is false, a row without `content` and
    `content_hash` keeps them. The source's `edit` grows with it.

    Raises `LostReferenceError` where the source is being deleted at this moment.
    """
    with _losing():
        await database.run(
            EDITIONS.write_edition,
            source_id=source_id,
            rows=Jsonb(list(rows)),
            removed_ids=list(removed_ids),
            metadata=None if metadata is None else Jsonb(metadata),
            event=Jsonb(event),
            **origin,
        )


async def claims_citing(database: Writer, chunk_ids: Sequence[UUID], at_most: int) -> tuple[int, list[UUID]]:
    """How many living claims cite these chunks, and the first of them."""
    rows = await database.all(EDITIONS.claims_citing, chunk_ids=list(chunk_ids), at_most=at_most)
    return (rows[0]["total"] if rows else 0), [row["id"] for row in rows]


async def read_versions(database: Writer, kind: LoreKind, lore_id: UUID, *versions: int) -> dict[int, Row]:
    """These versions of a piece by their number, and the present one, whose `replaced_at` is None."""
    rows = await database.all(EDITING.read_versions, kind=kind.value, id=lore_id, versions=list(versions))
    return {row["version"]: row for row in rows}


async def list_versions(database: Writer, kind: LoreKind, lore_id: UUID, *, newest: int, limit: int) -> list[Row]:
    """Up to `limit` versions from this number downwards."""
    return await database.all(EDITING.list_versions, kind=kind.value, id=lore_id, newest=newest, limit=limit)


async def taken_ids(database: Writer, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these ids some piece of lore has already."""
    return {row["id"] for row in await database.all(QUERIES.taken_ids, ids=list(ids))}
