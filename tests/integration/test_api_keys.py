"""API keys over HTTP: made, listed, revoked; and obeyed by every server process within a second."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import JOBS, new_job
from factories.lore import Made, World
from harness.engines import Engines, database_beside
from harness.server import RunningApp, running_app
from harness.waiting import until
from harness.wire import Api

from lorekeeper.access.keys import _checksum, read_key
from lorekeeper.app import Backing
from lorekeeper.contracts.enums import Role
from lorekeeper.db import migrate
from lorekeeper.kit.clock import MovableClock
from lorekeeper.settings import Settings

KEYS = "/keys"
LATEST_SECONDS = 1.5
"""A second, and what the machine takes to say so."""


def make(api: Api, role: Role = Role.READER, **fields: Any) -> Made:
    return api.post(KEYS, {"name": "a test's", "role": role, **fields})


def ids(items: list[Made]) -> list[str]:
    return [item["id"] for item in items]


class TestAKey:
    def test_is_shown_once_and_works(self, app: RunningApp, admin: Api, world: World) -> None:
        answer = admin.ask("POST", KEYS, json={"name": " Ann ", "role": "worker", "providers": ["b", "a", "b"]})

        made = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"{KEYS}/{made['id']}"
        assert answer.headers["cache-control"] == "no-store"
        parts = read_key(made["key"])
        assert parts is not None
        assert parts.id == made["id"]
        assert app.as_anyone(made["key"]).get(f"/worlds/{world.id}")["id"] == world.id
        shown = admin.get(f"{KEYS}/{made['id']}")
        assert shown == {name: value for name, value in made.items() if name != "key"} | {
            "last_used_at": shown["last_used_at"]
        }
        assert (made["name"], made["role"], made["providers"]) == ("Ann", "worker", ["b", "a"])
        assert (made["world_ids"], made["created_by"], made["revoked_at"]) == (None, admin.key_id, None)

    def test_keeps_its_secret_from_every_other_answer_and_from_the_log(
        self, admin: Api, database: psycopg.Connection, capfd: pytest.CaptureFixture[str]
    ) -> None:
        made = make(admin)
        secret, stored = (
            made["key"].split("_")[2],
            database.execute("SELECT secret_hash FROM api_key WHERE id = %s", [made["id"]]).fetchone(),
        )
        path = f"{KEYS}/{made['id']}"

        told = [admin.ask("GET", path), admin.ask("GET", KEYS), admin.ask("DELETE", path), admin.ask("DELETE", path)]

        text = "".join(answer.text + str(answer.headers) for answer in told) + capfd.readouterr().err
        assert made["id"] in text
        assert secret[:32] not in text
        assert bytes(stored["secret_hash"]).hex() not in text
        assert "secret" not in told[0].text

    def test_is_seen_by_its_worlds(self, app: RunningApp, admin: Api, world: World, other_world: World) -> None:
        made = make(admin, Role.EDITOR, world_ids=[world.id, world.id])

        assert made["world_ids"] == [world.id]
        assert ids(app.as_anyone(made["key"]).get("/worlds")["items"]) == [world.id]

    def test_leaves_an_event_of_its_making_and_one_of_its_end(self, admin: Api, database: psycopg.Connection) -> None:
        made = make(admin)
        for _ in range(2):
            admin.ask("DELETE", f"{KEYS}/{made['id']}")

        events = database.execute(
            "SELECT kind, actor, request_id FROM event WHERE subject_id = %s ORDER BY id", [made["id"]]
        ).fetchall()

        assert [event["kind"] for event in events] == ["api_key.created", "api_key.revoked"]
        assert all(event["actor"] == admin.key_id and event["request_id"] for event in events)

    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.WORKER])
    def test_has_providers_with_the_role_worker_only(self, admin: Api, role: Role) -> None:
        body = {"name": "k", "role": role, "providers": ["p"]}

        told = admin.refused(422, "validation_failed", "POST", KEYS, body)

        assert "providers go with the role worker" in told["detail"]

    def test_of_no_provider_at_all_is_refused(self, admin: Api) -> None:
        admin.refused(422, "validation_failed", "POST", KEYS, {"name": "k", "role": "worker", "providers": []})

    def test_of_a_world_that_does_not_exist_is_refused(
        self, admin: Api, world: World, database: psycopg.Connection
    ) -> None:
        gone, nowhere = World.made(admin).id, str(uuid4())
        database.execute("UPDATE world SET deleted_at = now() WHERE id = %s", [gone])

        for one in (gone, nowhere):
            body = {"name": nowhere, "role": "reader", "world_ids": [world.id, one]}
            told = admin.refused(404, "world_not_found", "POST", KEYS, body)
            assert told["world_id"] == one
        assert database.execute("SELECT FROM api_key WHERE name = %s", [nowhere]).fetchone() is None

    def test_that_there_is_not_is_not_found(self, admin: Api) -> None:
        for method in ("GET", "DELETE"):
            for key_id in ("0" * 12, "x", "a%00bcdefgh", "'); DROP TABLE", "0" * 33):
                admin.refused(404, "not_found", method, f"{KEYS}/{key_id}")


class TestTheList:
    def test_is_newest_first_and_has_pages(self, admin: Api) -> None:
        made = [make(admin)["id"] for _ in range(5)]

        page = admin.get(KEYS, limit=2)
        rest = admin.get(KEYS, limit=3, cursor=page["next_cursor"])

        assert ids(page["items"]) + ids(rest["items"]) == made[::-1]
        assert ids(admin.get(KEYS, skip=1, limit=2)["items"]) == made[3:1:-1]
        assert page["total"] == len(admin.walk(KEYS, limit=1000))

    def test_is_filtered_by_role_and_by_life(self, admin: Api) -> None:
        reader, worker, dead = make(admin), make(admin, Role.WORKER), make(admin, Role.WORKER)
        admin.ask("DELETE", f"{KEYS}/{dead['id']}")

        def found(**filters: str) -> set[str]:
            return {reader["id"], worker["id"], dead["id"]} & set(ids(admin.walk(KEYS, **filters)))

        assert found() == {reader["id"], worker["id"], dead["id"]}
        assert found(role="worker") == {worker["id"], dead["id"]}
        assert found(alive="true") == {reader["id"], worker["id"]}
        assert found(role="worker", alive="false") == {dead["id"]}

    @pytest.mark.parametrize("alive", ["1", "yes", "True", "", "null"])
    def test_takes_true_and_false_only(self, admin: Api, alive: str) -> None:
        admin.refused(422, "validation_failed", "GET", KEYS, params={"alive": alive})


class TestAnAdminOfSomeWorlds:
    @pytest.fixture
    def narrow(self, app: RunningApp, world: World) -> Api:
        return app.as_new_key(Role.ADMIN, worlds=[world.id])

    def test_makes_keys_within_its_own_grants_only(self, narrow: Api, world: World, other_world: World) -> None:
        assert make(narrow, Role.ADMIN, world_ids=[world.id])["world_ids"] == [world.id]
        assert make(narrow, Role.EDITOR, world_ids=[])["world_ids"] == []
        body = {"name": "k", "role": "admin"}
        narrow.refused(403, "forbidden", "POST", KEYS, body)
        narrow.refused(403, "forbidden", "POST", KEYS, body | {"world_ids": None})
        narrow.refused(404, "world_not_found", "POST", KEYS, body | {"world_ids": [world.id, other_world.id]})

    def test_sees_and_revokes_keys_within_them_only(
        self, admin: Api, narrow: Api, world: World, other_world: World
    ) -> None:
        within, own = make(admin, world_ids=[world.id]), make(narrow, world_ids=[])
        beyond = [
            make(admin),
            make(admin, world_ids=[]),
            make(admin, world_ids=[other_world.id]),
            make(admin, world_ids=[world.id, other_world.id]),
        ]

        assert set(ids(narrow.walk(KEYS))) == {within["id"], own["id"], narrow.key_id}
        for key in beyond:
            for method in ("GET", "DELETE"):
                told = narrow.refused(404, "not_found", method, f"{KEYS}/{key['id']}")
                nobodys = narrow.refused(404, "not_found", method, f"{KEYS}/{'0' * 12}")
                assert told["detail"].replace(key["id"], "0" * 12) == nobodys["detail"]
            assert admin.get(f"{KEYS}/{key['id']}")["revoked_at"] is None
        for key in (within, own):
            assert narrow.ask("DELETE", f"{KEYS}/{key['id']}").json()["revoked_at"]

    def test_still_rules_over_a_key_of_its_making_that_has_made_a_world(self, app: RunningApp, narrow: Api) -> None:
        """Else whoever was let in could get out of reach by making a world; but its name stays hidden."""
        editor = make(narrow, Role.EDITOR, world_ids=[])
        World.made(app.as_anyone(editor["key"]))

        assert narrow.get(f"{KEYS}/{editor['id']}")["world_ids"] == []
        assert narrow.ask("DELETE", f"{KEYS}/{editor['id']}").json()["revoked_at"]


class TestLastUse:
    def at(self, database: psycopg.Connection, key: Made) -> datetime | None:
        row = database.execute("SELECT last_used_at FROM api_key WHERE id = %s", [key["id"]]).fetchone()
        return row["last_used_at"]

    def use(self, app: RunningApp, text: str) -> int:
        """A request that finds the key forgotten, as one does a second later."""
        app.app.state.runtime.authenticator.forget(text.split("_")[1])
        return app.as_anyone(text).ask("GET", "/worlds").status_code

    def test_is_noted_once_a_minute(
        self, app: RunningApp, admin: Api, database: psycopg.Connection, clock: MovableClock
    ) -> None:
        key = make(admin)
        assert self.at(database, key) is None

        self.use(app, key["key"])
        first = self.at(database, key)
        clock.move(timedelta(seconds=50))
        self.use(app, key["key"])
        second = self.at(database, key)
        clock.move(timedelta(seconds=15))
        self.use(app, key["key"])
        third = self.at(database, key)

        assert first is not None
        assert second == first
        assert third is not None
        assert third - first >= timedelta(minutes=1)
        assert admin.get(f"{KEYS}/{key['id']}")["last_used_at"] == f"{third:%Y-%m-%dT%H:%M:%S.%fZ}"

    def test_is_not_noted_of_a_wrong_secret_or_a_revoked_key(
        self, app: RunningApp, admin: Api, database: psycopg.Connection
    ) -> None:
        key = make(admin)
        head = f"lk_{key['id']}_{'0' * 32}"

        assert self.use(app, head + _checksum(head)) == 401
        assert self.at(database, key) is None
        admin.ask("DELETE", f"{KEYS}/{key['id']}")
        assert self.use(app, key["key"]) == 401
        assert self.at(database, key) is None

    def test_keeps_nobody_waiting(self, app: RunningApp, admin: Api, database: psycopg.Connection) -> None:
        key = make(admin)
        with database.transaction():
            database.execute("SELECT FROM api_key WHERE id = %s FOR UPDATE", [key["id"]])
            assert self.use(app, key["key"]) == 200
        assert self.at(database, key) is None
        assert self.use(app, key["key"]) == 200
        assert self.at(database, key) is not None

    def test_is_noted_of_a_worker_that_does_nothing_but_wait(
        self, app: RunningApp, admin: Api, database: psycopg.Connection, clock: MovableClock
    ) -> None:
        key = make(admin, Role.WORKER)
        with ThreadPoolExecutor(1) as pool:
            body = {"worker_id": "w", "providers": [f"p-{uuid4().hex[:8]}"], "wait_seconds": 20}
            waiting = pool.submit(app.as_anyone(key["key"]).ask, "POST", f"{JOBS}/claim", json=body)
            first = until(lambda: self.at(database, key))
            clock.move(timedelta(minutes=2))
            until(lambda: self.at(database, key) != first)
            admin.ask("DELETE", f"{KEYS}/{key['id']}")
            assert waiting.result().status_code == 401


@pytest.fixture(scope="module")
def servers(engines: Engines, settings: Settings, worker_id: str) -> Iterator[tuple[RunningApp, RunningApp]]:
    """Two servers on one database of their own."""
    with database_beside(engines.database_url, f"{worker_id}_keys") as url:
        migrate.upgrade(url)
        backing = Backing(url, engines.store)
        with running_app(settings, backing) as one, running_app(settings, backing) as two:
            yield one, two


@pytest.fixture(scope="module")
def here(servers: tuple[RunningApp, RunningApp]) -> Api:
    return servers[0].as_new_key(Role.ADMIN)


@pytest.fixture
def there(servers: tuple[RunningApp, RunningApp]) -> RunningApp:
    return servers[1]


class TestOnEveryProcess:
    def test_a_revoked_key_ends_within_a_second(self, here: Api, there: RunningApp) -> None:
        key = make(here)
        reader = there.as_anyone(key["key"])
        assert reader.ask("GET", "/worlds").status_code == 200

        here.ask("DELETE", f"{KEYS}/{key['id']}")
        revoked_at = time.monotonic()

        until(lambda: reader.ask("GET", "/worlds").status_code == 401)
        assert time.monotonic() - revoked_at < LATEST_SECONDS

    def test_a_waiting_claim_ends_with_its_key_and_is_given_nothing(self, here: Api, there: RunningApp) -> None:
        world, key = World.made(here), make(here, Role.WORKER)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._claim, there.as_anyone(key["key"]), world)
            until(lambda: here.get(f"{KEYS}/{key['id']}")["last_used_at"])

            here.ask("DELETE", f"{KEYS}/{key['id']}")
            revoked_at = time.monotonic()
            status, told = waiting.result()

        assert (status, told["code"]) == (401, "unauthorized")
        assert time.monotonic() - revoked_at < 2 * LATEST_SECONDS, "looked at each second, remembered for one"
        job = new_job(world)
        assert here.get(f"{JOBS}/{job['id']}")["status"] == "QUEUED"

    def test_a_job_that_comes_a_second_after_the_revocation_is_not_handed_out(
        self, here: Api, there: RunningApp
    ) -> None:
        """It is made at the very server where the worker waits, and so wakes it at once."""
        world, key = World.made(here), make(here, Role.WORKER)
        beside = there.as_anyone(here.key)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._claim, there.as_anyone(key["key"]), world)
            until(lambda: here.get(f"{KEYS}/{key['id']}")["last_used_at"])
            here.ask("DELETE", f"{KEYS}/{key['id']}")
            over = time.monotonic() + 1
            until(lambda: time.monotonic() > over)
            job = new_job(world.seen_by(beside))
            status, _ = waiting.result()

        assert status == 401
        assert here.get(f"{JOBS}/{job['id']}")["status"] == "QUEUED"

    def test_a_waiting_claim_follows_its_grants(self, here: Api, there: RunningApp) -> None:
        """Worlds are taken from a key by hand only; what counts is that a wait does not outlive them."""
        world, kept = World.made(here), World.made(here)
        key = make(here, Role.WORKER, world_ids=[world.id, kept.id])
        taken = "DELETE FROM api_key_world WHERE key_id = %s AND world_id = %s"
        with ThreadPoolExecutor(1) as pool, psycopg.connect(self._url(there), autocommit=True) as connection:
            worker = there.as_anyone(key["key"])
            providers = [world.provider, kept.provider]
            waiting = pool.submit(self._claim, worker, world, providers=providers)
            until(lambda: here.get(f"{KEYS}/{key['id']}")["last_used_at"])
            connection.execute(taken, [key["id"], world.id])
            until(lambda: ids(worker.get("/worlds")["items"]) == [kept.id])
            hidden = new_job(world)
            seen = new_job(kept)
            status, told = waiting.result()

        assert status == 200
        assert ids(told["jobs"]) == [seen["id"]]
        assert here.get(f"{JOBS}/{hidden['id']}")["status"] == "QUEUED"

    def _claim(self, api: Api, world: World, **fields: Any) -> tuple[int, Made]:
        body = {"worker_id": "w", "providers": [world.provider], "wait_seconds": 25, **fields}
        answer = api.ask("POST", f"{JOBS}/claim", json=body)
        return answer.status_code, answer.json()

    def _url(self, app: RunningApp) -> str:
        return str(app.app.state.runtime.database._pool.conninfo)


def test_a_key_may_revoke_itself(app: RunningApp, admin: Api) -> None:
    """It is an admin's, of course: no other may call this."""
    own = app.as_new_key(Role.ADMIN)

    assert own.ask("DELETE", f"{KEYS}/{own.key_id}").json()["revoked_at"]
    own.refused(401, "unauthorized", "GET", "/worlds")
    again = admin.ask("DELETE", f"{KEYS}/{own.key_id}")
    assert again.status_code == 200
    assert again.json() == admin.get(f"{KEYS}/{own.key_id}")


def test_the_last_admin_that_sees_all_is_not_revoked(here: Api) -> None:
    """Two at once cannot end each other either: one of them stays."""
    narrow = make(here, Role.ADMIN, world_ids=[World.made(here).id])
    others = [make(here, Role.ADMIN) for _ in range(6)]
    own = f"{KEYS}/{here.key_id}"
    assert here.ask("DELETE", f"{KEYS}/{narrow['id']}").status_code == 200

    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(lambda key: here.ask("DELETE", f"{KEYS}/{key['id']}").status_code, others))
    assert ended == [200] * 6
    assert "last admin" in here.refused(409, "conflict", "DELETE", own)["detail"]

    second = Api(here.url, make(here, Role.ADMIN)["key"])
    with ThreadPoolExecutor(2) as pool:
        paths = [own, f"{KEYS}/{second.key_id}"]
        answers = list(pool.map(lambda pair: pair[0].ask("DELETE", pair[1]), zip((second, here), paths, strict=True)))
    second.client.close()
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 401, 409}, "401: revoked before it was recognised"
