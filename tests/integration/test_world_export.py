"""A world as a bundle: out of one world, into another, and into the same one again."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from factories.bundles import IMPORT, changes_in, events_of, exported, hashes, live_in
from factories.lore import Made, World
from harness.engines import Engines, database_beside
from harness.server import RunningApp, running_app
from harness.wire import Api

from lorekeeper.app import Backing
from lorekeeper.contracts.bundle import WorldBundle, parse_bundle
from lorekeeper.contracts.enums import LoreKind, Role
from lorekeeper.db import migrate
from lorekeeper.lore.bundles.exporting import safe_file_name
from lorekeeper.lore.content import hash_of
from lorekeeper.samples import sample_world
from lorekeeper.settings import Settings

REFERENCES = (
    "subject_entity_id",
    "object_entity_id",
    "asserted_by_entity_id",
    "source_id",
    "source_chunk_id",
    "supersedes_claim_id",
)


@pytest.fixture
def lived_in(world: World) -> World:
    return live_in(world)


@pytest.fixture(scope="module")
def elsewhere(engines: Engines, settings: Settings, worker_id: str) -> Iterator[Api]:
    """Another installation: its own database, where no id is taken."""
    with database_beside(engines.database_url, f"{worker_id}_elsewhere") as url:
        migrate.upgrade(url)
        with running_app(settings, Backing(url, engines.store)) as running:
            yield running.as_new_key(Role.ADMIN)


def under(bundle: dict[str, Any], id_map: dict[str, str]) -> dict[str, Any]:
    """The bundle with other ids, each kind in the order of those."""
    text = json.dumps(bundle)
    for old, new in id_map.items():
        text = text.replace(old, new)
    renamed: dict[str, Any] = json.loads(text)
    for kind in ("entities", "sources", "claims"):
        renamed[kind].sort(key=lambda piece: piece["id"])
    return renamed


def test_elsewhere_it_is_the_same_by_id_and_hash(lived_in: World, elsewhere: Api) -> None:
    bundle = exported(lived_in.api, lived_in.id)

    made = elsewhere.post(IMPORT, bundle)

    assert made["ids_kept"] is True
    assert hashes(elsewhere, lived_in.id) == hashes(lived_in.api, lived_in.id)
    assert exported(elsewhere, lived_in.id) == bundle
    cited = next(claim for claim in bundle["claims"] if "source_chunk_id" in claim)
    elsewhere.refused(404, "not_found", "GET", f"/source-chunks/{cited['source_chunk_id']}")
    assert elsewhere.get(f"/claims/{cited['id']}")["source_chunk_id"] == cited["source_chunk_id"]


def test_beside_itself_it_differs_in_nothing_but_ids(lived_in: World) -> None:
    api = lived_in.api
    bundle = exported(api, lived_in.id)

    made = api.post(IMPORT, bundle)

    assert made["ids_kept"] is False
    copied, id_map = made["world"]["id"], made["id_map"]
    assert exported(api, copied) == under(bundle, id_map)
    one, two = hashes(api, lived_in.id), hashes(api, copied)
    assert {id_map[id] for id in one} == set(two)
    pieces = {kind: api.walk(f"/{kind}", world_id=copied) for kind in ("entities", "sources", "claims")}
    for entity in pieces["entities"]:
        assert two[entity["id"]] == one[back(id_map)[entity["id"]]]
    for claim in pieces["claims"]:
        was = claim | {name: back(id_map).get(claim[name]) for name in REFERENCES}
        assert hash_of(LoreKind.CLAIM, was) == one[back(id_map)[claim["id"]]]


def back(id_map: dict[str, str]) -> dict[str, str]:
    return {new: old for old, new in id_map.items()}


def test_into_itself_it_changes_nothing(lived_in: World, database: psycopg.Connection[Made]) -> None:
    bundle = exported(lived_in.api, lived_in.id)
    events = events_of(database, lived_in.id)

    report = lived_in.api.post(f"/worlds/{lived_in.id}/import", bundle)

    assert report["ids_kept"] is True
    assert changes_in(report) == {}
    assert report["changed"] == []
    assert report["changes"]["claims"]["unchanged"] == 2
    assert exported(lived_in.api, lived_in.id) == bundle
    assert events_of(database, lived_in.id) == events


def test_the_sample_world_goes_round(admin: Api) -> None:
    made = admin.post(IMPORT, sample_world().model_dump(mode="json"))
    bundle = parse_bundle(json.dumps(exported(admin, made["world"]["id"])))
    assert bundle.pieces() == sample_world().pieces()


def test_chunk_numbers_with_a_gap_are_no_difference(world: World) -> None:
    book = world.source(chunks=[{"content": word} for word in ("one", "two", "three")])
    world.api.ask("DELETE", f"/source-chunks/{world.chunks_of(book)[1]['id']}")
    bundle = exported(world.api, world.id)
    assert [chunk["chunk_index"] for chunk in bundle["sources"][0]["chunks"]] == [0, 1]
    assert changes_in(world.api.post(f"/worlds/{world.id}/import", bundle)) == {}


def test_an_empty_world_is_a_bundle(world: World) -> None:
    bundle = WorldBundle.model_validate(exported(world.api, world.id))
    assert bundle.pieces() == (0, 0, 0, 0)


def test_a_name_leads_out_of_no_folder(admin: Api) -> None:
    made = admin.post("/worlds", {"name": '../../etc/passwd "; rm -rf\r\nX-Evil: 1'})
    answer = admin.ask("GET", f"/worlds/{made['id']}/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="etc-passwd-rm-rf-x-evil-1.world.json"'
    assert "x-evil" not in answer.headers
    assert safe_file_name("Ærø 世界") == "r.world.json"
    assert safe_file_name("世界") == "world.world.json"
    assert safe_file_name("a" * 500) == "a" * 80 + ".world.json"


def test_another_world_is_not_there(app: RunningApp, world: World) -> None:
    narrow = app.as_new_key(Role.EDITOR, worlds=[])
    for path in (f"/worlds/{world.id}/export", f"/worlds/{uuid.uuid4()}/export"):
        narrow.refused(404, "world_not_found", "GET", path)
    bundle = exported(world.api, world.id)
    narrow.refused(404, "world_not_found", "POST", f"/worlds/{world.id}/import", bundle)
    world.api.ask("DELETE", f"/worlds/{world.id}", params={"name": world.name}).raise_for_status()
    world.api.refused(404, "world_not_found", "GET", f"/worlds/{world.id}/export")
    world.api.refused(404, "world_not_found", "POST", f"/worlds/{world.id}/import", bundle)
