"""Bringing in a world bundle: all of it in one transaction, or nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import ConflictError, WorldNotFoundError
from lorekeeper.contracts.imports import ImportChanges, ImportCounts, ImportReport, WorldImportResponse
from lorekeeper.contracts.lore import WorldResponse
from lorekeeper.kit.database import Row, Session
from lorekeeper.kit.ids import new_id
from lorekeeper.lore import repository as lore
from lorekeeper.lore.bundles import comparing, identity, repository, texts
from lorekeeper.lore.bundles.comparing import Plan, Present
from lorekeeper.lore.bundles.repository import OvertakenError
from lorekeeper.lore.bundles.rows import KINDS, Rows, rows_of
from lorekeeper.lore.service import TRIES, grantee, written

_IN_REPORT = {
    LoreKind.WORLD: "world",
    LoreKind.ENTITY: "entities",
    LoreKind.SOURCE: "sources",
    LoreKind.SOURCE_CHUNK: "source_chunks",
    LoreKind.CLAIM: "claims",
}


async def import_world(
    ctx: Context, bundle: WorldBundle, *, name: str | None, dry_run: bool
) -> WorldImportResponse | ImportReport:
    """Make a world of a bundle. Its ids are kept where none of them is taken; else every piece gets another one.

    A key that sees single worlds always gets others: that an id is taken may be a secret of a world it cannot see.
    A dry run answers with the report alone.
    """
    bundle = _called(bundle, name)
    own = _own_ids(bundle)
    keep = ctx.principal.world_ids is None and not await lore.taken_ids(ctx.database, own)
    for kept in (True, False) if keep else (False,):
        world_id = (bundle.world.id if kept else None) or new_id()
        ids = {id: id if kept else identity.derived(world_id, id) for id in own}
        rows = await asyncio.to_thread(rows_of, bundle, world_id, ids)
        plan = comparing.new_world(rows)
        rules = _rules(bundle)
        counts = ImportCounts(created=len(rules))
        if dry_run:
            return ImportReport(**_report(plan, rows, counts, dry_run=True, ids_kept=kept))
        try:
            await _make_world(ctx, rows, plan, rules)
        except OvertakenError:
            continue  # somebody brought in the same bundle at this very moment
        return WorldImportResponse(
            **_report(plan, rows, counts, dry_run=False, ids_kept=kept),
            world=WorldResponse.model_validate(written(ctx, rows.world)),
            id_map=None if kept else _id_map(bundle, world_id, ids),
        )
    raise ConflictError("This bundle is being brought in over and over by others; try again in a moment.")


async def import_into(
    ctx: Context, world_id: UUID, bundle: WorldBundle, *, name: str | None, dry_run: bool
) -> WorldImportResponse:
    """Bring a bundle into a world that is there: what the world has already is updated where it differs, what it lacks
    is made, nothing is deleted (but chunks that the new text of a source lacks).

    Raises `WorldNotFoundError`, and `AssetValidationError` for an id that is another thing's in this world.
    """
    ctx.principal.require_world(world_id)
    bundle = _called(bundle, name)
    for number in range(TRIES):
        try:
            with repository.overtaken():
                return await _import_once(ctx, world_id, bundle, dry_run=dry_run, alone=number > 0)
        except OvertakenError:
            continue
    raise ConflictError("This world is being edited over and over by others; try again in a moment.")


async def _import_once(
    ctx: Context, world_id: UUID, bundle: WorldBundle, *, dry_run: bool, alone: bool
) -> WorldImportResponse:
    """`alone`: nobody else edits the bundle's pieces meanwhile; else that is found out by the write."""
    pieces = list(identity.named_pieces(bundle))
    given = [piece.id for piece in pieces]
    async with ctx.database.transaction() as session:
        await session.take_time()
        world = await repository.lock_world(session, world_id)
        if world is None:
            raise WorldNotFoundError(f"There is no world {world_id}.", world_id=str(world_id))
        owners = await repository.find_owners(session, given)
        lost = [id for id in given if id not in owners or owners[id].world_id != world_id]
        owners |= await repository.find_owners(session, [identity.derived(world_id, id) for id in lost])
        ids = identity.settled(world_id, pieces, owners, may_keep=ctx.principal.world_ids is None)
        there = [id for id, owner in owners.items() if owner.world_id == world_id]
        rows = await asyncio.to_thread(rows_of, bundle, world_id, ids, there)
        present = await _present(session, world, rows, alone=alone)
        with_world = bundle.world.id == world_id
        plan = await asyncio.to_thread(comparing.compared, rows, present, with_world=with_world)
        rules = _rules(bundle)
        counts = ImportCounts(**await repository.compare_predicates(session, world_id, rules))
        if not dry_run:
            await _write(ctx, session, world_id, plan, rules)
        await texts.bring(ctx, session, rows, present, plan, dry_run=dry_run)
        now = await lore.get_lore(session, LoreKind.WORLD, world_id)
        other = {given: id for given, id in ids.items() if given != id}
        return WorldImportResponse(
            **_report(plan, rows, counts, dry_run=dry_run, ids_kept=not other),
            world=WorldResponse.model_validate(now),
            id_map=other or None,
        )


