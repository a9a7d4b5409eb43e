"""Searching 100,000 chunks, 30,000 claims and 10,000 entities over HTTP, against the goal of 50 ms a search.

One search at a time: the rate's inverse is what a person waits. Every question is asked as it is typed and as it is
finished; frequent words are among them.
"""

import random
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import psycopg

from benchmarks.frame import Measure, Row, compare
from benchmarks.stage import Stage
from lorekeeper.kit.ids import new_id
from lorekeeper.samples import sample_world

GOAL = 1.0
A_SECOND = 20.0
"""What 50 ms each comes to."""

CHUNKS, CLAIMS, ENTITIES, SOURCES = 100_000, 30_000, 10_000, 10
QUESTIONS = (
    "the", "king", "the king of the", "kin", "lamp", "lam", '"the tide"', "tide or lamp -king", "kalomi", "kalomy",
    "slew", "name of kalomi", "zzzz", "and the", "who said it",
)  # fmt: skip

_COLUMNS = "content_hash, created_by, created_at, updated_at"
_VALUES = ("a" * 64, "benchmark", "2026-01-01", "2026-01-01")


def measure(stage: Stage) -> Row:
    world_id = _fill(stage)
    return compare(
        f"search of {CHUNKS:,} chunks, {len(QUESTIONS)} questions",
        _searches(stage, world_id),
        "50 ms each",
        lambda: A_SECOND,
        goal=GOAL,
        effort=stage.effort,
    )


def _searches(stage: Stage, world_id: UUID) -> Measure:
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{stage.port}", headers={"Authorization": f"Bearer {stage.key}"}, trust_env=False
    )

    def rate() -> float:
        took: list[float] = []
        ends = time.perf_counter() + stage.effort.seconds
        while time.perf_counter() < ends or len(took) < len(QUESTIONS):
            for question in QUESTIONS:
                began = time.perf_counter()
                client.get("/search", params={"q": question, "world_id": str(world_id)}).raise_for_status()
                took.append(time.perf_counter() - began)
        return 1 / sorted(took)[len(took) // 2]

    rate()
    return rate


def _fill(stage: Stage) -> UUID:
    """A world of its own: sentences of the sample world, shuffled, with made-up names among them."""
    chance = random.Random(7)
    lines = [line for source in sample_world().sources for chunk in source.chunks for line in chunk.content.split(". ")]
    names = ["".join(chance.choice("bdfgklmnprst") + chance.choice("aeiouy") for _ in range(3)) for _ in range(8000)]
    names[0] = "kalomi"
    world, entities, sources = new_id(), [new_id() for _ in range(ENTITIES)], [new_id() for _ in range(SOURCES)]

    def entity_rows() -> Iterator[tuple[Any, ...]]:
        for number, entity in enumerate(entities):
            name = (
                f"{chance.choice(['King ', 'Queen ', ''])}{names[number % len(names)].title()} {chance.choice(names)}"
            )
            yield entity, world, "PERSON", name, [chance.choice(names)], chance.choice(lines), *_VALUES

    def claim_rows() -> Iterator[tuple[Any, ...]]:
        for _ in range(CLAIMS):
            claim, (subject, other) = new_id(), chance.sample(entities, 2)
            yield claim, world, subject, chance.choice(["slew", "knows"]), other, "STRICT", 1, claim, *_VALUES

    def chunk_rows() -> Iterator[tuple[Any, ...]]:
        for number in range(CHUNKS):
            text = ". ".join([*chance.choices(lines, k=8), f"The king knew {chance.choice(names)}"])
            yield new_id(), world, sources[number % SOURCES], number, text, *_VALUES

    with psycopg.connect(stage.database_url, autocommit=True) as connection:
        _copy(connection, "world (id, name,", iter([(world, "Large", *_VALUES)]))
        _copy(connection, "entity (id, world_id, type, name, aliases, summary,", entity_rows())
        _copy(
            connection,
            "claim (id, world_id, subject_entity_id, predicate, object_entity_id, canon_state, confidence,"
            " version_group_id,",
            claim_rows(),
        )
        _copy(
            connection,
            "source (id, world_id, type, title,",
            ((source, world, "BOOK", "A book", *_VALUES) for source in sources),
        )
        _copy(connection, "source_chunk (id, world_id, source_id, chunk_index, content,", chunk_rows())
        connection.execute("VACUUM ANALYZE")
    return world


def _copy(connection: psycopg.Connection, head: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor().copy(f"COPY {head} {_COLUMNS}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
