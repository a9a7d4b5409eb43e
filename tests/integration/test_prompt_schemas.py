"""The operator's own schemas: which one judges a prompt, how versions follow one another, and who may write them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from factories.jobs import JOBS, claim, new_job, read, request_for
from factories.lore import Made, World
from harness.server import RunningApp, running_app
from harness.wire import Api
from psycopg.errors import IntegrityConstraintViolation

from lorekeeper.app import Backing
from lorekeeper.contracts.enums import AssetTypeEnum, Role
from lorekeeper.contracts.prompt_schemas import PromptSchemaCreate
from lorekeeper.contracts.prompts import PROMPT_SPECS
from lorekeeper.sdk import Client, PromptSchemaInvalidError
from lorekeeper.settings import Settings

SCHEMAS = "/prompt-schemas"
MOOD: Made = {"required": ["mood"], "properties": {"mood": {"enum": ["grim", "merry"]}}, "additionalProperties": False}
GRIM: Made = {"mood": "grim"}


def body_for(world: World, schema: Made | None = None, **fields: Any) -> Made:
    return {"asset_type": "IMAGE", "provider": world.provider, "schema": MOOD if schema is None else schema, **fields}


def in_force(world: World, schema: Made | None = None, **fields: Any) -> Made:
    """A schema, put in force for this world's provider."""
    return world.api.post(SCHEMAS, body_for(world, schema, **fields))


def withdraw(api: Api, schema: Made) -> Made:
    answer = api.ask("DELETE", f"{SCHEMAS}/{schema['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def judges(world: World, asset_type: str = "IMAGE") -> Made:
    return world.api.get(f"{SCHEMAS}/in-force", asset_type=asset_type, provider=world.provider)


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


class TestVersions:
    def test_are_counted_by_asset_type_and_provider(self, world: World, other_world: World) -> None:
        first = world.api.ask("POST", SCHEMAS, json=body_for(world, description="The first."))
        made = first.json()

        assert first.status_code == 201
        assert first.headers["location"] == f"{SCHEMAS}/{made['id']}"
        assert made == world.api.get(f"{SCHEMAS}/{made['id']}")
        assert {name: made[name] for name in ("version", "retired_at", "description", "created_by", "schema")} == {
            "version": 1,
            "retired_at": None,
            "description": "The first.",
            "created_by": world.api.key_id,
            "schema": MOOD,
        }
        assert in_force(world, {})["version"] == 2
        assert in_force(world)["version"] == 3
        assert in_force(other_world)["version"] == in_force(world, asset_type="MAP")["version"] == 1

    def test_that_would_be_the_same_are_not_made(self, world: World) -> None:
        schema: Made = {"properties": {"a": {"enum": ["ü", 1, None]}, "b": {"minimum": 1}}}
        first = in_force(world, schema, description="one")
        otherwise: Made = {"properties": {"b": {"minimum": 1.0}, "a": {"enum": ["\u00fc", 1, None]}}}

        again = world.api.ask("POST", SCHEMAS, json=body_for(world, otherwise, description="another"))

        assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
        assert again.json() == first

    def test_that_were_in_force_before_come_back_as_new_ones(self, world: World) -> None:
        first = in_force(world)
        withdraw(world.api, first)

        again = in_force(world)

        assert (again["version"], again["retired_at"]) == (2, None)
        assert again["id"] != first["id"]

    def test_take_one_anothers_place_in_one_moment(self, world: World, database: psycopg.Connection[Made]) -> None:
        first, second = in_force(world), in_force(world, {})

        assert world.api.get(f"{SCHEMAS}/{first['id']}")["retired_at"] == second["created_at"]
        events = database.execute(
            "SELECT kind, actor, before, after FROM event WHERE subject_id = %s", [second["id"]]
        ).fetchall()
        assert events == [
            {
                "kind": "prompt_schema.created",
                "actor": world.api.key_id,
                "before": {"prompt_schema_id": first["id"]},
                "after": {"asset_type": "IMAGE", "provider": world.provider, "version": 2},
            }
        ]

    def test_are_withdrawn_once(self, world: World, database: psycopg.Connection[Made]) -> None:
        schema = in_force(world)

        first, second = withdraw(world.api, schema), withdraw(world.api, schema)

        assert first == second == schema | {"retired_at": first["retired_at"]}
        assert first["retired_at"] is not None
        kinds = database.execute("SELECT kind FROM event WHERE subject_id = %s ORDER BY id", [schema["id"]]).fetchall()
        assert [row["kind"] for row in kinds] == ["prompt_schema.created", "prompt_schema.withdrawn"]

    @pytest.mark.parametrize("former", [True, False], ids=["in place of another", "the first ones"])
    def test_made_at_once_all_count_and_one_is_in_force(self, world: World, former: bool) -> None:
        if former:
            in_force(world)
        with ThreadPoolExecutor(8) as threads:
            bodies = [body_for(world, {"required": [f"v{n}"]}) for n in range(16)]
            answers = list(threads.map(lambda body: world.api.ask("POST", SCHEMAS, json=body), bodies))

        assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
        versions = world.api.walk(SCHEMAS, provider=world.provider)
        assert sorted(row["version"] for row in versions) == list(range(1, 17 + former))
        (newest,) = [row for row in versions if row["retired_at"] is None]
        assert newest["version"] == 16 + former
        assert judges(world)["prompt_schema_id"] == newest["id"]

    def test_the_same_made_at_once_is_made_once(self, world: World) -> None:
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: world.api.ask("POST", SCHEMAS, json=body_for(world)), range(16)))

        assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1


