"""Asking for an asset: what is checked, what is fixed for ever, and when two requests are one (design section 5)."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import JOBS, claimed_job, finished_job, new_job, read, request_for
from factories.lore import Made, World
from harness.server import RunningApp

from lorekeeper.contracts.enums import Role

KINDS = ("claim_ids", "entity_ids", "source_chunk_ids", "source_id", "asset_ids")


def target(world: World, kind: str) -> str:
    match kind:
        case "claim_ids":
            return world.claim()["id"]
        case "entity_ids":
            return world.entity()["id"]
        case "source_chunk_ids":
            return world.chunk()["id"]
        case "source_id":
            return world.source()["id"]
        case _:
            return finished_job(world)["asset"]["id"]


def pointing_at(world: World, kind: str, *targets: str) -> Made:
    return request_for(world, references={kind: targets[0] if kind == "source_id" else list(targets)})


def test_a_new_job_is_queued_with_its_derivation(world: World) -> None:
    references = world.one_of_each() | {"asset_ids": [finished_job(world)["asset"]["id"]]}
    request = request_for(
        world,
        references=references,
        model_id="m-1",
        priority=5,
        max_attempts=2,
        start_by="2999-01-01T00:00:00Z",
        finish_by="2999-01-02T00:00:00+02:00",
    )

    answer = world.api.ask("POST", JOBS, json=request)
    job = answer.json()

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    assert "idempotent-replayed" not in answer.headers
    assert job == read(world, job)
    assert {name: job[name] for name in ("status", "attempt", "asset", "requested_by", "priority", "max_attempts")} == {
        "status": "QUEUED",
        "attempt": 0,
        "asset": None,
        "requested_by": world.api.key_id,
        "priority": 5,
        "max_attempts": 2,
    }
    assert job["finish_by"] == "2999-01-01T22:00:00.000000Z"
    derivation = job["derivation"]
    assert derivation["references"] == references
    assert derivation["prompt_spec"] == job["prompt_spec"] == request["prompt_spec"]
    assert derivation["input_hash"] == job["input_hash"]
    assert derivation["asset_id"] is None


@pytest.mark.parametrize("kind", KINDS)
class TestReferences:
    def test_what_does_not_exist_is_named(self, world: World, kind: str) -> None:
        missing = str(uuid4())

        problem = world.api.refused(404, "reference_not_found", "POST", JOBS, pointing_at(world, kind, missing))

        assert problem["missing"] == {kind: [missing]}
        assert missing in problem["detail"]

    def test_what_is_of_another_world_is_named(self, world: World, other_world: World, kind: str) -> None:
        foreign = target(other_world, kind)

        problem = world.api.refused(422, "world_scope_violation", "POST", JOBS, pointing_at(world, kind, foreign))

        assert problem["foreign"] == {kind: [foreign]}
        assert foreign in problem["detail"]
        assert world.api.get(JOBS, world_id=world.id, status="QUEUED")["total"] == 0

    def test_of_a_world_that_the_key_may_not_see_it_is_as_if_it_were_not_there(
        self, app: RunningApp, world: World, other_world: World, kind: str
    ) -> None:
        narrow = app.as_new_key(Role.EDITOR, worlds=[world.id])
        foreign, nowhere = target(other_world, kind), str(uuid4())

        there = narrow.refused(404, "reference_not_found", "POST", JOBS, pointing_at(world, kind, foreign))
        not_there = narrow.refused(404, "reference_not_found", "POST", JOBS, pointing_at(world, kind, nowhere))

        assert there["detail"].replace(foreign, "") == not_there["detail"].replace(nowhere, "")

    def test_what_is_deleted_does_not_exist(self, world: World, database: psycopg.Connection[Made], kind: str) -> None:
        gone = target(world, kind)
        table = {"source_chunk_ids": "source_chunk", "source_id": "source"}.get(kind, kind.removesuffix("_ids"))
        table = "entity" if kind == "entity_ids" else table
        gone_now = "status = 'DELETED', deleted_at = now()" if table == "asset" else "deleted_at = now()"
        database.execute(f"UPDATE {table} SET {gone_now} WHERE id = %s", [gone])

        problem = world.api.refused(404, "reference_not_found", "POST", JOBS, pointing_at(world, kind, gone))

        assert problem["missing"] == {kind: [gone]}


def test_every_wrong_reference_is_named_in_one_answer(world: World) -> None:
    wrong = {"claim_ids": [str(uuid4()), str(uuid4())], "entity_ids": [str(uuid4())], "source_id": str(uuid4())}
    request = request_for(world, references=wrong | {"source_chunk_ids": [world.chunk()["id"]]})

    problem = world.api.refused(404, "reference_not_found", "POST", JOBS, request)

    assert problem["missing"] == wrong | {"source_id": [wrong["source_id"]]}


def test_a_world_that_is_not_there_and_one_that_may_not_be_seen_are_alike(
    app: RunningApp, world: World, other_world: World
) -> None:
    narrow = app.as_new_key(Role.EDITOR, worlds=[other_world.id])
    nowhere = str(uuid4())

    there = narrow.refused(404, "world_not_found", "POST", JOBS, request_for(world))
    not_there = narrow.refused(404, "world_not_found", "POST", JOBS, request_for(world, world_id=nowhere))

    assert there["detail"].replace(world.id, "") == not_there["detail"].replace(nowhere, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"asset_type": "SMELL"},
        {"provider": "Runway ML"},
        {"provider": ""},
        {"priority": 1001},
        {"max_attempts": 0},
        {"prompt_spec": None},
        {"prompt_spec": {"title": ""}},
        {"prompt_spec": {"aspect_ratio": "wide"}},
        {"prompt_spec": {"n": 2**53}},
        {"prompt_spec": {"n": -1e300}},
        {"prompt_spec": {"text": "\x00"}},
        {"asset_type": "VIDEO", "prompt_spec": {}},
        {"asset_type": "VIDEO", "prompt_spec": {"description": "d", "duration": 0}},
        {"asset_type": "AUDIO", "prompt_spec": {"tempo": -1}},
        {"references": {"claim_ids": ["x"]}},
        {"references": {"claims": []}},
        {"idempotency_key": "with space"},
        {"start_by": "soon"},
        {"start_by": "2020-01-01T00:00:00Z"},
        {"start_by": "9999-12-31T23:59:59-05:00"},
        {"requested_by": "me"},
    ],
)
def test_what_is_not_valid_is_refused(world: World, fields: Made) -> None:
    world.api.refused(422, "validation_failed", "POST", JOBS, request_for(world, **fields))

    assert world.api.get(JOBS, world_id=world.id)["total"] == 0


SPEC = {"title": "Þórr 🌊", "seed": 1, "nested": {"b": [1, 2.5, None], "a": 1.0}}


class TestTheSameInputs:
    """They are one job, whoever writes them down and however."""

    @pytest.mark.parametrize(
        "text",
        [
            '{"title": "Þórr 🌊", "seed": 1, "nested": {"b": [1, 2.5, null], "a": 1}}',
            '{"nested": {"a": 1.0, "b": [1.0, 2.50, null]}, "seed": 1.0, "title": "\\u00de\\u00f3rr \\ud83c\\udf0a"}',
            '{"seed":1e0,"title":"\\u00de\\u00F3rr \\uD83C\\uDF0A","nested":{"b":[10e-1,25e-1,null],"a":0.1e1}}',
        ],
    )
    def test_written_otherwise_are_the_same_job(self, world: World, text: str) -> None:
        claims, entity = [world.claim()["id"], world.claim()["id"]], world.entity()["id"]
        first = new_job(world, prompt_spec=SPEC, references={"claim_ids": claims, "entity_ids": [entity]})
        body = request_for(
            world,
            prompt_spec="HERE",
            references={"entity_ids": [entity.upper(), entity], "claim_ids": [*reversed(claims), claims[0]]},
            priority=7,
            max_attempts=9,
        )

        answer = world.api.ask(
            "POST",
            JOBS,
            content=json.dumps(body).replace('"HERE"', text).encode(),
            headers={"Content-Type": "application/json"},
        )

        assert answer.status_code == 200, answer.text
        assert answer.headers["idempotent-replayed"] == "true"
        assert answer.json() == first

    def test_of_a_finished_job_get_it_with_its_asset(self, world: World) -> None:
        request = request_for(world)
        done = finished_job(world, **request)

        answer = world.api.ask("POST", JOBS, json=request)

        assert answer.status_code == 200
        assert answer.json() == done
        assert answer.json()["asset"]["id"]

    def test_from_another_key_are_the_same_job(self, app: RunningApp, world: World) -> None:
        request = request_for(world)
        first = world.api.post(JOBS, request)

        assert app.as_new_key(Role.EDITOR).post(JOBS, request) == first

    @pytest.mark.parametrize("end", ["fail", "cancel"])
    def test_of_a_job_that_came_to_nothing_are_a_new_job(self, world: World, end: str) -> None:
        request = request_for(world)
        first = claimed_job(world, **request)
        if end == "fail":
            body = {"error_code": "e", "lease_token": first["lease_token"]}
            assert world.api.post(f"{JOBS}/{first['id']}/fail", body)["status"] == "FAILED"
        else:
            world.api.post(f"{JOBS}/{first['id']}/cancel")
            body = {"error_code": "e", "lease_token": first["lease_token"]}
            assert world.api.post(f"{JOBS}/{first['id']}/fail", body)["status"] == "CANCELLED"

        second = world.api.ask("POST", JOBS, json=request)

        assert second.status_code == 201
        assert second.json()["id"] != first["id"]
        assert second.json()["input_hash"] == first["input_hash"]

    def test_of_a_job_whose_asset_was_deleted_are_a_new_job(
        self, world: World, database: psycopg.Connection[Made]
    ) -> None:
        request = request_for(world)
        done = finished_job(world, **request)
        database.execute("UPDATE asset_job SET asset_deleted_at = now() WHERE id = %s", [done["id"]])

        assert world.api.ask("POST", JOBS, json=request).status_code == 201

    @pytest.mark.parametrize(
        "change",
        [
            {"asset_type": "MAP"},
            {"provider": "another"},
            {"model_id": "m"},
            {"prompt_spec": {"title": "T", "seed": 2}},
            {"prompt_spec": {"title": "T", "seed": "1"}},
            {"prompt_spec": {"title": "T", "seed": 1, "more": None}},
            {"prompt_spec": {"title": "T "}},
            {"references": {}},
        ],
    )
    def test_changed_in_anything_that_means_something_are_another_job(self, world: World, change: Made) -> None:
        request = request_for(
            world, prompt_spec={"title": "T", "seed": 1}, references={"entity_ids": [world.entity()["id"]]}
        )
        first = world.api.post(JOBS, request)

        other = world.api.ask("POST", JOBS, json=request | change)

        assert other.status_code == 201
        assert other.json()["input_hash"] != first["input_hash"]

    def test_in_another_world_are_another_job(self, world: World, other_world: World) -> None:
        request = request_for(world)

        assert world.api.post(JOBS, request)["id"] != world.api.post(JOBS, request | {"world_id": other_world.id})["id"]


class TestTheSnapshot:
    def test_holds_the_lore_word_for_word(self, world: World) -> None:
        mara = world.entity(type="PERSON", name="Mára", aliases=["M"], summary="S", description="D")
        lamp = world.entity(name="the lamp")
        source = world.source(type="SONG", title="The Song", origin="Shelf", text="# I\n\nThe sea went out.\n")
        (chunk,) = world.chunks_of(source)
        claim = world.claim(
            subject_entity_id=mara["id"],
            object_entity_id=lamp["id"],
            canon_state="STRICT",
            confidence=0.5,
            source_chunk_id=chunk["id"],
            asserted_by_entity_id=mara["id"],
            valid_from={"label": "then", "sort": 1},
        )
        earlier = finished_job(world)["asset"]

        snapshot = new_job(
            world,
            references={
                "claim_ids": [claim["id"]],
                "entity_ids": [mara["id"]],
                "source_chunk_ids": [chunk["id"]],
                "source_id": source["id"],
                "asset_ids": [earlier["id"]],
            },
        )["derivation"]["lore_snapshot"]

        assert snapshot["world"] == {"id": world.id, "name": world.name}
        _is_of(snapshot["entities"][0], mara, "type", "name", "aliases", "summary", "description")
        _is_of(snapshot["source"], source, "type", "title", "origin")
        _is_of(snapshot["source_chunks"][0], chunk, "content", "chunk_index", "char_start", "char_end", "source_id")
        assert snapshot["source_chunks"][0]["heading"] == "I"
        assert snapshot["source_chunks"][0]["source_title"] == "The Song"
        _is_of(
            snapshot["claims"][0], claim, "sentence", "predicate", "subject_entity_id", "object_entity_id",
            "canon_state", "confidence", "asserted_by_entity_id", "source_id", "source_chunk_id", "valid_from",
        )  # fmt: skip
        assert snapshot["claims"][0]["asserted_by_name"] == "Mára"
        assert snapshot["assets"][0]["checksum"] == earlier["checksum"]

    def test_stays_as_it_was_when_the_lore_changes(self, world: World, database: psycopg.Connection[Made]) -> None:
        entity = world.entity(name="Before")
        request = request_for(world, references={"entity_ids": [entity["id"]]})
        first = world.api.post(JOBS, request)
        _edit(database, "entity", entity, name="After")

        second = world.api.ask("POST", JOBS, json=request)

        assert second.status_code == 201
        assert second.json()["input_hash"] != first["input_hash"]
        assert second.json()["derivation"]["content_basis"] != first["derivation"]["content_basis"]
        after = second.json()["derivation"]["lore_snapshot"]["entities"][0]
        assert (after["name"], after["version"]) == ("After", 2)
        assert read(world, first) == first
        assert first["derivation"]["lore_snapshot"]["entities"][0]["name"] == "Before"

    def test_a_claim_is_another_when_what_it_speaks_of_is_renamed(
        self, world: World, database: psycopg.Connection[Made]
    ) -> None:
        subject = world.entity(name="Before")
        request = request_for(world, references={"claim_ids": [world.claim(subject_entity_id=subject["id"])["id"]]})
        first = world.api.post(JOBS, request)
        _edit(database, "entity", subject, name="After")

        assert world.api.post(JOBS, request)["input_hash"] != first["input_hash"]

    def test_labels_make_no_other_job(self, world: World, database: psycopg.Connection[Made]) -> None:
        entity = world.entity()
        request = request_for(world, references={"entity_ids": [entity["id"]]})
        first = world.api.post(JOBS, request)
        database.execute("UPDATE entity SET tags = '{new}', metadata = '{\"a\": 1}' WHERE id = %s", [entity["id"]])
        database.execute("UPDATE world SET metadata = '{\"a\": 1}' WHERE id = %s", [world.id])

        assert world.api.post(JOBS, request)["id"] == first["id"]

    def test_the_content_basis_is_of_the_lore_alone(self, world: World) -> None:
        references = world.one_of_each()
        jobs = [
            new_job(world, references=references, **fields)
            for fields in ({}, {"model_id": "m"}, {"provider": "another"}, {"asset_type": "PDF"})
        ]

        assert len({job["derivation"]["content_basis"] for job in jobs}) == 1
        assert len({job["input_hash"] for job in jobs}) == 4
        assert new_job(world)["derivation"]["content_basis"] != jobs[0]["derivation"]["content_basis"]


class TestIdempotencyKey:
    def test_in_header_and_body_are_the_same(self, world: World) -> None:
        request = request_for(world)
        first = world.api.ask("POST", JOBS, json=request, headers={"Idempotency-Key": "k-1"})
        second = world.api.ask("POST", JOBS, json=request | {"idempotency_key": "k-1"})

        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json() == first.json()
        assert first.json()["idempotency_key"] == "k-1"

    def test_that_differ_in_header_and_body_are_refused(self, world: World) -> None:
        request = request_for(world, idempotency_key="one")

        world.api.refused(422, "validation_failed", "POST", JOBS, request, headers={"Idempotency-Key": "two"})

    def test_with_another_payload_is_refused(self, world: World) -> None:
        key = {"idempotency_key": uuid4().hex}
        first = new_job(world, **key)

        world.api.refused(422, "idempotency_key_reused", "POST", JOBS, request_for(world, **key))
        same = request_for(world, prompt_spec=first["prompt_spec"], priority=3, **key)
        world.api.refused(422, "idempotency_key_reused", "POST", JOBS, same)

    @pytest.mark.parametrize("what", ["changed", "deleted"])
    def test_gives_the_same_answer_after_the_lore_has_changed(
        self, world: World, database: psycopg.Connection[Made], what: str
    ) -> None:
        entity = world.entity()
        request = request_for(world, references={"entity_ids": [entity["id"]]}, idempotency_key=uuid4().hex)
        first = world.api.post(JOBS, request)
        if what == "changed":
            _edit(database, "entity", entity, name="After")
        else:
            database.execute("UPDATE entity SET deleted_at = now() WHERE id = %s", [entity["id"]])

        answer = world.api.ask("POST", JOBS, json=request)

        assert answer.status_code == 200
        assert answer.json() == first

    def test_gives_the_same_answer_after_the_job_has_failed(self, world: World) -> None:
        request = request_for(world, idempotency_key=uuid4().hex)
        job = claimed_job(world, **request)
        world.api.post(f"{JOBS}/{job['id']}/fail", {"error_code": "e", "lease_token": job["lease_token"]})

        answer = world.api.ask("POST", JOBS, json=request)

        assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (200, job["id"], "FAILED")

    def test_is_each_callers_own(self, app: RunningApp, world: World) -> None:
        key = {"idempotency_key": uuid4().hex}
        first = new_job(world, **key)

        second = new_job(world.seen_by(app.as_new_key(Role.EDITOR)), **key)

        assert second["id"] != first["id"]


def _is_of(piece: Made, row: Made, *fields: str) -> None:
    """A piece of the snapshot is the row it was taken of, in these fields and in its version."""
    for name in ("id", "version", "updated_at", "content_hash", *fields):
        assert piece[name] == row[name], name


def _edit(database: psycopg.Connection[Made], table: str, row: Made, **fields: Any) -> None:
    """What an edit of the lore does to its row."""
    setting = ", ".join(f"{name} = %({name})s" for name in fields)
    database.execute(
        f"UPDATE {table} SET {setting}, version = version + 1, updated_at = now(),"
        " content_hash = encode(sha256(gen_random_uuid()::text::bytea), 'hex') WHERE id = %(id)s",
        {**fields, "id": row["id"]},
    )
