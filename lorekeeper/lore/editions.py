"""A new edition of a source: its chunks become those of the new text, and what stayed the same stays the same chunk.

The two editions are compared without anybody being locked out. The write locks source and chunks, and takes effect only
where they are still the ones that were compared; else it is compared again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.editing import SourceUpdate
from lorekeeper.contracts.editions import MOST_NAMED, SourceEditionCreate, SourceEditionResponse
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import ConflictError
from lorekeeper.contracts.lore import LoreResponse, SourceChunkText, SourceResponse
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.lore import aligning, repository
from lorekeeper.lore.aligning import Gap, Pairs
from lorekeeper.lore.content import hash_of
from lorekeeper.lore.cutting import chunks_of_text
from lorekeeper.lore.editing import OVER_AND_OVER, edit
from lorekeeper.lore.repository import Writer
from lorekeeper.lore.service import TRIES, read, require_match, visible

_LABELS = ("chunk_index", "char_start", "char_end", "metadata")
_NOTED = 100


@dataclass(frozen=True)
class _NewChunk:
    """A chunk of the new edition. Where it was cut here, `metadata` is its heading; None where none was given."""

    content: str
    content_hash: str
    char_start: int | None
    char_end: int | None
    metadata: Row | None
    is_cut: bool


@dataclass
class _Plan:
    """What becomes of each chunk: `rows` are those to be written, with the place of all others in the same order."""

    kept: int = 0
    moved: int = 0
    rows: list[Row] = field(default_factory=list)
    changed_ids: list[UUID] = field(default_factory=list)
    added_ids: list[UUID] = field(default_factory=list)
    removed_ids: list[UUID] = field(default_factory=list)

    @property
    def changes_nothing(self) -> bool:
        return not self.rows and not self.removed_ids

    def counts(self) -> dict[str, int]:
        return {
            "kept": self.kept,
            "moved": self.moved,
            "changed": len(self.changed_ids),
            "added": len(self.added_ids),
            "removed": len(self.removed_ids),
        }

    def ids(self, at_most: int) -> dict[str, list[UUID]]:
        return {
            "changed_ids": self.changed_ids[:at_most],
            "added_ids": self.added_ids[:at_most],
            "removed_ids": self.removed_ids[:at_most],
        }


async def new_edition(ctx: Context, source_id: UUID, body: SourceEditionCreate, if_match: str) -> SourceEditionResponse:
    """Make the given text the source's own. The same text again changes nothing.

    A chunk that went may be cited by claims: they go on citing it, and the report names them.
    Raises `NotFoundError`, `PreconditionFailedError`, and `AssetValidationError` for a text that cannot be cut.
    """
    source = await read(ctx, LoreKind.SOURCE, source_id)
    require_match(if_match, source.etag)
    new = await asyncio.to_thread(_new_chunks, body)
    for _ in range(TRIES):
        source = await read(ctx, LoreKind.SOURCE, source_id)
        require_match(if_match, source.etag)
        present = await repository.read_chunks(ctx.database, source_id)
        plan = await compared(ctx.database, present, new)
        if plan.changes_nothing:
            return await _unchanged(ctx, source_id, body, plan, if_match)
        try:
            if (done := await _write(ctx, source, present, plan, body.metadata)) is not None:
                return done
        except repository.LostReferenceError:
            continue  # the source is being deleted: the next look finds it gone
    raise ConflictError(OVER_AND_OVER)


def _new_chunks(body: SourceEditionCreate) -> list[_NewChunk]:
    chunks = chunks_of_text(body.text) if body.text is not None else list(body.chunks or ())
    return [new_chunk(chunk, is_cut=body.text is not None) for chunk in chunks]


def new_chunk(chunk: SourceChunkText, *, is_cut: bool) -> _NewChunk:
    return _NewChunk(
        content=chunk.content,
        content_hash=hash_of(LoreKind.SOURCE_CHUNK, {"content": chunk.content}),
        char_start=chunk.char_start,
        char_end=chunk.char_end,
        metadata=chunk.metadata if "metadata" in chunk.model_fields_set else None,
        is_cut=is_cut,
    )


async def compared(database: Writer, present: Sequence[Row], new: Sequence[_NewChunk]) -> _Plan:
    """Comparing large texts takes a while, so it is done in a thread. Texts are read only of what is not the same."""
    pairs, anchors, gaps = await asyncio.to_thread(_same, present, new)
    contents: dict[UUID, str] = {}
    if gaps:
        ids = [present[place]["id"] for gap in gaps for place in gap.old]
        contents = await repository.read_contents(database, ids)
    return await asyncio.to_thread(_planned, present, new, pairs, anchors, gaps, contents)


def _same(present: Sequence[Row], new: Sequence[_NewChunk]) -> tuple[Pairs, list[int], list[Gap]]:
    pairs = aligning.same_text([row["content_hash"] for row in present], [chunk.content_hash for chunk in new])
    anchors = aligning.in_order(pairs)
    return pairs, anchors, list(aligning.gaps(len(present), len(new), pairs, anchors))


def _planned(
    present: Sequence[Row],
    new: Sequence[_NewChunk],
    pairs: Pairs,
    anchors: Sequence[int],
    gaps: Sequence[Gap],
    contents: dict[UUID, str],
) -> _Plan:
    changed: Pairs = {}
    for gap in gaps:
        # What was deleted since has no text, and the write will find that out.
        old_texts = {place: contents.get(present[place]["id"], "") for place in gap.old}
        changed |= aligning.alike(gap, old_texts, {place: new[place].content for place in gap.new})
    plan = _Plan(kept=len(anchors), moved=len(pairs) - len(anchors))
    for place, chunk in enumerate(new):
        if place in pairs:
            _keep(plan, present[pairs[place]], _labels(chunk, place, present[pairs[place]]))
        elif place in changed:
            _change(plan, present[changed[place]], chunk, _labels(chunk, place, present[changed[place]]))
        else:
            _add(plan, chunk, _labels(chunk, place, None))
    still_there = {*pairs.values(), *changed.values()}
    plan.removed_ids = [row["id"] for place, row in enumerate(present) if place not in still_there]
    return plan


def _labels(chunk: _NewChunk, place: int, old: Row | None) -> Row:
    """Where the chunk stands, and its metadata: what was noted there stays, but a heading is that of the new text."""
    noted = old["metadata"] if old else {}
    if chunk.is_cut:
        metadata = {name: value for name, value in noted.items() if name != "heading"} | (chunk.metadata or {})
    else:
        metadata = noted if chunk.metadata is None else chunk.metadata
    return {"chunk_index": place, "char_start": chunk.char_start, "char_end": chunk.char_end, "metadata": metadata}


def _keep(plan: _Plan, old: Row, labels: Row) -> None:
    if any(old[name] != labels[name] for name in _LABELS):
        plan.rows.append({"id": str(old["id"]), "is_new": False} | labels)


def _change(plan: _Plan, old: Row, chunk: _NewChunk, labels: Row) -> None:
    plan.changed_ids.append(old["id"])
    plan.rows.append(_with_text(str(old["id"]), chunk, labels, is_new=False))


def _add(plan: _Plan, chunk: _NewChunk, labels: Row) -> None:
    fresh = new_id()
    plan.added_ids.append(fresh)
    plan.rows.append(_with_text(str(fresh), chunk, labels, is_new=True))


def _with_text(chunk_id: str, chunk: _NewChunk, labels: Row, *, is_new: bool) -> Row:
    text = {"content": chunk.content, "content_hash": chunk.content_hash}
    return {"id": chunk_id, "is_new": is_new} | labels | text


async def _unchanged(
    ctx: Context, source_id: UUID, body: SourceEditionCreate, plan: _Plan, if_match: str
) -> SourceEditionResponse:
    """The same text; the source's metadata may still be another."""
    if body.metadata is not None:
        await edit(ctx, LoreKind.SOURCE, source_id, SourceUpdate(metadata=body.metadata), if_match)
    return await _report(ctx, ctx.database, source_id, plan)


