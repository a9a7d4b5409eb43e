"""What an import reads and writes, and an export reads."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.types.json import Jsonb

from lorekeeper.contracts.enums import LoreKind
from lorekeeper.kit.database import Row, Session
from lorekeeper.kit.queries import Queries, Query
from lorekeeper.lore import repository
from lorekeeper.lore.bundles.identity import Owner

QUERIES = Queries(__package__, "bundles.sql")

AT_ONCE = 5000
"""How many rows go into one statement: a large bundle is not held as JSON a second time."""

_FETCHED = 500

_READ: dict[LoreKind, Query] = {
    LoreKind.ENTITY: QUERIES.read_entities,
    LoreKind.SOURCE: QUERIES.read_sources,
    LoreKind.CLAIM: QUERIES.read_claims,
}
_UPDATE: dict[LoreKind, Query] = {
    LoreKind.WORLD: QUERIES.update_worlds,
    LoreKind.ENTITY: QUERIES.update_entities,
    LoreKind.SOURCE: QUERIES.update_sources,
    LoreKind.SOURCE_CHUNK: QUERIES.update_chunks,
    LoreKind.CLAIM: QUERIES.write_claims,
}


class OvertakenError(Exception):
    """Somebody else has written meanwhile what was read: look again."""


@contextmanager
def overtaken() -> Iterator[None]:
    """What a transaction fails of where others write at the same time is an `OvertakenError`."""
    try:
        yield
    except (
        errors.DeadlockDetected,
        errors.UniqueViolation,
        errors.ExclusionViolation,
        errors.ForeignKeyViolation,
        repository.LostReferenceError,
    ) as error:
        raise OvertakenError from error


def batches(rows: Sequence[Any], size: int = AT_ONCE) -> Iterator[list[Any]]:
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch


async def find_owners(database: repository.Writer, ids: Sequence[UUID]) -> dict[UUID, Owner]:
    """What has these ids by now, tombstones included."""
    rows = await database.all(QUERIES.find_owners, ids=list(ids))
    return {row["id"]: Owner(LoreKind(row["kind"]), row["world_id"]) for row in rows}


async def lock_world(session: Session, world_id: UUID) -> Row | None:
    return await session.one(QUERIES.lock_world, id=world_id)


async def lock_sources(session: Session, world_id: UUID, ids: Sequence[str]) -> None:
    await session.run(QUERIES.lock_sources, world_id=world_id, ids=list(ids))


async def read(session: Session, kind: LoreKind, world_id: UUID, ids: Sequence[str]) -> dict[str, Row]:
    """Pieces of a world by id, in the form that rows are written in; tombstones included."""
    found: dict[str, Row] = {}
    for batch in batches(ids):
        rows = await session.all(_READ[kind], world_id=world_id, ids=batch)
        found |= {row["id"]: _with_floats(row) for row in rows}
    return found


def _with_floats(row: Row) -> Row:
    """The database writes 1e21 as an integer, which as such has no canonical form."""
    for end in ("valid_from", "valid_to"):
        if row.get(end) and row[end]["sort"] is not None:
            row[end]["sort"] = float(row[end]["sort"])
    return row


async def read_chunks(session: Session, world_id: UUID, ids: Sequence[str], source_ids: Sequence[str]) -> list[Row]:
    """Chunks by id, and all that live in these sources, in their order; without their texts."""
    return await session.all(QUERIES.read_chunks, world_id=world_id, ids=list(ids), source_ids=list(source_ids))


async def create(session: Session, kind: LoreKind, rows: Sequence[Row], *, origin: Mapping[str, Any]) -> None:
    for batch in batches(rows):
        await repository.create_lore(session, kind, batch, origin=origin)


async def update(session: Session, kind: LoreKind, rows: Sequence[Row], *, origin: Mapping[str, Any]) -> None:
    """Write rows over those with their `id` and `edit`; of claims also new ones, which have no `edit`.

    Raises `OvertakenError` where one of them is another by now.
    """
    for batch in batches(rows):
        if await session.run(_UPDATE[kind], rows=Jsonb(batch), **origin) != len(batch):
            raise OvertakenError
    others = [row for row in rows if row.get("has_other_authors")]
    if others:
        authors = [{name: row[name] for name in ("id", "world_id", "author_ids")} for row in others]
        await session.run(QUERIES.remove_authors, source_ids=[row["id"] for row in others])
        await session.run(QUERIES.add_authors, rows=Jsonb(authors))


async def regroup_followers(session: Session, claims: Sequence[Row], *, origin: Mapping[str, Any]) -> None:
    rows = [{name: row[name] for name in ("id", "version_group_id")} for row in claims]
    await session.run(QUERIES.regroup_followers, rows=Jsonb(rows), **origin)


async def compare_predicates(session: Session, world_id: UUID, rules: Sequence[Row]) -> Row:
    """How many of the rules are `created`, `updated` and `unchanged`."""
    return await session.one(QUERIES.compare_predicates, world_id=world_id, rows=Jsonb(list(rules))) or {}


async def declare_predicates(
    session: Session, world_id: UUID, rules: Sequence[Row], *, origin: Mapping[str, Any]
) -> None:
    await session.run(QUERIES.declare_predicates, world_id=world_id, rows=Jsonb(list(rules)), **origin)


async def export_world(session: Session, world_id: UUID) -> Row | None:
    return await session.one(QUERIES.export_world, id=world_id)


async def export(session: Session, query: Query, world_id: UUID) -> AsyncIterator[list[Row]]:
    """The rows of one part of a bundle, some at a time."""
    async for rows in session.stream(query, size=_FETCHED, world_id=world_id):
        yield [_with_floats(row) for row in rows]
