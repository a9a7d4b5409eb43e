"""Creating and reading lore: what is written is what is read, and what does not hold together is refused."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.lore import Made, World
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.enums import Role

TEXT = (
    "# I\r\n\r\nThe sea went out.\r\n\r\nÞórr wept 🌊, and e\u0301lite waves.\n\n# II\n\nIt did not come back.\n" * 60
)


def entity_in_full(world: World) -> Made:
    return world.entity(
        type="PERSON",
        name="Mára of the Quay",
        aliases=["The Lamp", "Mára"],
        summary="Keeps the light.",
        description="Long.\nVery long 🌊.",
        tags=["keeper"],
        metadata={"eyes": "grey", "n": [1, 2.5, None, True]},
    )


def source_in_full(world: World) -> Made:
    authors = [world.entity()["id"], world.entity()["id"]]
    return world.source(
        type="SONG",
        author_ids=authors,
        origin="Shelf 3",
        metadata={"x": 1},
        chunks=[{"content": "a"}, {"content": "b"}],
    )


def claim_in_full(world: World) -> Made:
    chunk = world.chunk()
    return world.claim(
        object_entity_id=world.entity()["id"],
        canon_state="MYTHIC",
        confidence=0.25,
        asserted_by_entity_id=world.entity()["id"],
        source_id=chunk["source_id"],
        source_chunk_id=chunk["id"],
        supersedes_claim_id=world.claim()["id"],
        valid_from={"label": "Year of the Ebb", "sort": 112.5},
        valid_to={"sort": 113},
        tags=["tide"],
    )


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("/worlds", lambda world: world.api.post("/worlds", {"name": "W", "description": "D", "metadata": {"a": [1]}})),
        ("/entities", entity_in_full),
        ("/entities", lambda world: world.entity()),
        ("/sources", source_in_full),
        ("/sources", lambda world: world.source()),
        ("/source-chunks", lambda world: world.chunk()),
        ("/claims", claim_in_full),
        ("/claims", lambda world: world.claim()),
    ],
)
def test_what_is_created_is_what_is_read(world: World, path: str, make: Callable[[World], Made]) -> None:
    made = make(world)

    assert world.api.get(f"{path}/{made['id']}") == made
    assert made["version"] == 1
    assert made["created_by"] == world.api.key_id
    assert made["created_at"] == made["updated_at"]
    assert made["created_at"].endswith("Z")
    assert len(made["created_at"]) == len("2026-11-22T06:04:00.123456Z")


def test_creations_are_noted_as_events_with_who_and_which_request(
    world: World, database: psycopg.Connection[Made]
) -> None:
    entity = world.entity(name="Noted")

    (event,) = database.execute("SELECT * FROM event WHERE subject_id = %s", [entity["id"]]).fetchall()

    assert event["kind"] == "entity.created"
    assert event["actor"] == world.api.key_id
    assert str(event["world_id"]) == world.id
    assert event["request_id"]
    assert event["after"] == {"name": "Noted"}


class TestContentHash:
    """It covers what can be depicted, and no label."""

    SAME = ({"tags": ["b"]}, {"metadata": {"k": 1}})
    OTHER = (
        {"name": "Other"},
        {"type": "LOCATION"},
        {"aliases": ["x"]},
        {"summary": "s"},
        {"description": "d"},
    )

    @pytest.mark.parametrize(("fields", "same"), [*((f, True) for f in SAME), *((f, False) for f in OTHER)])
    def test_of_an_entity(self, world: World, fields: Made, same: bool) -> None:
        plain = world.entity(**{"name": "Mára"})
        other = world.entity(**{"name": "Mára"} | fields)

        assert (plain["content_hash"] == other["content_hash"]) is same

    def test_a_chunk_that_only_stands_elsewhere_is_the_same(self, world: World) -> None:
        source = world.source(
            chunks=[
                {"content": "Tide.", "char_start": 0, "char_end": 5},
                {"content": "Tide.", "char_start": 9, "char_end": 14, "metadata": {"heading": "I"}},
            ]
        )

        first, second = world.chunks_of(source)

        assert first["content_hash"] == second["content_hash"]


class TestSources:
    def test_text_is_cut_into_chunks_whose_offsets_give_it_back(self, world: World) -> None:
        source = world.source(text=TEXT)
        chunks = world.chunks_of(source)

        assert source["chunk_count"] == len(chunks) > 1
        assert [chunk["chunk_index"] for chunk in chunks] == list(range(len(chunks)))
        assert all(TEXT[chunk["char_start"] : chunk["char_end"]] == chunk["content"] for chunk in chunks)
        assert {chunk["metadata"]["heading"] for chunk in chunks} <= {"I", "II"}

    def test_authors_keep_their_order(self, world: World) -> None:
        authors = [world.entity()["id"] for _ in range(4)]
        random.Random(1).shuffle(authors)

        source = world.source(author_ids=[*authors, authors[0]])

        assert world.api.get(f"/sources/{source['id']}")["author_ids"] == authors

    def test_chunks_are_added_behind_the_last_one(self, world: World) -> None:
        source = world.source(chunks=[{"content": "one"}])

        added = world.api.post(
            f"/sources/{source['id']}/chunks",
            {"chunks": [{"content": "two"}, {"content": "three", "metadata": {"a": 1}}]},
        )["items"]

        assert [chunk["chunk_index"] for chunk in added] == [1, 2]
        chunks = world.chunks_of(source)
        assert [chunk["content"] for chunk in chunks] == ["one", "two", "three"]
        assert chunks[1:] == added
        assert world.api.get(f"/sources/{source['id']}")["chunk_count"] == 3

    def test_many_who_add_chunks_at_once_come_one_after_the_other(self, world: World) -> None:
        source = world.source()
        path = f"/sources/{source['id']}/chunks"

        def add(writer: int) -> list[int]:
            body = {"chunks": [{"content": f"{writer}.{n}"} for n in range(5)]}
            return [chunk["chunk_index"] for chunk in world.api.post(path, body)["items"]]

        with ThreadPoolExecutor(8) as pool:
            indices = list(pool.map(add, range(8)))

        assert all(got == list(range(got[0], got[0] + 5)) for got in indices)
        assert sorted(index for got in indices for index in got) == list(range(40))

    @pytest.mark.parametrize(
        "fields",
        [
            {"text": "a", "chunks": [{"content": "a"}]},
            {"text": " \n\t "},
            {"text": ""},
            {"chunks": [{"content": ""}]},
            {"chunks": [{"content": "abc", "char_start": 1}]},
            {"chunks": [{"content": "abc", "char_start": 1, "char_end": 3}]},
            {"chunks": [{"content": "abc", "char_start": -1, "char_end": 2}]},
            {"chunks": [{"content": "abc", "char_start": 3_000_000_000, "char_end": 3_000_000_003}]},
            {"title": "  "},
            {"title": "nul \x00"},
            {"type": "TAPESTRY"},
            {"authors": []},
        ],
    )
    def test_what_does_not_hold_together_is_refused(self, world: World, fields: Made) -> None:
        body = {"world_id": world.id, "title": "T", **fields}

        world.api.refused(422, "validation_failed", "POST", "/sources", body)

        assert world.api.get("/sources", world_id=world.id)["total"] == 0


class TestClaims:
    @pytest.mark.parametrize("kind", ["entity", "value"])
    def test_reads_as_a_sentence(self, world: World, kind: str) -> None:
        subject, other = world.entity(name="Mára"), world.entity(name="the lamp")
        object_ = {"object_entity_id": other["id"]} if kind == "entity" else {"object_value": "the lamp"}

        claim = world.claim(subject_entity_id=subject["id"], predicate="keeps", **object_)

        assert claim["sentence"] == "Mára — keeps — the lamp"
        assert claim["subject_name"] == "Mára"
        assert claim["object_name"] == ("the lamp" if kind == "entity" else None)

    def test_a_chunk_brings_its_source(self, world: World) -> None:
        chunk = world.chunk()

        assert world.claim(source_chunk_id=chunk["id"])["source_id"] == chunk["source_id"]

    def test_a_chunk_of_another_source_is_refused(self, world: World) -> None:
        chunk, source = world.chunk(), world.source()
        body = {
            "world_id": world.id,
            "subject_entity_id": world.entity()["id"],
            "predicate": "p",
            "object_value": "v",
            "source_id": source["id"],
            "source_chunk_id": chunk["id"],
        }

        world.api.refused(422, "validation_failed", "POST", "/claims", body)

    def test_those_that_supersede_one_another_share_a_version_group(self, world: World) -> None:
        first = world.claim()
        second = world.claim(supersedes_claim_id=first["id"])
        third = world.claim(supersedes_claim_id=second["id"])

        assert first["version_group_id"] == second["version_group_id"] == third["version_group_id"]
        assert world.claim()["version_group_id"] != first["version_group_id"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"object_value": None},
            {"object_entity_id": str(uuid4())},
            {"confidence": 1.01},
            {"confidence": -0.1},
            {"canon_state": "TRUE"},
            {"predicate": ""},
            {"valid_from": {"sort": 2}, "valid_to": {"sort": 1}},
            {"tags": [""]},
        ],
    )
    def test_what_does_not_hold_together_is_refused(self, world: World, fields: Made) -> None:
        body = {
            "world_id": world.id,
            "subject_entity_id": world.entity()["id"],
            "predicate": "p",
            "object_value": "v",
            **fields,
        }

        world.api.refused(422, "validation_failed", "POST", "/claims", body)


def _pointers(world: World) -> dict[str, tuple[str, Made, str, Callable[[World], str]]]:
    """Every field of lore that points at other lore: where to send what, and how to make something to point at."""
    subject = world.entity()["id"]
    claim = {"world_id": world.id, "subject_entity_id": subject, "predicate": "p", "object_value": "v"}
    no_value = claim | {"object_value": None}

    def entity(of: World) -> str:
        return of.entity()["id"]

    return {
        "author_ids": ("/sources", {"world_id": world.id, "title": "T"}, "author_ids", entity),
        "subject_entity_id": ("/claims", claim, "subject_entity_id", entity),
        "object_entity_id": ("/claims", no_value, "object_entity_id", entity),
        "asserted_by_entity_id": ("/claims", claim, "asserted_by_entity_id", entity),
        "source_id": ("/claims", claim, "source_id", lambda of: of.source()["id"]),
        "source_chunk_id": ("/claims", claim, "source_chunk_id", lambda of: of.chunk()["id"]),
        "supersedes_claim_id": ("/claims", claim, "supersedes_claim_id", lambda of: of.claim()["id"]),
    }


POINTERS = (
    "author_ids",
    "subject_entity_id",
    "object_entity_id",
    "asserted_by_entity_id",
    "source_id",
    "source_chunk_id",
    "supersedes_claim_id",
)


@pytest.mark.parametrize("name", POINTERS)
class TestPointers:
    def _send(self, world: World, api: Api, name: str, target: str, status: int, code: str) -> Any:
        path, body, field, _ = _pointers(world)[name]
        value = [target] if field.endswith("_ids") else target
        return api.refused(status, code, "POST", path, body | {field: value})

    def test_what_does_not_exist_is_named(self, world: World, name: str) -> None:
        nowhere = str(uuid4())

        problem = self._send(world, world.api, name, nowhere, 404, "reference_not_found")

        assert problem["missing"] == {name: [nowhere]}
        assert nowhere in problem["detail"]

    def test_what_is_of_another_world_is_named(self, world: World, other_world: World, name: str) -> None:
        foreign = _pointers(world)[name][3](other_world)

        problem = self._send(world, world.api, name, foreign, 422, "world_scope_violation")

        assert problem["foreign"] == {name: [foreign]}
        assert foreign in problem["detail"]

    def test_of_a_world_that_the_key_may_not_see_it_is_as_if_it_were_not_there(
        self, app: RunningApp, world: World, other_world: World, name: str
    ) -> None:
        narrow = app.as_new_key(Role.EDITOR, worlds=[world.id])
        foreign = _pointers(world)[name][3](other_world)

        problem = self._send(world, narrow, name, foreign, 404, "reference_not_found")

        assert problem["missing"] == {name: [foreign]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/entities", {"name": "E"}),
        ("/sources", {"title": "S"}),
        ("/claims", {"subject_entity_id": str(uuid4()), "predicate": "p", "object_value": "v"}),
    ],
)
def test_lore_of_no_world_is_refused(admin: Api, path: str, body: Made) -> None:
    nowhere = str(uuid4())

    problem = admin.refused(404, "world_not_found", "POST", path, {"world_id": nowhere, **body})

    assert problem["world_id"] == nowhere


@pytest.mark.parametrize("path", ["/worlds", "/entities", "/sources", "/source-chunks", "/claims"])
def test_what_is_not_there_is_not_found(admin: Api, path: str) -> None:
    admin.refused(404, "not_found", "GET", f"{path}/{uuid4()}")


def test_chunks_of_no_source_are_not_found(admin: Api) -> None:
    path = f"/sources/{uuid4()}/chunks"

    admin.refused(404, "not_found", "GET", path)
    admin.refused(404, "not_found", "POST", path, {"chunks": [{"content": "a"}]})