class TestTheList:
    def test_is_of_every_version_newest_first_in_pages(self, world: World) -> None:
        made = [in_force(world, {"required": [f"v{n}"]}) for n in range(5)]
        ids = [schema["id"] for schema in reversed(made)]

        assert [row["id"] for row in world.api.walk(SCHEMAS, provider=world.provider, limit=2)] == ids
        page = world.api.get(SCHEMAS, provider=world.provider, skip=1, limit=2)
        assert [row["id"] for row in page["items"]] == ids[1:3]
        assert (page["total"], page["skip"], page["limit"]) == (5, 1, 2)

    def test_can_be_filtered_by_any_combination(self, world: World) -> None:
        old, image, pdf = in_force(world), in_force(world, {}), in_force(world, asset_type="PDF")

        def found(**filters: Any) -> set[str]:
            return {row["id"] for row in world.api.walk(SCHEMAS, provider=world.provider, **filters)}

        assert found() == {old["id"], image["id"], pdf["id"]}
        assert found(asset_type="IMAGE") == {old["id"], image["id"]}
        assert found(in_force="true") == {image["id"], pdf["id"]}
        assert found(in_force="false") == {old["id"]}
        assert found(in_force="true", asset_type="PDF") == {pdf["id"]}
        assert world.api.get(SCHEMAS, provider="nobody")["total"] == 0
        world.api.refused(422, "validation_failed", "GET", SCHEMAS, params={"in_force": "1"})


class TestWhoMayWrite:
    def test_an_admin_of_all_worlds_alone(self, app: RunningApp, world: World) -> None:
        schema = in_force(world)
        narrow = app.as_new_key(Role.ADMIN, worlds=[world.id])

        for api in (narrow, *(app.as_new_key(role) for role in (Role.READER, Role.EDITOR, Role.WORKER))):
            api.refused(403, "forbidden", "POST", SCHEMAS, body_for(world, {}))
            api.refused(403, "forbidden", "DELETE", f"{SCHEMAS}/{schema['id']}")
            assert api.get(f"{SCHEMAS}/{schema['id']}") == schema
            assert api.get(SCHEMAS, provider=world.provider)["items"] == [schema]
            assert judges(world.seen_by(api))["prompt_schema_id"] == schema["id"]

    def test_nothing_that_is_not_there(self, admin: Api) -> None:
        for method in ("GET", "DELETE"):
            admin.refused(404, "not_found", method, f"{SCHEMAS}/{uuid4()}")


