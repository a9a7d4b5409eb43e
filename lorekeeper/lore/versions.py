"""The earlier versions of a piece of lore, and what lies between two of them, so that a person can read it."""

import asyncio
import json
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.editing import FieldChange, LoreDiff, LoreVersion, PaginatedLoreVersionResponse
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import NotFoundError
from lorekeeper.contracts.hashing import canonical_json
from lorekeeper.contracts.lore import LoreResponse
from lorekeeper.kit.database import Row
from lorekeeper.kit.pagination import Paging, encode_cursor
from lorekeeper.lore import repository
from lorekeeper.lore.content import DEPICTABLE
from lorekeeper.lore.editing import as_read
from lorekeeper.lore.kinds import KINDS
from lorekeeper.lore.service import visible
from lorekeeper.lore.textdiff import line_diff, word_diff

READ_WITH = {LoreKind.CLAIM: ("sentence",)}
"""What follows from what can be depicted, and says it better."""


async def list_versions(ctx: Context, kind: LoreKind, lore_id: UUID, paging: Paging) -> PaginatedLoreVersionResponse:
    """A page of a piece's versions, newest first. They have no gap, so the present one's number is their total."""
    present = _present(ctx, kind, lore_id, await repository.read_versions(ctx.database, kind, lore_id))
    total: int = present["version"]
    newest = min(total, paging.after.int - 1) if paging.after else total - paging.skip
    rows = await repository.list_versions(ctx.database, kind, lore_id, newest=newest, limit=paging.limit)
    last = rows[-1]["version"] if rows else 1
    return PaginatedLoreVersionResponse(
        items=[LoreVersion.model_validate(row) for row in rows],
        total=total,
        skip=paging.skip,
        limit=paging.limit,
        next_cursor=encode_cursor(UUID(int=last)) if last > 1 else None,
    )


async def get_version(ctx: Context, kind: LoreKind, lore_id: UUID, version: int) -> LoreResponse:
    """A piece as it was read when this version was replaced, or is read now."""
    versions = await repository.read_versions(ctx.database, kind, lore_id, version)
    _present(ctx, kind, lore_id, versions)
    return as_read(kind, _one(kind, lore_id, versions, version))


async def diff(ctx: Context, kind: LoreKind, lore_id: UUID, version: int, to: int | None) -> LoreDiff:
    """What can be depicted that differs between two versions; without `to`, up to the present one."""
    wanted = [version] if to is None else [version, to]
    versions = await repository.read_versions(ctx.database, kind, lore_id, *wanted)
    present = _present(ctx, kind, lore_id, versions)
    before = _one(kind, lore_id, versions, version)
    after = present if to is None else _one(kind, lore_id, versions, to)
    return LoreDiff(
        kind=kind,
        id=lore_id,
        from_version=before["version"],
        to_version=after["version"],
        # Two long texts take a while: other requests go on meanwhile.
        changes=await asyncio.to_thread(changes, kind, as_read(kind, before), as_read(kind, after)),
    )


def _present(ctx: Context, kind: LoreKind, lore_id: UUID, versions: dict[int, Row]) -> Row:
    return visible(ctx, kind, lore_id, next((row for row in versions.values() if row["replaced_at"] is None), None))


def _one(kind: LoreKind, lore_id: UUID, versions: dict[int, Row], version: int) -> Row:
    if version not in versions:
        raise NotFoundError(f"There is no version {version} of {KINDS[kind].label} {lore_id}.")
    return versions[version]


def changes(kind: LoreKind, before: LoreResponse, after: LoreResponse) -> list[FieldChange]:
    """The fields that differ, texts and lists with a diff."""
    fields = (*READ_WITH.get(kind, ()), *DEPICTABLE[kind])
    old, new = (piece.model_dump(mode="json", include=set(fields)) for piece in (before, after))
    return [
        _change(name, old[name], new[name]) for name in fields if canonical_json(old[name]) != canonical_json(new[name])
    ]


def _change(name: str, before: Any, after: Any) -> FieldChange:
    change = FieldChange(field=name, before=before, after=after)
    if isinstance(before, str) and isinstance(after, str):
        change.diff = line_diff(before.splitlines(), after.splitlines())
        change.words = word_diff(before, after)
    elif isinstance(before, list) and isinstance(after, list):
        change.diff = line_diff(*([_line(item) for item in items] for items in (before, after)))
    return change


def _line(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