async def _present(session: Session, world: Row, rows: Rows, *, alone: bool) -> Present:
    """What the world has of the bundle's pieces, with its sources held still."""
    world_id = world["world_id"]
    ids = {kind: [row["id"] for row in rows.of[kind]] for kind in KINDS}
    await session.defer("source_chunk_in_order")
    if alone:
        await lore.find_references(session, {kind: [UUID(id) for id in ids[kind]] for kind in KINDS}, locked=True)
    await repository.lock_sources(session, world_id, ids[LoreKind.SOURCE])
    of: dict[LoreKind, dict[str, Row]] = {LoreKind.WORLD: {str(world_id): world | {"id": str(world_id)}}}
    for kind in (LoreKind.ENTITY, LoreKind.SOURCE, LoreKind.CLAIM):
        of[kind] = await repository.read(session, kind, world_id, ids[kind])
    chunks = await repository.read_chunks(session, world_id, ids[LoreKind.SOURCE_CHUNK], ids[LoreKind.SOURCE])
    of[LoreKind.SOURCE_CHUNK] = {row["id"]: row for row in chunks}
    chunks_of: dict[str, list[Row]] = {}
    for row in chunks:
        if row["deleted_at"] is None:
            chunks_of.setdefault(row["source_id"], []).append(row)
    return Present(of, chunks_of)


async def _make_world(ctx: Context, rows: Rows, plan: Plan, rules: list[Row]) -> None:
    with repository.overtaken():
        async with ctx.database.transaction() as session:
            await session.take_time()
            await session.defer("source_chunk_in_order")
            await lore.create_worlds(session, [rows.world], grant_to=grantee(ctx.principal), origin=ctx.origin)
            await _write(ctx, session, UUID(rows.world["id"]), plan, rules)
    ctx.runtime.authenticator.forget(ctx.principal.id)


async def _write(ctx: Context, session: Session, world_id: UUID, plan: Plan, rules: list[Row]) -> None:
    """Kind by kind, what is pointed at first."""
    await repository.update(session, LoreKind.WORLD, plan.of[LoreKind.WORLD].updated, origin=ctx.origin)
    for kind in KINDS:
        changes = plan.of[kind]
        if kind is LoreKind.CLAIM and changes.updated:
            await repository.update(session, kind, changes.together, origin=ctx.origin)
        else:
            await repository.create(session, kind, changes.created, origin=ctx.origin)
            await repository.update(session, kind, changes.updated, origin=ctx.origin)
    if plan.regrouped:
        await repository.regroup_followers(session, plan.regrouped, origin=ctx.origin)
    await repository.declare_predicates(session, world_id, rules, origin=ctx.origin)
    if plan.buried:
        await lore.bury(session, {LoreKind.SOURCE_CHUNK: [UUID(id) for id in plan.buried]}, origin=ctx.origin)


def _called(bundle: WorldBundle, name: str | None) -> WorldBundle:
    if name is None:
        return bundle
    return bundle.model_copy(update={"world": bundle.world.model_copy(update={"name": name})})


def _own_ids(bundle: WorldBundle) -> list[UUID]:
    own = [piece.id for piece in identity.named_pieces(bundle)]
    return own if bundle.world.id is None else [bundle.world.id, *own]


def _id_map(bundle: WorldBundle, world_id: UUID, ids: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    own = bundle.world.id
    return dict(ids) if own is None else dict(ids) | {own: world_id}


def _rules(bundle: WorldBundle) -> list[Row]:
    return [rule.model_dump() | {"id": str(new_id())} for rule in bundle.predicates]


def _report(plan: Plan, rows: Rows, rules: ImportCounts, *, dry_run: bool, ids_kept: bool) -> dict[str, Any]:
    totals = {_IN_REPORT[kind]: len(rows.of[kind]) for kind in KINDS}
    totals["source_chunks"] += sum(len(chunks) for chunks, _ in rows.texts.values())
    counts = {field: plan.of[kind].counts for kind, field in _IN_REPORT.items()}
    changes = ImportChanges(**counts, predicates=rules)
    return {"dry_run": dry_run, "ids_kept": ids_kept, "changes": changes, "changed": plan.changed, **totals}
