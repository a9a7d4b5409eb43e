"""Keys, roles and worlds: deny by default, and tell nobody what they may not see (design section 5, Access)."""

import json
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from factories.jobs import JOBS, File, finished_job, new_job
from factories.lore import Made, World
from harness.operations import Operation, operations
from harness.server import RunningApp
from harness.waiting import until
from harness.wire import Api
from prometheus_client.parser import text_string_to_metric_families

from lorekeeper.access.keys import _checksum, make_key
from lorekeeper.contracts.enums import Role
from lorekeeper.kit.pagination import encode_cursor

READ = {Role.READER, Role.EDITOR, Role.WORKER, Role.ADMIN}
WRITE = {Role.EDITOR, Role.ADMIN}
WORK = {Role.WORKER, Role.ADMIN}
ASSETS = "/assets/assets"

MAY: dict[str, set[Role] | None] = {
    "GET /health/live": None,
    "GET /health/ready": None,
    "GET /metrics": None,
    "GET /worlds": READ,
    "POST /worlds": WRITE,
    "POST /worlds/import": WRITE,
    "GET /worlds/{id}": READ,
    "GET /entities": READ,
    "POST /entities": WRITE,
    "GET /entities/{id}": READ,
    "GET /sources": READ,
    "POST /sources": WRITE,
    "GET /sources/{id}": READ,
    "GET /sources/{id}/chunks": READ,
    "POST /sources/{id}/chunks": WRITE,
    "GET /source-chunks/{id}": READ,
    "GET /claims": READ,
    "POST /claims": WRITE,
    "GET /claims/{id}": READ,
    f"GET {JOBS}": READ,
    f"POST {JOBS}": WRITE,
    f"GET {JOBS}/{{id}}": READ,
    f"PATCH {JOBS}/{{id}}": WORK,
    f"POST {JOBS}/claim": WORK,
    f"POST {JOBS}/{{id}}/heartbeat": WORK,
    f"POST {JOBS}/{{id}}/complete": WORK,
    f"POST {JOBS}/{{id}}/fail": WORK,
    f"POST {JOBS}/{{id}}/cancel": WRITE | WORK,
    f"GET {ASSETS}": READ,
    f"GET {ASSETS}/{{id}}": READ,
    f"POST {ASSETS}/{{asset_id}}/presign-download": READ,
    f"POST {ASSETS}/presign-upload": WRITE | WORK,
}
"""Who may call what; None: anybody, without a key."""


@pytest.fixture(scope="session")
def keys(app: RunningApp) -> dict[Role, Api]:
    return {role: app.as_new_key(role) for role in Role}


def test_the_table_of_roles_names_every_operation() -> None:
    assert {operation.name for operation in operations()} == set(MAY)


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.name)
class TestRoles:
    def test_each_may_what_it_may_and_nothing_else(self, keys: dict[Role, Api], operation: Operation) -> None:
        for role, api in keys.items():
            answer = operation.send(api, str(uuid4()), body={})
            allowed = MAY[operation.name]
            if allowed is None or role in allowed:
                assert answer.status_code in {200, 404, 422}, (role, answer.text)
            else:
                assert answer.status_code == 403, (role, answer.text)
                assert answer.json()["code"] == "forbidden"
                assert role in answer.json()["detail"]

    def test_without_a_key_nothing_is_told(self, app: RunningApp, operation: Operation) -> None:
        nobody = app.as_anyone()
        for body in ({}, None):
            answer = operation.send(nobody, str(uuid4()), body=body)
            if MAY[operation.name] is None:
                assert answer.status_code == 200
            else:
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert answer.json()["code"] == "unauthorized"

    def test_the_document_says_whether_a_key_is_needed(self, operation: Operation) -> None:
        assert operation.needs_key is (MAY[operation.name] is not None)


