"""A job's lore in the order of a book, as plain data for `book.typ`.

Everything is a string, a number or a list: the template typesets it and never evaluates it.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from lorekeeper.contracts.enums import CanonState, EntityType
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import PdfPromptSpec
from lorekeeper.contracts.snapshot import (
    AssetSnapshot,
    ClaimSnapshot,
    EntitySnapshot,
    LoreSnapshot,
    SourceChunkSnapshot,
)
from lorekeeper.generators.passages import read_blocks, read_passage, soften

_SHORT_HASH = 16
_RUNNING_HEAD = 64

_CANON = {
    CanonState.STRICT: ("Strict Canon", "Held to be so without reserve."),
    CanonState.MYTHIC: ("Mythic", "True as the tales are true."),
    CanonState.APOCRYPHAL: ("Apocryphal", "Told, and not vouched for."),
    CanonState.DRAFT: ("Draft", "Not yet decided."),
    CanonState.ARCHIVED: ("Archived", "Once held, and set aside."),
}

_KINDS = {
    EntityType.PERSON: "Persons",
    EntityType.CREATURE: "Creatures",
    EntityType.FACTION: "Factions",
    EntityType.ORGANIZATION: "Organizations",
    EntityType.LOCATION: "Places",
    EntityType.ITEM: "Things",
    EntityType.ARTIFACT: "Artifacts",
    EntityType.VEHICLE: "Ships and Vehicles",
    EntityType.EVENT: "Events",
    EntityType.CONCEPT: "Ideas",
    EntityType.OTHER: "Others",
}


def book_title(job: ClaimedJob, prompt: PdfPromptSpec) -> str:
    """The title asked for, else the world's name."""
    return prompt.title or job.derivation.lore_snapshot.world.name


def build_book(job: ClaimedJob, prompt: PdfPromptSpec) -> dict[str, Any]:
    """All that is printed. Notes are keyed T for text, E for entities, C for claims, S for a source, A for assets."""
    lore = job.derivation.lore_snapshot
    chunks = _in_reading_order(lore.source_chunks)
    entities = [entity for kind in _KINDS for entity in lore.entities if entity.type == kind]
    claims = [claim for state in _CANON for claim in lore.claims if claim.canon_state == state]
    chunk_keys = {chunk.id: f"T{number}" for number, chunk in enumerate(chunks, 1)}
    entity_keys = {entity.id: f"E{number}" for number, entity in enumerate(entities, 1)}
    claim_keys = {claim.id: f"C{number}" for number, claim in enumerate(claims, 1)}
    return {
        "world": soften(lore.world.name),
        "title": soften(book_title(job, prompt)),
        "running": _running(book_title(job, prompt)),
        "subtitle": soften(prompt.subtitle or ""),
        "author": soften(prompt.author or ""),
        "description": soften(prompt.description or "")[:500],
        "input_hash": job.input_hash,
        "parts": _parts(chunks, chunk_keys),
        "cast": _cast(entities, entity_keys),
        "canon": _canon(claims, claim_keys, chunk_keys),
        "notes": _notes(lore, chunks, entities, claims, chunk_keys | entity_keys | claim_keys),
    }


def _in_reading_order(chunks: list[SourceChunkSnapshot]) -> list[SourceChunkSnapshot]:
    """Source by source, in the order the sources were named, each in its own order."""
    sources: dict[UUID, int] = {}
    for chunk in chunks:
        sources.setdefault(chunk.source_id, len(sources))
    return sorted(chunks, key=lambda chunk: (sources[chunk.source_id], chunk.chunk_index))


