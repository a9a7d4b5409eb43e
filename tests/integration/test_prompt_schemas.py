"""The operator's own schemas: how versions follow one another, who may write them, and what is none."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from factories.lore import Made, World
from factories.prompt_schemas import MOOD, SCHEMAS, body_for, in_force, judges, withdraw
from harness.server import RunningApp
from harness.wire import Api
from psycopg.errors import IntegrityConstraintViolation

from lorekeeper.contracts.enums import AssetTypeEnum, Role
from lorekeeper.contracts.prompt_schemas import PromptSchemaCreate
from lorekeeper.sdk import Client, PromptSchemaInvalidError


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