class TestKeys:
    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Basic {key}",
            "{key}",
            "Bearer {key}x",
            "Bearer lk_short",
            "Bearer {key} {key}",
            "Bearer \u00e9",
        ],
    )
    def test_in_no_other_form_are_taken(self, admin: Api, header: str) -> None:
        text = header.format(key=admin.key).encode()

        for path in ("/worlds", JOBS):
            answer = admin.ask("GET", path, headers={b"Authorization": text})
            assert answer.status_code == 401
            assert answer.json()["code"] == "unauthorized"

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_are_taken_under_the_scheme_in_any_case(self, admin: Api, scheme: str) -> None:
        assert admin.ask("GET", "/worlds", headers={"Authorization": f"{scheme} {admin.key}"}).status_code == 200

    def test_that_nobody_made_are_refused(self, app: RunningApp) -> None:
        app.as_anyone(make_key()[0]).refused(401, "unauthorized", "GET", "/worlds")

    def test_with_another_secret_are_refused(self, app: RunningApp, admin: Api) -> None:
        """The id is known and the checksum right: only the secret is not."""
        head = f"lk_{admin.key_id}_{'0' * 32}"

        app.as_anyone(head + _checksum(head)).refused(401, "unauthorized", "GET", "/worlds")

    def test_with_a_wrong_checksum_cost_no_query(self, app: RunningApp, admin: Api) -> None:
        assert admin.key is not None
        mistyped = app.as_anyone(admin.key[:-1] + ("0" if admin.key[-1] != "0" else "1"))
        one, two = _connections_asked_for(admin), _connections_asked_for(admin)

        for _ in range(50):
            mistyped.refused(401, "unauthorized", "GET", "/worlds")

        assert _connections_asked_for(admin) - two == two - one, "only what reading the metrics itself costs"

    def test_that_are_revoked_end_within_a_second(self, app: RunningApp) -> None:
        api = app.as_new_key(Role.READER)
        assert api.ask("GET", "/worlds").status_code == 200
        app.revoke(api)
        revoked_at = time.monotonic()

        until(lambda: api.ask("GET", "/worlds").status_code == 401)

        assert time.monotonic() - revoked_at < 1.5

    def test_in_the_database_open_nothing(self, app: RunningApp, database: Any) -> None:
        api = app.as_new_key(Role.ADMIN)

        row = database.execute("SELECT * FROM api_key WHERE id = %s", [api.key_id]).fetchone()

        secret = str(api.key).split("_")[2]
        assert secret[:32] not in json.dumps(row, default=str)
        assert secret[:32].encode() not in bytes(row["secret_hash"])

    def test_who_did_it_is_told_by_the_key_and_not_by_the_body(self, app: RunningApp, world: World) -> None:
        editor = app.as_new_key(Role.EDITOR)

        assert new_job(world.seen_by(editor))["requested_by"] == editor.key_id
        assert world.seen_by(editor).entity()["created_by"] == editor.key_id
        body = {"world_id": world.id, "name": "E", "created_by": "somebody"}
        editor.refused(422, "validation_failed", "POST", "/entities", body)


class TestGrants:
    def test_a_narrow_key_is_granted_the_world_that_it_makes(self, app: RunningApp, world: World) -> None:
        narrow = app.as_new_key(Role.EDITOR, worlds=[world.id])
        made = World.made(narrow)

        assert {item["id"] for item in narrow.get("/worlds")["items"]} == {world.id, made.id}
        assert made.entity()["world_id"] == made.id
        assert world.seen_by(narrow).entity()

    def test_a_key_of_no_worlds_sees_none(self, app: RunningApp, world: World) -> None:
        nothing = app.as_new_key(Role.ADMIN, worlds=[])

        for path in ("/worlds", "/entities", "/sources", "/claims", JOBS, ASSETS):
            assert nothing.get(path)["total"] == 0


LEASE = {"lease_token": str(uuid4())}
BODIES: dict[str, Made] = {
    "POST /sources/{id}/chunks": {"chunks": [{"content": "a"}]},
    f"PATCH {JOBS}/{{id}}": {"status": "RUNNING"},
    f"POST {JOBS}/{{id}}/heartbeat": LEASE,
    f"POST {JOBS}/{{id}}/complete": File().declared("k"),
    f"POST {JOBS}/{{id}}/fail": {"error_code": "e"},
    "POST /entities": {"name": "E"},
    "POST /sources": {"title": "S"},
    "POST /claims": {"subject_entity_id": str(uuid4()), "predicate": "p", "object_value": "v"},
    f"POST {JOBS}": {"asset_type": "PDF", "provider": "p", "prompt_spec": {}},
    f"POST {JOBS}/claim": {"worker_id": "w", "providers": ["p"]},
    f"POST {ASSETS}/presign-upload": {"asset_type": "PDF", "filename": "a", "content_type": "a/b"},
}
WHOSE: dict[str, Callable[[World], str]] = {
    "/worlds": lambda world: world.id,
    "/entities": lambda world: world.entity()["id"],
    "/sources": lambda world: world.source()["id"],
    "/source-chunks": lambda world: world.chunk()["id"],
    "/claims": lambda world: world.claim()["id"],
    JOBS: lambda world: new_job(world)["id"],
    ASSETS: lambda world: finished_job(world)["asset"]["id"],
}


