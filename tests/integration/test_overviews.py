"""What there is at a glance: a world's tags and its summary, an entity's claims and where it is mentioned."""

from typing import Any

import pytest
from factories.editing import deleted, edited
from factories.jobs import File, finished_job, new_job
from factories.lore import World, fresh_name
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.enums import Role
from lorekeeper.search import repository


class TestTags:
    def test_are_counted_by_name(self, world: World) -> None:
        world.entity(tags=["b", "a"])
        world.entity(tags=["a"])
        world.claim(tags=["a"])
        gone = world.claim(tags=["gone"])
        deleted(world.api, f"/claims/{gone['id']}")

        assert world.api.get(f"/worlds/{world.id}/tags") == {
            "items": [{"tag": "a", "entities": 2, "claims": 1}, {"tag": "b", "entities": 1, "claims": 0}],
            "total": 2,
            "total_is_estimate": False,
            "skip": 0,
            "limit": 100,
        }
        assert [row["tag"] for row in world.api.get(f"/worlds/{world.id}/tags", skip=1, limit=1)["items"]] == ["b"]

    def test_filter_entities_and_claims(self, world: World, app: RunningApp) -> None:
        tag = fresh_name("tag")
        both = world.entity(tags=["x", tag])["id"]
        one = world.entity(tags=[tag])["id"]
        claim = world.claim(tags=[tag])["id"]
        key = app.as_new_key(Role.READER, worlds=[world.id])

        def listed(api: Api, path: str, **params: Any) -> list[str]:
            return [row["id"] for row in api.walk(path, limit=1, **params)]

        for api, scope in ((world.api, {"world_id": world.id}), (world.api, {}), (key, {})):
            assert listed(api, "/entities", tag=tag, **scope) == [one, both]
            assert listed(api, "/entities", tag=[tag, "x"], **scope) == [both]
            assert listed(api, "/entities", tag=[tag, "y"], **scope) == []
            assert listed(api, "/claims", tag=tag, **scope) == [claim]
        edited(world.api, f"/entities/{one}", {"tags": []})
        assert listed(world.api, "/entities", tag=tag) == [both]


def test_a_summary_counts_everything(world: World) -> None:
    person = world.entity(type="PERSON")
    world.entity(type="ITEM")
    deleted(world.api, f"/entities/{world.entity(type='ITEM')['id']}")
    world.claim(subject_entity_id=person["id"], canon_state="STRICT")
    world.source(chunks=[{"content": "a"}, {"content": "b"}])
    file = File()
    finished_job(world, file)
    new_job(world)

    told = world.api.get(f"/worlds/{world.id}/summary")

    assert told == {
        "world_id": world.id,
        "entities": {"total": 2, "by_type": {"ITEM": 1, "PERSON": 1}},
        "sources": 1,
        "source_chunks": 2,
        "claims": {"total": 1, "by_canon_state": {"STRICT": 1}},
        "jobs": {"total": 2, "by_status": {"QUEUED": 1, "SUCCEEDED": 1}},
        "assets": [{"type": "IMAGE", "status": "READY", "count": 1, "size_bytes": len(file.data)}],
        "bytes_stored": len(file.data),
    }


def test_the_claims_of_an_entity_by_its_role(world: World) -> None:
    entity = world.entity()["id"]
    subject = world.claim(subject_entity_id=entity)["id"]
    object_ = world.claim(object_entity_id=entity)["id"]
    asserter = world.claim(asserted_by_entity_id=entity)["id"]
    twice = world.claim(subject_entity_id=entity, object_entity_id=entity)["id"]
    world.claim()
    path = f"/entities/{entity}/claims"

    def listed(**params: Any) -> list[str]:
        return [row["id"] for row in world.api.walk(path, limit=1, **params)]

    assert listed() == [twice, asserter, object_, subject]
    assert listed(**{"as": "subject"}) == [twice, subject]
    assert listed(**{"as": ["object", "asserter"]}) == [twice, asserter, object_]
    assert world.api.get(path, skip=1, limit=2)["total"] == 4
    assert [row["id"] for row in world.api.get(path, skip=1, limit=2)["items"]] == [asserter, object_]


class TestMentions:
    def test_are_whole_words_in_any_case_the_longest_name_first(self, world: World) -> None:
        entity = world.entity(name="Ring", aliases=["Ring of Power", "Þórr", "龍王", "the Ring", "(odd) name."])
        text = "Ringhorn. A ring! THE\nRing, a Ring\nof power; ÞÓRR, Þórrson, Rings, 大龍王だ; an (odd) name. _ring_"
        world.chunk("Nothing but Ringhorn and earrings.")
        chunk = world.chunk(text)

        (told,) = world.api.walk(f"/entities/{entity['id']}/mentions")

        names = ["ring", "THE\nRing", "Ring\nof power", "ÞÓRR", "龍王", "(odd) name."]
        assert (told["id"], told["content"]) == (chunk["id"], text)
        assert [one["name"] for one in told["mentions"]] == names
        assert [text[one["start"] : one["end"]] for one in told["mentions"]] == names

    @pytest.mark.parametrize("sorted_at_most", [repository.SORTED_AT_MOST, 3], ids=["sorted", "walked"])
    def test_are_paged_in_the_order_of_the_text(
        self, world: World, sorted_at_most: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whether they are few and sorted, or many and come by from chunk to chunk."""
        monkeypatch.setattr(repository, "SORTED_AT_MOST", sorted_at_most)
        entity = world.entity(name="Heorot")
        sources = [
            world.source(chunks=[{"content": f"{n} {'Heorot' if n % 3 else 'Heorots'} stood."} for n in range(10)])
            for _ in range(2)
        ]
        chunks = [chunk for source in sources for chunk in world.chunks_of(source) if "Heorot " in chunk["content"]]

        for limit in (1, 5, 50):
            told = world.api.walk(f"/entities/{entity['id']}/mentions", limit=limit)
            assert [one["id"] for one in told] == [chunk["id"] for chunk in chunks]
        assert world.api.get(f"/entities/{world.entity()['id']}/mentions")["items"] == []
