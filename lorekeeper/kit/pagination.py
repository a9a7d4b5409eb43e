"""Lists: `skip`/`limit`/`total` as the specification has them, and cursors that stay fast at any depth (design 5)."""

import base64
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query as Parameter

from lorekeeper.contracts.base import Page
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.queries import Query

COUNT_AT_MOST = 10_000
"""Beyond this many matches the total is the planner's estimate, and says so."""


CURSOR = r"^[A-Za-z0-9_-]{22}$"
"""The sixteen bytes of an id in URL-safe Base64; any such text is a cursor."""


@dataclass(frozen=True)
class Paging:
    """Which part of a list is asked for. A cursor goes before `skip`."""

    skip: int
    limit: int
    after: UUID | None


def paging(
    skip: Annotated[int, Parameter(ge=0, le=1_000_000, description="Rows to pass over; slow when large.")] = 0,
    limit: Annotated[int, Parameter(ge=1, le=1000, description="Rows a page.")] = 50,
    cursor: Annotated[str | None, Parameter(pattern=CURSOR, description="`next_cursor` of the page before.")] = None,
) -> Paging:
    """The query parameters that every list has."""
    return Paging(skip=0 if cursor else skip, limit=limit, after=_decode(cursor) if cursor else None)


def encode_cursor(row_id: UUID) -> str:
    """The cursor that leads behind this row."""
    return base64.urlsafe_b64encode(row_id.bytes).decode().rstrip("=")


def _decode(cursor: str) -> UUID:
    return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))


PageT = TypeVar("PageT", bound=Page)


def way_through(query: Query, visible_worlds: list[UUID] | None, filters: dict[str, Any]) -> dict[str, Any]:
    """Which index the list is read along, as parameters that switch the query's lines.

    PostgreSQL would gladly walk the primary key, which is in the right order, until enough rows match: never, where
    they are few or old. So the first filter given is compared as an array and leads the order, which makes no
    difference to the rows, but only that filter's own index has them in this order.

    A key that sees some worlds only reads the newest of each (`each_world`) and merges them, because no index has
    several worlds in one order. A filter by an id stays inside one world; there the worlds are only checked.
    """
    by_id = any(value is not None for name, value in filters.items() if name.endswith("_id"))
    if visible_worlds is not None and "each_world" in query.optional and not by_id:
        return {"each_world": visible_worlds, "along": filters.get("by_time")}
    along = next((name for name in query.walks if filters.get(name) is not None), None)
    return {"visible_worlds": visible_worlds, "along": filters.get("by_time") or along} | (
        {f"along_{along}": True} if along and not filters.get("by_time") else {}
    )


def counted(filters: dict[str, Any]) -> dict[str, Any]:
    """What a count is asked with: in order, so that it goes along the index, too; several worlds need none."""
    return {"after": None, "ordered": None if filters.get("each_world") is not None else True}


async def fetch_page(
    page: type[PageT],
    database: Database,
    query: Query,
    paging: Paging,
    *,
    visible_worlds: list[UUID] | None,
    place: str = "id",
    **filters: Any,
) -> PageT:
    """One page of a list. Its query takes, beside the filters: `after`, `ordered`, `skip` and `limit`.

    `visible_worlds` are those that the key may see, None for all. `place` is the column that cursors are made of.
    """
    filters |= way_through(query, visible_worlds, filters)
    async with database.session() as session:
        found = await session.all(
            query, **filters, after=paging.after, ordered=True, skip=paging.skip, limit=paging.limit + 1
        )
        total = await session.count(query, **filters | counted(filters), skip=0, limit=COUNT_AT_MOST + 1)
        if total > COUNT_AT_MOST:
            estimate = await session.estimate(query, **filters, after=None, ordered=None, skip=0, limit=None)
            total = max(total, estimate)
    more = len(found) > paging.limit
    items: list[Row] = found[: paging.limit]
    return page.model_validate(
        {
            "items": items,
            "total": total,
            "total_is_estimate": total > COUNT_AT_MOST,
            "skip": paging.skip,
            "limit": paging.limit,
            "next_cursor": encode_cursor(items[-1][place]) if more else None,
        }
    )
