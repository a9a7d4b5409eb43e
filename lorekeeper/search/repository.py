"""Reading what the search triggers keep, and the counts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from lorekeeper.contracts.lore import PaginatedClaimResponse
from lorekeeper.contracts.search import ClaimRole, SearchKind
from lorekeeper.kit.database import Database, Row, Session
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries
from lorekeeper.search.questions import Question

QUERIES = Queries(__package__)

POOL = 1000
"""How many pieces of each kind are ranked. Whatever fits beyond is not looked at, so that frequent words stay quick."""

SORTED_AT_MOST = 2000
"""Up to so many chunks that may mention an entity are put in order at once; more are come by along the text."""


def parameters(
    question: Question,
    *,
    worlds: Sequence[UUID] | None,
    kinds: Sequence[SearchKind],
    labels: Sequence[str],
    skip: int,
    limit: int,
) -> dict[str, Any]:
    """What the search is asked with. `worlds` None: all."""
    return {
        "places": [part.place for part in question.parts],
        "negatives": [part.negative for part in question.parts],
        "phrases": [part.phrase for part in question.parts],
        "beginning": question.beginning,
        "last_place": question.parts[-1].place,
        "whole": " ".join(question.words),
        "unfinished": question.unfinished,
        "uncommon": question.perhaps_misspelt,
        "worlds": None if worlds is None else list(worlds),
        "kinds": [kind.value for kind in kinds],
        "labels": list(labels) or None,
        "pool": POOL,
        "skip": skip,
        "limit": limit,
    }


async def search(session: Session, asked: dict[str, Any]) -> list[Row]:
    """A page of hits, with what is shown of them. Each row has `total`, `cut`, `stems`; a lone one may lack `kind`."""
    return await session.all(QUERIES.search, **asked)


async def same_stem(session: Session, words: Sequence[str], stems: Sequence[str]) -> set[str]:
    """Which of these words are forms of one of these stems."""
    return {row["word"] for row in await session.all(QUERIES.same_stem, words=list(words), stems=list(stems))}


async def world_summary(database: Database, world_id: UUID) -> Row | None:
    return await database.one(QUERIES.world_summary, id=world_id)


async def list_tags(database: Database, world_id: UUID, *, skip: int, limit: int) -> tuple[int, list[Row]]:
    """How many tags there are, and a page of them."""
    async with database.session() as session:
        rows = await session.all(QUERIES.list_tags, world_id=world_id, skip=skip, limit=limit)
        counted = await session.one(QUERIES.count_tags, world_id=world_id) or {"total": 0}
    return counted["total"], rows


async def claims_of_entity(
    database: Database, entity_id: UUID, paging: Paging, roles: Sequence[ClaimRole]
) -> PaginatedClaimResponse:
    asked: dict[str, Any] = {f"as_{role.value}": role in roles for role in ClaimRole}
    return await fetch_page(
        PaginatedClaimResponse,
        database,
        QUERIES.list_claims_of_entity,
        paging,
        visible_worlds=None,
        entity_id=entity_id,
        **asked,
    )


async def find_mentions(
    session: Session, world_id: UUID, names: Sequence[str], *, after: UUID | None, skip: int, limit: int
) -> tuple[int, bool, list[Row]]:
    """How many chunks there are that may mention one of the names, whether more than that, and a page in text order."""
    asked: dict[str, Any] = {"world_id": world_id, "names": list(names), "after": after, "skip": skip, "limit": limit}
    total = await session.one(QUERIES.count_mentions, world_id=world_id, names=list(names), pool=SORTED_AT_MOST)
    count = total["total"] if total else 0
    if count >= SORTED_AT_MOST:
        rows = await session.all(QUERIES.walk_mentions, **asked)
    else:
        rows = await session.all(QUERIES.find_mentions, **asked)
    return count, count >= SORTED_AT_MOST, rows
