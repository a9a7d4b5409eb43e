"""Declared predicates and contradictions, as rows."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lorekeeper.contracts.canon import NAMED_PAIRS, PaginatedContradictionResponse, PaginatedPredicateResponse
from lorekeeper.kit.database import Database, Row, Session
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)

Origin = Mapping[str, Any]


async def declare_predicate(
    session: Session, world_id: UUID, predicate: str, *, single_valued: bool, origin: Origin
) -> Row | None:
    """Say something of a predicate; in a transaction, which keeps it until it is read. None where the world is gone."""
    await session.run(
        QUERIES.declare_predicate,
        id=new_id(),
        world_id=world_id,
        predicate=predicate,
        single_valued=single_valued,
        **origin,
    )
    return await session.one(QUERIES.get_predicate, world_id=world_id, predicate=predicate)


async def withdraw_predicate(session: Session, world_id: UUID, predicate: str, *, origin: Origin) -> Row | None:
    """Take it back; the answer is what was said, None where nothing was."""
    row = await session.one(QUERIES.get_predicate, world_id=world_id, predicate=predicate)
    gone = await session.run(QUERIES.withdraw_predicate, world_id=world_id, predicate=predicate, **origin)
    return row if gone else None


async def list_predicates(database: Database, world_id: UUID, paging: Paging) -> PaginatedPredicateResponse:
    return await fetch_page(
        PaginatedPredicateResponse,
        database,
        QUERIES.list_predicates,
        paging,
        visible_worlds=None,
        world_id=world_id,
    )


async def list_contradictions(database: Database, world_id: UUID, paging: Paging) -> PaginatedContradictionResponse:
    return await fetch_page(
        PaginatedContradictionResponse,
        database,
        QUERIES.list_contradictions,
        paging,
        visible_worlds=None,
        world_id=world_id,
        at_most=NAMED_PAIRS,
    )
