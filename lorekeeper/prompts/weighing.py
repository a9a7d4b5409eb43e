"""What judging by a JSON Schema costs at the most, read off the schema before anything is judged by it.

The weight is how many assertions one value can meet on its way from the prompt's root, a regular expression counting
for many; times the size of a prompt, it bounds the work of judging that prompt. References that fan out (twice the same
one at each of twenty levels) would make a short schema run for hours, and one that leads back to itself without end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from lorekeeper.contracts.base import MAX_JSON_DEPTH
from lorekeeper.prompts.patterns import pattern_weight

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_WEIGHT = 10_000
A_FRACTION = 25
"""What comparing with a number that is no integer costs, in the time of other comparisons."""

MAX_CHAIN = 100
"""How many schemas may lead to one another for one and the same value."""

Path = tuple[str | int, ...]

_SAME_ONE = ("not", "if", "then", "else")
_SAME_LIST = ("allOf", "anyOf", "oneOf")
_SAME_MAP = ("dependentSchemas", "dependencies")
_INNER_ONE = ("additionalProperties", "propertyNames", "items", "contains", "unevaluatedProperties", "unevaluatedItems")
_INNER_MAP = ("patternProperties",)
_NAMED = ("properties", "prefixItems")
_ASIDE = ("$defs", "definitions")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTED = ("enum", "const", "required", "dependentRequired", *_NUMBERS)
_LISTED = ("properties", "patternProperties", "dependentSchemas", "dependencies")
_UNSUPPORTED = ("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary")
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")


class Flaw(Exception):  # noqa: N818 - it is no error until somebody sends it
    """Why a schema cannot be taken: where in it, what, and the keyword that is the matter."""

    def __init__(self, path: Path, message: str, keyword: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.keyword = keyword


@dataclass(eq=False)
class _Node:
    """A subschema, and those it hands a value, or a member of it, on to."""

    path: Path
    own: int = 1
    again: int = 1
    """How often what judges the same value is gone through: what is unevaluated is found out by judging anew."""
    same: list["_Node"] = field(default_factory=list)
    inner: list["_Node"] = field(default_factory=list)
    named: list["_Node"] = field(default_factory=list)
    """Of these, one at the most judges any one member."""


def weigh(schema: dict[str, Any]) -> int:
    """The schema's weight. It has passed the meta-schema. Raises `Flaw`."""
    order = _in_order(_Reader(schema).nodes)
    before = dict.fromkeys(order, 0)
    root = next(node for node in order if node.path == ())
    for _ in range(MAX_JSON_DEPTH + 1):
        now: dict[_Node, int] = {}
        for node in order:
            same, inner = (sum(weights[one] for one in of) for weights, of in ((now, node.same), (before, node.inner)))
            named = max((before[one] for one in node.named), default=0)
            now[node] = min(node.own + node.again * same + inner + named, MAX_WEIGHT + 1)
        if now[root] > MAX_WEIGHT:
            raise Flaw((), f"costs too much to judge by: its weight for one value is beyond {MAX_WEIGHT}", "$ref")
        if now == before:
            break
        before = now
    return before[root]


def _in_order(nodes: list[_Node]) -> list[_Node]:
    """Each behind those that judge the same value as it does. Raises `Flaw` where there is no end to them."""
    heights: dict[_Node, int] = {}
    under_way: set[_Node] = set()

    def visit(node: _Node, depth: int) -> None:
        if node in under_way:
            raise Flaw(node.path, "leads back to itself for the same value, without end", "$ref")
        if depth + heights.get(node, 0) > MAX_CHAIN:
            raise Flaw(node.path, f"more than {MAX_CHAIN} schemas lead to one another here", "$ref")
        if node not in heights:
            under_way.add(node)
            for one in node.same:
                visit(one, depth + 1)
            under_way.remove(node)
            heights[node] = 1 + max((heights[one] for one in node.same), default=0)

    for node in nodes:
        visit(node, 0)
    return list(heights)


