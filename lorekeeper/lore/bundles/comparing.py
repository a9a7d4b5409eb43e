"""What an import into a world that is there makes of each piece, by what the world has of it already."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import AssetValidationError
from lorekeeper.contracts.hashing import canonical_json
from lorekeeper.contracts.imports import MOST_NAMED, ImportCounts, ImportedPiece
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.lore.bundles.rows import KINDS, Rows
from lorekeeper.lore.kinds import KINDS as LORE

_FIELDS: dict[LoreKind, tuple[str, ...]] = {kind: tuple(LORE[kind].body.model_fields) for kind in LoreKind} | {
    # The text itself stays in the database: its hash tells whether it is another.
    LoreKind.SOURCE_CHUNK: ("content_hash", "chunk_index", "char_start", "char_end", "metadata"),
}


@dataclass
class Changes:
    """What is to be written of one kind."""

    created: list[Row] = field(default_factory=list)
    updated: list[Row] = field(default_factory=list)
    together: list[Row] = field(default_factory=list)
    """Both, in the order of the bundle's rows."""
    counts: ImportCounts = field(default_factory=ImportCounts)


@dataclass
class Plan:
    """`buried` are the chunks that are to be tombstones."""

    of: dict[LoreKind, Changes] = field(default_factory=lambda: {kind: Changes() for kind in LoreKind})
    changed: list[ImportedPiece] = field(default_factory=list)
    buried: list[str] = field(default_factory=list)
    regrouped: list[Row] = field(default_factory=list)
    """Claims whose version group is another now: what supersedes them follows."""


@dataclass
class Present:
    """What the world has: by kind and id, and the living chunks of the sources that come in."""

    of: Mapping[LoreKind, Mapping[str, Row]]
    chunks_of: Mapping[str, list[Row]]


def new_world(rows: Rows) -> Plan:
    """All of it is new."""
    plan = Plan(buried=sorted(rows.removed))
    for kind in KINDS:
        plan.of[kind] = Changes(created=rows.of[kind], counts=ImportCounts(created=len(rows.of[kind])))
    plan.of[LoreKind.WORLD].counts.created = 1
    return plan


def compared(rows: Rows, present: Present, *, with_world: bool) -> Plan:
    """Raises `AssetValidationError` for a chunk that belongs to another source here."""
    plan = Plan()
    _settle_groups(rows.of[LoreKind.CLAIM], present.of[LoreKind.CLAIM])
    _settle_places(plan, rows, present)
    if with_world:
        _compare(plan, LoreKind.WORLD, [rows.world], ["world"], present)
    gone = rows.removed - _newly_cited(rows.of[LoreKind.CLAIM], present.of[LoreKind.CLAIM])
    for kind in KINDS:
        _compare(plan, kind, rows.of[kind], rows.places[kind], present, gone)
    _bury(plan, rows, present, gone)
    return plan


def _compare(
    plan: Plan,
    kind: LoreKind,
    rows: Iterable[Row],
    places: Iterable[str],
    present: Present,
    removed: AbstractSet[str] = frozenset(),
) -> None:
    changes = plan.of[kind]
    for row, place in zip(rows, places, strict=True):
        was = present.of[kind].get(row["id"])
        if was is None:
            changes.created.append(row)
            changes.together.append(row)
            continue
        if kind is LoreKind.SOURCE_CHUNK and was["source_id"] != row["source_id"]:
            raise AssetValidationError(f"{place}.id: {row['id']} is a chunk of another source in this world.")
        if row["id"] in removed and was["deleted_at"] is not None:
            changes.counts.unchanged += 1
            continue
        differing = [name for name in _FIELDS[kind] if not same(was[name], row[name])]
        regrouped = kind is LoreKind.CLAIM and was["version_group_id"] != row["version_group_id"]
        if was["deleted_at"] is None and not differing and not regrouped:
            changes.counts.unchanged += 1
            continue
        changes.updated.append(_updated(kind, row, was, differing))
        changes.together.append(changes.updated[-1])
        if regrouped:
            plan.regrouped.append(row)
        if was["deleted_at"] is None:
            changes.counts.updated += 1
        else:
            changes.counts.restored += 1
        if len(plan.changed) < MOST_NAMED:
            fields = ["content" if name == "content_hash" else name for name in differing]
            plan.changed.append(ImportedPiece(kind=kind, id=row["id"], place=place, fields=fields))
    changes.counts.created = len(changes.created)


