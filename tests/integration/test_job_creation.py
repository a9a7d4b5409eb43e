"""Asking for an asset: what a new job is, and what is checked before there is one."""

from uuid import uuid4

import psycopg
import pytest
from factories.jobs import JOBS, finished_job, read, request_for
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
