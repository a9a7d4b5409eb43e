"""A chosen moment at which requests meet: rows that the test holds, until all wait that are to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg


@contextmanager
def held(database_url: str, table: str, row: str) -> Iterator[None]:
    """Nobody else gets at the row meanwhile."""
    place = "lore_id" if table == "lore_search" else "storage_key" if "/" in row else "id"
    with psycopg.connect(database_url) as connection:
        found = connection.execute(f"SELECT FROM {table} WHERE {place} = %s FOR UPDATE".encode(), [row])
        assert found.rowcount == 1
        yield


def waiting(database: psycopg.Connection[dict[str, Any]]) -> int:
    """How many of the app's connections wait for a lock."""
    row = database.execute(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row["n"])