class _Reader:
    """Walks a schema by its keywords, and then along its references."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._by_identity: dict[int, _Node] = {}
        self._anchors: dict[str, Any] = {}
        self._references: list[tuple[_Node, str]] = []
        self.nodes: list[_Node] = []
        self._node(schema, ())
        while self._references:
            node, reference = self._references.pop()
            node.same.append(self._node(*self._resolve(node, reference)))

    def _node(self, schema: Any, path: Path) -> _Node:
        found = self._by_identity.get(id(schema)) if isinstance(schema, dict) else None
        if found is not None:
            return found
        node = _Node(path)
        self.nodes.append(node)
        if isinstance(schema, dict):
            self._by_identity[id(schema)] = node
            self._read(node, schema)
        return node

    def _read(self, node: _Node, schema: dict[str, Any]) -> None:
        self._refuse_unsupported(node, schema)
        if isinstance(schema.get("$anchor"), str):
            self._anchors[schema["$anchor"]] = (schema, node.path)
        if isinstance(schema.get("$ref"), str):
            self._references.append((node, schema["$ref"]))
        node.own += sum(_cost(schema[name]) for name in _COUNTED if name in schema and not _is_looked_up(schema[name]))
        node.own += sum(len(schema[name]) for name in _LISTED if isinstance(schema.get(name), dict))
        node.own += sum(map(pattern_weight, _patterns(schema)))
        node.again = 3 if any(name in schema for name in _UNEVALUATED) else 1
        for one, many, place in (
            (_SAME_ONE, _SAME_LIST + _SAME_MAP, node.same),
            (_INNER_ONE, _INNER_MAP, node.inner),
            ((), _NAMED, node.named),
            ((), _ASIDE, []),
        ):
            place += [self._node(part, (*node.path, *within)) for within, part in _parts(schema, one, many)]

    def _refuse_unsupported(self, node: _Node, schema: dict[str, Any]) -> None:
        if schema.get("$schema", DIALECT).rstrip("#") != DIALECT:
            raise Flaw((*node.path, "$schema"), f"must be {DIALECT}, or left out", "$schema")
        for name in (*_UNSUPPORTED, *(["$id"] if node.path else [])):
            if name in schema:
                raise Flaw((*node.path, name), "is not taken here; refer to $defs of this schema by $ref", name)

    def _resolve(self, node: _Node, reference: str) -> tuple[Any, Path]:
        here = (*node.path, "$ref")
        if not reference.startswith("#"):
            raise Flaw(here, "must point into this schema (#/$defs/…): nothing is fetched from elsewhere", "$ref")
        fragment = unquote(reference[1:])
        if fragment in self._anchors:
            schema, path = self._anchors[fragment]
            return schema, path
        part: Any = self._schema
        path = tuple(step.replace("~1", "/").replace("~0", "~") for step in fragment.split("/")[1:])
        for step in path if not fragment or fragment.startswith("/") else ("",):
            if isinstance(part, dict):
                part = part.get(str(step))
            else:
                part = part[int(step)] if isinstance(part, list) and _is_index(str(step), part) else None
        if not isinstance(part, dict | bool):
            raise Flaw(here, "points at no schema in this one", "$ref")
        return part, path


def _parts(schema: dict[str, Any], one: tuple[str, ...], many: tuple[str, ...]) -> Iterator[tuple[Path, Any]]:
    """The subschemas behind these keywords, with their places."""
    for name in one:
        if isinstance(schema.get(name), dict | bool):
            yield (name,), schema[name]
    for name in many:
        parts = schema.get(name)
        if isinstance(parts, dict | list):
            for key, part in parts.items() if isinstance(parts, dict) else enumerate(parts):
                if isinstance(part, dict | bool):
                    yield (name, key), part


def _patterns(schema: dict[str, Any]) -> Iterator[str]:
    if isinstance(schema.get("pattern"), str):
        yield schema["pattern"]
    if isinstance(schema.get("patternProperties"), dict):
        yield from schema["patternProperties"]


def _is_index(text: str, of: list[Any]) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) < len(of)


def _is_looked_up(values: Any) -> bool:
    """An enum of texts alone, or of integers alone, is a hash table to the engine."""
    return isinstance(values, list) and len({type(value) for value in values}) == 1 and type(values[0]) in {str, int}


def _cost(value: Any) -> int:
    """What comparing with a value costs: each JSON value in it is one comparison."""
    if isinstance(value, dict):
        return 1 + sum(map(_cost, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_cost, value))
    return A_FRACTION if isinstance(value, float) else 1
