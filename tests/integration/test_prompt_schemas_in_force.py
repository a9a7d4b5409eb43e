"""The operator's own schemas at work: which one judges a prompt, what a job says of it, and hostile prompts."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from factories.jobs import JOBS, claim, new_job, read, request_for
from factories.lore import Made, World
from factories.prompt_schemas import GRIM, MOOD, SCHEMAS, in_force, judges, withdraw
from harness.server import RunningApp, running_app
from harness.wire import Api

from lorekeeper.app import Backing
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.prompts import PROMPT_SPECS
from lorekeeper.settings import Settings


def accepted(world: World, prompt: Made, **fields: Any) -> Made:
    return new_job(world, prompt_spec=prompt, **fields)


def turned_down(world: World, prompt: Made, **fields: Any) -> list[Made]:
    """What is said against a prompt."""
    problem = world.api.refused(
        422, "validation_failed", "POST", JOBS, request_for(world, prompt_spec=prompt, **fields)
    )
    assert problem["detail"] == f"{problem['errors'][0]['field']}: {problem['errors'][0]['message']}"
    return problem["errors"]


@pytest.fixture
def for_any(admin: Api) -> Iterator[Made]:
    """A schema for AUDIO of any provider: it judges everybody's, so it must not outlive its test."""
    made = admin.post(SCHEMAS, {"asset_type": "AUDIO", "schema": MOOD})
    yield made
    for schema in admin.walk(SCHEMAS, asset_type="AUDIO", in_force="true"):
        withdraw(admin, schema)


class TestWhichSchemaJudges:
    def test_built_in_where_the_operator_has_none(self, world: World) -> None:
        found = judges(world)

        assert (found["origin"], found["prompt_schema_id"]) == ("BUILT_IN", None)
        assert found["schema"] == PROMPT_SPECS[AssetTypeEnum.IMAGE].model_json_schema()
        assert accepted(world, {"title": "T", "mood": 5})["prompt_schema_id"] is None
        (error,) = turned_down(world, {"description": "d", "duration": 0}, asset_type="VIDEO")
        assert error == {
            "field": "body.prompt_spec.duration",
            "message": "Input should be greater than 0",
            "type": "greater_than",
        }
        (missing,) = turned_down(world, {}, asset_type="VIDEO")
        assert (missing["field"], missing["type"]) == ("body.prompt_spec.description", "missing")

    def test_the_operators_in_place_of_the_built_in_one(self, world: World) -> None:
        schema = in_force(world, {"required": ["aspect_ratio"]})

        job = accepted(world, {"aspect_ratio": "wide", "title": ""})  # neither would pass the built-in one

        assert job["prompt_schema_id"] == schema["id"]
        (error,) = turned_down(world, {"title": "T"})
        assert (error["field"], error["type"]) == ("body.prompt_spec.aspect_ratio", "required")

    def test_a_providers_own_before_the_one_for_any(self, world: World, for_any: Made) -> None:
        own = in_force(world, {"required": ["own"]}, asset_type="AUDIO")

        assert accepted(world, {"own": 1}, asset_type="AUDIO")["prompt_schema_id"] == own["id"]
        assert judges(world, "AUDIO")["prompt_schema_id"] == own["id"]
        assert turned_down(world, GRIM, asset_type="AUDIO")

    def test_the_one_for_any_provider_that_has_none_of_its_own(self, world: World, for_any: Made) -> None:
        assert accepted(world, GRIM, asset_type="AUDIO")["prompt_schema_id"] == for_any["id"]
        assert turned_down(world, {"lyrics": "l"}, asset_type="AUDIO")
        assert judges(world, "AUDIO")["origin"] == "OPERATOR"
        assert world.api.get(f"{SCHEMAS}/in-force", asset_type="AUDIO")["prompt_schema_id"] == for_any["id"]

    def test_of_its_own_asset_type_alone(self, world: World) -> None:
        in_force(world)

        assert accepted(world, {"title": "T"}, asset_type="MAP")["prompt_schema_id"] is None

    def test_the_next_in_line_once_it_is_withdrawn(self, world: World, for_any: Made) -> None:
        own = in_force(world, {"required": ["own"]}, asset_type="AUDIO")

        withdraw(world.api, own)
        assert accepted(world, GRIM, asset_type="AUDIO")["prompt_schema_id"] == for_any["id"]
        withdraw(world.api, for_any)
        assert accepted(world, {"lyrics": "l"}, asset_type="AUDIO")["prompt_schema_id"] is None

    def test_the_new_version_from_the_very_next_request_in_every_process(
        self, settings: Settings, backing: Backing, world: World
    ) -> None:
        with running_app(settings, backing) as elsewhere:
            there = world.seen_by(elsewhere.as_anyone(world.api.key))
            first = in_force(world)
            assert accepted(there, GRIM)["prompt_schema_id"] == first["id"]
            for n in range(5):
                newer = in_force(world, {"required": [f"v{n}"]})
                assert accepted(there, {f"v{n}": 1})["prompt_schema_id"] == newer["id"]
                assert turned_down(there, GRIM)[0]["field"] == f"body.prompt_spec.v{n}"
            withdraw(world.api, newer)
            assert accepted(there, GRIM | {"title": "T"})["prompt_schema_id"] is None


