"""Fixtures that all tests share.

Engines and app are made once in each test process; tests keep apart by their worlds.
"""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from factories.lore import World
from harness.engines import Engines, database_beside, running_engines
from harness.limits import MAX_BODY_BYTES, MAX_IMPORT_BYTES
from harness.server import RunningApp, running_app
from harness.wire import Api
from hypothesis import settings as hypothesis_settings
from psycopg.rows import dict_row

from lorekeeper.app import Backing
from lorekeeper.contracts.enums import Role
from lorekeeper.db import migrate
from lorekeeper.kit.clock import MovableClock
from lorekeeper.settings import Settings

# How long an example takes is the machine's matter. CI tries the same examples each time, developers ever new ones.
hypothesis_settings.register_profile("lorekeeper", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis_settings.load_profile("lorekeeper")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    return _not_skipped_in_ci(item, (yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    return _not_skipped_in_ci(collector, (yield))


def _not_skipped_in_ci(node: pytest.Item | pytest.Collector, report: Any) -> Any:
    """In CI nothing may be skipped: what cannot run there fails."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{node.nodeid} was skipped, and CI may skip nothing: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with running_engines(tmp_path_factory.mktemp("engines")) as running:
        yield running


@pytest.fixture(scope="session")
def worker_id() -> str:
    """Of this test process: `gw0`, `gw1`, … or `main`."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def database_url(engines: Engines, worker_id: str) -> Iterator[str]:
    """A migrated database of this test process's own."""
    with database_beside(engines.database_url, worker_id) as url:
        migrate.upgrade(url)
        yield url


@pytest.fixture(scope="session")
def backing(engines: Engines, database_url: str) -> Backing:
    return Backing(database_url, engines.store)


@pytest.fixture(scope="session")
def settings() -> Settings:
    # No cleaning up of its own accord: tests move the clock, and sweep when they want it.
    return Settings(
        _env_file=None,
        cleanup_interval_seconds=0,
        max_body_bytes=MAX_BODY_BYTES,
        max_import_bytes=MAX_IMPORT_BYTES,
    )


@pytest.fixture(scope="session")
def app(settings: Settings, backing: Backing) -> Iterator[RunningApp]:
    with running_app(settings, backing) as running:
        yield running


@pytest.fixture(scope="session")
def admin(app: RunningApp) -> Api:
    return app.as_new_key(Role.ADMIN)


@pytest.fixture
def clock(app: RunningApp) -> Iterator[MovableClock]:
    """The app's clock, to be moved; put back afterwards."""
    before = app.clock.ahead
    yield app.clock
    app.clock.ahead = before


@pytest.fixture(scope="session")
def database(database_url: str) -> Iterator[psycopg.Connection]:
    """The database by itself, as somebody at a psql prompt has it: each statement commits."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def world(admin: Api) -> World:
    return World.made(admin)


@pytest.fixture
def other_world(admin: Api) -> World:
    return World.made(admin)
