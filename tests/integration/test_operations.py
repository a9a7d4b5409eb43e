"""What an operator sees: alive, ready, and how it does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, claim, claimed_job, finished_job, new_job
from factories.lore import Made, World
from harness.engines import Engines, database_beside
from harness.server import RunningApp, running_app
from harness.waiting import until
from harness.wire import Api, problem
from prometheus_client.parser import text_string_to_metric_families

from lorekeeper.access.keys import make_key
from lorekeeper.app import Backing
from lorekeeper.db import migrate
from lorekeeper.kit.clock import MovableClock
from lorekeeper.settings import Settings
from lorekeeper.storage.store import StoreAddress

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def metrics(api: Api) -> Samples:
    return samples_of(api.ask("GET", "/metrics"))


def samples_of(answer: httpx.Response) -> Samples:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


class TestHealth:
    def test_is_good(self, app: RunningApp) -> None:
        nobody = app.as_anyone()

        assert nobody.get("/health/live") == {"status": "ok"}
        until(lambda: nobody.get("/health/ready")["abilities"])
        assert nobody.get("/health/ready") == {
            "status": "ok",
            "database": "ok",
            "migrations": "ok",
            "store": "ok",
            "abilities": {
                "conditional_writes": True,
                "upload_checksums": True,
                "stored_checksums": True,
                "signed_sizes": True,
            },
        }

    def test_of_an_old_schema_says_what_to_do(self, settings: Settings, engines: Engines, worker_id: str) -> None:
        with (
            database_beside(engines.database_url, f"{worker_id}_old") as url,
            running_app(settings, Backing(url, engines.store)) as app,
        ):
            empty = app.as_anyone().ask("GET", "/health/ready")
            migrate.upgrade(url)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '0000'")
            old = app.as_anyone().ask("GET", "/health/ready")

        for answer, found in ((empty, "none"), (old, "0000")):
            assert answer.status_code == 503
            told = answer.json()
            assert (told["status"], told["database"], told["store"]) == ("unavailable", "ok", "ok")
            assert told["migrations"] == (
                f"The database has schema {found}, this version needs {migrate.head()}: run lorekeeper migrate."
            )


@pytest.fixture(scope="module")
def alone() -> Iterator[dict[str, httpx.Response]]:
    """What a server answers, by path, that reaches neither database nor store. Asked all at once: it takes a while."""
    nowhere = StoreAddress("none", "us-east-1", "k", "s", "http://127.0.0.1:9")
    with (
        running_app(Settings(_env_file=None), Backing("postgresql://nobody@127.0.0.1:9/none", nowhere)) as app,
        ThreadPoolExecutor() as pool,
    ):
        paths = ("/health/live", "/health/ready", "/metrics", "/worlds")
        api = app.as_anyone(make_key()[0])
        yield dict(zip(paths, pool.map(lambda path: api.ask("GET", path), paths), strict=True))


class TestWithoutEngines:
    """The server answers, and says what it lacks, when neither database nor store can be reached."""

    def test_is_alive_but_not_ready(self, alone: dict[str, httpx.Response]) -> None:
        assert alone["/health/live"].json() == {"status": "ok"}
        answer = alone["/health/ready"]
        assert answer.status_code == 503
        told = answer.json()
        assert told["status"] == "unavailable"
        assert told["migrations"] == "unknown"
        for check in ("database", "store"):
            assert told[check] != "ok"
            assert told[check].endswith(".")
            assert "Error" not in told[check]

    def test_still_tells_its_own_metrics(self, alone: dict[str, httpx.Response]) -> None:
        samples = samples_of(alone["/metrics"])

        assert value(samples, "lorekeeper_database_up") == 0
        assert ("lorekeeper_database_pool", frozenset({("counter", "pool_size")})) in samples

    def test_refuses_work_for_the_moment(self, alone: dict[str, httpx.Response]) -> None:
        told = problem(alone["/worlds"], 503, "database_unavailable")

        assert alone["/worlds"].headers["retry-after"] == "1"
        assert "127.0.0.1" not in told["detail"]


class TestWithoutStore:
    def test_what_needs_no_store_goes_on(self, settings: Settings, backing: Backing, world: World, admin: Api) -> None:
        job = claimed_job(world)
        body = {"world_id": world.id, "asset_type": "IMAGE", "filename": "a.png", "content_type": "image/png"}
        upload = world.api.post("/assets/assets/presign-upload", body)
        nowhere = StoreAddress("none", "us-east-1", "k", "s", "http://127.0.0.1:9")
        with running_app(settings, Backing(backing.database_url, nowhere)) as app:
            api = app.as_anyone(admin.key)
            told = api.ask("GET", "/health/ready").json()
            api.refused(503, "storage_unavailable", "POST", "/assets/assets/presign-upload", body)
            payload = {
                "storage_key": upload["storage_key"],
                "format": "png",
                "content_type": "image/png",
                "size_bytes": 1,
                "checksum": "0" * 64,
                "lease_token": job["lease_token"],
            }
            api.refused(503, "storage_unavailable", "POST", f"{JOBS}/{job['id']}/complete", payload)

        assert (told["database"], told["migrations"]) == ("ok", "ok")
        assert told["store"].endswith(".")
        assert told["abilities"] is None, "nobody could find out"
        assert world.api.get(f"{JOBS}/{job['id']}")["status"] == "RUNNING"


class TestMetrics:
    def test_count_requests_by_route_and_not_by_path(self, admin: Api, world: World) -> None:
        labels = {"method": "GET", "route": "/worlds/{id}", "status": "404"}
        before = metrics(admin)
        for _ in range(3):
            admin.refused(404, "not_found", "GET", f"/worlds/{uuid4()}")
        admin.refused(404, "not_found", "GET", f"/{uuid4()}")
        after = metrics(admin)

        assert value(after, "lorekeeper_http_requests_total", **labels) == 3 + value(
            before, "lorekeeper_http_requests_total", **labels
        )
        seconds = {"method": "GET", "route": "/worlds/{id}"}
        assert value(after, "lorekeeper_http_request_seconds_count", **seconds) >= 3
        routes = {dict(labels).get("route") for _, labels in after}
        assert not any(route and world.id in route for route in routes)
        assert "(none)" in routes

    def test_tell_of_jobs_by_state(self, admin: Api, world: World) -> None:
        before = metrics(admin)
        new_job(world, provider="someone-else")
        claimed_job(world)
        finished_job(world)
        world.api.post(f"{JOBS}/{new_job(world)['id']}/cancel")
        after = metrics(admin)

        for state, more in {"QUEUED": 1, "RUNNING": 1, "SUCCEEDED": 1, "CANCELLED": 1, "FAILED": 0}.items():
            assert (
                value(after, "lorekeeper_jobs", status=state) - value(before, "lorekeeper_jobs", status=state) == more
            )

    def test_tell_of_leases(
        self, admin: Api, world: World, clock: MovableClock, database: psycopg.Connection[Made]
    ) -> None:
        claimed_job(world, lease_seconds=3600)
        new_job(world)
        claim(world, lease_seconds=60)
        before = metrics(admin)
        clock.move(timedelta(minutes=30))
        after = metrics(admin)

        held = "lorekeeper_leases_held"
        assert value(after, held) == value(before, held) >= 2
        assert value(after, "lorekeeper_leases_expired") >= value(before, "lorekeeper_leases_expired") + 1
        age = "lorekeeper_lease_oldest_age_seconds"
        assert value(after, age) >= max(1800, value(before, age) + 1799)

    def test_tell_of_the_pool(self, admin: Api, settings: Settings) -> None:
        samples = metrics(admin)

        assert 1 <= value(samples, "lorekeeper_database_pool", counter="pool_size") <= settings.database_pool_size
        assert value(samples, "lorekeeper_database_pool", counter="pool_max") == settings.database_pool_size
        assert value(samples, "lorekeeper_database_up") == 1
        assert value(samples, "lorekeeper_http_requests_in_flight") == 1