async def _write(
    ctx: Context, source: LoreResponse, present: Sequence[Row], plan: _Plan, metadata: Row | None
) -> SourceEditionResponse | None:
    """None where source or chunks are no longer those that were compared."""
    async with ctx.database.transaction() as session:
        await session.take_time()
        locked = await repository.lock_source(session, source.id)
        visible(ctx, LoreKind.SOURCE, source.id, locked)
        now = await repository.get_lore(session, LoreKind.SOURCE, source.id)
        chunks = await repository.lock_chunks(session, source.id)
        if now is None or now["etag"] != source.etag or chunks != sorted((row["id"], row["edit"]) for row in present):
            return None
        ids = {name: [str(item) for item in items] for name, items in plan.ids(_NOTED).items()}
        await repository.write_edition(
            session,
            source.id,
            rows=plan.rows,
            removed_ids=plan.removed_ids,
            metadata=metadata,
            event=plan.counts() | ids,
            origin=ctx.origin,
        )
        return await _report(ctx, session, source.id, plan)


async def _report(ctx: Context, database: Writer, source_id: UUID, plan: _Plan) -> SourceEditionResponse:
    row = visible(ctx, LoreKind.SOURCE, source_id, await repository.get_lore(database, LoreKind.SOURCE, source_id))
    citing, claim_ids = 0, list[UUID]()
    if plan.removed_ids:
        citing, claim_ids = await repository.claims_citing(database, plan.removed_ids, MOST_NAMED)
    return SourceEditionResponse(
        source=SourceResponse.model_validate(row),
        unchanged=plan.changes_nothing,
        **plan.counts(),
        **plan.ids(MOST_NAMED),
        claims_citing_removed=citing,
        claim_ids_citing_removed=claim_ids,
    )
