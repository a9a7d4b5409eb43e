"""Deleting lore: what is forgotten, what is refused, what goes along; and that nothing living points at a tombstone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.editing import PIECES, Piece, deleted, edited
from factories.jobs import JOBS, new_job, request_for
from factories.lore import Made, World
from harness.server import RunningApp
from harness.wire import problem
from psycopg.errors import ForeignKeyViolation
from psycopg.types.json import Jsonb

from lorekeeper.contracts.enums import Role

Database = psycopg.Connection[Made]
CHUNK = {"chunks": [{"content": "c"}]}
KINDS = {name: piece for name, piece in PIECES.items() if name != "world"}

DANGLING = """
SELECT pointing.* FROM (
    SELECT 'subject' AS field, claim.* FROM claim JOIN entity ON entity.id = subject_entity_id
    WHERE entity.deleted_at IS NOT NULL
    UNION ALL SELECT 'object', claim.* FROM claim JOIN entity ON entity.id = object_entity_id
    WHERE entity.deleted_at IS NOT NULL
    UNION ALL SELECT 'asserter', claim.* FROM claim JOIN entity ON entity.id = asserted_by_entity_id
    WHERE entity.deleted_at IS NOT NULL
    UNION ALL SELECT 'source', claim.* FROM claim JOIN source ON source.id = source_id
    WHERE source.deleted_at IS NOT NULL
    UNION ALL SELECT 'chunk', claim.* FROM claim JOIN source_chunk ON source_chunk.id = source_chunk_id
    WHERE source_chunk.deleted_at IS NOT NULL
    UNION ALL SELECT 'superseded', claim.* FROM claim JOIN claim AS earlier ON earlier.id = claim.supersedes_claim_id
    WHERE earlier.deleted_at IS NOT NULL
) AS pointing WHERE world_id = %(world)s AND deleted_at IS NULL"""
AUTHORS = """
SELECT source.id FROM source JOIN source_author ON source_id = source.id JOIN entity ON entity.id = entity_id
WHERE source.world_id = %(world)s AND source.deleted_at IS NULL AND entity.deleted_at IS NOT NULL"""
CHUNKS = """
SELECT source_chunk.id FROM source_chunk JOIN source ON source.id = source_id
WHERE source.world_id = %(world)s AND source_chunk.deleted_at IS NULL AND source.deleted_at IS NOT NULL"""


def dangling(database: Database, world: World) -> list[Made]:
    """Whatever lives and points at a tombstone: nothing, ever."""
    queries = (DANGLING, AUTHORS, CHUNKS)
    return [row for query in queries for row in database.execute(query, {"world": world.id}).fetchall()]


@pytest.mark.parametrize("piece", KINDS.values(), ids=KINDS)
class TestAnyPiece:
    def test_what_is_deleted_is_forgotten(self, world: World, database: Database, piece: Piece) -> None:
        made = piece.make(world)
        lists = {"/source-chunks": f"/sources/{made.get('source_id')}/chunks"}.get(piece.path, piece.path)
        scope = {} if "chunks" in lists else {"world_id": world.id}

        told = deleted(world.api, piece.at(made), etag=made["etag"])

        assert (told["id"], told["claim_ids"], told["edited_source_ids"]) == (made["id"], [], [])
        world.api.refused(404, "not_found", "GET", piece.at(made))
        world.api.refused(404, "not_found", "DELETE", piece.at(made))
        world.api.refused(404, "not_found", "PATCH", piece.at(made), piece.label)
        assert world.api.get(lists, **scope)["total"] == 0
        event = database.execute(
            "SELECT * FROM event WHERE subject_id = %s ORDER BY id DESC LIMIT 1", [made["id"]]
        ).fetchone()
        assert event is not None
        assert event["kind"].endswith(".deleted")
        assert event["actor"] == world.api.key_id
        assert {name: event["before"][name] for name in piece.content} == {name: made[name] for name in piece.content}

    def test_of_another_edit_is_refused(self, world: World, piece: Piece) -> None:
        made = piece.make(world)
        now = edited(world.api, piece.at(made), piece.label).json()

        told = problem(
            world.api.ask("DELETE", piece.at(made), headers={"If-Match": made["etag"]}), 412, "precondition_failed"
        )

        assert told["etag"] == now["etag"]
        assert world.api.get(piece.at(made)) == now

    def test_only_an_editor_who_sees_it_may(
        self, app: RunningApp, world: World, other_world: World, piece: Piece
    ) -> None:
        made = piece.make(world)

        app.as_new_key(Role.EDITOR, worlds=[other_world.id]).refused(404, "not_found", "DELETE", piece.at(made))
        app.as_new_key(Role.READER).refused(403, "forbidden", "DELETE", piece.at(made))
        world.api.refused(404, "not_found", "DELETE", f"{piece.path}/{uuid4()}")

        assert world.api.get(piece.at(made)) == made

    def test_a_tombstone_can_be_referred_to_by_nothing_new(self, world: World, piece: Piece) -> None:
        made = piece.make(world)
        deleted(world.api, piece.at(made))
        field = {"/source-chunks": "source_chunk_ids", "/sources": "source_id"}.get(
            piece.path, piece.path[1:].replace("ies", "y").rstrip("s") + "_ids"
        )
        references = {field: made["id"] if field == "source_id" else [made["id"]]}

        told = world.api.refused(404, "reference_not_found", "POST", JOBS, request_for(world, references=references))

        assert told["missing"] == {field: [made["id"]]}


USES: dict[str, tuple[str, Callable[[World], tuple[Made, Made]]]] = {}


def _use(field: str, path: str) -> Callable[[Callable[[World], tuple[Made, Made]]], None]:
    return lambda make: USES.update({field: (path, make)})


_use("subject_entity_id", "/entities")(lambda world: _used(world.entity(), lambda e: world.claim(subject_entity_id=e)))
_use("object_entity_id", "/entities")(lambda world: _used(world.entity(), lambda e: world.claim(object_entity_id=e)))
_use("asserted_by_entity_id", "/entities")(
    lambda world: _used(world.entity(), lambda e: world.claim(asserted_by_entity_id=e))
)
_use("author_ids", "/entities")(lambda world: _used(world.entity(), lambda e: world.source(author_ids=[e])))
_use("source_id", "/sources")(lambda world: _used(world.source(), lambda s: world.claim(source_id=s)))
_use("source_chunk_id", "/source-chunks")(lambda world: _used(world.chunk(), lambda c: world.claim(source_chunk_id=c)))
_use("supersedes_claim_id", "/claims")(lambda world: _used(world.claim(), lambda c: world.claim(supersedes_claim_id=c)))


def _used(piece: Made, use: Callable[[str], Made]) -> tuple[Made, Made]:
    return piece, use(piece["id"])


@pytest.mark.parametrize("field", USES)
class TestWhatLivingLoreRefersTo:
    def test_is_refused_naming_it(self, world: World, field: str) -> None:
        path, make = USES[field]
        piece, user = make(world)

        told = world.api.refused(409, "lore_in_use", "DELETE", f"{path}/{piece['id']}")

        assert told["users"] == {field: [user["id"]]}
        assert user["id"] in told["detail"]
        assert world.api.get(f"{path}/{piece['id']}") == piece

    def test_goes_with_its_users_where_that_is_asked_for(self, world: World, database: Database, field: str) -> None:
        path, make = USES[field]
        piece, user = make(world)

        told = deleted(world.api, f"{path}/{piece['id']}", cascade=True)

        world.api.refused(404, "not_found", "GET", f"{path}/{piece['id']}")
        if field == "author_ids":
            assert told["edited_source_ids"] == [user["id"]]
            now = world.api.get(f"/sources/{user['id']}")
            assert (now["author_ids"], now["version"]) == ([], 2)
        else:
            assert told["claim_ids"] == [user["id"]]
            world.api.refused(404, "not_found", "GET", f"/claims/{user['id']}")
        assert dangling(database, world) == []

    def test_can_go_once_its_users_have(self, world: World, field: str) -> None:
        path, make = USES[field]
        piece, user = make(world)
        deleted(world.api, f"{'/sources' if field == 'author_ids' else '/claims'}/{user['id']}")

        assert deleted(world.api, f"{path}/{piece['id']}")["claim_ids"] == []

    def test_or_once_they_point_elsewhere(self, world: World, field: str) -> None:
        path, make = USES[field]
        piece, user = make(world)
        elsewhere: Made = {
            "subject_entity_id": {"subject_entity_id": world.entity()["id"]},
            "object_entity_id": {"object_entity_id": None, "object_value": "v"},
            "author_ids": {"author_ids": []},
            "source_chunk_id": {"source_chunk_id": None},
        }.get(field, {field: None})
        world.api.patch(f"{'/sources' if field == 'author_ids' else '/claims'}/{user['id']}", elsewhere)

        deleted(world.api, f"{path}/{piece['id']}")

    def test_and_the_database_refuses_to_point_at_a_tombstone_by_hand(
        self, world: World, database: Database, field: str
    ) -> None:
        path, make = USES[field]
        piece, user = make(world)
        table = {"/entities": "entity", "/sources": "source", "/source-chunks": "source_chunk", "/claims": "claim"}[
            path
        ]
        database.execute(f"UPDATE {table} SET deleted_at = now() WHERE id = %s", [piece["id"]])
        try:
            with pytest.raises(ForeignKeyViolation):
                if field == "author_ids":
                    database.execute(
                        "INSERT INTO source_author (world_id, source_id, position, entity_id) VALUES (%s, %s, 0, %s)",
                        [world.id, world.source()["id"], piece["id"]],
                    )
                else:
                    database.execute(
                        "INSERT INTO claim SELECT (jsonb_populate_record(NULL::claim, to_jsonb(claim) || %s)).*"
                        " FROM claim WHERE id = %s",
                        [Jsonb({"id": str(uuid4())}), user["id"]],
                    )
        finally:
            database.execute(f"UPDATE {table} SET deleted_at = NULL WHERE id = %s", [piece["id"]])


def test_a_refusal_names_twenty_of_each(world: World) -> None:
    entity = world.entity()["id"]
    for _ in range(25):
        world.claim(subject_entity_id=entity)

    told = world.api.refused(409, "lore_in_use", "DELETE", f"/entities/{entity}")

    assert len(told["users"]["subject_entity_id"]) == 20


def test_a_cascade_takes_all_that_supersede(world: World, database: Database) -> None:
    entity, other = world.entity()["id"], world.entity()["id"]
    claims = [world.claim(subject_entity_id=entity)]
    for _ in range(4):
        claims.append(world.claim(subject_entity_id=other, supersedes_claim_id=claims[-1]["id"]))
    spared = world.claim(subject_entity_id=other)

    told = deleted(world.api, f"/entities/{entity}", cascade=True)

    assert told["claim_ids"] == sorted(claim["id"] for claim in claims)
    assert [claim["id"] for claim in world.api.walk("/claims", world_id=world.id)] == [spared["id"]]
    kinds = database.execute(
        "SELECT kind, count(*) AS n FROM event WHERE world_id = %s AND kind LIKE '%%.deleted' GROUP BY kind", [world.id]
    ).fetchall()
    assert {row["kind"]: row["n"] for row in kinds} == {"entity.deleted": 1, "claim.deleted": 5}


def test_a_source_takes_its_chunks_and_the_claims_that_cite_them(world: World, database: Database) -> None:
    source = world.source(chunks=[{"content": "a"}, {"content": "b"}])
    chunk, other = world.chunks_of(source)
    claim = world.claim(source_chunk_id=chunk["id"])
    told = world.api.refused(409, "lore_in_use", "DELETE", f"/sources/{source['id']}")
    assert told["users"] == {"source_id": [claim["id"]]}

    told = deleted(world.api, f"/sources/{source['id']}", cascade=True)

    assert (told["claim_ids"], told["source_chunks"]) == ([claim["id"]], 2)
    world.api.refused(404, "not_found", "GET", f"/source-chunks/{other['id']}")
    world.api.refused(404, "not_found", "GET", f"/sources/{source['id']}/chunks")
    world.api.refused(404, "not_found", "POST", f"/sources/{source['id']}/chunks", {"chunks": [{"content": "c"}]})
    events = database.execute("SELECT kind FROM event WHERE subject_id = %s ORDER BY kind", [source["id"]]).fetchall()
    assert {row["kind"] for row in events} == {
        "source.created",
        "source.chunks_added",
        "source.deleted",
        "source.chunks_deleted",
    }


def test_provenance_shows_what_was_deleted(world: World) -> None:
    references = world.one_of_each()
    job = new_job(world, references=references)
    for kind, path in (("claim", "claims"), ("entity", "entities"), ("source_chunk", "source-chunks")):
        deleted(world.api, f"/{path}/{references[f'{kind}_ids'][0]}")
    deleted(world.api, f"/sources/{references['source_id']}")

    assert world.api.get(f"{JOBS}/{job['id']}") == job
    assert world.api.get("/assets/assets", related_claim_id=references["claim_ids"][0])["total"] == 0


class TestAtTheSameMoment:
    def _race(self, *work: Callable[[], Any]) -> list[Any]:
        with ThreadPoolExecutor(len(work)) as pool:
            return [future.result() for future in [pool.submit(one) for one in work]]

    @pytest.mark.parametrize("cascade", [True, False])
    def test_20_clients_make_claims_about_an_entity_while_it_is_deleted(
        self, world: World, database: Database, cascade: bool
    ) -> None:
        for _ in range(4):
            entity, other = world.entity()["id"], world.entity()["id"]
            numbers = count()

            def make(entity: str = entity, other: str = other, numbers: Any = numbers) -> list[int]:
                seen = []
                for _ in range(5):
                    number = next(numbers)
                    body = {"world_id": world.id, "subject_entity_id": other, "predicate": "p", "object_value": "v"}
                    field = ("subject_entity_id", "object_entity_id", "asserted_by_entity_id")[number % 3]
                    body |= {field: entity} | ({"object_value": None} if field == "object_entity_id" else {})
                    answer = world.api.ask("POST", "/claims", json=body)
                    seen.append(answer.status_code)
                return seen

            def delete(entity: str = entity) -> int:
                return world.api.ask(
                    "DELETE", f"/entities/{entity}", params={"cascade": str(cascade).lower()}
                ).status_code

            *made, gone = self._race(*[make] * 20, delete)

            statuses = {status for seen in made for status in seen}
            assert statuses <= {201, 404}
            assert gone == 200 if cascade else gone in {200, 409}
            if gone == 200:
                world.api.refused(404, "not_found", "GET", f"/entities/{entity}")
                assert world.api.get("/claims", object_entity_id=entity)["total"] == 0
            assert dangling(database, world) == []

    def test_claims_are_pointed_at_what_is_deleted(self, world: World, database: Database) -> None:
        for _ in range(5):
            entity, chunk, old = world.entity()["id"], world.chunk(), world.claim()
            claims = [world.claim()["id"] for _ in range(6)]
            changes = [
                {"subject_entity_id": entity},
                {"object_value": None, "object_entity_id": entity},
                {"source_chunk_id": chunk["id"]},
                {"source_id": chunk["source_id"]},
                {"supersedes_claim_id": old["id"]},
                {"asserted_by_entity_id": entity},
            ]
            paths = [f"/entities/{entity}", f"/sources/{chunk['source_id']}", f"/claims/{old['id']}"]
            edits = [
                lambda claim=claim, change=change: edited(world.api, f"/claims/{claim}", change).status_code
                for claim, change in zip(claims, changes, strict=True)
            ]
            deletions = [
                lambda path=path: world.api.ask("DELETE", path, params={"cascade": "true"}).status_code
                for path in paths
            ]

            statuses = self._race(*edits, *deletions)

            assert set(statuses[:6]) <= {200, 404}
            assert set(statuses[6:]) == {200}
            assert dangling(database, world) == []

    def test_a_claim_comes_back_while_its_entity_is_deleted(self, world: World, database: Database) -> None:
        for _ in range(15):
            entity = world.entity()["id"]
            claim = world.claim(subject_entity_id=entity)["id"]
            deleted(world.api, f"/claims/{claim}")

            back, gone = self._race(
                lambda claim=claim: world.api.ask("POST", f"/claims/{claim}/versions/1/restore").status_code,
                lambda entity=entity: world.api.ask("DELETE", f"/entities/{entity}").status_code,
            )

            assert (back, gone) in {(200, 409), (409, 200)}
            assert dangling(database, world) == []

    def test_authors_and_chunks_come_while_what_they_belong_to_goes(self, world: World, database: Database) -> None:
        for _ in range(10):
            entity, source, other = world.entity()["id"], world.source()["id"], world.source()["id"]
            statuses = self._race(
                lambda entity=entity, other=other: (
                    edited(world.api, f"/sources/{other}", {"author_ids": [entity]}).status_code
                ),
                lambda entity=entity: (
                    world.api.ask(
                        "POST", "/sources", json={"world_id": world.id, "title": "T", "author_ids": [entity]}
                    ).status_code
                ),
                lambda source=source: world.api.ask("POST", f"/sources/{source}/chunks", json=CHUNK).status_code,
                lambda entity=entity: (
                    world.api.ask("DELETE", f"/entities/{entity}", params={"cascade": "true"}).status_code
                ),
                lambda source=source: world.api.ask("DELETE", f"/sources/{source}").status_code,
            )

            assert set(statuses[:3]) <= {200, 201, 404}
            assert set(statuses[3:]) == {200}
            assert dangling(database, world) == []

    def test_two_delete_the_same(self, world: World, database: Database) -> None:
        entity = world.entity()["id"]
        world.claim(subject_entity_id=entity)

        statuses = self._race(
            *[lambda: world.api.ask("DELETE", f"/entities/{entity}", params={"cascade": "true"}).status_code] * 8
        )

        assert sorted(statuses) == [200, *[404] * 7]
        events = database.execute(
            "SELECT count(*) AS n FROM event WHERE subject_id = %s AND kind = 'entity.deleted'", [entity]
        ).fetchone()
        assert events == {"n": 1}
