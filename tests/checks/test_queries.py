"""Every named query is valid on the schema, with all of its optional lines and with none; and says what it is for."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import lorekeeper
from lorekeeper.kit.queries import Queries, Query

HOME = Path(lorekeeper.__file__).parent
FILES = sorted(HOME.rglob("queries.sql"))
QUERIES = {
    f"{file.parent.name}.{query.name}": query
    for file in FILES
    for query in Queries(".".join(file.parent.relative_to(HOME.parent).parts))
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


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("optional", ["without", "with"])
def test_prepares(database: psycopg.Connection, name: str, optional: str) -> None:
    query = QUERIES[name]
    given = dict.fromkeys(query.optional, True) if optional == "with" else {}
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
    code = "".join(path.read_text(encoding="utf-8") for path in (HOME / domain).glob("*.py"))

    assert re.search(rf"QUERIES\.{query}\b", code), "nobody runs it"


def test_an_optional_line_is_there_only_where_its_parameter_is() -> None:
    query = Query("q", "-- Something.\nSELECT 1\nWHERE true\n  AND a = %(a)s  -- when a\n  AND b = %(b)s  -- when b")

    assert query.optional == {"a", "b"}
    assert query.sql({"a": 1, "b": None}) == b"SELECT 1\nWHERE true\n  AND a = %(a)s"
    assert query.sql({"a": False, "b": 0}).endswith(b"AND b = %(b)s")
