"""Each filter of each list, alone, reads its page from an index: as quick at the far end as on page one, and as quick
for rows that are few and old as for those that are many.

PostgreSQL keeps statements prepared, so both ways it may plan them are looked at: for the parameters, and for any.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
import pytest
from harness.engines import Engines, database_beside

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
from lorekeeper.search.repository import POOL
from lorekeeper.search.repository import QUERIES as SEARCH

Mode = Literal["custom", "generic"]

ROWS = 60_000
LORE_ROWS = 30_000
TOMBSTONES = 15_000  # the newest rows of all: no list may walk through them
OLD = 300  # what the rare values of every column are on: the oldest rows
PAGE = 20
START = 1_790_000_000

PAGE_BUFFERS = 8 * (PAGE + 1)
"""At most: each row, and what it is joined with, looked up by a key of its own. Walking a table costs thousands."""
COUNT_BUFFERS = 4 * (COUNT_AT_MOST + 1)
SCATTERED = 2 * (PAGE + 1)
"""A page whose rows lie each on a page of its own: a look at the index and one at the table. Less is luck of page one's
that the far end need not share."""


SEARCH_BUFFERS = {"big": 3 * POOL, "small": 1.5 * POOL, "never": 300}
"""For an empty world no more than the index, however many fit elsewhere."""


def nth(kind: int, n: int) -> UUID:
    """An id as FILL makes it, too."""
    return UUID(f"{(START + n) * 1000:012x}7{kind:03x}8000{n:012x}")


WORLD, ENTITY, SOURCE, CHUNK, CLAIM, JOB, UPLOAD, ASSET, DERIVATION = range(1, 10)
BIG, SMALL = nth(WORLD, 1), [nth(WORLD, 5), nth(WORLD, 6)]
RARE, OFTEN, NEVER = 7, 8, 999_999
LONG = LORE_ROWS // 2 + 1  # the source with half of all chunks

FILL = f"""
CREATE FUNCTION nth(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(({START} + n) * 1000), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
            || '8000' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION world_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT nth({WORLD}, CASE WHEN n % 5 < 4 THEN 1 ELSE 2 + n / 5 % 19 END) $$;
CREATE VIEW lore_rows AS
    SELECT n, n < {OLD} AS old, world_of(n) AS world_id, repeat('a', 64) AS content_hash, 'somebody' AS created_by,
           now() AS created_at, now() AS updated_at, CASE WHEN n > {LORE_ROWS} THEN now() END AS deleted_at
    FROM generate_series(1, {LORE_ROWS + TOMBSTONES}) AS n;
CREATE VIEW job_rows AS
    SELECT n, n < {OLD} AS old, n > {ROWS} * 0.9 AS waiting, world_of(n) AS world_id,
           to_timestamp({START} + n) AS created_at,
           CASE WHEN n < {OLD} THEN 'MAP' WHEN n % 7 = 0 THEN 'VIDEO' ELSE 'IMAGE' END AS type,
           CASE WHEN n < {OLD} THEN 'key:rare' WHEN n % 2 = 0 THEN 'key:often' ELSE 'key:' || n % 100 END AS caller
    FROM generate_series(1, {ROWS}) AS n;

INSERT INTO world (id, name, content_hash, created_by, created_at, updated_at)
SELECT nth({WORLD}, n), 'World ' || n, content_hash, created_by, created_at, updated_at FROM lore_rows WHERE n <= 200;
INSERT INTO entity (id, world_id, type, name, tags, content_hash, created_by, created_at, updated_at, deleted_at)
SELECT nth({ENTITY}, n), world_id, CASE WHEN old THEN 'VEHICLE' WHEN n % 3 = 0 THEN 'PERSON' ELSE 'LOCATION' END,
       CASE WHEN old THEN 'Rare' WHEN n % 300 = 0 THEN 'Often' ELSE 'Name ' || n END,
       ARRAY[CASE WHEN old THEN 'rare' ELSE 'often' END],
       content_hash, created_by, created_at, updated_at, deleted_at FROM lore_rows;
INSERT INTO source (id, world_id, type, title, content_hash, created_by, created_at, updated_at, deleted_at)
SELECT nth({SOURCE}, n), world_id, CASE WHEN old THEN 'SONG' ELSE 'BOOK' END,
       CASE WHEN old THEN 'Rare' WHEN n % 300 = 0 THEN 'Often' ELSE 'Name ' || n END,
       content_hash, created_by, created_at, updated_at, deleted_at FROM lore_rows;
INSERT INTO source_author (world_id, source_id, position, entity_id)
SELECT world_id, nth({SOURCE}, n), 0, nth({ENTITY}, n) FROM lore_rows WHERE deleted_at IS NULL;
INSERT INTO source_chunk (id, world_id, source_id, chunk_index, content, content_hash, created_by, created_at,
                          updated_at, deleted_at)
SELECT nth({CHUNK}, n), nth({WORLD}, 1), nth({SOURCE}, CASE WHEN n % 2 = 0 THEN {LONG} ELSE n END), n, 'A text.',
       content_hash, created_by, created_at, updated_at, deleted_at FROM lore_rows;
INSERT INTO claim (id, world_id, subject_entity_id, predicate, object_entity_id, object_value, canon_state, confidence,
                   source_id, version_group_id, tags, content_hash, created_by, created_at, updated_at, deleted_at)
SELECT nth({CLAIM}, n), world_id, nth({ENTITY}, pick), CASE WHEN old THEN 'rare' ELSE 'often' END,
       CASE WHEN old OR n % 3 = 0 THEN nth({ENTITY}, pick) END, CASE WHEN NOT (old OR n % 3 = 0) THEN 'A value.' END,
       CASE WHEN old THEN 'ARCHIVED' ELSE 'STRICT' END, 1, nth({SOURCE}, pick), nth({CLAIM}, n),
       ARRAY[CASE WHEN old THEN 'rare' ELSE 'often' END],
       content_hash, created_by, created_at, updated_at, deleted_at
FROM lore_rows, LATERAL (SELECT CASE WHEN old THEN {RARE} WHEN n % 2 = 0 THEN {OFTEN} ELSE n END AS pick) AS picked;

INSERT INTO asset_job (id, world_id, asset_type, provider, status, requested_by, input_hash, prompt_spec, available_at,
                       created_at, started_at, finished_at)
SELECT nth({JOB}, n), world_id, type, CASE WHEN old THEN 'rare' WHEN n % 2 = 0 THEN 'often' ELSE 'other' END,
       CASE WHEN old THEN 'FAILED' WHEN waiting THEN 'QUEUED' ELSE 'SUCCEEDED' END, caller,
       md5(n::text) || md5(n::text), '{{}}', created_at, created_at, created_at,
       CASE WHEN NOT waiting THEN created_at END
FROM job_rows;
INSERT INTO asset (id, world_id, type, format, status, storage_key, content_type, size_bytes, checksum, created_by,
                   created_at, deleted_at)
SELECT nth({ASSET}, n), world_id, type, 'png', CASE WHEN old THEN 'DELETED' ELSE 'READY' END, 'key/' || n, 'image/png',
       1, repeat('a', 64), caller, created_at, CASE WHEN old THEN created_at END
FROM job_rows;
INSERT INTO asset_derivation (id, world_id, origin, asset_job_id, asset_id, source_id, prompt_spec, input_hash, content_basis,
                              lore_snapshot, created_at)
SELECT nth({DERIVATION}, n), world_id, 'JOB', nth({JOB}, n), CASE WHEN NOT waiting THEN nth({ASSET}, n) END,
       nth({SOURCE}, CASE WHEN old THEN {RARE} WHEN n % 2 = 0 THEN {OFTEN} ELSE 100 + n % 100 END), '{{}}',
       repeat('a', 64), repeat('a', 64), '{{}}', created_at
FROM job_rows;
"""
LINK = """
INSERT INTO asset_derivation_{kind} (world_id, derivation_id, {kind}_id, made_asset_id)
SELECT world_id, nth({derivation}, n), nth({number}, pick), CASE WHEN NOT waiting THEN nth({asset}, n) END
FROM job_rows, unnest(ARRAY[{often}, CASE WHEN old THEN {rare} ELSE 100 + n % 100 END]) AS pick;
"""
LINKS = "".join(
    LINK.format(kind=kind, number=number, derivation=DERIVATION, asset=ASSET, often=OFTEN, rare=RARE)
    for kind, number in (("claim", CLAIM), ("entity", ENTITY), ("source_chunk", CHUNK))
)


def moment(n: int) -> datetime:
    return datetime.fromtimestamp(START + n, UTC)


def rows_of(kind: int) -> dict[str, UUID]:
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


@dataclass(frozen=True)
class Plan:
    rows: int
    buffers: int
    walked: tuple[str, ...]
    """The tables that were read from one end to the other."""


class Planner:
    """A connection on which a query's plan, and what it read, can be asked for."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._cursor = psycopg.ClientCursor(connection)

    def run(self, text: bytes, parameters: dict[str, Any], mode: Mode) -> Plan:
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text.decode())))
        numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text.decode()).replace(
            "%%", "%"
        )
        types = ", ".join(_type_of(parameters[name]) for name in names)
        call = f"({', '.join(['%s'] * len(names))})" if names else ""
        self._cursor.execute(f"SET plan_cache_mode = force_{mode}_plan".encode())
        self._cursor.execute(f"PREPARE looked_at ({types}) AS {numbered}".encode())
        try:
            self._cursor.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE looked_at {call}".encode(),
                [parameters[name] for name in names],
            )
            (found,) = self._cursor.fetchall()
        finally:
            self._cursor.execute(b"DEALLOCATE looked_at")
        top: dict[str, Any] = found[0][0]["Plan"]
        walked = tuple(str(node["Relation Name"]) for node in _nodes(top) if node["Node Type"] == "Seq Scan")
        return Plan(round(top["Actual Rows"]), top["Shared Hit Blocks"] + top["Shared Read Blocks"], walked)

    def ids(self, query: Query, parameters: dict[str, Any]) -> list[UUID]:
        """The whole list's, in its order."""
        everything = parameters | {"skip": 0, "limit": ROWS, "ordered": True}
        cursor = self._connection.execute(b"SELECT id FROM (" + query.sql(everything) + b") AS list", everything)
        return [row[0] for row in cursor.fetchall()]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _type_of(value: Any) -> str:
    """As psycopg sends it."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "bigint"
        case UUID():
            return "uuid"
        case datetime():
            return "timestamptz"
        case [bool(), *_]:
            return "boolean[]"
        case [int(), *_]:
            return "int[]"
        case [str(), *_]:
            return "text[]"
        case list():
            return "uuid[]"
        case _:
            return "unknown"


@pytest.fixture(scope="module")
def planner(engines: Engines, worker_id: str) -> Iterator[Planner]:
    """On a database of its own, full of jobs and assets. Keys between tables are left out while it is filled."""
    with database_beside(engines.database_url, f"{worker_id}_plans") as url:
        migrate.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            for name in ("asset_job", "asset_derivation"):
                connection.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER".encode())
            keys = connection.execute(
                "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE contype = 'f'"
            ).fetchall()
            for table, name, _ in keys:
                connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
            connection.execute((FILL + LINKS).encode())
            for table, name, definition in keys:
                connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID".encode())
            connection.execute("VACUUM ANALYZE")
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

    ids = planner.ids(query, given)
    if len(ids) > 3 * PAGE:
        assert first.rows == PAGE + 1
        page |= {"after": ids[-PAGE - 2]}
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
    matches = min(len(planner.ids(query, given)), COUNT_AT_MOST + 1)

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
@pytest.mark.parametrize("world", ["big", "small", "never"])
@pytest.mark.parametrize("q", QUESTIONS)
def test_a_search_reads_no_more_than_it_ranks(planner: Planner, q: str, world: str, mode: Mode) -> None:
    """However many fit, in this world or in others."""
    question = read_question(q)
    given = search_repository.parameters(
        question, worlds=[WORLDS["world_id"][world]], kinds=list(SearchKind), labels=[], skip=0, limit=PAGE
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
    most = search_repository.SORTED_AT_MOST
    given = {"world_id": BIG, "names": [name], "pool": most, "after": None, "skip": 0, "limit": PAGE + 1}

    counting = planner.run(SEARCH.count_mentions.sql(given), given, mode)
    assert counting.walked == ()
    assert counting.buffers <= most
    if name != "Zzzz":
        first = planner.run(SEARCH.walk_mentions.sql(given), given, mode)
        far = planner.run(
            SEARCH.walk_mentions.sql(given | {"after": nth(CHUNK, LORE_ROWS // 2)}),
            given | {"after": nth(CHUNK, LORE_ROWS // 2)},
            mode,
        )
        assert far.buffers <= PAGE_BUFFERS
        assert first.buffers <= most  # it may look at all sources of the world, but not at their chunks


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
