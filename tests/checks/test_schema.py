"""`db/schema.sql` is the schema: what the migrations build is that, and nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import resources

import psycopg
import pytest
from harness.catalog import describe
from harness.engines import Engines, database_beside

from lorekeeper.db import migrate

SCHEMA = resources.files("lorekeeper.db").joinpath("schema.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(engines: Engines, worker_id: str) -> Iterator[dict[str, dict[str, str]]]:
    """A database made of schema.sql."""
    with database_beside(engines.database_url, f"{worker_id}_schema") as url:
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA.encode())
        yield describe(url)


@pytest.mark.parametrize(
    "part",
    ["columns", "constraints", "indexes", "triggers", "functions", "views", "sequences", "extensions", "text search"],
)
def test_the_migrations_build_what_is_written(written: dict[str, dict[str, str]], database_url: str, part: str) -> None:
    assert describe(database_url)[part] == written[part]
    assert written[part]


def test_an_up_to_date_database_is_left_alone(database_url: str) -> None:
    assert migrate.upgrade(database_url) is False
    assert migrate.current(database_url) == migrate.head() == migrate.revisions()[-1]


def test_an_empty_database_has_no_revision_and_a_newer_one_is_refused(engines: Engines, worker_id: str) -> None:
    with database_beside(engines.database_url, f"{worker_id}_newer") as url:
        assert migrate.current(url) is None
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num text)")
            connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        with pytest.raises(migrate.MigrationError, match="newer than this LoreKeeper"):
            migrate.upgrade(url)
        assert set(describe(url)["columns"]) == set()


def test_two_who_migrate_at_once_come_one_after_the_other(engines: Engines, worker_id: str) -> None:
    """In processes of their own, as two servers would be."""
    with database_beside(engines.database_url, f"{worker_id}_twice") as url:
        code = "import sys; from lorekeeper.db import migrate; migrate.upgrade(sys.argv[1])"
        started = [subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE) for _ in range(2)]
        told = [process.communicate(timeout=60)[1].decode() for process in started]

        assert [process.returncode for process in started] == [0, 0], told
        assert migrate.current(url) == migrate.head()
