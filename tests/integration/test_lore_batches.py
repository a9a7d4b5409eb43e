"""Many pieces in one request: all of them in the order given, or none."""

from typing import Any
from uuid import uuid4

import pytest
from factories.lore import World
from harness.server import RunningApp

from lorekeeper.contracts.enums import Role

BATCHES: dict[str, tuple[Any, str]] = {
    "/entities": (lambda world: {"world_id": world.id, "name": "E"}, "name"),
    "/sources": (
        lambda world: {"world_id": world.id, "title": "S", "chunks": [{"content": "a"}, {"content": "b"}]},
        "title",
    ),
    "/claims": (
        lambda world: {
            "world_id": world.id,
            "subject_entity_id": world.entity()["id"],
            "predicate": "p",
            "object_value": "v",
        },
        "predicate",
    ),
}


class TestBatches:
    @pytest.mark.parametrize("path", BATCHES)
    def test_are_made_in_the_order_given(self, world: World, path: str) -> None:
        body, name = BATCHES[path]
        base = body(world)
        asked = [base | {name: f"N{n}"} for n in range(12)]

        items = world.api.post(f"{path}/batch", {"items": asked})["items"]

        assert [item[name] for item in items] == [item[name] for item in asked]
        for item in (items[0], items[7]):
            assert world.api.get(f"{path}/{item['id']}") == item
        assert world.api.get(path, world_id=world.id)["total"] == 12

    def test_a_thousand_and_no_more(self, world: World) -> None:
        items = [{"world_id": world.id, "name": f"E{n}", "tags": ["many"]} for n in range(1001)]

        world.api.refused(422, "validation_failed", "POST", "/entities/batch", {"items": items})
        world.api.refused(422, "validation_failed", "POST", "/entities/batch", {"items": []})
        made = world.api.post("/entities/batch", {"items": items[:1000]})["items"]

        assert len({item["id"] for item in made}) == 1000
        assert world.api.get("/entities", world_id=world.id)["total"] == 1000

    def test_of_worlds_are_seen_by_the_key_that_makes_them(self, app: RunningApp, world: World) -> None:
        narrow = app.as_new_key(Role.EDITOR, worlds=[world.id])

        made = narrow.post("/worlds/batch", {"items": [{"name": "A"}, {"name": "B"}]})["items"]

        assert [item["name"] for item in made] == ["A", "B"]
        assert all(narrow.get(f"/worlds/{item['id']}") == item for item in made)

    @pytest.mark.parametrize("path", BATCHES)
    def test_a_refusal_names_the_item_and_nothing_is_made(self, world: World, other_world: World, path: str) -> None:
        body, name = BATCHES[path]
        good = body(world)
        field = {"/sources": "author_ids", "/claims": "asserted_by_entity_id"}.get(path)

        told = world.api.refused(
            422, "validation_failed", "POST", f"{path}/batch", {"items": [good, good | {name: ""}]}
        )
        assert [error["field"] for error in told["errors"]] == [f"body.items.1.{name}"]
        if field:
            nowhere = [str(uuid4()), str(uuid4())]
            bad = [good | {field: [one] if field.endswith("s") else one} for one in nowhere]
            told = world.api.refused(404, "reference_not_found", "POST", f"{path}/batch", {"items": [good, *bad]})
            assert told["missing"] == {f"items[1].{field}": [nowhere[0]], f"items[2].{field}": [nowhere[1]]}
            foreign = other_world.entity()["id"]
            bad = [good | {field: [foreign] if field.endswith("s") else foreign}]
            told = world.api.refused(422, "world_scope_violation", "POST", f"{path}/batch", {"items": [*bad, good]})
            assert told["foreign"] == {f"items[0].{field}": [foreign]}

        world.api.refused(
            404, "world_not_found", "POST", f"{path}/batch", {"items": [good, good | {"world_id": str(uuid4())}]}
        )
        assert world.api.get(path, world_id=world.id)["total"] == 0

    def test_may_speak_of_several_worlds(self, world: World, other_world: World) -> None:
        items = [{"world_id": one.id, "name": "E"} for one in (world, other_world, world)]

        made = world.api.post("/entities/batch", {"items": items})["items"]

        assert [item["world_id"] for item in made] == [world.id, other_world.id, world.id]
        assert all(world.api.get(f"/entities/{item['id']}") == item for item in made)
