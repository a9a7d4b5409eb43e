"""Editing a piece of lore, and restoring what it was: read, merge, judge the whole, then write over what was read.

Nobody is locked out meanwhile. The write takes effect only on the edit that was read; where somebody else came first
the piece is read again, and a caller who named an edit in `If-Match` is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.base import Request, format_time
from lorekeeper.contracts.editing import LoreUpdate
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import AssetValidationError, ConflictError, NotFoundError
from lorekeeper.contracts.hashing import canonical_json
from lorekeeper.contracts.lore import ClaimBody, LoreResponse, SourceChunkResponse
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.lore import references, repository
from lorekeeper.lore.content import DEPICTABLE, hash_of
from lorekeeper.lore.kinds import KINDS, REFERENCE_KINDS
from lorekeeper.lore.references import Found, Pointing
from lorekeeper.lore.repository import Writer
from lorekeeper.lore.service import TRIES, etag_of, other_source, require_match, source_of, validated, visible

NAMING = ("subject_entity_id", "object_entity_id")

OVER_AND_OVER = "This is being edited over and over by others; try again in a moment."


@dataclass(frozen=True)
class Step:
    """From one edit of a piece to the next."""

    kind: LoreKind
    world_id: UUID
    present: LoreResponse
    """As it is read; of a tombstone, as it was."""
    edit: int
    body: Request
    """What it is to be."""
    restores: bool = False
    died_at: datetime | None = None
    """When it was deleted: it is to come back."""

    @property
    def was(self) -> Row:
        return own_fields(self.kind, self.present)

    @property
    def becomes(self) -> Row:
        return self.body.model_dump(mode="json")

    @property
    def changed(self) -> list[str]:
        """The fields that differ, by their canonical JSON: `1` and `1.0` are the same, `1` and `true` are not."""
        was, becomes = self.was, self.becomes
        return [name for name in becomes if canonical_json(was[name]) != canonical_json(becomes[name])]

    @property
    def repointed(self) -> list[str]:
        """Those of them that point elsewhere."""
        return [name for name in self.changed if name in REFERENCE_KINDS]


async def edit(ctx: Context, kind: LoreKind, lore_id: UUID, changes: LoreUpdate, if_match: str) -> LoreResponse:
    """Merge the given fields into a piece (RFC 7396). What changes nothing leaves everything as it is.

    Raises `NotFoundError`, `PreconditionFailedError`, `AssetValidationError`, and what creating it would.
    """
    given = changes.model_dump(mode="json", exclude_unset=True)
    for _ in range(TRIES):
        row = visible(ctx, kind, lore_id, await repository.get_lore(ctx.database, kind, lore_id))
        require_match(if_match, row["etag"])
        present = KINDS[kind].response.model_validate(row)
        step = Step(kind, row["world_id"], present, row["edit"], merged(kind, own_fields(kind, present), given))
        if (done := await _tried(ctx, step)) is not None:
            return done
    raise ConflictError(OVER_AND_OVER)


async def restore(ctx: Context, kind: LoreKind, lore_id: UUID, version: int, if_match: str) -> LoreResponse:
    """Make what could be depicted of an earlier version the newest one; a deleted piece comes back with it.

    Raises `ConflictError` where that version points at what was deleted, or lies in a world that was.
    """
    for _ in range(TRIES):
        versions = await repository.read_versions(ctx.database, kind, lore_id, version)
        now = visible(ctx, kind, lore_id, next((row for row in versions.values() if row["replaced_at"] is None), None))
        present = as_read(kind, now)
        require_match(if_match, present.etag)
        if version not in versions:
            raise NotFoundError(f"There is no version {version} of {KINDS[kind].label} {lore_id}.")
        old = own_fields(kind, as_read(kind, versions[version]))
        body = merged(kind, own_fields(kind, present), {name: old[name] for name in DEPICTABLE[kind]})
        step = Step(kind, now["world_id"], present, now["content"]["edit"], body, True, now["deleted_at"])
        if (done := await _tried(ctx, step)) is not None:
            return done
    raise ConflictError(OVER_AND_OVER)


async def _tried(ctx: Context, step: Step) -> LoreResponse | None:
    try:
        return await take(ctx, step)
    except repository.LostReferenceError:
        return None  # deleted in between, as a chunk with its source: the next look will tell


def as_read(kind: LoreKind, version: Row) -> LoreResponse:
    """A version of a piece, as the piece was read when it was the present one."""
    content = version["content"]
    return KINDS[kind].response.model_validate(content | {"etag": etag_of(content["edit"])})


def own_fields(kind: LoreKind, piece: LoreResponse) -> Row:
    """What a caller writes of a piece, in its JSON form."""
    return piece.model_dump(mode="json", include=set(KINDS[kind].body.model_fields))


def merged(kind: LoreKind, was: Row, changes: Mapping[str, Any]) -> Request:
    """The piece with the changes in it, once it is seen to be a valid one as a whole."""
    fields = was | dict(changes)
    if kind is LoreKind.SOURCE_CHUNK and not {"char_start", "char_end"} & changes.keys():
        start, end = was["char_start"], was["char_end"]
        if start is not None and end - start != len(fields["content"]):
            fields |= {"char_start": None, "char_end": None}
    if kind is LoreKind.CLAIM and fields["source_chunk_id"] is not None:
        if fields["source_chunk_id"] != was["source_chunk_id"]:
            fields["source_id"] = changes.get("source_id")  # it comes with the chunk
        elif fields["source_id"] is None:
            fields["source_id"] = was["source_id"]
        elif fields["source_id"] != was["source_id"]:
            raise other_source()
    return validated(KINDS[kind].body, fields)


async def take(ctx: Context, step: Step) -> LoreResponse | None:
    """Take the step; None where somebody else has edited the piece since it was read."""
    changed = step.changed
    if not changed and step.died_at is None:
        return step.present
    if step.died_at is None and not step.repointed:
        return await write(ctx, ctx.database, step)
    async with ctx.database.transaction() as session:
        if step.died_at is not None:
            await session.take_time()  # all that went with it comes back
        if "supersedes_claim_id" in changed:
            await repository.lock_supersession(session, step.world_id)
        step, more = await _placed(session, step, await _held(ctx, session, step))
        if await write(ctx, session, step, more) is None:
            return None
        if step.died_at is not None:
            await repository.revive_parts(session, step.kind, step.present.id, step.died_at)
        elif "supersedes_claim_id" in changed:
            await repository.regroup_claims(session, step.present.id, more["version_group_id"], origin=ctx.origin)
        return KINDS[step.kind].response.model_validate(await repository.get_lore(session, step.kind, step.present.id))


async def write(
    ctx: Context, database: Writer, step: Step, more: Mapping[str, Any] | None = None
) -> LoreResponse | None:
    """The statement of a step. `more` are fields that no caller writes."""
    was, becomes, changed = step.was, step.becomes, step.changed
    whole = step.present.model_dump(mode="json") | becomes | dict(more or {})
    whole |= {"edit": step.edit, "content_hash": hash_of(step.kind, whole)}
    if whole["content_hash"] != step.present.content_hash or step.died_at is not None:
        whole["version"] += 1
        # Who has waited for others carries an older time than theirs.
        whole["updated_at"] = format_time(max(ctx.now, step.present.updated_at))
    done = await repository.update_lore(
        database,
        step.kind,
        whole,
        author_ids=whole["author_ids"] if "author_ids" in changed else None,
        event=f"{step.kind}.{'restored' if step.restores else 'updated'}",
        before={name: was[name] for name in changed},
        after={name: becomes[name] for name in changed},
        origin=ctx.origin,
    )
    return KINDS[step.kind].response.model_validate(whole | {"etag": etag_of(step.edit + 1)}) if done else None


async def _held(ctx: Context, session: Writer, step: Step) -> Found:
    """What the piece is to point at, kept alive until the transaction ends."""
    # An edit is judged by what it changes: a claim may cite a chunk that a new edition of its source lacks.
    piece = Pointing.of(step.world_id, step.body, REFERENCE_KINDS if step.restores else step.repointed)
    if isinstance(step.present, SourceChunkResponse):
        piece = Pointing(step.world_id, {"source_id": [step.present.source_id]})
    # With the names that it is read with, which the write asks for: entities are held before what is under them.
    read_with = Pointing.of(step.world_id, step.body, NAMING)
    found = await references.find(session, [piece, read_with], held=True)
    if not step.restores:
        references.check(ctx.principal, [piece], found)
        return found
    if step.kind is not LoreKind.WORLD and (LoreKind.WORLD, step.world_id) not in found:
        raise ConflictError(f"World {step.world_id} was deleted.", missing={"world_id": [str(step.world_id)]})
    if missing := references.missing([piece], found):
        named = "; ".join(f"{field}: {', '.join(ids)}" for field, ids in missing.items())
        raise ConflictError(f"That version points at what was deleted: {named}.", missing=missing)
    return found


async def _placed(session: Writer, step: Step, found: Found) -> tuple[Step, Row]:
    """The step and the fields that follow from what was found: a claim's source and version group, a chunk's place."""
    if isinstance(step.present, SourceChunkResponse):
        index = await repository.free_place(session, step.present.source_id, step.present.chunk_index)
        return step, {"chunk_index": index}
    if not isinstance(step.body, ClaimBody):
        return step, {}
    claim = step.body
    if "source_chunk_id" in step.changed:
        source_id = source_of(claim.source_id, claim.source_chunk_id, found)
        step = replace(step, body=claim.model_copy(update={"source_id": source_id}))
    if "supersedes_claim_id" not in step.changed:
        return step, {}
    if claim.supersedes_claim_id is None:
        return step, {"version_group_id": str(new_id())}
    if step.present.id in await repository.superseded_by(session, claim.supersedes_claim_id):
        raise AssetValidationError("supersedes_claim_id: the claim would supersede itself.")
    return step, {"version_group_id": str(found[LoreKind.CLAIM, claim.supersedes_claim_id]["part_of"])}
