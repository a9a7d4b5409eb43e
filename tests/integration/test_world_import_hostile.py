"""Bundles that mean no good: each is refused with the place that is wrong, and nothing of it is left behind."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from factories.lore import Made, World
from harness.wire import Api, problem
from test_world_import import IMPORT, small_bundle

TABLES = (
    "world",
    "entity",
    "source",
    "source_author",
    "source_chunk",
    "claim",
    "predicate_rule",
    "lore_revision",
    "event",
)


def rows_in(database: psycopg.Connection[Made]) -> dict[str, int]:
    counts = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in TABLES)
    found: dict[str, int] | None = database.execute(f"SELECT {counts}").fetchone()
    assert found is not None
    return found


def spoilt(spoil: Callable[[dict[str, Any]], Any]) -> bytes:
    bundle = small_bundle()
    spoil(bundle)
    return json.dumps(bundle).encode()


def entity(bundle: dict[str, Any], **fields: Any) -> None:
    bundle["entities"][0].update(fields)


def ring(bundle: dict[str, Any]) -> None:
    new, old = bundle["claims"]
    old["supersedes_claim_id"] = new["id"]


def longest_ring(bundle: dict[str, Any]) -> None:
    ids = [str(uuid.uuid4()) for _ in range(1000)]
    about = {"subject_entity_id": bundle["entities"][0]["id"], "predicate": "is", "object_value": "x"}
    bundle["claims"] += [about | {"id": own, "supersedes_claim_id": ids[number - 1]} for number, own in enumerate(ids)]


WHOLE = json.dumps(small_bundle()).encode()
DEEP = {"a": 1}
for _ in range(40):
    DEEP = {"a": DEEP}  # type: ignore[dict-item]  # any JSON

HOSTILE: dict[str, tuple[bytes, int, str]] = {
    "a ring of two": (spoilt(ring), 422, "claims[0]: supersedes itself"),
    "a ring of a thousand": (spoilt(longest_ring), 422, "claims[2]: supersedes itself"),
    "one claim superseding itself": (
        spoilt(lambda b: b["claims"][1].update(supersedes_claim_id=b["claims"][1]["id"])),
        422,
        "claims[1]: supersedes itself",
    ),
    "an id of another kind": (
        spoilt(lambda b: b["claims"][0].update(subject_entity_id=b["sources"][0]["id"])),
        422,
        "claims[0].subject_entity_id: ",
    ),
    "one id twice": (spoilt(lambda b: entity(b, id=b["claims"][0]["id"])), 422, "claims[0]: the id "),
    "a number as an id": (spoilt(lambda b: entity(b, id=7)), 422, "entities[0].id: UUID"),
    "a number as a reference": (
        spoilt(lambda b: b["claims"][0].update(subject_entity_id=1.5)),
        422,
        "claims[0].subject_entity_id: UUID",
    ),
    "10,000 aliases": (
        spoilt(lambda b: entity(b, aliases=[f"a{n}" for n in range(10_000)])),
        422,
        "entities[0].aliases: List should have at most 200 items",
    ),
    "a long line": (spoilt(lambda b: entity(b, name="x" * 900_000)), 422, "entities[0].name: "),
    "a key twice": (
        WHOLE.replace(b'"type": "PERSON"', b'"type": "PERSON", "type": "ITEM"'),
        400,
        "entities[0]: the key 'type' is given twice",
    ),
    "a key twice at the top": (WHOLE[:-1] + b', "claims": []}', 400, "the key 'claims' is given twice"),
    "a key twice in metadata": (
        WHOLE.replace(b'{"a": 1}', b'{"a": {"b": 1, "b": 2}}'),
        400,
        "world.metadata.a: the key 'b' is given twice",
    ),
    "invalid UTF-8": (WHOLE.replace(b"M\\u00e1ra", b"M\xe1ra"), 400, "byte 0xe1 at offset "),
    "UTF-16": (WHOLE.decode().encode("utf-16"), 400, "byte 0xff at offset 0"),
    "half of it": (WHOLE[: len(WHOLE) // 2], 400, " at line 1, column "),
    "nothing": (b"", 400, " at line 1, column 1"),
    "no object": (b"[]", 422, "WorldBundle"),
    "deep metadata": (spoilt(lambda b: entity(b, metadata=DEEP)), 422, "entities[0].metadata: is nested deeper"),
    "very deep": (b"[" * 500_000, 400, "nested too deeply"),
    "very deep objects": (b'{"a":' * 150_000, 400, "nested too deeply"),
    "many digits": (WHOLE.replace(b'{"a": 1}', b'{"a": ' + b"1" * 5000 + b"}"), 400, "too many digits"),
    "not a number": (WHOLE.replace(b'{"a": 1}', b'{"a": NaN}'), 400, "NaN"),
    "a huge number": (WHOLE.replace(b'{"a": 1}', b'{"a": 1e400}'), 422, "world.metadata: holds NaN, an infinity"),
    "a NUL": (spoilt(lambda b: entity(b, name="a\x00b")), 422, "entities[0].name: must not contain the NUL"),
    "a lone surrogate": (
        WHOLE.replace(b"M\\u00e1ra", b"\\ud800"),
        422,
        "entities[0].name: ",
    ),
    "an unknown field": (spoilt(lambda b: entity(b, path="../../etc/passwd")), 422, "entities[0].path: Extra inputs"),
}


@pytest.fixture
def send(admin: Api, world: World, request: pytest.FixtureRequest) -> Callable[..., Any]:
    def send(path: str, body: bytes, **params: str) -> Any:
        return admin.ask("POST", path, content=body, headers={"Content-Type": "application/json"}, params=params)

    return send


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_by_its_place_and_leaves_nothing(
    send: Callable[..., Any], world: World, database: psycopg.Connection[Made], name: str
) -> None:
    body, status, says = HOSTILE[name]
    before = rows_in(database)
    for path in (IMPORT, f"/worlds/{world.id}/import"):
        told = problem(send(path, body), status, "bad_request" if status == 400 else "validation_failed")
        assert says in told["detail"]
    assert rows_in(database) == before


def test_what_is_too_large_is_refused(send: Callable[..., Any], database: psycopg.Connection[Made]) -> None:
    before = rows_in(database)
    problem(send(IMPORT, spoilt(lambda b: entity(b, description="x" * 1_100_000))), 413, "payload_too_large")
    assert rows_in(database) == before


def test_another_media_type_is_refused(admin: Api) -> None:
    answer = admin.ask("POST", IMPORT, content=WHOLE, headers={"Content-Type": "text/plain"})
    assert "Content-Type" in problem(answer, 422, "validation_failed")["detail"]


def test_paths_are_only_texts(admin: Api) -> None:
    bundle = small_bundle()
    evil = "../../etc/passwd"
    bundle["world"]["name"] = evil
    bundle["entities"][0] |= {"name": evil, "aliases": ["C:\\Windows\\system32", "a\u202eb"]}
    bundle["sources"][0] |= {"title": evil, "origin": "/etc/shadow"}
    made = admin.post(IMPORT, bundle)
    assert made["world"]["name"] == evil
    assert admin.get(f"/sources/{bundle['sources'][0]['id']}")["origin"] == "/etc/shadow"


def test_an_id_of_another_kind_in_the_world_is_named(
    admin: Api, world: World, database: psycopg.Connection[Made]
) -> None:
    there, chunk = world.claim(), world.chunk()
    other = world.source()
    bundle = {"format": "lorekeeper.world-bundle", "version": 1, "world": {"name": "x"}}
    before = rows_in(database)
    path = f"/worlds/{world.id}/import"

    as_entity = bundle | {"entities": [{"name": "new"}, {"id": there["id"], "name": "x"}]}
    told = admin.refused(422, "validation_failed", "POST", path, as_entity)
    assert told["detail"] == f"entities[1].id: {there['id']} is a claim in this world"
    moved = {"id": other["id"], "title": "t", "chunks": [{"id": chunk["id"], "chunk_index": 0, "content": "c"}]}
    told = admin.refused(422, "validation_failed", "POST", path, bundle | {"sources": [moved]})
    assert told["detail"].startswith("sources[0].chunks[0].id: ")

    assert rows_in(database) == before


def test_what_fails_on_the_way_into_a_world_leaves_it_as_it_was(
    admin: Api, world: World, database: psycopg.Connection[Made]
) -> None:
    """The claims come last: the database is made to refuse them, as a full disk would."""
    bundle = small_bundle()
    admin.post(f"/worlds/{world.id}/import", bundle)
    bundle["entities"][0]["summary"] = "changed"
    bundle["entities"].append({"name": "new"})
    bundle["claims"][0]["predicate"] = "sinks"
    before = rows_in(database)
    database.execute("ALTER TABLE claim ADD CONSTRAINT disk_full CHECK (predicate <> 'sinks') NOT VALID")
    try:
        admin.refused(500, "internal_error", "POST", f"/worlds/{world.id}/import", bundle)
    finally:
        database.execute("ALTER TABLE claim DROP CONSTRAINT disk_full")
    assert rows_in(database) == before
    assert admin.get(f"/entities/{bundle['entities'][0]['id']}")["summary"] is None