def _parts(chunks: list[SourceChunkSnapshot], keys: dict[UUID, str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    source_id: UUID | None = None
    heading: str | None = None
    for chunk in chunks:
        if chunk.source_id != source_id:
            source_id, heading = chunk.source_id, None
            parts.append({"title": soften(chunk.source_title), "running": _running(chunk.source_title), "passages": []})
        passage = read_passage(chunk.content, chunk.heading)
        shown = passage.heading
        if chunk.heading is not None and chunk.heading == heading and shown == [soften(chunk.heading.strip())]:
            shown = []
        heading = chunk.heading
        parts[-1]["passages"].append(
            {
                "key": keys[chunk.id],
                "heading": shown,
                "running": _running(chunk.heading or " ".join(shown)),
                "blocks": [asdict(block) for block in passage.blocks],
            }
        )
    return parts


def _running(text: str) -> str:
    """A heading cut to what a running head can hold."""
    text = " ".join(soften(text).split())
    return text if len(text) <= _RUNNING_HEAD else text[:_RUNNING_HEAD].rsplit(" ", 1)[0] + " …"


def _cast(entities: list[EntitySnapshot], keys: dict[UUID, str]) -> list[dict[str, Any]]:
    groups: dict[EntityType, list[dict[str, Any]]] = {}
    for entity in entities:
        groups.setdefault(entity.type, []).append(
            {
                "key": keys[entity.id],
                "name": soften(entity.name),
                "aliases": [soften(alias) for alias in entity.aliases],
                "summary": [asdict(block) for block in read_blocks(entity.summary or "")],
                "description": [asdict(block) for block in read_blocks(entity.description or "")],
            }
        )
    return [{"title": _KINDS[kind], "entries": entries} for kind, entries in groups.items()]


def _canon(claims: list[ClaimSnapshot], keys: dict[UUID, str], chunk_keys: dict[UUID, str]) -> list[dict[str, Any]]:
    groups: dict[CanonState, list[dict[str, Any]]] = {}
    for claim in claims:
        groups.setdefault(claim.canon_state, []).append(
            {
                "key": keys[claim.id],
                "sentence": soften(" ".join(claim.sentence.split())),
                "confidence": min(1.0, max(0.0, claim.confidence)),
                "sureness": f"{claim.confidence:.2f}",
                "remarks": [soften(remark) for remark in _remarks(claim)],
                "from": chunk_keys.get(claim.source_chunk_id, "") if claim.source_chunk_id else "",
            }
        )
    return [{"title": _CANON[state][0], "gloss": _CANON[state][1], "entries": rows} for state, rows in groups.items()]


def _remarks(claim: ClaimSnapshot) -> Iterable[str]:
    if claim.asserted_by_name:
        yield f"as told by {claim.asserted_by_name}"
    begins = claim.valid_from.label if claim.valid_from else None
    ends = claim.valid_to.label if claim.valid_to else None
    if begins and ends:
        yield f"{begins} to {ends}"
    elif begins or ends:
        yield f"from {begins}" if begins else f"until {ends}"


def _notes(
    lore: LoreSnapshot,
    chunks: list[SourceChunkSnapshot],
    entities: list[EntitySnapshot],
    claims: list[ClaimSnapshot],
    keys: dict[UUID, str],
) -> list[dict[str, Any]]:
    """Who is cited under which key: what it is, its id, version and the start of its content hash."""
    groups = [
        ("The Text", [_note(keys[chunk.id], _place(chunk), chunk) for chunk in chunks]),
        ("Persons, Places and Things", [_note(keys[entity.id], entity.name, entity) for entity in entities]),
        ("The Claims", [_note(keys[claim.id], claim.sentence, claim) for claim in claims]),
        ("The Source", [_note("S1", lore.source.title, lore.source)] if lore.source else []),
        ("Earlier Works", [_asset_note(number, asset) for number, asset in enumerate(lore.assets, 1)]),
    ]
    return [{"title": title, "entries": entries} for title, entries in groups if entries]


def _note(key: str, label: str, cited: Any) -> dict[str, str]:
    return {
        "key": key,
        "label": soften(_running(label)),
        "id": str(cited.id),
        "version": f"version {cited.version}",
        "hash": cited.content_hash[:_SHORT_HASH],
    }


def _asset_note(number: int, asset: AssetSnapshot) -> dict[str, str]:
    return {
        "key": f"A{number}",
        "label": f"{asset.type.value.capitalize()}, {asset.content_type}",
        "id": str(asset.id),
        "version": "",
        "hash": asset.checksum[:_SHORT_HASH],
    }


def _place(chunk: SourceChunkSnapshot) -> str:
    where = f"{chunk.source_title}, chunk {chunk.chunk_index}"
    if chunk.char_start is None or chunk.char_end is None:
        return where
    return f"{where} (characters {chunk.char_start} to {chunk.char_end})"
