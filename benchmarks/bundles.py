"""A large world, made up: as a bundle to be imported, and as the rows that a bare COPY would write."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.kit.ids import new_id
from lorekeeper.lore.bundles.identity import derived, named_pieces
from lorekeeper.lore.bundles.rows import Rows, rows_of

ENTITIES = 10_000
CLAIMS = 30_000
CHUNKS = 20_000
SOURCES = 20
ROWS = ENTITIES + CLAIMS + CHUNKS

_WORDS = [
    "sea",
    "harbour",
    "whale",
    "bell",
    "tower",
    "keeper",
    "salt",
    "gate",
    "lamp",
    "tide",
    "night",
    "king",
    "hall",
    "mead",
    "sword",
    "ring",
    "gold",
    "grief",
    "song",
    "river",
    "stone",
    "wolf",
    "raven",
    "ship",
    "oath",
    "winter",
    "þorn",
    "ebb",
    "æsc",
    "spear",
    "barrow",
    "flame",
    "cliff",
    "guest",
    "feast",
    "watch",
    "shore",
    "thane",
    "helm",
]

_HEAD = ("id", "world_id")
_TAIL = ("content_hash", "created_by", "created_at", "updated_at")
_COLUMNS = {
    LoreKind.ENTITY: ("entity", ("type", "name", "aliases", "summary", "description", "tags", "metadata")),
    LoreKind.SOURCE_CHUNK: (
        "source_chunk",
        ("source_id", "chunk_index", "content", "char_start", "char_end", "metadata"),
    ),
    LoreKind.CLAIM: (
        "claim",
        (
            "subject_entity_id", "predicate", "object_entity_id", "object_value", "canon_state", "confidence",
            "asserted_by_entity_id", "source_id", "source_chunk_id", "version_group_id", "supersedes_claim_id", "tags",
        ),
    ),
}  # fmt: skip


def large_bundle(seed: int = 7) -> dict[str, Any]:
    """10,000 entities, 30,000 claims and 20,000 chunks of some sixty words, with ids of its own."""
    rng = random.Random(seed)
    entities = [_entity(rng, number) for number in range(ENTITIES)]
    sources = [_source(rng, number, entities) for number in range(SOURCES)]
    claims: list[dict[str, Any]] = []
    for number in range(CLAIMS):
        claims.append(_claim(rng, number, entities, sources, claims))
    world = {"id": str(new_id()), "name": "A large world"}
    head = {"format": "lorekeeper.world-bundle", "version": 1, "world": world}
    return head | {"entities": entities, "sources": sources, "claims": claims}


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words))


def _entity(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "type": rng.choice(["PERSON", "LOCATION", "ITEM"]),
        "name": f"{_text(rng, 2)} {number}",
        "aliases": [_text(rng, 2)],
        "summary": _text(rng, 12),
        "tags": ["made up"],
        "metadata": {"number": number},
    }


def _source(rng: random.Random, number: int, entities: list[dict[str, Any]]) -> dict[str, Any]:
    chunks, start = [], 0
    for index in range(CHUNKS // SOURCES):
        content = _text(rng, rng.randint(30, 90))
        chunks.append(
            {
                "id": str(new_id()),
                "chunk_index": index,
                "content": content,
                "char_start": start,
                "char_end": start + len(content),
                "metadata": {"heading": "I"},
            }
        )
        start += len(content) + 2
    authors = [entities[number]["id"]]
    return {"id": str(new_id()), "type": "BOOK", "title": f"Book {number}", "author_ids": authors, "chunks": chunks}


def _claim(
    rng: random.Random,
    number: int,
    entities: list[dict[str, Any]],
    sources: list[dict[str, Any]],
    before: list[dict[str, Any]],
) -> dict[str, Any]:
    source = rng.choice(sources)
    claim: dict[str, Any] = {
        "id": str(new_id()),
        "subject_entity_id": rng.choice(entities)["id"],
        "predicate": rng.choice(_WORDS),
        "canon_state": rng.choice(["STRICT", "MYTHIC", "DRAFT"]),
        "confidence": rng.choice([0.5, 0.9, 1.0]),
        "source_id": source["id"],
        "source_chunk_id": rng.choice(source["chunks"])["id"],
    }
    is_about_two = number % 2
    claim |= {"object_entity_id": rng.choice(entities)["id"]} if is_about_two else {"object_value": _text(rng, 4)}
    if number % 10 == 9:
        claim["supersedes_claim_id"] = before[-1]["id"]
    return claim


def as_bytes(bundle: dict[str, Any]) -> bytes:
    return json.dumps(bundle, ensure_ascii=False).encode()


def copied(bundle: dict[str, Any]) -> Callable[[psycopg.Connection[Any]], None]:
    """Does with `COPY` what the import of this bundle does, but for its events: the same rows, under other ids."""
    model = WorldBundle.model_validate(bundle)
    world_id = new_id()
    ids = {piece.id: derived(world_id, piece.id) for piece in named_pieces(model)}
    rows = rows_of(model, world_id, ids)

    def copy(connection: psycopg.Connection[Any]) -> None:
        now = datetime.now(UTC)
        with connection.transaction():
            _insert_few(connection, world_id, rows, now)
            for kind, (table, own) in _COLUMNS.items():
                columns = ", ".join((*_HEAD, *own, *_TAIL))
                with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copying:
                    for values in _values(rows, kind, own, now):
                        copying.write_row(values)

    return copy


def _values(rows: Rows, kind: LoreKind, own: tuple[str, ...], now: datetime) -> Iterator[tuple[Any, ...]]:
    for row in rows.of[kind]:
        fields = (Jsonb(row[name]) if name == "metadata" else row[name] for name in (*_HEAD, *own, "content_hash"))
        yield (*fields, "benchmark", now, now)


def _insert_few(connection: psycopg.Connection[Any], world_id: UUID, rows: Rows, now: datetime) -> None:
    """The world, and its few sources."""
    made = ("benchmark", now, now)
    connection.execute(
        "INSERT INTO world (id, name, content_hash, created_by, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [world_id, rows.world["name"], rows.world["content_hash"], *made],
    )
    for source in rows.of[LoreKind.SOURCE]:
        connection.execute(
            "INSERT INTO source (id, world_id, type, title, content_hash, created_by, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [source["id"], world_id, source["type"], source["title"], source["content_hash"], *made],
        )
