"""Importing a bundle of 60,000 pieces over HTTP, against COPY of the same rows into the same tables."""

import time
from collections.abc import Callable

import psycopg

from benchmarks import bundles
from benchmarks.frame import Row, compare
from benchmarks.stage import Stage

GOAL = 0.25


def measure(stage: Stage) -> Row:
    bundle = bundles.large_bundle()
    content = bundles.as_bytes(bundle)
    with stage.client() as client, psycopg.connect(stage.database_url) as connection:
        connection.commit()

        def ours() -> float:
            return _rate(lambda: client.worlds.import_bundle(content))

        def theirs() -> float:
            copy = bundles.copied(bundle)
            return _rate(lambda: copy(connection))

        return compare(
            "import a bundle over HTTP (rows)",
            ours,
            "psycopg COPY of the same rows",
            theirs,
            goal=GOAL,
            effort=stage.effort,
        )


def _rate(work: Callable[[], object]) -> float:
    """Rows a second."""
    began = time.perf_counter()
    work()
    return bundles.ROWS / (time.perf_counter() - began)
