"""Every named query is valid on the schema, with all of its optional lines and with none; and says what it is for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import lorekeeper
from lorekeeper.kit.queries import Queries, Query

HOME = Path(lorekeeper.__file__).parent
FILES = sorted(path for path in HOME.rglob("*.sql") if HOME / "db" not in path.parents)
ROOMS = {file.parent.name: file.parent for file in FILES}
QUERIES = {
    f"{file.parent.name}.{query.name}": query
    for file in FILES
    for query in Queries(".".join(file.parent.relative_to(HOME.parent).parts), file.name)
}

# psycopg sends these with their type; text goes as `unknown`, which is what PostgreSQL takes a bare $1 for.
TYPES = {
    "now": "timestamptz",
    "skip": "smallint",
    "limit": "smallint",
    "at_most": "smallint",
    "all_worlds": "boolean",
}


def test_each_domain_has_its_queries() -> None:
    assert {file.parent.name for file in FILES} >= {"access", "assets", "jobs", "lore", "operations", "provenance"}
    assert len(QUERIES) > 30


SWITCHES = frozenset({"each_world", "along", "by_time"})
NEVER_ALONE = {"assets.list_derived_assets": {"related_claim_id": True}}


def renderings() -> Iterator[Any]:
    """Each query with no optional line, with all that go together, and read along each of its indexes."""
    for name, query in QUERIES.items():
        least: dict[str, Any] = NEVER_ALONE.get(name, {})
        yield pytest.param(query, least, id=f"{name}-without")
        filters = {part for part in query.optional - SWITCHES if not part.startswith("along_")}
        for switch in (None, *sorted(SWITCHES - {"along"} & query.optional)):
            given = dict.fromkeys(filters | ({switch, "along"} if switch else set()), True)
            yield pytest.param(query, given, id=f"{name}-with{f'-{switch}' if switch else ''}")
        for walk in query.walks:
            yield pytest.param(
                query,
                dict.fromkeys(("ordered", "after", walk, "along", f"along_{walk}"), True),
                id=f"{name}-along-{walk}",
            )


@pytest.mark.parametrize(("query", "given"), list(renderings()))
def test_prepares(database: psycopg.Connection, query: Query, given: dict[str, Any]) -> None:
    text = query.sql(given).decode()
    parameters = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${parameters.index(found[1]) + 1}", text).replace("%%", "%")
    assert "%(" not in numbered
    assert "-- when" not in numbered
    types = ", ".join(TYPES.get(parameter, "unknown") for parameter in parameters)

    prepare = f"PREPARE checked{f' ({types})' if types else ''} AS {numbered}"
    with database.transaction(force_rollback=True):
        database.execute(sql.SQL(prepare.replace("{", "{{").replace("}", "}}")))
        database.execute("DEALLOCATE checked")


@pytest.mark.parametrize("name", QUERIES)
def test_says_what_it_is_for(name: str) -> None:
    purpose = QUERIES[name].purpose

    assert len(purpose.split()) >= 2
    assert purpose[0].isupper()
    assert purpose[-1] in ".:)"


@pytest.mark.parametrize("name", QUERIES)
def test_is_used(name: str) -> None:
    domain, _, query = name.partition(".")
    code = "".join(path.read_text(encoding="utf-8") for path in ROOMS[domain].glob("*.py"))

    assert re.search(rf"\b[A-Z]+\.{query}\b", code), "nobody runs it"


def test_an_optional_line_is_there_only_where_its_parameter_is() -> None:
    query = Query("q", "-- Something.\nSELECT 1\nWHERE true\n  AND a = %(a)s  -- when a\n  AND b = %(b)s  -- when b")

    assert query.optional == {"a", "b"}
    assert query.sql({"a": 1, "b": None}) == b"SELECT 1\nWHERE true\n  AND a = %(a)s"
    assert query.sql({"a": False, "b": 0}).endswith(b"AND b = %(b)s")


def test_a_line_can_ask_for_two_parameters_or_for_the_absence_of_one() -> None:
    query = Query("q", "-- Something.\nSELECT 1\n  , 2  -- when a and b\n  , 3  -- when a unless b\n  , 4  -- unless a")

    assert query.optional == {"a", "b"}
    assert query.sql({}) == b"SELECT 1\n  , 4"
    assert query.sql({"a": 1}) == b"SELECT 1\n  , 3"
    assert query.sql({"a": 1, "b": 1}) == b"SELECT 1\n  , 2"
    assert query.sql({"b": 1}) == b"SELECT 1\n  , 4"