class TestAJob:
    def test_names_the_schema_that_judged_it_wherever_it_is_read(self, world: World) -> None:
        schema = in_force(world)
        job = accepted(world, GRIM)

        assert job["prompt_schema_id"] == schema["id"]
        assert read(world, job) == job
        (listed,) = world.api.get(JOBS, world_id=world.id)["items"]
        (claimed,) = claim(world)
        assert listed["prompt_schema_id"] == claimed["prompt_schema_id"] == schema["id"]
        withdraw(world.api, schema)
        assert world.api.get(f"{SCHEMAS}/{schema['id']}")["schema"] == MOOD

    def test_is_the_same_by_its_inputs_whatever_judged_it(self, world: World) -> None:
        request = request_for(world, prompt_spec=GRIM)
        first = world.api.post(JOBS, request)
        in_force(world)

        again = world.api.ask("POST", JOBS, json=request)

        assert (again.status_code, again.json()) == (200, first)
        assert again.json()["prompt_schema_id"] is None

    def test_is_asked_for_by_the_schema_of_today_without_a_key(self, world: World) -> None:
        request = request_for(world, prompt_spec={"title": "T"})
        world.api.post(JOBS, request)
        in_force(world)

        world.api.refused(422, "validation_failed", "POST", JOBS, request)

    def test_is_given_again_for_its_key_whatever_is_in_force_by_now(self, world: World) -> None:
        request = request_for(world, prompt_spec={"title": "T"}, idempotency_key=uuid4().hex)
        first = world.api.post(JOBS, request)
        in_force(world)

        again = world.api.ask("POST", JOBS, json=request)

        assert (again.status_code, again.json()) == (200, first)
        changed = request | {"prompt_spec": {"title": "U"}}
        world.api.refused(422, "idempotency_key_reused", "POST", JOBS, changed)

    def test_takes_two_round_trips_as_without_an_operators_schema(self, app: RunningApp, world: World) -> None:
        in_force(world, {"required": ["title"]})
        new_job(world)  # reads the schema and compiles it

        def round_trips() -> int:
            before = app.database.stats()["requests_num"]
            new_job(world)
            return app.database.stats()["requests_num"] - before

        assert min(round_trips() for _ in range(3)) == 2  # one may have to look the key up anew

    def test_is_refused_for_its_lore_before_its_prompt(self, world: World) -> None:
        request = request_for(world, asset_type="VIDEO", prompt_spec={}, references={"entity_ids": [str(uuid4())]})

        world.api.refused(404, "reference_not_found", "POST", JOBS, request)
        world.api.refused(404, "world_not_found", "POST", JOBS, request | {"world_id": str(uuid4())})


class TestAHostilePrompt:
    def test_does_not_hold_up_the_server(self, world: World) -> None:
        in_force(
            world, {"properties": {"a": {"pattern": "^(a+)+$"}, "b": {"items": {"enum": [[n] for n in range(40)]}}}}
        )

        assert turned_down(world, {"a": "a" * 100_000 + "!"})[0]["type"] == "pattern"
        assert turned_down(world, {"b": [[39]] * 50_000})[0]["type"] == "too_large"

    def test_is_no_deeper_than_any_json(self, world: World) -> None:
        in_force(world, {"properties": {"child": {"$ref": "#"}}})
        prompt: Made = {}
        for _ in range(40):
            prompt = {"child": prompt}

        assert "nested deeper" in turned_down(world, prompt)[0]["message"]
        for _ in range(10):
            prompt = prompt["child"]
        assert accepted(world, prompt)
