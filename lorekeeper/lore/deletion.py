"""Deleting lore: it becomes a tombstone, which provenance still shows and which can be restored.

What is to go is locked first, so that nobody can begin to point at it; only then is it asked who does. All that lock
several rows do so in one order (world, entity, source, chunk, claim, asset, upload, job), so that no two requests wait
for each other; above all, whoever writes in a world and comes to need it holds it first.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.editing import LoreDeleted, WorldDeleted
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import AssetValidationError, ConflictError, LoreInUseError
from lorekeeper.contracts.lore import SourceResponse
from lorekeeper.kit.database import Row, Session
from lorekeeper.lore import repository
from lorekeeper.lore.editing import Step, merged, own_fields, write
from lorekeeper.lore.kinds import KINDS
from lorekeeper.lore.service import etag_of, require_match, visible

NAMED = 20
"""How many ids a refusal names, by field."""

BY_AUTHORS = "author_ids"
"""Sources that name the entity as an author. They are not deleted with it, but edited."""

Users = Mapping[str, list[UUID]]


async def delete(ctx: Context, kind: LoreKind, lore_id: UUID, *, cascade: bool, if_match: str) -> LoreDeleted:
    """Make a tombstone of a piece; of a source with its chunks. Raises `LoreInUseError` where living lore points at it.

    `cascade`: the claims that do go with it, and those that supersede them; sources lose it from their authors.
    """
    async with ctx.database.transaction() as session:
        await repository.hold_worlds_of(session, {kind: [lore_id]})
        row = visible(ctx, kind, lore_id, await _locked(session, kind, lore_id))
        require_match(if_match, etag_of(row["edit"]))
        users = await repository.find_users(session, {kind: [lore_id]}, at_most=None if cascade else NAMED)
        if users and not cascade:
            raise _in_use(kind, lore_id, users)
        edited = sorted(users.get(BY_AUTHORS, ()))
        for source_id in edited:
            await _take_author_off(ctx, session, source_id, lore_id)
        claims = await _claims_that_go(session, kind, lore_id, users)
        chunks = await repository.bury(session, _together(kind, lore_id, claims), origin=ctx.origin)
    return LoreDeleted(id=lore_id, deleted_at=ctx.now, claim_ids=claims, edited_source_ids=edited, source_chunks=chunks)


async def _locked(session: Session, kind: LoreKind, lore_id: UUID) -> Row | None:
    rows = await repository.find_references(session, {kind: [lore_id]}, locked=True)
    return rows[0] if rows else None


def _in_use(kind: LoreKind, lore_id: UUID, users: Users) -> LoreInUseError:
    named = {field: [str(user) for user in ids] for field, ids in users.items()}
    told = "; ".join(f"{field} of {', '.join(ids)}" for field, ids in named.items())
    return LoreInUseError(f"Living lore refers to {KINDS[kind].label} {lore_id}: {told}.", users=named)


def _together(kind: LoreKind, lore_id: UUID, claims: Iterable[UUID]) -> dict[LoreKind, list[UUID]]:
    ids = {LoreKind.CLAIM: list(claims)}
    ids.setdefault(kind, []).append(lore_id)
    return ids


async def _claims_that_go(session: Session, kind: LoreKind, lore_id: UUID, users: Users) -> list[UUID]:
    """The claims that point at the piece, then those that supersede them, and so on; all locked."""
    going: set[UUID] = set()
    found = {user for field, ids in users.items() if field != BY_AUTHORS for user in ids}
    while found:
        # What is not among the locked any more was deleted while it was waited for.
        locked = await repository.find_references(session, {LoreKind.CLAIM: found}, locked=True)
        going |= {row["id"] for row in locked}
        users = await repository.find_users(session, _together(kind, lore_id, going))
        found = {user for field, ids in users.items() if field != BY_AUTHORS for user in ids} - going - found
    return sorted(going)


async def _take_author_off(ctx: Context, session: Session, source_id: UUID, entity_id: UUID) -> None:
    await repository.find_references(session, {LoreKind.SOURCE: [source_id]}, locked=True)
    row = await repository.get_lore(session, LoreKind.SOURCE, source_id)
    if row is None:  # deleted while it was waited for
        return
    source = SourceResponse.model_validate(row)
    authors = [str(author) for author in source.author_ids if author != entity_id]
    body = merged(LoreKind.SOURCE, own_fields(LoreKind.SOURCE, source), {"author_ids": authors})
    await write(ctx, session, Step(LoreKind.SOURCE, row["world_id"], source, row["edit"], body))


async def delete_world(ctx: Context, world_id: UUID, *, name: str, if_match: str) -> WorldDeleted:
    """Make tombstones of a world and all lore in it; its queued jobs, assets and uploads end with it.

    Raises `AssetValidationError` unless `name` is the world's, and `ConflictError` while jobs of it run.
    """
    _agreed(ctx, world_id, await repository.get_lore(ctx.database, LoreKind.WORLD, world_id), name, if_match)
    async with ctx.database.transaction() as session:
        await session.take_time()
        # First of all: whoever writes in a world holds it before anything in it, so that none waits in a ring.
        _agreed(ctx, world_id, await _locked(session, LoreKind.WORLD, world_id), name, if_match)
        await _nothing_runs(session, world_id)
        counts = await repository.bury_world(session, world_id, origin=ctx.origin)
    return WorldDeleted(id=world_id, deleted_at=ctx.now, **counts)


def _agreed(ctx: Context, world_id: UUID, row: dict[str, Any] | None, name: str, if_match: str) -> None:
    world = visible(ctx, LoreKind.WORLD, world_id, row)
    require_match(if_match, etag_of(world["edit"]))
    if world["name"] != name:
        raise AssetValidationError("query.name: give the world's exact name to delete it.")


async def _nothing_runs(session: Session, world_id: UUID) -> None:
    if running := await repository.lock_jobs_of_world(session, world_id):
        ids = [str(job) for job in running]
        raise ConflictError(f"Jobs of this world run: {', '.join(ids)}. Wait, or cancel them.", job_ids=ids)
