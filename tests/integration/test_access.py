"""Keys, roles and worlds: deny by default, and tell nobody what they may not see (design section 5, Access)."""

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from factories.jobs import JOBS, new_job
from factories.lore import World
from harness.operations import Operation, operations
from harness.server import RunningApp
from harness.waiting import until
from harness.wire import Api, problem
from prometheus_client.parser import text_string_to_metric_families

from lorekeeper.access.keys import _checksum, make_key
from lorekeeper.contracts.enums import Role
from lorekeeper.kit.pagination import encode_cursor

ASSETS = "/assets/assets"
NOBODYS = str(uuid4())
OPEN = {"GET /health/live", "GET /health/ready", "GET /metrics"}


def table_of_roles() -> dict[str, set[Role]]:
    """Who may call what, as docs/access.md tells."""
    page = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    roles = [Role(name) for name in next(row for row in rows if row[0] == "operation")[1:]]
    told: dict[str, set[Role]] = {}
    for name, *cells in rows:
        if name.startswith("`"):
            assert set(cells) <= {"yes", "no"}, name
            told[name.strip("`")] = {role for role, cell in zip(roles, cells, strict=True) if cell == "yes"}
    return told


MAY = table_of_roles()
KEYED = [operation for operation in operations() if operation.name not in OPEN]


@pytest.fixture(scope="session")
def keys(app: RunningApp) -> dict[Role, Api]:
    return {role: app.as_new_key(role) for role in Role}


@pytest.fixture(scope="module")
def revoked(app: RunningApp) -> Api:
    """A key of an admin that every server has forgotten."""
    api = app.as_new_key(Role.ADMIN)
    app.revoke(api)
    until(lambda: api.ask("GET", "/worlds").status_code == 401)
    return api


def test_the_table_of_roles_names_every_operation() -> None:
    assert set(MAY) | OPEN == {operation.name for operation in operations()}, "docs/access.md has a row for each"


def test_the_document_says_which_need_a_key() -> None:
    assert {operation.name for operation in operations() if not operation.needs_key} == OPEN


def test_those_that_need_no_key_ask_for_none(app: RunningApp) -> None:
    for name in OPEN:
        assert app.as_anyone().ask(*name.split()).status_code == 200


@pytest.mark.parametrize("operation", KEYED, ids=lambda operation: operation.name)
class TestEveryOperation:
    def test_lets_each_role_do_what_it_may_and_nothing_else(self, keys: dict[Role, Api], operation: Operation) -> None:
        for role, api in keys.items():
            answer = operation.send(api, NOBODYS, body={})
            if role in MAY[operation.name]:
                assert answer.status_code in {200, 404, 422}, (role, answer.text)
            else:
                assert problem(answer, 403, "forbidden")["detail"].endswith(f"yours is {role}.")

    def test_tells_nothing_without_a_key_that_is_valid(
        self, app: RunningApp, revoked: Api, operation: Operation
    ) -> None:
        """Nor is anything said of the body: it is not even read."""
        for nobody in (app.as_anyone(), app.as_anyone("lk_garbage"), app.as_anyone(make_key()[0]), revoked):
            for content in (b"{}", b"{", b""):
                answer = operation.send(nobody, NOBODYS, content=content)
                problem(answer, 401, "unauthorized")
                assert answer.headers["www-authenticate"].startswith("Bearer")


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


class TestWorldsThatAKeyMayNotSee:
    """test_isolation.py has the rest, generated."""

    def test_are_not_told_by_a_cursor(self, app: RunningApp, world: World, other_world: World) -> None:
        """A cursor is an id in disguise."""
        narrow = app.as_new_key(Role.ADMIN, worlds=[other_world.id])
        hidden = world.chunks_of(world.source(chunks=[{"content": str(n)} for n in range(3)]))[1]
        own = other_world.source(chunks=[{"content": str(n)} for n in range(5)])
        path = f"/sources/{own['id']}/chunks"

        there, not_there = (narrow.get(path, cursor=encode_cursor(one)) for one in (UUID(hidden["id"]), uuid4()))

        assert there == not_there


def _connections_asked_for(api: Api) -> float:
    """How often the server has taken a connection to its database out of the pool."""
    for family in text_string_to_metric_families(api.ask("GET", "/metrics").text):
        for sample in family.samples:
            if sample.name == "lorekeeper_database_pool" and sample.labels["counter"] == "requests_num":
                return sample.value
    raise AssertionError("the metrics do not tell")
