"""Every list: pages, cursors, totals, filters, and what a narrow key sees of it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import JOBS, File, finished_job, issued, new_job, put
from factories.lore import Made, World, fresh_name
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.pagination import COUNT_AT_MOST

ASSETS = "/assets/assets"
SIZE = 7


def _worlds(world: World) -> dict[str, Any]:
    name = fresh_name("Same name")
    for _ in range(SIZE):
        world.api.post("/worlds", {"name": name})
    return {"path": "/worlds", "name": name}


def _in_world(path: str, make: Callable[[World], Made]) -> Callable[[World], dict[str, Any]]:
    def fill(world: World) -> dict[str, Any]:
        for _ in range(SIZE):
            make(world)
        return {"path": path, "world_id": world.id}

    return fill


def _claims(world: World) -> dict[str, Any]:
    subject = world.entity()["id"]
    return _in_world("/claims", lambda of: of.claim(subject_entity_id=subject))(world)


def _chunks(world: World) -> dict[str, Any]:
    source = world.source(chunks=[{"content": f"{n}"} for n in range(SIZE)])
    return {"path": f"/sources/{source['id']}/chunks"}


LISTS: dict[str, Callable[[World], dict[str, Any]]] = {
    "worlds": _worlds,
    "entities": _in_world("/entities", World.entity),
    "sources": _in_world("/sources", World.source),
    "chunks": _chunks,
    "claims": _claims,
    "jobs": _in_world(JOBS, new_job),
    "assets": _in_world(ASSETS, finished_job),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_in_pages_is_the_whole_list(world: World, name: str) -> None:
    api, filters = world.api, LISTS[name](world)
    whole = api.get(**filters)

    assert whole["total"] == len(whole["items"]) == SIZE
    assert (whole["skip"], whole["limit"]) == (0, 50)
    assert whole["next_cursor"] is None
    assert whole["total_is_estimate"] is False
    ids = [item["id"] for item in whole["items"]]
    if name == "chunks":
        assert [item["chunk_index"] for item in whole["items"]] == list(range(SIZE))
    else:
        assert ids == sorted(ids, reverse=True)

    # By cursor, in pages that divide the list, that do not, and that are the whole list.
    for limit in (1, 3, SIZE):
        assert [item["id"] for item in api.walk(**filters, limit=limit)] == ids
    # By skip.
    page = api.get(**filters, skip=2, limit=3)
    assert [item["id"] for item in page["items"]] == ids[2:5]
    assert (page["skip"], page["limit"], page["total"]) == (2, 3, SIZE)
    # A cursor goes before skip; past the end there is nothing, and the total stays.
    first = api.get(**filters, limit=2)
    assert [item["id"] for item in api.get(**filters, cursor=first["next_cursor"], skip=3)["items"]] == ids[2:]
    beyond = api.get(**filters, skip=SIZE)
    assert (beyond["items"], beyond["total"], beyond["next_cursor"]) == ([], SIZE, None)


@pytest.mark.parametrize("path", ["/worlds", "/entities", "/sources", "/claims", JOBS, ASSETS])
@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 1001},
        {"skip": -1},
        {"skip": 1_000_001},
        {"cursor": "!"},
        {"cursor": "AAAA"},
        {"cursor": "x" * 65},
        {"limit": "many"},
    ],
)
def test_a_page_that_cannot_be_is_refused(admin: Api, path: str, params: dict[str, Any]) -> None:
    admin.refused(422, "validation_failed", "GET", path, params=params)


def test_a_list_of_a_world_that_is_not_there_is_empty(admin: Api) -> None:
    for path in ("/entities", "/sources", "/claims", JOBS, ASSETS):
        assert admin.get(path, world_id=str(uuid4()))["total"] == 0


def test_a_narrow_key_lists_its_own_worlds_only(app: RunningApp, world: World, other_world: World) -> None:
    narrow = app.as_new_key(Role.READER, worlds=[world.id])
    for of in (world, other_world):
        of.claim()
        of.source()
        finished_job(of)

    assert [item["id"] for item in narrow.get("/worlds")["items"]] == [world.id]
    for path in ("/entities", "/sources", "/claims", JOBS, ASSETS):
        page = narrow.get(path)
        assert {item["world_id"] for item in page["items"]} == {world.id}
        assert page["total"] == len(page["items"]) == 1
        narrow.refused(404, "world_not_found", "GET", path, params={"world_id": other_world.id})


class TestLoreFilters:
    def test_worlds_by_name(self, world: World, other_world: World) -> None:
        assert [item["id"] for item in world.api.get("/worlds", name=world.name)["items"]] == [world.id]

    def test_entities_by_type_and_name(self, world: World) -> None:
        made = [world.entity(type=kind, name=name) for kind in ("PERSON", "ITEM") for name in ("A", "B")]

        assert _ids(world, "/entities", type="PERSON") == {made[0]["id"], made[1]["id"]}
        assert _ids(world, "/entities", name="B") == {made[1]["id"], made[3]["id"]}
        assert _ids(world, "/entities", type="ITEM", name="A") == {made[2]["id"]}
        assert _ids(world, "/entities", name="a") == set()

    def test_sources_by_type_and_title(self, world: World) -> None:
        made = [world.source(type=kind, title=title) for kind in ("BOOK", "SONG") for title in ("A", "B")]

        assert _ids(world, "/sources", type="SONG") == {made[2]["id"], made[3]["id"]}
        assert _ids(world, "/sources", type="SONG", title="A") == {made[2]["id"]}

    def test_claims_by_each_of_their_filters(self, world: World) -> None:
        chunk = world.chunk()
        fields = {
            "canon_state": "STRICT",
            "subject_entity_id": world.entity()["id"],
            "object_entity_id": world.entity()["id"],
            "source_id": chunk["source_id"],
            "predicate": "drowned",
        }
        claim = world.claim(**fields)
        world.claim()

        for name, value in fields.items():
            assert _ids(world, "/claims", **{name: value}) == {claim["id"]}, name
        assert _ids(world, "/claims", **fields) == {claim["id"]}
        assert _ids(world, "/claims", **fields | {"predicate": "keeps"}) == set()

    @pytest.mark.parametrize(
        ("path", "params"),
        [
            ("/entities", {"type": "GHOST"}),
            ("/entities", {"world_id": "here"}),
            ("/entities", {"name": "nul\x00"}),
            ("/worlds", {"name": "nul\x00"}),
            ("/claims", {"predicate": "nul\x00"}),
            ("/claims", {"canon_state": "strict"}),
            (JOBS, {"status": "DONE"}),
            (JOBS, {"requested_by": "nul\x00"}),
            (JOBS, {"provider": "Not A Provider"}),
            (JOBS, {"created_after": "yesterday"}),
            (JOBS, {"created_after": "0001-01-01T00:00:00+05:00"}),
            (ASSETS, {"created_by": "nul\x00"}),
            (ASSETS, {"type": "SMELL"}),
        ],
    )
    def test_a_filter_that_cannot_be_is_refused(self, admin: Api, path: str, params: dict[str, Any]) -> None:
        admin.refused(422, "validation_failed", "GET", path, params=params)


class TestJobFilters:
    def test_by_each_of_their_filters(self, app: RunningApp, world: World) -> None:
        editor = world.seen_by(app.as_new_key(Role.EDITOR))
        plain = new_job(world)
        job = new_job(editor, asset_type="PDF", provider="another")
        world.api.post(f"{JOBS}/{job['id']}/cancel")

        for name, value in {
            "status": "CANCELLED",
            "asset_type": "PDF",
            "provider": "another",
            "requested_by": editor.api.key_id,
        }.items():
            assert _ids(world, JOBS, **{name: value}) == {job["id"]}, name
        assert _ids(world, JOBS, status="QUEUED") == {plain["id"]}

    def test_from_a_time_on_and_before_a_time(self, world: World) -> None:
        first, second, third = (new_job(world) for _ in range(3))

        assert _ids(world, JOBS, created_after=second["created_at"]) == {second["id"], third["id"]}
        assert _ids(world, JOBS, created_before=second["created_at"]) == {first["id"]}
        between = {"created_after": second["created_at"], "created_before": third["created_at"]}
        assert _ids(world, JOBS, **between) == {second["id"]}


class TestAssetFilters:
    def test_by_each_of_their_filters(self, app: RunningApp, world: World) -> None:
        references = world.one_of_each()
        worker = world.seen_by(app.as_new_key(Role.ADMIN))
        asset = finished_job(worker, references=references, asset_type="PDF")["asset"]
        finished_job(world, references=world.one_of_each())

        for name, value in {
            "type": "PDF",
            "created_by": worker.api.key_id,
            "related_claim_id": references["claim_ids"][0],
            "related_entity_id": references["entity_ids"][0],
            "related_source_chunk_id": references["source_chunk_ids"][0],
            "source_id": references["source_id"],
        }.items():
            assert _ids(world, ASSETS, **{name: value}) == {asset["id"]}, name
        assert len(_ids(world, ASSETS, status="READY")) == 2
        assert _ids(world, ASSETS, status="DELETED") == set()
        assert _ids(world, ASSETS, type="PDF", related_claim_id=references["claim_ids"][0]) == {asset["id"]}

    def test_what_is_not_made_yet_is_no_asset(self, world: World) -> None:
        references = world.one_of_each()
        new_job(world, references=references)

        assert _ids(world, ASSETS, related_claim_id=references["claim_ids"][0]) == set()

    def test_an_upload_alone_is_no_asset(self, world: World) -> None:
        file = File()
        put(issued(world, file), file.data)

        assert _ids(world, ASSETS) == set()


def test_where_counting_is_dear_the_total_is_an_estimate_and_says_so(
    world: World, database: psycopg.Connection[Made]
) -> None:
    many = COUNT_AT_MOST + 50
    database.execute(
        """INSERT INTO entity (id, world_id, type, name, content_hash, created_by, created_at, updated_at)
           SELECT gen_random_uuid(), %s, 'OTHER', 'n' || n, repeat('0', 64), 'x', now(), now()
           FROM generate_series(1, %s) AS n""",
        [world.id, many],
    )
    database.execute("ANALYZE entity")

    page = world.api.get("/entities", world_id=world.id, limit=1)

    assert page["total_is_estimate"] is True
    assert COUNT_AT_MOST < page["total"] < 2 * many
    assert world.api.get("/entities", world_id=world.id, name="n7")["total_is_estimate"] is False


def _ids(world: World, path: str, **filters: Any) -> set[str]:
    page = world.api.get(path, **{"world_id": world.id, **filters})
    assert page["total"] == len(page["items"])
    return {item["id"] for item in page["items"]}
