"""Each filter of each list, alone, reads its page from an index: of a million assets as of a few, as quick at the far
end as on page one, and as quick for rows that are few and old as for those that are many. So do the search and what is
read of one entity.

PostgreSQL keeps statements prepared, so both ways it may plan them are looked at: for the parameters, and for any.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from harness.a_million import (
    BIG,
    CHUNK,
    CLAIM,
    ENTITY,
    LONG,
    LORE_ROWS,
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
from lorekeeper.contracts.search import SearchKind
from lorekeeper.db import migrate
from lorekeeper.jobs.repository import QUERIES as JOBS
from lorekeeper.kit.pagination import COUNT_AT_MOST, counted, way_through
from lorekeeper.kit.queries import Query
from lorekeeper.lore.repository import QUERIES as LORE
from lorekeeper.search import repository as search_repository
from lorekeeper.search.questions import read_question
from lorekeeper.search.repository import POOL, SORTED_AT_MOST
from lorekeeper.search.repository import QUERIES as SEARCH

pytestmark = pytest.mark.xdist_group("plans")  # the database is made once, by the one process that gets them all

PAGE = 20
PAGE_BUFFERS = 8 * (PAGE + 1)
"""At most: each row, and what it is joined with, looked up by a key of its own. Walking a table costs thousands."""
COUNT_BUFFERS = 4 * (COUNT_AT_MOST + 1)
SCATTERED = 2 * (PAGE + 1)
"""A page whose rows lie each on a page of its own: a look at the index and one at the table. Less is luck of page one's
that the far end need not share."""
SEARCH_BUFFERS = {"all": 3 * POOL, "big": 3 * POOL, "small": 1.5 * POOL, "never": 300}
"""For an empty world no more than the index, however many fit elsewhere."""
COUNTED_OF_A_WORLD = 200
"""At most, for the counts of a world with some 22,000 jobs, assets and pieces of lore among two million."""


def rows_of(kind: int) -> dict[str, Any]:
    return {"often": nth(kind, OFTEN), "rare": nth(kind, RARE), "never": nth(kind, NEVER)}


WORLDS = {
    "world_id": {"big": BIG, "small": SMALL[0], "never": nth(WORLD, NEVER)},
    "visible_worlds": {"big and small": [BIG, *SMALL], "small": SMALL, "none": []},
}
TAGS = {"often": "often", "rare": "rare", "never": "never"}
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
            "tag": TAGS,
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
            "tag": TAGS,
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
    walks = max(1, len(given.get("each_world") or ())) * (1.5 if "tag" in filters else 1)  # the tag is looked up first

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


QUESTIONS = {
    "text": "every chunk",
    "name": "nearly every entity",
    "often": "nearly every claim",
    "text value name": "nothing",
    '"text a"': "no chunk, though each has both words",
    "zzzz": "nothing",
    "t": "too many to be completed",
    "tex": "every chunk, from its beginning",
    "naem": "no name, but what is alike",
}


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("world", SEARCH_BUFFERS)
@pytest.mark.parametrize("q", QUESTIONS)
def test_a_search_reads_no_more_than_it_ranks(planner: Planner, q: str, world: str, mode: Mode) -> None:
    """However many fit, in this world or in others."""
    worlds = None if world == "all" else [WORLDS["world_id"][world]]
    given = search_repository.parameters(
        read_question(q), worlds=worlds, kinds=list(SearchKind), labels=[], skip=0, limit=PAGE
    )

    plan = planner.run(SEARCH.search.sql(given), given, mode)

    assert plan.walked == ()
    assert plan.buffers <= SEARCH_BUFFERS[world]


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("number", [OFTEN, RARE, NEVER])
def test_the_claims_of_an_entity_are_read_along_their_roles(planner: Planner, number: int, mode: Mode) -> None:
    roles = {"as_subject": True, "as_object": True, "as_asserter": True}
    given = {"entity_id": nth(ENTITY, number), "after": None, "ordered": True, "skip": 0, "limit": PAGE + 1} | roles

    plan = planner.run(SEARCH.list_claims_of_entity.sql(given), given, mode)

    assert plan.walked == ()
    assert plan.buffers <= 3 * PAGE_BUFFERS


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("name", ["Text", "A text", "Zzzz"])
def test_mentions_are_counted_and_come_by_without_reading_them_all(planner: Planner, name: str, mode: Mode) -> None:
    given = {"world_id": BIG, "names": [name], "pool": SORTED_AT_MOST, "after": None, "skip": 0, "limit": PAGE + 1}

    counting = planner.run(SEARCH.count_mentions.sql(given), given, mode)
    assert counting.walked == ()
    assert counting.buffers <= SORTED_AT_MOST
    if name != "Zzzz":
        first = planner.run(SEARCH.walk_mentions.sql(given), given, mode)
        given |= {"after": nth(CHUNK, LORE_ROWS // 2)}
        far = planner.run(SEARCH.walk_mentions.sql(given), given, mode)
        assert far.buffers <= PAGE_BUFFERS
        assert first.buffers <= SORTED_AT_MOST  # it may look at all sources of the world, but not at their chunks


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("world", SMALL)
@pytest.mark.parametrize(
    "query", [SEARCH.world_summary, SEARCH.list_tags, SEARCH.count_tags], ids=lambda query: query.name
)
def test_the_counts_of_a_world_read_nothing_of_another(planner: Planner, query: Query, world: UUID, mode: Mode) -> None:
    given = {"id": world, "world_id": world, "skip": 0, "limit": PAGE}

    plan = planner.run(query.sql(given), given, mode)

    assert plan.rows > 0
    assert plan.walked == ()
    assert plan.buffers <= COUNTED_OF_A_WORLD


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
    switches = {"ordered", "after", "by_time", "each_world", "along", "tags"}  # `tags` are those beyond the first
    alone = {query.name: filters for query, filters in LISTS.values()}
    alone["list_derived_assets"] = alone["list_derived_assets"] | alone["list_assets"] | {"worlds": {}}
    for query, filters in LISTS.values():
        named = {name for name in query.optional - switches if not name.startswith("along_")}
        assert named <= alone[query.name].keys(), query.name
        assert set(query.walks) <= filters.keys(), query.name
    assert set(DERIVED_BY) == LISTS["derived assets"][1].keys()
