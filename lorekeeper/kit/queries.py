"""SQL is written as SQL, in each domain's `queries.sql` and what long ones are cut into; this loads it by name.

A query begins with a line `-- name: NAME`, followed by a comment that says what it is for. A line that ends in
`-- when PARAMETER` belongs to the query only where that parameter is given and not None, which is how lists get their
filters without gluing strings together; `-- when A and B` asks for both, `-- when A unless B` for the one without the
other, `-- unless B` for no more than the absence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

_NAME = re.compile(r"^-- name: (?P<name>[a-z_]+)$", re.MULTILINE)
_WHEN = re.compile(r"\s*-- (?:when (?P<given>[a-z_]+(?: and [a-z_]+)*))?(?: ?unless (?P<missing>[a-z_]+))?$")


@dataclass(frozen=True)
class _Line:
    text: str
    needs: frozenset[str]
    yields_to: frozenset[str]

    @classmethod
    def read(cls, line: str) -> "_Line":
        """Without its condition, which is kept beside it."""
        found = _WHEN.search(line)
        given, missing = (found["given"], found["missing"]) if found else (None, None)
        if given is None and missing is None:
            return cls(line, frozenset(), frozenset())
        needs = given.split(" and ") if given else ()
        return cls(_WHEN.sub("", line), frozenset(needs), frozenset([missing] if missing else ()))

    def belongs(self, given: frozenset[str]) -> bool:
        return self.needs <= given and not self.yields_to & given


class Query:
    """One named query. `optional` names the parameters that switch lines on or off.

    `walks` are the filters that an index of their own can be read along, in id order (`-- when along_FILTER`).
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        lines = [line for line in text.strip().splitlines() if line.strip()]
        purpose = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
        self.purpose = " ".join(purpose)
        self._lines = [_Line.read(line) for line in lines if not line.startswith("--")]
        self.optional = frozenset[str]().union(*(line.needs | line.yields_to for line in self._lines))
        self.walks = tuple(
            dict.fromkeys(
                need.removeprefix("along_") for line in self._lines for need in line.needs if "along_" in need
            )
        )
        self._render = lru_cache(maxsize=None)(self._assemble)
        self._fixed = self._assemble(frozenset()) if not self.optional else None

    def _assemble(self, given: frozenset[str]) -> bytes:
        return "\n".join(line.text for line in self._lines if line.belongs(given)).encode()

    def sql(self, parameters: Mapping[str, Any]) -> bytes:
        """The statement for these parameters. The same set of given filters is always the same statement."""
        if self._fixed is not None:
            return self._fixed
        return self._render(frozenset(name for name in self.optional if parameters.get(name) is not None))

    def counting(self, parameters: Mapping[str, Any]) -> bytes:
        """The statement that counts this query's rows, as `total`. Without `ordered`, its order is left out."""
        return b"SELECT count(*) AS total FROM (" + self.sql(parameters) + b") AS bounded"


class Queries:
    """The queries of one file of a package, as attributes."""

    def __init__(self, package: str, file: str = "queries.sql") -> None:
        text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
        starts = list(_NAME.finditer(text))
        ends = [start.start() for start in starts[1:]] + [len(text)]
        self._by_name = {
            start["name"]: Query(start["name"], text[start.end() : end])
            for start, end in zip(starts, ends, strict=True)
        }

    def __getattr__(self, name: str) -> Query:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(name) from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._by_name.values())
