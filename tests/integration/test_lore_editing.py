"""Edits: what they change and what they leave, ETags, batches; and that no edit is ever lost."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.editing import PIECES, Piece, deleted, edited
from factories.jobs import JOBS, claim, new_job
from factories.lore import Made, World
from harness.server import RunningApp
from harness.wire import Api, problem

from lorekeeper.contracts import editing
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.lore import ClaimBody, EntityBody, SourceBody, SourceChunkText, WorldBody

Database = psycopg.Connection[Made]
STAMPS = {"version", "etag", "content_hash", "updated_at"}


def events(database: Database, made: Made) -> list[Made]:
    return database.execute("SELECT * FROM event WHERE subject_id = %s ORDER BY id", [made["id"]]).fetchall()


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
class TestAnyPiece:
    def test_an_edit_of_content_is_a_new_version(self, world: World, database: Database, piece: Piece) -> None:
        made = piece.make(world)
        answer = edited(world.api, piece.at(made), piece.content)
        now = answer.json()

        assert now == world.api.get(piece.at(made))
        assert answer.headers["etag"] == now["etag"] == '"2"'
        assert (now["version"], made["version"]) == (2, 1)
        assert now["updated_at"] > made["updated_at"]
        assert now["content_hash"] != made["content_hash"]
        assert {name: now[name] for name in piece.content} == piece.content
        rest = made.keys() - piece.content.keys() - STAMPS - {"sentence"}
        assert {name: now[name] for name in rest} == {name: made[name] for name in rest}
        event = events(database, made)[-1]
        assert event["kind"].endswith(".updated")
        assert event["actor"] == world.api.key_id
        assert event["before"] == {name: made[name] for name in piece.content}
        assert event["after"] == piece.content

    def test_an_edit_of_labels_changes_the_etag_alone(self, world: World, database: Database, piece: Piece) -> None:
        made = piece.make(world)
        now = edited(world.api, piece.at(made), piece.label).json()

        assert now == made | piece.label | {"etag": '"2"'}
        assert now == world.api.get(piece.at(made))
        assert world.api.get(f"{piece.at(made)}/versions")["total"] == 1
        assert events(database, made)[-1]["after"] == piece.label

    @pytest.mark.parametrize("same", ["nothing", "what is there", "all that is there"])
    def test_an_edit_that_changes_nothing_leaves_all_as_it_is(
        self, world: World, database: Database, piece: Piece, same: str
    ) -> None:
        made = piece.make(world)
        told = len(events(database, made))
        fields = editing.__dict__[
            {"/source-chunks": "SourceChunkUpdate"}.get(piece.path) or _update(piece)
        ].model_fields
        given = {"nothing": (), "what is there": piece.content, "all that is there": fields}[same]

        answer = edited(world.api, piece.at(made), {name: made[name] for name in given}, made["etag"])

        assert answer.json() == made == world.api.get(piece.at(made))
        assert answer.headers["etag"] == made["etag"]
        assert len(events(database, made)) == told

    def test_what_would_not_hold_together_is_refused(self, world: World, piece: Piece) -> None:
        made = piece.make(world)

        world.api.refused(422, "validation_failed", "PATCH", piece.at(made), piece.wrong)
        world.api.refused(422, "validation_failed", "PATCH", piece.at(made), {"unheard_of": 1})
        world.api.refused(422, "validation_failed", "PATCH", piece.at(made), {"id": str(uuid4())})

        assert world.api.get(piece.at(made)) == made

    def test_a_lost_update_is_refused(self, world: World, piece: Piece) -> None:
        made = piece.make(world)
        now = edited(world.api, piece.at(made), piece.label, made["etag"]).json()

        told = problem(edited(world.api, piece.at(made), piece.content, made["etag"]), 412, "precondition_failed")

        assert told["etag"] == now["etag"] == '"2"'
        assert now["etag"] in told["detail"]
        assert world.api.get(piece.at(made)) == now

    @pytest.mark.parametrize("fits", ['"1"', '"7", "1"', '"0" ,\t"1"', "*"])
    def test_one_of_the_etags_must_match(self, world: World, piece: Piece, fits: str) -> None:
        made = piece.make(world)

        assert edited(world.api, piece.at(made), piece.label, fits).status_code == 200

    @pytest.mark.parametrize(
        ("tag", "status"), [('W/"1"', 412), ('"11"', 412), ("1", 422), ('"1', 422), ('"1", *', 422)]
    )
    def test_a_weak_one_does_not_and_what_is_none_is_refused(
        self, world: World, piece: Piece, tag: str, status: int
    ) -> None:
        made = piece.make(world)

        assert edited(world.api, piece.at(made), piece.label, tag).status_code == status
        assert world.api.get(piece.at(made)) == made

    def test_only_an_editor_who_sees_it_may(
        self, app: RunningApp, world: World, other_world: World, piece: Piece
    ) -> None:
        made = piece.make(world)
        strange = app.as_new_key(Role.EDITOR, worlds=[other_world.id])
        worker = app.as_new_key(Role.WORKER)

        told = strange.refused(404, "not_found", "PATCH", piece.at(made), piece.content)
        nowhere = strange.refused(404, "not_found", "PATCH", f"{piece.path}/{uuid4()}", piece.content)
        worker.refused(403, "forbidden", "PATCH", piece.at(made), piece.content)

        assert told["title"] == nowhere["title"]
        assert told["detail"].partition(made["id"])[0] == nowhere["detail"].rpartition(" ")[0] + " "


def _update(piece: Piece) -> str:
    return {"/worlds": "World", "/entities": "Entity", "/sources": "Source", "/claims": "Claim"}[piece.path] + "Update"


@pytest.mark.parametrize(
    ("update", "body"),
    [
        (editing.WorldUpdate, WorldBody),
        (editing.EntityUpdate, EntityBody),
        (editing.SourceUpdate, SourceBody),
        (editing.SourceChunkUpdate, SourceChunkText),
        (editing.ClaimUpdate, ClaimBody),
    ],
)
def test_a_patch_takes_what_creating_takes(update: Any, body: Any) -> None:
    def schema(model: Any) -> Made:
        fields = model.model_json_schema()["properties"]
        return {
            name: {k: v for k, v in told.items() if k not in {"default", "description"}}
            for name, told in fields.items()
        }

    assert schema(update) == schema(body)


def test_null_clears_a_field_and_a_number_is_not_true(world: World) -> None:
    entity = world.entity(summary="S", metadata={"n": 1, "same": 1})
    at = f"/entities/{entity['id']}"

    assert world.api.patch(at, {"summary": None})["summary"] is None
    assert world.api.patch(at, {"metadata": {"n": 1.0, "same": 1}})["etag"] == '"2"'
    assert world.api.patch(at, {"metadata": {"n": True, "same": 1}})["metadata"]["n"] is True


class TestChunks:
    @pytest.mark.parametrize(
        ("changes", "offsets"),
        [
            ({"content": "xyz"}, (10, 13)),
            ({"content": "vwxyz"}, (None, None)),
            ({"content": "vwxyz", "char_start": 10, "char_end": 15}, (10, 15)),
            ({"char_start": 20, "char_end": 23}, (20, 23)),
            ({"char_start": None, "char_end": None}, (None, None)),
        ],
    )
    def test_offsets_are_kept_where_they_fit(self, world: World, changes: Made, offsets: tuple[Any, Any]) -> None:
        source = world.source(chunks=[{"content": "abc", "char_start": 10, "char_end": 13}])
        (chunk,) = world.chunks_of(source)

        now = world.api.patch(f"/source-chunks/{chunk['id']}", changes)

        assert (now["char_start"], now["char_end"]) == offsets
        assert now["version"] == (2 if "content" in changes else 1)
        assert now == world.api.get(f"/source-chunks/{chunk['id']}")


def test_a_sources_authors_change_with_it(world: World, database: Database) -> None:
    first, second, third = (world.entity()["id"] for _ in range(3))
    source = world.source(author_ids=[first, second])
    at = f"/sources/{source['id']}"

    turned = world.api.patch(at, {"author_ids": [second, first]})
    assert (turned["author_ids"], turned["version"]) == ([second, first], 2)
    labelled = world.api.patch(at, {"metadata": {"a": 1}})
    assert labelled["author_ids"] == [second, first]
    other = world.api.patch(at, {"author_ids": [third]})
    assert other == world.api.get(at)
    assert (other["author_ids"], other["version"]) == ([third], 3)
    assert [world.api.get(f"{at}/versions/{n}")["author_ids"] for n in (1, 2, 3)] == [
        [first, second],
        [second, first],
        [third],
    ]
    assert events(database, source)[-1]["before"] == {"author_ids": [second, first]}


class TestWhatAClaimPointsAt:
    def test_is_checked_as_when_it_is_made(self, world: World, other_world: World) -> None:
        claim = world.claim()
        at = f"/claims/{claim['id']}"
        nowhere, foreign = str(uuid4()), other_world.entity()["id"]
        pairs = {
            "subject_entity_id": foreign,
            "asserted_by_entity_id": foreign,
            "source_id": other_world.source()["id"],
            "source_chunk_id": other_world.chunk()["id"],
            "supersedes_claim_id": other_world.claim()["id"],
        }
        for field, abroad in pairs.items():
            missing = world.api.refused(404, "reference_not_found", "PATCH", at, {field: nowhere})
            assert missing["missing"] == {field: [nowhere]}
            told = world.api.refused(422, "world_scope_violation", "PATCH", at, {field: abroad})
            assert abroad in told["foreign"][field]
        assert world.api.get(at) == claim

    def test_can_be_another_thing_each(self, world: World) -> None:
        claim, entity, chunk = world.claim(), world.entity(name="Auntie"), world.chunk()
        at = f"/claims/{claim['id']}"

        now = world.api.patch(at, {"object_value": None, "object_entity_id": entity["id"]})
        assert now["sentence"] == f"{claim['subject_name']} — keeps — Auntie"
        assert now == world.api.get(at)
        now = world.api.patch(at, {"source_chunk_id": chunk["id"]})
        assert now["source_id"] == chunk["source_id"]
        other = world.chunk()
        assert world.api.patch(at, {"source_chunk_id": other["id"]})["source_id"] == other["source_id"]
        told = world.api.refused(422, "validation_failed", "PATCH", at, {"source_id": chunk["source_id"]})
        assert "another source" in told["detail"]
        now = world.api.patch(at, {"source_chunk_id": None, "valid_from": {"sort": 3}, "confidence": 0.5})
        assert now == world.api.get(at)
        assert (now["source_id"], now["valid_from"]) == (other["source_id"], {"label": None, "sort": 3.0})

    def test_a_ring_of_supersession_is_refused_over_any_number_of_steps(self, world: World) -> None:
        claims = [world.claim()]
        for _ in range(5):
            claims.append(world.claim(supersedes_claim_id=claims[-1]["id"]))
        first = f"/claims/{claims[0]['id']}"

        for other in claims:
            told = world.api.refused(422, "validation_failed", "PATCH", first, {"supersedes_claim_id": other["id"]})
            assert "supersede itself" in told["detail"]

    def test_the_version_group_follows_supersession(self, world: World) -> None:
        def group(claim: Made) -> str:
            return world.api.get(f"/claims/{claim['id']}")["version_group_id"]

        old, middle, new = world.claim(), world.claim(), world.claim()
        world.api.patch(f"/claims/{new['id']}", {"supersedes_claim_id": middle["id"]})
        assert group(new) == group(middle) != group(old)
        now = world.api.patch(f"/claims/{middle['id']}", {"supersedes_claim_id": old["id"]})
        assert now["version_group_id"] == group(new) == group(old) == old["version_group_id"]
        assert now["version"] == 1
        world.api.patch(f"/claims/{middle['id']}", {"supersedes_claim_id": None})
        assert group(new) == group(middle) != group(old)

    def test_who_stays_in_its_version_group_is_left_alone(self, world: World, database: Database) -> None:
        chain = [world.claim()]
        for _ in range(3):
            chain.append(world.claim(supersedes_claim_id=chain[-1]["id"]))

        now = world.api.patch(f"/claims/{chain[2]['id']}", {"supersedes_claim_id": chain[0]["id"]})

        assert now["version_group_id"] == chain[0]["version_group_id"]
        assert world.api.get(f"/claims/{chain[3]['id']}") == chain[3]
        assert [event["kind"] for event in events(database, chain[3])] == ["claim.created"]

    def test_two_who_would_make_a_ring_at_once_do_not(self, world: World) -> None:
        def close(pair: tuple[Made, Made]) -> int:
            return edited(world.api, f"/claims/{pair[0]['id']}", {"supersedes_claim_id": pair[1]["id"]}).status_code

        for _ in range(10):
            one, other = world.claim(), world.claim()
            with ThreadPoolExecutor(2) as pool:
                assert sorted(pool.map(close, [(one, other), (other, one)])) == [200, 422]


class TestNoUpdateIsLost:
    def test_50_clients_edit_one_claim_under_if_match(self, world: World) -> None:
        claim = world.claim(object_value="0")
        at = f"/claims/{claim['id']}"

        def add_one(_: int) -> int:
            for tries in range(1, 500):
                read = world.api.get(at)
                changes = {"object_value": str(int(read["object_value"]) + 1)}
                answer = edited(world.api, at, changes, read["etag"])
                if answer.status_code == 200:
                    return tries
                problem(answer, 412, "precondition_failed")
            raise AssertionError("never its turn")

        with ThreadPoolExecutor(50) as pool:
            tries = list(pool.map(add_one, range(50)))

        now = world.api.get(at)
        assert (now["object_value"], now["version"], now["etag"]) == ("50", 51, '"51"')
        assert sum(tries) >= 50
        versions = world.api.walk(f"{at}/versions", limit=20)
        assert [version["version"] for version in versions] == list(range(51, 0, -1))
        values = [world.api.get(f"{at}/versions/{n}")["object_value"] for n in range(1, 52)]
        assert values == [str(n) for n in range(51)]
        for newer, older in pairwise(versions):
            assert older["replaced_at"] == newer["updated_at"] >= older["updated_at"]

    def test_without_it_edits_of_different_fields_all_count(self, world: World) -> None:
        entity = world.entity()
        at = f"/entities/{entity['id']}"
        edits = [{"name": "N"}, {"summary": "S"}, {"description": "D"}, {"tags": ["t"]}, {"aliases": ["a"]}]

        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda changes: edited(world.api, at, changes), edits))

        assert {answer.status_code for answer in answers} <= {200, 409}
        now = world.api.get(at)
        for changes, answer in zip(edits, answers, strict=True):
            if answer.status_code == 200:
                assert changes.items() <= now.items()


def test_a_job_made_before_an_edit_and_a_deletion_still_shows_the_old_text(world: World) -> None:
    references = world.one_of_each()
    job = new_job(world, references=references)
    (entity_id,), (claim_id,), (chunk_id,) = (references[f"{kind}_ids"] for kind in ("entity", "claim", "source_chunk"))
    before = job["derivation"]["lore_snapshot"]
    world.api.patch(f"/source-chunks/{chunk_id}", {"content": "Another text."})
    world.api.patch(f"/entities/{entity_id}", {"name": "Another name", "description": "Other."})
    world.api.patch(f"/claims/{claim_id}", {"predicate": "lost"})
    for path in (f"/claims/{claim_id}", f"/entities/{entity_id}", f"/sources/{references['source_id']}"):
        deleted(world.api, path)

    assert world.api.get(f"{JOBS}/{job['id']}")["derivation"]["lore_snapshot"] == before
    (claimed,) = claim(world)
    assert claimed["derivation"]["lore_snapshot"] == before
    (chunk,) = before["source_chunks"]
    assert chunk["content"] == "The sea went out."
    for path, pieces in (("/source-chunks", "source_chunks"), ("/entities", "entities"), ("/claims", "claims")):
        (piece,) = before[pieces]
        then = world.api.get(f"{path}/{piece['id']}/versions/{piece['version']}")
        assert then["content_hash"] == piece["content_hash"]
        shared = piece.keys() & then.keys()
        assert {name: then[name] for name in shared} == {name: piece[name] for name in shared}


def test_the_document_declares_the_etag(admin: Api) -> None:
    paths = admin.get("/openapi.json")["paths"]

    for path in (piece.path for piece in PIECES.values()):
        one = paths[f"{path}/{{id}}"]
        assert "ETag" in one["get"]["responses"]["200"]["headers"]
        assert "ETag" in one["patch"]["responses"]["200"]["headers"]
        assert {"If-Match"} == {told["name"] for told in one["patch"]["parameters"] if told["in"] == "header"}
        schema = one["patch"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert schema.endswith("Update") and not schema.endswith("/LoreUpdate")
