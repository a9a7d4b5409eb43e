"""A world bundle over HTTP: all of it, under its own ids where they are free, or nothing."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from factories.lore import Made, fresh_name
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.enums import Role
from lorekeeper.samples import sample_world

IMPORT = "/worlds/import"


def small_bundle() -> dict[str, Any]:
    """Fresh ids throughout, and a reference of every kind."""
    ids = {name: str(uuid.uuid4()) for name in ("world", "mara", "lamp", "book", "chunk", "old", "new")}
    return {
        "format": "lorekeeper.world-bundle",
        "version": 1,
        "world": {"id": ids["world"], "name": fresh_name("Bundled"), "metadata": {"a": 1}},
        "entities": [
            {"id": ids["mara"], "type": "PERSON", "name": "Mára", "aliases": ["M"], "tags": ["t"]},
            {"id": ids["lamp"], "name": "the lamp"},
        ],
        "sources": [
            {
                "id": ids["book"],
                "title": "The Book",
                "author_ids": [ids["lamp"], ids["mara"]],
                "chunks": [
                    {"id": ids["chunk"], "chunk_index": 1, "content": "two", "char_start": 4, "char_end": 7},
                    {"chunk_index": 0, "content": "one", "char_start": 0, "char_end": 3, "metadata": {"heading": "I"}},
                ],
            }
        ],
        "claims": [
            {
                "id": ids["new"],
                "subject_entity_id": ids["mara"],
                "predicate": "keeps",
                "object_entity_id": ids["lamp"],
                "source_chunk_id": ids["chunk"],
                "supersedes_claim_id": ids["old"],
                "asserted_by_entity_id": ids["mara"],
                "valid_from": {"label": "then", "sort": 1},
            },
            {"id": ids["old"], "subject_entity_id": ids["mara"], "predicate": "lost", "object_value": "it"},
        ],
    }


def whole_world(api: Api, world_id: str) -> dict[str, list[Made]]:
    sources = api.walk("/sources", world_id=world_id)
    return {
        "entities": api.walk("/entities", world_id=world_id),
        "sources": sources,
        "chunks": [chunk for source in sources for chunk in api.walk(f"/sources/{source['id']}/chunks")],
        "claims": api.walk("/claims", world_id=world_id),
    }


def test_the_first_import_keeps_the_ids(admin: Api) -> None:
    bundle = small_bundle()
    mara, lamp = (entity["id"] for entity in bundle["entities"])
    chunk = bundle["sources"][0]["chunks"][0]["id"]

    made = admin.post(IMPORT, bundle)

    assert made["ids_kept"] is True
    assert made["id_map"] is None
    assert (made["entities"], made["sources"], made["source_chunks"], made["claims"]) == (2, 1, 2, 2)
    assert made["world"] == admin.get(f"/worlds/{bundle['world']['id']}")
    assert admin.get(f"/entities/{mara}")["name"] == "Mára"
    source = admin.get(f"/sources/{bundle['sources'][0]['id']}")
    assert source["author_ids"] == [lamp, mara]
    assert [piece["content"] for piece in admin.walk(f"/sources/{source['id']}/chunks")] == ["one", "two"]
    new, old = (admin.get(f"/claims/{claim['id']}") for claim in bundle["claims"])
    assert new["sentence"] == "Mára — keeps — the lamp"
    assert (new["source_id"], new["source_chunk_id"]) == (source["id"], chunk)
    assert new["supersedes_claim_id"] == old["id"]
    assert new["version_group_id"] == old["version_group_id"]
    assert new["valid_from"] == {"label": "then", "sort": 1}


def test_the_second_import_is_another_world_of_the_same_lore(admin: Api) -> None:
    bundle = small_bundle()
    first, second = admin.post(IMPORT, bundle), admin.post(IMPORT, bundle, name="The copy")

    assert second["ids_kept"] is False
    assert second["world"]["name"] == "The copy"
    id_map = second["id_map"]
    assert id_map[first["world"]["id"]] == second["world"]["id"]
    assert not set(id_map) & set(id_map.values())

    one, two = whole_world(admin, first["world"]["id"]), whole_world(admin, second["world"]["id"])
    assert {kind: len(pieces) for kind, pieces in one.items()} == {kind: len(pieces) for kind, pieces in two.items()}
    claims = {claim["id"]: claim for claim in two["claims"]}
    for claim in one["claims"]:
        copy = claims[id_map[claim["id"]]]
        assert copy["sentence"] == claim["sentence"]
        for name in ("subject_entity_id", "object_entity_id", "asserted_by_entity_id", "source_id", "source_chunk_id"):
            assert copy[name] == (id_map[claim[name]] if claim[name] else None), name


def test_what_is_imported_has_the_hash_of_what_is_created(admin: Api) -> None:
    made = admin.post(IMPORT, small_bundle())
    world_id = made["world"]["id"]
    lamp = admin.get("/entities", world_id=world_id, name="the lamp")["items"][0]

    created = admin.post("/entities", {"world_id": world_id, "name": "the lamp"})

    assert created["content_hash"] == lamp["content_hash"]


def test_the_sample_world_is_imported_whole(admin: Api) -> None:
    bundle = sample_world()

    made = admin.post(IMPORT, bundle.model_dump(mode="json"))

    counted = (made["entities"], made["sources"], made["source_chunks"], made["claims"])
    assert counted == tuple(bundle.pieces())
    assert {kind: len(pieces) for kind, pieces in whole_world(admin, made["world"]["id"]).items()} == {
        "entities": made["entities"],
        "sources": made["sources"],
        "chunks": made["source_chunks"],
        "claims": made["claims"],
    }


def test_the_same_bundle_from_many_at_once_is_a_whole_world_each(admin: Api) -> None:
    bundle = small_bundle()

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: admin.post(IMPORT, bundle), range(6)))

    assert sum(one["ids_kept"] for one in made) == 1
    worlds = {one["world"]["id"] for one in made}
    assert len(worlds) == 6
    assert all(len(whole_world(admin, world_id)["claims"]) == 2 for world_id in worlds)


def test_a_narrow_key_sees_the_world_that_it_brings_in(app: RunningApp) -> None:
    narrow = app.as_new_key(Role.EDITOR, worlds=[])

    made = narrow.post(IMPORT, small_bundle())

    assert [world["id"] for world in narrow.get("/worlds")["items"]] == [made["world"]["id"]]


def _without(bundle: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    place = bundle
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return bundle


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "another"),
        (("version",), 2),
        (("world", "name"), ""),
        (("claims", 0, "subject_entity_id"), str(uuid.UUID(int=1))),
        (("claims", 1, "supersedes_claim_id"), "same"),
        (("sources", 0, "chunks", 0, "chunk_index"), 2),
        (("sources", 0, "chunks", 0, "char_end"), 8),
        (("entities", 1, "id"), None),
    ],
)
def test_a_bundle_that_does_not_hold_together_is_refused(admin: Api, path: tuple[Any, ...], value: Any) -> None:
    bundle = small_bundle()
    _without(bundle, *path, value=bundle["claims"][0]["id"] if value == "same" else value)

    admin.refused(422, "validation_failed", "POST", IMPORT, bundle)

    admin.refused(404, "not_found", "GET", f"/worlds/{bundle['world']['id']}")


def test_an_import_that_fails_on_the_way_leaves_nothing(admin: Api, database: psycopg.Connection[Made]) -> None:
    """The claims come last: the database is made to refuse them, as a full disk would."""
    bundle = small_bundle()
    world_id, entity_id = bundle["world"]["id"], bundle["entities"][0]["id"]
    database.execute("ALTER TABLE claim ADD CONSTRAINT disk_full CHECK (predicate <> 'sinks') NOT VALID")
    try:
        bundle["claims"][1]["predicate"] = "sinks"
        admin.refused(500, "internal_error", "POST", IMPORT, bundle)
    finally:
        database.execute("ALTER TABLE claim DROP CONSTRAINT disk_full")

    admin.refused(404, "not_found", "GET", f"/worlds/{world_id}")
    admin.refused(404, "not_found", "GET", f"/entities/{entity_id}")
    events = database.execute("SELECT count(*) AS n FROM event WHERE world_id = %s", [world_id]).fetchone()
    assert events == {"n": 0}
    assert admin.post(IMPORT, bundle)["ids_kept"] is True
