"""A bundle into a world that is there: what it has is updated, what it lacks is made, nothing is lost."""

import copy
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from factories.bundles import IMPORT, TEXT, changes_in, events_of, exported, hashes, live_in
from factories.lore import Made, World, fresh_name
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.enums import Role
from lorekeeper.samples import sample_world


@pytest.fixture
def lived_in(world: World) -> World:
    return live_in(world)


def edited(bundle: dict[str, Any]) -> dict[str, Any]:
    """One piece of each kind differs, and one is new."""
    changed = copy.deepcopy(bundle)
    changed["entities"][0]["summary"] = "another"
    changed["entities"].append({"id": str(uuid.uuid4()), "name": "new"})
    changed["sources"][0]["title"] = "Renamed"
    changed["sources"][0]["author_ids"] = changed["sources"][0].get("author_ids", [])[:1]
    changed["sources"][0]["chunks"][0] |= {"content": "Other.", "char_start": 0, "char_end": 6}
    changed["claims"][0]["tags"] = ["another"]
    changed["claims"].append(
        {
            "id": str(uuid.uuid4()),
            "subject_entity_id": changed["entities"][-1]["id"],
            "predicate": "keeps",
            "object_value": "x",
            "supersedes_claim_id": changed["claims"][0]["id"],
        }
    )
    changed["predicates"][0]["single_valued"] = False
    return changed


WANTED = {
    "entities": {"created": 1, "updated": 1},
    "sources": {"updated": 1},
    "source_chunks": {"updated": 1},
    "claims": {"created": 1, "updated": 1},
    "predicates": {"updated": 1},
}


def test_what_differs_is_updated_and_what_is_new_is_made(lived_in: World, database: psycopg.Connection[Made]) -> None:
    api = lived_in.api
    bundle = exported(api, lived_in.id)
    changed = edited(bundle)
    source = next(source for source in changed["sources"] if source["chunks"])
    before = hashes(api, lived_in.id)
    noted = len(events_of(database, lived_in.id))

    planned = api.post(f"/worlds/{lived_in.id}/import", changed, dry_run="true")
    assert planned["dry_run"] is True
    assert changes_in(planned) == WANTED
    assert exported(api, lived_in.id) == bundle
    assert len(events_of(database, lived_in.id)) == noted

    done = api.post(f"/worlds/{lived_in.id}/import", changed)

    assert done["changes"] == planned["changes"]
    assert {(one["place"], *one["fields"]) for one in done["changed"]} == {
        ("entities[0]", "summary"),
        ("sources[0]", "title", "author_ids"),
        ("sources[0].chunks[0]", "content", "char_end"),
        ("claims[0]", "tags"),
    }
    entity = api.get(f"/entities/{changed['entities'][0]['id']}")
    assert (entity["summary"], entity["version"]) == ("another", 2)
    assert api.get(f"/sources/{source['id']}")["author_ids"] == source["author_ids"]
    assert api.get(f"/sources/{source['id']}/versions/1")["author_ids"] != source["author_ids"]
    label = api.get(f"/claims/{changed['claims'][0]['id']}")
    assert (label["tags"], label["version"], label["etag"]) == (["another"], 1, '"2"')
    assert api.get(f"/source-chunks/{source['chunks'][0]['id']}/versions/1")["content"] != "Other."
    new = api.get(f"/claims/{changed['claims'][-1]['id']}")
    assert new["version_group_id"] == label["version_group_id"]
    after = hashes(api, lived_in.id)
    assert {id for id in before if before[id] != after[id]} == {
        entity["id"], source["id"], source["chunks"][0]["id"],
    }  # fmt: skip
    told = [(row["kind"], row["subject_id"]) for row in events_of(database, lived_in.id)[noted:]]
    assert ("entity.updated", entity["id"]) in told
    assert ("source_chunk.updated", source["chunks"][0]["id"]) in told
    assert ("predicate.declared", api.get(f"/worlds/{lived_in.id}/predicates")["items"][0]["id"]) in told
    assert changes_in(api.post(f"/worlds/{lived_in.id}/import", changed)) == {}


