"""Each filter of each list, alone, reads its page from an index: of a million assets as of a few, as quick at the far
end as on page one, and as quick for rows that are few and old as for those that are many.

PostgreSQL keeps statements prepared, so both ways it may plan them are looked at: for the parameters, and for any.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from harness.a_million import (
    BIG,
    CHUNK,
    CLAIM,
    ENTITY,
    LONG,
    NEVER,
    OFTEN,
    OLD,
    RARE,
    ROWS,
    SMALL,
    SOURCE,
    WORLD,
    fill,
    moment,
    nth,
)
from harness.engines import Engines, database_beside
from harness.plans import Mode, Planner

from lorekeeper.assets.repository import DERIVED_BY
from lorekeeper.assets.repository import QUERIES as ASSETS
from lorekeeper.db import migrate
from lorekeeper.jobs.repository import QUERIES as JOBS
from lorekeeper.kit.pagination import COUNT_AT_MOST, counted, way_through
from lorekeeper.kit.queries import Query
from lorekeeper.lore.repository import QUERIES as LORE

pytestmark = pytest.mark.xdist_group("plans")  # the database is made once, by the one process that gets them all

PAGE = 20
PAGE_BUFFERS = 8 * (PAGE + 1)
"""At most: each row, and what it is joined with, looked up by a key of its own. Walking a table costs thousands."""
COUNT_BUFFERS = 4 * (COUNT_AT_MOST + 1)
SCATTERED = 2 * (PAGE + 1)
"""A page whose rows lie each on a page of its own: a look at the index and one at the table. Less is luck of page one's
that the far end need not share."""


def rows_of(kind: int) -> dict[str, Any]:
    return {"often": nth(kind, OFTEN), "rare": nth(kind, RARE), "never": nth(kind, NEVER)}


WORLDS = {
    "world_id": {"big": BIG, "small": SMALL[0], "never": nth(WORLD, NEVER)},
    "visible_worlds": {"big and small": [BIG, *SMALL], "small": SMALL, "none": []},
}
LISTS: dict[str, tuple[Query, dict[str, dict[str, Any]]]] = {
    "assets": (
        ASSETS.list_assets,
        WORLDS
        | {
            "type": {"often": "IMAGE", "rare": "MAP", "never": "PDF"},
            "status": {"often": "READY", "rare": "DELETED", "never": "FAILED"},
            "created_by": {"often": "key:often", "some": "key:9", "rare": "key:rare", "never": "nobody"},
        },
    ),
    "derived assets": (
        ASSETS.list_derived_assets,
        {
            name: rows_of(kind)
            for name, kind in (
                ("related_claim_id", CLAIM),
                ("related_entity_id", ENTITY),
                ("related_source_chunk_id", CHUNK),
                ("source_id", SOURCE),
            )
        },
    ),
    "jobs": (
        JOBS.list_asset_jobs,
        WORLDS
        | {
            "status": {"often": "SUCCEEDED", "newest": "QUEUED", "rare": "FAILED", "never": "RUNNING"},
            "asset_type": {"often": "IMAGE", "rare": "MAP", "never": "PDF"},
            "provider": {"often": "often", "rare": "rare", "never": "none"},
            "requested_by": {"often": "key:often", "some": "key:9", "rare": "key:rare", "never": "nobody"},
            "created_after": {"most": moment(OLD), "few": moment(ROWS - OLD), "none": moment(2 * ROWS)},
            "created_before": {"most": moment(ROWS - OLD), "few": moment(OLD), "none": moment(0)},
        },
    ),
    "entities": (
        LORE.list_entities,
        WORLDS
        | {
            "type": {"often": "LOCATION", "rare": "VEHICLE", "never": "EVENT"},
            "name": {"often": "Often", "rare": "Rare", "never": "Never"},
        },
    ),
    "sources": (
        LORE.list_sources,
        WORLDS
        | {
            "type": {"often": "BOOK", "rare": "SONG", "never": "ARTICLE"},
            "title": {"often": "Often", "rare": "Rare", "never": "Never"},
        },
    ),
    "claims": (
        LORE.list_claims,
        WORLDS
        | {
            "canon_state": {"often": "STRICT", "rare": "ARCHIVED", "never": "DRAFT"},
            "subject_entity_id": rows_of(ENTITY),
            "object_entity_id": rows_of(ENTITY),
            "source_id": rows_of(SOURCE),
            "version_group_id": rows_of(CLAIM),
            "predicate": {"often": "often", "rare": "rare", "never": "never"},
        },
    ),
    "chunks": (LORE.list_source_chunks, {"source_id": rows_of(SOURCE) | {"often": nth(SOURCE, LONG)}}),
}
ALONE = [
    pytest.param(query, {name: value}, id=f"{of}-{name}-{which}")
    for of, (query, filters) in LISTS.items()
    for name, values in filters.items()
    for which, value in values.items()
]


@pytest.fixture(scope="module")
def planner(engines: Engines, worker_id: str) -> Iterator[Planner]:
    """On a database of its own."""
    with database_beside(engines.database_url, f"{worker_id}_plans") as url:
        migrate.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection)
            yield Planner(connection)


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize(("query", "filters"), ALONE)
def test_a_filter_alone_reads_its_page_from_an_index(
    planner: Planner, query: Query, filters: dict[str, Any], mode: Mode
) -> None:
    given = _as_the_repository_asks(query, filters)
    page = given | {"skip": 0, "limit": PAGE + 1}
    walks = max(1, len(given.get("each_world") or ()))

    first = planner.run(query.sql(page), page, mode)
    assert first.walked == ()
    assert first.buffers <= PAGE_BUFFERS * walks

    if planner.from_the_end(query, given, 3 * PAGE) is not None:
        assert first.rows == PAGE + 1
        page |= {"after": planner.from_the_end(query, given, PAGE + 1)}
        far = planner.run(query.sql(page), page, mode)
        assert far.rows == PAGE + 1
        assert far.walked == ()
        assert far.buffers <= PAGE_BUFFERS * walks
        if query is not LORE.list_claims:  # its names are looked up, or all read at once, whichever is less
            assert far.buffers <= max(1.2 * first.buffers, SCATTERED * walks)


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize(("query", "filters"), ALONE)
def test_the_bounded_count_reads_what_it_counts(
    planner: Planner, query: Query, filters: dict[str, Any], mode: Mode
) -> None:
    given = _as_the_repository_asks(query, filters) | {"skip": 0, "limit": COUNT_AT_MOST + 1}
    matches = planner.matches(query, given, COUNT_AT_MOST + 1)

    given |= counted(given)
    plan = planner.run(query.counting(given), given, mode)

    assert plan.buffers <= min(4 * matches + 100, COUNT_BUFFERS)


def _as_the_repository_asks(query: Query, filters: dict[str, Any]) -> dict[str, Any]:
    rest = dict(filters)
    visible_worlds = rest.pop("visible_worlds", None)
    by_time = True if {"created_after", "created_before"} & rest.keys() else None
    return (
        {"ordered": True, "after": None, "by_time": by_time}
        | rest
        | way_through(query, visible_worlds, rest | {"by_time": by_time})
    )


def test_every_filter_is_looked_at() -> None:
    """And every index that a list can be read along."""
    switches = {"ordered", "after", "by_time", "each_world", "along"}
    alone = {query.name: filters for query, filters in LISTS.values()}
    alone["list_derived_assets"] = alone["list_derived_assets"] | alone["list_assets"] | {"worlds": {}}
    for query, filters in LISTS.values():
        named = {name for name in query.optional - switches if not name.startswith("along_")}
        assert named <= alone[query.name].keys(), query.name
        assert set(query.walks) <= filters.keys(), query.name
    assert set(DERIVED_BY) == LISTS["derived assets"][1].keys()