class TestWhatIsNoSchema:
    @pytest.mark.parametrize(
        ("schema", "field"),
        [
            ({"properties": {"a": {"type": "objekt"}}}, "body.schema.properties.a.type"),
            ({"properties": {"a": {"pattern": "(?=a)"}}}, "body.schema.properties.a.pattern"),
            ({"$ref": "#"}, "body.schema"),
            ({"$schema": "http://json-schema.org/draft-04/schema#"}, "body.schema.$schema"),
            ({"description": "x" * 65_536}, "body.schema"),
        ],
    )
    def test_is_refused_and_the_former_stays_in_force(self, world: World, schema: Made, field: str) -> None:
        former = in_force(world)

        problem = world.api.refused(422, "prompt_schema_invalid", "POST", SCHEMAS, body_for(world, schema))

        assert problem["errors"][0]["field"] == field
        assert problem["errors"][0]["message"] in problem["detail"]
        assert judges(world)["prompt_schema_id"] == former["id"]

    @pytest.mark.parametrize(
        "fields",
        [{"schema": None}, {"schema": []}, {"schema": True}, {"asset_type": "SMELL"}, {"provider": ""}, {"version": 7}],
    )
    def test_nor_is_any_other_body(self, world: World, fields: Made) -> None:
        world.api.refused(422, "validation_failed", "POST", SCHEMAS, body_for(world) | fields)

    def test_nothing_is_fetched(self, world: World) -> None:
        """Not even from where there is something: this very server's document."""
        elsewhere = f"{world.api.url}/openapi.json#/components/schemas/VideoPromptSpec"

        problem = world.api.refused(
            422, "prompt_schema_invalid", "POST", SCHEMAS, body_for(world, {"properties": {"a": {"$ref": elsewhere}}})
        )

        assert problem["errors"][0]["field"] == "body.schema.properties.a.$ref"


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


class TestTheDatabase:
    @pytest.mark.parametrize(
        "change",
        [
            "schema = '{}'",
            "version = version + 1",
            "description = 'x'",
            "retired_at = NULL",
            "retired_at = retired_at + interval '1 day'",
        ],
    )
    def test_lets_nothing_of_a_schema_change_but_its_end(
        self, world: World, database: psycopg.Connection[Made], change: str
    ) -> None:
        schema = in_force(world, description="d")
        if "retired_at" in change:
            withdraw(world.api, schema)

        with pytest.raises(IntegrityConstraintViolation, match="can be retired, once"):
            database.execute(f"UPDATE prompt_schema SET {change} WHERE id = %s", [schema["id"]])
        with pytest.raises(IntegrityConstraintViolation, match="can be retired, once"):
            database.execute("DELETE FROM prompt_schema WHERE id = %s", [schema["id"]])


def test_the_sdk_speaks_of_schemas_too(admin: Api, world: World) -> None:
    with Client(admin.url, str(admin.key)) as client:
        schema: Made = {"properties": {"a": {"const": None}}}
        asked = PromptSchemaCreate(asset_type=AssetTypeEnum.IMAGE, provider=world.provider, schema=schema)
        made = client.prompt_schemas.create(asked)

        assert made.json_schema == schema
        assert client.prompt_schemas.get(made.id) == client.prompt_schemas.create(asked) == made
        assert [*client.prompt_schemas.iterate(provider=world.provider, in_force=True)] == [made]
        found = client.prompt_schemas.in_force(AssetTypeEnum.IMAGE, world.provider)
        assert (found.prompt_schema_id, found.json_schema) == (made.id, schema)
        assert client.prompt_schemas.withdraw(made.id).retired_at is not None
        assert client.prompt_schemas.in_force(AssetTypeEnum.IMAGE, world.provider).prompt_schema_id is None
        with pytest.raises(PromptSchemaInvalidError):
            client.prompt_schemas.create(asked.model_copy(update={"json_schema": {"$ref": "#"}}))
    assert UUID(str(made.id)).version == 7