def test_what_the_bundle_lacks_stays(lived_in: World) -> None:
    api = lived_in.api
    bundle = exported(api, lived_in.id)
    extra, late = lived_in.entity(), next(source for source in bundle["sources"] if source["chunks"])
    added = api.post(f"/sources/{late['id']}/chunks", {"chunks": [{"content": "late"}, {"content": "later"}]})["items"]
    late["chunks"] = [late["chunks"][0], *[chunk for chunk in late["chunks"] if chunk.get("removed")]]
    lost = [c for c in lived_in.chunks_of(late) if c["id"] not in {chunk["id"] for chunk in late["chunks"]}]

    api.post(f"/worlds/{lived_in.id}/import", bundle)

    assert api.get(f"/entities/{extra['id']}")["etag"] == '"1"'
    there = lived_in.chunks_of(late)
    assert [chunk["id"] for chunk in there] == [late["chunks"][0]["id"], *[chunk["id"] for chunk in lost]]
    assert [chunk["id"] for chunk in there[-2:]] == [chunk["id"] for chunk in added]


def test_what_was_deleted_comes_back(lived_in: World) -> None:
    api = lived_in.api
    bundle = exported(api, lived_in.id)
    for entity in bundle["entities"]:
        api.ask("DELETE", f"/entities/{entity['id']}", params={"cascade": "true"}).raise_for_status()
    assert api.get("/claims", world_id=lived_in.id)["total"] == 0

    report = api.post(f"/worlds/{lived_in.id}/import", bundle)

    assert changes_in(report) == {
        "entities": {"restored": 2},
        "claims": {"restored": 2},
        "sources": {"updated": 1},
    }
    assert exported(api, lived_in.id) == bundle
    assert {claim["version"] for claim in api.walk("/claims", world_id=lived_in.id)} == {2}


def test_a_new_claim_may_cite_what_a_new_edition_removed(lived_in: World) -> None:
    api = lived_in.api
    bundle = exported(api, lived_in.id)
    cited = next(claim for claim in bundle["claims"] if "source_chunk_id" in claim)
    new = {name: cited[name] for name in ("subject_entity_id", "source_id", "source_chunk_id")}
    bundle["claims"].append(new | {"id": str(uuid.uuid4()), "predicate": "is", "object_value": "x"})

    report = api.post(f"/worlds/{lived_in.id}/import", bundle)

    assert report["changes"]["claims"]["created"] == 1
    assert api.get(f"/claims/{bundle['claims'][-1]['id']}")["source_chunk_id"] == cited["source_chunk_id"]
    api.refused(404, "not_found", "GET", f"/source-chunks/{cited['source_chunk_id']}")
    assert changes_in(api.post(f"/worlds/{lived_in.id}/import", exported(api, lived_in.id))) == {}


def test_supersession_turned_round_has_one_version_group(world: World) -> None:
    entity = world.entity()
    first = world.claim(subject_entity_id=entity["id"])
    second = world.claim(subject_entity_id=entity["id"], supersedes_claim_id=first["id"])
    third = world.claim(subject_entity_id=entity["id"], supersedes_claim_id=second["id"])
    bundle = exported(world.api, world.id)
    by_id = {claim["id"]: claim for claim in bundle["claims"]}
    bundle["claims"].remove(by_id[third["id"]])  # stays, and follows
    del by_id[second["id"]]["supersedes_claim_id"]
    by_id[first["id"]]["supersedes_claim_id"] = second["id"]

    world.api.post(f"/worlds/{world.id}/import", bundle)

    now = {claim["id"]: claim for claim in world.api.walk("/claims", world_id=world.id)}
    assert now[first["id"]]["supersedes_claim_id"] == second["id"]
    assert now[second["id"]]["supersedes_claim_id"] is None
    assert now[third["id"]]["supersedes_claim_id"] == second["id"]
    assert len({claim["version_group_id"] for claim in now.values()}) == 1
    assert now[first["id"]]["version_group_id"] != first["version_group_id"]


def test_text_comes_in_as_a_new_edition(admin: Api) -> None:
    """As a folder of notes does: ids for entities and sources, texts without any."""
    source = {"id": str(uuid.uuid4()), "title": "Note", "text": TEXT}
    bundle = {
        "format": "lorekeeper.world-bundle",
        "version": 1,
        "world": {"name": fresh_name("W")},
        "sources": [source],
    }
    world_id = admin.post(IMPORT, bundle)["world"]["id"]
    before = admin.walk(f"/sources/{source['id']}/chunks")
    assert changes_in(admin.post(f"/worlds/{world_id}/import", bundle)) == {}
    source["text"] = TEXT + "\n\n# III\n\nAnd there was an end."

    planned = admin.post(f"/worlds/{world_id}/import", bundle, dry_run="true")
    assert admin.walk(f"/sources/{source['id']}/chunks") == before
    done = admin.post(f"/worlds/{world_id}/import", bundle)

    assert planned["changes"] == done["changes"]
    assert changes_in(done) == {"source_chunks": {"created": 1}}
    after = admin.walk(f"/sources/{source['id']}/chunks")
    assert [(chunk["id"], chunk["etag"]) for chunk in after[:-1]] == [(c["id"], c["etag"]) for c in before]


