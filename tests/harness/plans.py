"""How PostgreSQL goes about a query, and how much it reads for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg

from lorekeeper.kit.queries import Query

Mode = Literal["custom", "generic"]
"""psycopg keeps statements prepared, and PostgreSQL plans those for their parameters, or once for any."""


@dataclass(frozen=True)
class Plan:
    rows: int
    buffers: int
    """Pages of 8 kB that were looked at, in memory or not: the same each time, however loud the machine is."""
    walked: tuple[str, ...]
    """The tables that were read from one end to the other."""


class Planner:
    """A connection on which a query's plan, and what it read, can be asked for."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._cursor = psycopg.ClientCursor(connection)
        self._known: dict[bytes, Any] = {}

    def run(self, text: bytes, parameters: dict[str, Any], mode: Mode) -> Plan:
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text.decode())))
        numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text.decode())
        numbered = numbered.replace("%%", "%")
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

    def from_the_end(self, query: Query, parameters: dict[str, Any], place: int) -> UUID | None:
        """The id that stands so far before the end of the whole list; None where the list is shorter."""
        asked = parameters | {"skip": 0, "limit": 10**9, "ordered": None}
        row = self._once(
            b"SELECT id FROM (" + query.sql(asked) + b") AS list ORDER BY id LIMIT 1 OFFSET %(place)s",
            asked | {"place": place},
        )
        return row and row[0]

    def matches(self, query: Query, parameters: dict[str, Any], at_most: int) -> int:
        asked = parameters | {"skip": 0, "limit": at_most, "ordered": None}
        (found,) = self._once(query.counting(asked), asked)
        return int(found)

    def _once(self, text: bytes, parameters: dict[str, Any]) -> Any:
        """The first row. Going through a million rows takes its second, and each mode asks for the same."""
        statement = self._cursor.mogrify(text, parameters).encode()
        if statement not in self._known:
            self._known[statement] = self._connection.execute(statement).fetchone()
        return self._known[statement]


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