def _updated(kind: LoreKind, row: Row, was: Row, differing: list[str]) -> Row:
    is_new_version = was["deleted_at"] is not None or was["content_hash"] != row["content_hash"]
    return row | {
        "edit": was["edit"],
        "version": was["version"] + is_new_version,
        "is_new_version": is_new_version,
        "has_other_authors": "author_ids" in differing,
        "event": f"{kind}.{'updated' if was['deleted_at'] is None else 'restored'}",
        "before": {name: was[name] for name in differing},
        "after": {name: row[name] for name in differing},
    }


def same(one: Any, other: Any) -> bool:
    """By canonical JSON: `1` and `1.0` are the same, `1` and `true` are not."""
    if one is None or other is None or (isinstance(one, str) and isinstance(other, str)):
        return bool(one == other)
    return canonical_json(one) == canonical_json(other)


def _settle_groups(claims: Iterable[Row], present: Mapping[str, Row]) -> None:
    """A version group that is there stays: that of the claim which all others of a chain supersede."""
    settled: dict[str, str] = {}
    for row in claims:  # each behind the one that it supersedes
        group = row["version_group_id"]
        if group not in settled:
            was = present.get(row["id"])
            is_first_still = was is not None and was["supersedes_claim_id"] is None
            settled[group] = was["version_group_id"] if was and is_first_still else str(new_id())
        row["version_group_id"] = settled[group]


def _settle_places(plan: Plan, rows: Rows, present: Present) -> None:
    """Chunks that stand in the same order here as in the bundle stay where they are, whatever their numbers.

    Else those that the bundle lacks come behind those that it has.
    """
    in_bundle: dict[str, list[Row]] = {}
    for row in rows.of[LoreKind.SOURCE_CHUNK]:
        if row["id"] not in rows.removed:
            in_bundle.setdefault(row["source_id"], []).append(row)
    for source_id, chunks in in_bundle.items():
        chunks.sort(key=lambda row: int(row["chunk_index"]))
        ids = [row["id"] for row in chunks]
        here = present.chunks_of.get(source_id, [])
        if ids == [row["id"] for row in here]:
            for row, was in zip(chunks, here, strict=True):
                row["chunk_index"] = was["chunk_index"]
            continue
        others = {row["id"]: row for row in here if row["id"] not in rows.removed}
        for own in ids:
            others.pop(own, None)
        for place, other in enumerate(others.values(), start=len(ids)):
            if other["chunk_index"] != place:
                moved = _updated(LoreKind.SOURCE_CHUNK, other | {"chunk_index": place}, other, ["chunk_index"])
                plan.of[LoreKind.SOURCE_CHUNK].updated.append(moved)


def _newly_cited(claims: Iterable[Row], present: Mapping[str, Row]) -> set[str]:
    """The chunks that claims begin to cite. A tombstone among them has to live while they are written."""
    cited = {row["source_chunk_id"] for row in claims if _cites_another(row, present.get(row["id"]))}
    return cited - {None}


def _cites_another(row: Row, was: Row | None) -> bool:
    return was is None or was["source_chunk_id"] != row["source_chunk_id"]


def _bury(plan: Plan, rows: Rows, present: Present, gone: AbstractSet[str]) -> None:
    """What is to be removed, and is not already."""
    for chunk_id in sorted(rows.removed):
        was = present.of[LoreKind.SOURCE_CHUNK].get(chunk_id)
        if was is None or was["deleted_at"] is None or chunk_id not in gone:
            plan.buried.append(chunk_id)
            plan.of[LoreKind.SOURCE_CHUNK].counts.removed += was is not None