def test_a_narrow_key_brings_the_same_in_twice_and_updates(app: RunningApp, lived_in: World) -> None:
    bundle = exported(lived_in.api, lived_in.id)
    narrow = app.as_new_key(Role.EDITOR, worlds=[])
    copied = narrow.post(IMPORT, bundle)["world"]["id"]

    again = narrow.post(f"/worlds/{copied}/import", bundle)

    assert changes_in(again) == {}
    assert again["ids_kept"] is False
    bundle["entities"][0]["summary"] = "another"
    assert changes_in(narrow.post(f"/worlds/{copied}/import", bundle)) == {"entities": {"updated": 1}}


def test_a_free_id_is_kept_only_for_a_key_that_sees_all(app: RunningApp, admin: Api) -> None:
    world = World.made(admin)
    narrow = app.as_new_key(Role.EDITOR, worlds=[world.id])
    bundle = {"format": "lorekeeper.world-bundle", "version": 1, "world": {"name": "x"}}
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    assert narrow.post(f"/worlds/{world.id}/import", bundle | {"entities": [{"id": one, "name": "n"}]})["id_map"]
    assert not admin.post(f"/worlds/{world.id}/import", bundle | {"entities": [{"id": two, "name": "n"}]})["id_map"]
    assert admin.get(f"/worlds/{world.id}")["name"] == world.name


def test_a_dry_run_of_a_new_world_makes_none(admin: Api, database: psycopg.Connection[Made]) -> None:
    bundle = sample_world().model_copy(
        update={"world": sample_world().world.model_copy(update={"name": fresh_name("D")})}
    )
    before = database.execute("SELECT count(*) AS n FROM event").fetchone()

    answer = admin.ask("POST", IMPORT, json=bundle.model_dump(mode="json"), params={"dry_run": "true"})

    assert answer.status_code == 200
    assert answer.json()["changes"]["entities"]["created"] == len(bundle.entities)
    assert admin.get("/worlds", name=bundle.world.name)["total"] == 0
    assert database.execute("SELECT count(*) AS n FROM event").fetchone() == before


# --- at once ------------------------------------------------------------------------------------------------------


def test_the_same_bundle_into_one_world_at_once_comes_in_once(world: World) -> None:
    bundle = sample_world().model_dump(mode="json")
    bundle["world"]["id"] = None

    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(lambda _: world.api.post(f"/worlds/{world.id}/import", bundle), range(6)))

    created = [report["changes"]["entities"]["created"] for report in reports]
    assert sorted(created) == [0] * 5 + [len(bundle["entities"])]
    assert world.api.get("/entities", world_id=world.id)["total"] == len(bundle["entities"])


def test_an_import_loses_no_edit_and_no_version(lived_in: World) -> None:
    """What is edited while an import runs comes before it or after it, never in between."""
    bundle = exported(lived_in.api, lived_in.id)
    entity = bundle["entities"][0]["id"]

    def edit(number: int) -> int:
        while True:
            answer = lived_in.api.ask("PATCH", f"/entities/{entity}", json={"summary": f"by hand {number}"})
            if answer.status_code != 409:  # edited over and over by others
                version: int = answer.raise_for_status().json()["version"]
                return version

    def bring(number: int) -> int:
        changed = copy.deepcopy(bundle)
        changed["entities"][0]["summary"] = f"imported {number}"
        return lived_in.api.post(f"/worlds/{lived_in.id}/import", changed)["changes"]["entities"]["updated"]

    with ThreadPoolExecutor(6) as pool:
        edits = [pool.submit(edit, number) for number in range(20)]
        imports = [pool.submit(bring, number) for number in range(10)]
        by_hand, imported = [one.result() for one in edits], [one.result() for one in imports]

    assert imported == [1] * 10
    assert len(set(by_hand)) == 20
    versions = lived_in.api.walk(f"/entities/{entity}/versions")
    assert [version["version"] for version in versions] == list(range(31, 0, -1))
