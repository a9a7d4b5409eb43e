"""Lists: `skip`/`limit`/`total` as the specification has them, and cursors that stay fast at any depth (design 5)."""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query as Parameter

from lorekeeper.contracts.base import Page
from lorekeeper.contracts.errors import AssetValidationError
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.queries import Query

COUNT_AT_MOST = 10_000
"""Beyond this many matches the total is the planner's estimate, and says so."""


@dataclass(frozen=True)
class Paging:
    """Which part of a list is asked for. A cursor goes before `skip`."""

    skip: int
    limit: int
    after: UUID | None


def paging(
    skip: Annotated[int, Parameter(ge=0, le=1_000_000, description="Rows to pass over; slow when large.")] = 0,
    limit: Annotated[int, Parameter(ge=1, le=1000, description="Rows a page.")] = 50,
    cursor: Annotated[str | None, Parameter(max_length=64, description="`next_cursor` of the page before.")] = None,
) -> Paging:
    """The query parameters that every list has."""
    return Paging(skip=0 if cursor else skip, limit=limit, after=_decode(cursor) if cursor else None)


def _encode(row_id: UUID) -> str:
    return base64.urlsafe_b64encode(row_id.bytes).decode().rstrip("=")


def _decode(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise AssetValidationError("cursor is not one that a list has handed out.") from error


PageT = TypeVar("PageT", bound=Page)


async def fetch_page(page: type[PageT], database: Database, query: Query, paging: Paging, **filters: Any) -> PageT:
    """One page of a list. Its query takes, beside the filters: `after`, `ordered`, `skip` and `limit`."""
    async with database.session() as session:
        found = await session.all(
            query, **filters, after=paging.after, ordered=True, skip=paging.skip, limit=paging.limit + 1
        )
        total = await session.count(query, **filters, after=None, ordered=None, skip=0, limit=COUNT_AT_MOST + 1)
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
            "next_cursor": _encode(items[-1]["id"]) if more else None,
        }
    )
