"""Looking into a world: what fits a question, how much there is, what is said of an entity and where."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import CanonState, LoreKind
from lorekeeper.contracts.lore import EntityResponse, PaginatedClaimResponse
from lorekeeper.contracts.search import (
    ClaimRole,
    MentioningChunk,
    PaginatedMentionResponse,
    SearchHit,
    SearchKind,
    SearchResponse,
    Span,
    TagsResponse,
    WorldSummaryResponse,
)
from lorekeeper.contracts.snapshot import claim_sentence
from lorekeeper.kit.database import Row, Session
from lorekeeper.kit.pagination import Paging, encode_cursor
from lorekeeper.lore import service as lore
from lorekeeper.search import repository
from lorekeeper.search.mentions import Names, mentions_in, tree_of
from lorekeeper.search.questions import Question, read_question
from lorekeeper.search.snippets import Meant, forms_in, marks_in, snippet_of

STEM_LETTERS = 3
"""A word and its stem begin alike; only words that do are asked about."""

ROUNDS = 20
"""How often the next chunks are fetched for one page of mentions, where the letters do not bear out the index."""


async def search(
    ctx: Context,
    text: str,
    *,
    world_id: UUID | None,
    kinds: Sequence[SearchKind] | None,
    type: str | None,
    canon_state: CanonState | None,
    tags: Sequence[str],
    skip: int,
    limit: int,
) -> SearchResponse:
    """What fits, best first: in one world, or in all that this key sees."""
    if world_id is not None:
        ctx.principal.require_world(world_id)
    question = read_question(text)
    labels = [f"type:{type}"] * (type is not None) + [f"canon:{canon_state}"] * (canon_state is not None)
    if not question.asks:
        return SearchResponse(items=[], total=0, skip=skip, limit=limit)
    asked = repository.parameters(
        question,
        worlds=ctx.principal.visible_worlds if world_id is None else [world_id],
        kinds=kinds or list(SearchKind),
        labels=[*labels, *(f"tag:{tag}" for tag in tags)],
        skip=skip,
        limit=limit,
    )
    async with ctx.database.session() as session:
        rows = await repository.search(session, asked)
        hits = [row for row in rows if row["kind"] is not None]
        meant = await _meant(session, question, hits)
    return SearchResponse(
        # Marking the words of many long texts takes a while: other requests go on meanwhile.
        items=await asyncio.to_thread(lambda: [_hit(row, meant) for row in hits]),
        total=rows[0]["total"],
        total_is_estimate=rows[0]["cut"],
        skip=skip,
        limit=limit,
    )


async def _meant(session: Session, question: Question, rows: Sequence[Row]) -> Meant:
    """Tells the words that were asked for, in whichever form, from the others."""
    if not rows:
        return lambda _: False
    stems, beginning = rows[0]["stems"] or [], question.beginning
    asked = {*stems, *question.words}
    starts = tuple({stem[:STEM_LETTERS] for stem in asked})
    forms = await asyncio.to_thread(forms_in, [text for row in rows for text in _texts(row).values()])
    alike = [form for form in forms if form.startswith(starts)]
    same = asked | await repository.same_stem(session, alike, stems) if alike else asked
    return lambda form: form in same or (beginning is not None and form.startswith(beginning))


def _texts(row: Row) -> dict[str, str]:
    """What is shown of a hit, by field; the first is its title."""
    match row["kind"]:
        case SearchKind.ENTITY:
            names = {"name": row["name"], "aliases": ", ".join(row["aliases"])}
            texts = names | {"summary": row["summary"], "description": row["description"]}
        case SearchKind.CLAIM:
            sentence = claim_sentence(row["subject_name"], row["predicate"], row["object_name"], row["object_value"])
            texts = {"sentence": sentence}
        case _:
            texts = {"title": row["source_title"], "content": row["content"]}
    return {field: text for field, text in texts.items() if text}


def _hit(row: Row, meant: Meant) -> SearchHit:
    (_, title), *rest = _texts(row).items()
    marked = [(field, text, marks_in(text, meant)) for field, text in rest]
    best = next((one for one in marked if one[2]), marked[-1] if marked else None)
    snippet: tuple[str, list[Span]] | tuple[None, list[Span]] = snippet_of(best[1], best[2]) if best else (None, [])
    return SearchHit(
        kind=row["kind"],
        id=row["id"],
        world_id=row["world_id"],
        score=round(row["score"], 6),
        match="exact" if row["named"] else "similar" if row["guessed"] else "words",
        title=title,
        title_marks=[] if row["kind"] == SearchKind.SOURCE_CHUNK else marks_in(title, meant),
        field=best[0] if best else None,
        snippet=snippet[0],
        snippet_marks=snippet[1],
        type=row["type"],
        canon_state=row["canon_state"],
        tags=row["tags"],
        source_id=row["source_id"],
        chunk_index=row["chunk_index"],
    )


async def summarize(ctx: Context, world_id: UUID) -> WorldSummaryResponse:
    """Counts of everything in a world. Raises `NotFoundError`."""
    row = lore.visible(
        ctx, LoreKind.WORLD, world_id, _in_world(world_id, await repository.world_summary(ctx.database, world_id))
    )
    assets: list[dict[str, Any]] = row["assets"]
    return WorldSummaryResponse.model_validate(
        {
            "world_id": world_id,
            "sources": row["sources"],
            "source_chunks": row["source_chunks"],
            "entities": _counts(row["entities"], "by_type"),
            "claims": _counts(row["claims"], "by_canon_state"),
            "jobs": _counts(row["jobs"], "by_status"),
            "assets": assets,
            "bytes_stored": sum(one["size_bytes"] for one in assets if one["status"] != "DELETED"),
        }
    )


def _in_world(world_id: UUID, row: Row | None) -> Row | None:
    return row and row | {"world_id": world_id}


def _counts(by: dict[str, int], name: str) -> dict[str, Any]:
    return {"total": sum(by.values()), name: dict(sorted(by.items()))}


async def list_tags(ctx: Context, world_id: UUID, *, skip: int, limit: int) -> TagsResponse:
    """The tags of a world. Raises `NotFoundError`."""
    await lore.read(ctx, LoreKind.WORLD, world_id)
    total, rows = await repository.list_tags(ctx.database, world_id, skip=skip, limit=limit)
    return TagsResponse.model_validate({"items": rows, "total": total, "skip": skip, "limit": limit})


async def claims_of_entity(
    ctx: Context, entity_id: UUID, paging: Paging, roles: Sequence[ClaimRole] | None
) -> PaginatedClaimResponse:
    """The claims in which an entity has one of these roles, newest first. Raises `NotFoundError`."""
    await lore.read(ctx, LoreKind.ENTITY, entity_id)
    return await repository.claims_of_entity(ctx.database, entity_id, paging, roles or list(ClaimRole))


async def mentions(ctx: Context, entity_id: UUID, paging: Paging) -> PaginatedMentionResponse:
    """The chunks that mention an entity, in the order of the text. Raises `NotFoundError`."""
    entity = await lore.read(ctx, LoreKind.ENTITY, entity_id)
    assert isinstance(entity, EntityResponse)  # noqa: S101 - the kind says so
    names = [entity.name, *entity.aliases]
    tree = tree_of(names)
    items: list[MentioningChunk] = []
    after, skip = paging.after, paging.skip
    async with ctx.database.session() as session:
        for _ in range(ROUNDS):
            total, more, rows = await repository.find_mentions(
                session, entity.world_id, names, after=after, skip=skip, limit=paging.limit + 1
            )
            # Many long texts, or many long names, take a while: other requests go on meanwhile.
            items += await asyncio.to_thread(_mentioning, rows, tree)
            if len(rows) <= paging.limit or len(items) > paging.limit:
                break
            after, skip = rows[-1]["id"], 0
    page = items[: paging.limit]
    cursor = encode_cursor(page[-1].id) if len(items) > paging.limit else None
    if cursor is None and len(rows) > paging.limit:
        cursor = encode_cursor(rows[-1]["id"])
    return PaginatedMentionResponse(
        items=page,
        total=total,
        total_is_estimate=more or cursor is not None or paging.after is not None or paging.skip > 0,
        skip=paging.skip,
        limit=paging.limit,
        next_cursor=cursor,
    )


def _mentioning(rows: Sequence[Row], tree: Names) -> list[MentioningChunk]:
    found = ((row, mentions_in(row["content"], tree)) for row in rows)
    return [MentioningChunk.model_validate(row | {"mentions": mentions}) for row, mentions in found if mentions]