class TestWorldsThatAKeyMayNotSee:
    """They are as if they did not exist: the answers differ by the id that was asked for, and by nothing else."""

    @pytest.fixture
    def narrow(self, app: RunningApp, other_world: World) -> Api:
        return app.as_new_key(Role.ADMIN, worlds=[other_world.id])

    @pytest.mark.parametrize(
        "operation", [one for one in operations() if "{" in one.path], ids=lambda operation: operation.name
    )
    def test_are_not_told_from_nothing_by_an_id_in_the_path(
        self, world: World, narrow: Api, operation: Operation
    ) -> None:
        (kind,) = (kind for kind in WHOSE if re.fullmatch(rf"{kind}/{{\w+}}(/.*)?", operation.path))
        hidden, nowhere = WHOSE[kind](world), str(uuid4())
        body = BODIES.get(operation.name)

        there, not_there = (operation.send(narrow, one, body=body) for one in (hidden, nowhere))

        assert there.status_code == not_there.status_code == 404
        assert _faceless(there.json(), hidden) == _faceless(not_there.json(), nowhere)

    @pytest.mark.parametrize(
        ("operation", "parameter"),
        [(one, name) for one in operations() for name in one.id_filters],
        ids=lambda value: value if isinstance(value, str) else value.name,
    )
    def test_are_not_told_from_nothing_by_an_id_in_the_query(
        self, world: World, narrow: Api, operation: Operation, parameter: str
    ) -> None:
        references = world.one_of_each()
        finished_job(world, references=references)
        hidden = {
            "world_id": world.id,
            "subject_entity_id": world.claim()["subject_entity_id"],
            "object_entity_id": world.claim(object_entity_id=world.entity()["id"])["object_entity_id"],
            "source_id": references["source_id"],
            "related_claim_id": references["claim_ids"][0],
            "related_entity_id": references["entity_ids"][0],
            "related_source_chunk_id": references["source_chunk_ids"][0],
        }[parameter]
        nowhere = str(uuid4())

        there, not_there = (narrow.ask("GET", operation.path, params={parameter: one}) for one in (hidden, nowhere))

        assert there.status_code == not_there.status_code
        assert _faceless(there.json(), hidden) == _faceless(not_there.json(), nowhere)
        assert there.json().get("items", []) == []

    @pytest.mark.parametrize(
        "name",
        ["POST /entities", "POST /sources", "POST /claims", f"POST {JOBS}", f"POST {ASSETS}/presign-upload"],
    )
    def test_are_not_told_from_nothing_by_an_id_in_the_body(self, world: World, narrow: Api, name: str) -> None:
        method, path = name.split()
        nowhere = str(uuid4())

        there, not_there = (
            narrow.refused(404, "world_not_found", method, path, {"world_id": one, **BODIES[name]})
            for one in (world.id, nowhere)
        )

        assert _faceless(there, world.id) == _faceless(not_there, nowhere)

    def test_are_not_told_by_a_cursor(self, world: World, other_world: World, narrow: Api) -> None:
        """A cursor is an id in disguise."""
        hidden = world.chunks_of(world.source(chunks=[{"content": str(n)} for n in range(3)]))[1]
        own = other_world.source(chunks=[{"content": str(n)} for n in range(5)])
        path = f"/sources/{own['id']}/chunks"

        there, not_there = (narrow.get(path, cursor=encode_cursor(one)) for one in (UUID(hidden["id"]), uuid4()))

        assert there == not_there


def _faceless(body: Made, asked_for: str) -> Made:
    text = json.dumps({name: value for name, value in body.items() if name != "request_id"})
    return json.loads(text.replace(asked_for, "THE ID"))


def _connections_asked_for(api: Api) -> float:
    """How often the server has taken a connection to its database out of the pool."""
    for family in text_string_to_metric_families(api.ask("GET", "/metrics").text):
        for sample in family.samples:
            if sample.name == "lorekeeper_database_pool" and sample.labels["counter"] == "requests_num":
                return sample.value
    raise AssertionError("the metrics do not tell")
