"""What each operation takes, read from the OpenAPI document: every field of it, and a body that fits.

Tests that must hold for all operations are generated from this, so that an endpoint that is added later is covered
without anybody thinking of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.operations import Operation, document, operations

Schema = dict[str, Any]
Path = tuple[str | int, ...]

SAMPLES: dict[str, Any] = {
    "checksum": "0" * 64,
    "content_type": "image/png",
    "format": "png",
    "provider": "p",
    "providers": ["p"],
    "storage_key": "nowhere",
    "worker_id": "w",
    "error_code": "e",
    "idempotency_key": "k",
    "aspect_ratio": "1:1",
}
"""Values of patterns that cannot be guessed, by the name of the field."""

AS_WELL: dict[str, Schema] = {
    "AssetJobUpdate": {"status": "FAILED"},
    "BundleClaim": {"object_value": "v"},
    "ClaimCreate": {"object_value": "v"},
    "SourceCreate": {"chunks": [{"content": "a"}]},
    "SourceEditionCreate": {"chunks": [{"content": "a"}]},
}
"""What an object needs beside its required fields, by its schema's title."""

EITHER_OR: dict[str, str] = {
    "object_entity_id": "object_value",
    "source_id": "source_chunk_id",  # that of a claim has a source of its own
    "text": "chunks",
}
"""The first of these leaves no place for the second."""


@dataclass(frozen=True)
class Field:
    """A place in a request that takes a value: a parameter, or a field of the body at any depth."""

    operation: Operation
    where: str
    """`path`, `query`, `header` or `body`."""
    path: Path
    """In a body, through objects by name and into lists by 0."""
    schema: Schema

    @property
    def name(self) -> str:
        return next(str(part) for part in reversed(self.path) if isinstance(part, str))

    def __str__(self) -> str:
        return f"{self.operation.name} {self.where} {'.'.join(map(str, self.path))}"


def resolved(schema: Schema) -> Schema:
    """Without references, and without the null that a field may be instead."""
    while True:
        if "$ref" in schema:
            here: Any = document()
            for part in schema["$ref"].lstrip("#/").split("/"):
                here = here[part]
            schema = here | {name: value for name, value in schema.items() if name != "$ref"}
        elif "properties" not in schema and ("anyOf" in schema or "oneOf" in schema):
            given = [one for one in schema.get("anyOf", schema.get("oneOf")) if one.get("type") != "null"]
            # Free JSON tells what it may look like; what it must be is its type.
            if schema.get("type") == "object":
                return {name: value for name, value in schema.items() if name not in {"anyOf", "oneOf"}}
            schema = given[0] | {name: value for name, value in schema.items() if name not in {"anyOf", "oneOf"}}
        else:
            return schema


def body_schema(operation: Operation) -> Schema | None:
    told = document()["paths"][operation.path][operation.method.lower()].get("requestBody")
    return resolved(told["content"]["application/json"]["schema"]) if told else None


def fields(operation: Operation) -> Iterator[Field]:
    """Every one, containers too."""
    told = document()["paths"][operation.path][operation.method.lower()]
    for parameter in told.get("parameters", ()):
        yield Field(operation, parameter["in"], (parameter["name"],), resolved(parameter["schema"]))
    body = body_schema(operation)
    if body is not None:
        yield from _within(operation, (), body)


def all_fields() -> Iterator[Field]:
    for operation in operations():
        yield from fields(operation)


def _within(operation: Operation, path: Path, schema: Schema) -> Iterator[Field]:
    if path:
        yield Field(operation, "body", path, schema)
    for name, inner in schema.get("properties", {}).items():
        yield from _within(operation, (*path, name), resolved(inner))
    if isinstance(schema.get("items"), dict):
        yield from _within(operation, (*path, 0), resolved(schema["items"]))


def body_for(operation: Operation, id_of: Callable[[str], Any]) -> Any:
    """The least that fits. `id_of` gives the id that belongs in a field of that name."""
    schema = body_schema(operation)
    return None if schema is None else sample("", schema, id_of)


def query_for(operation: Operation) -> dict[str, Any]:
    """The query parameters that it needs."""
    told = document()["paths"][operation.path][operation.method.lower()].get("parameters", ())
    needed = [one for one in told if one["in"] == "query" and one["required"]]
    return {one["name"]: sample(one["name"], one["schema"], str) for one in needed}


def sample(name: str, schema: Schema, id_of: Callable[[str], Any]) -> Any:
    """A value that fits."""
    schema = resolved(schema)
    if name in SAMPLES:
        return SAMPLES[name]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object" | None:
            inner = schema.get("properties", {})
            needed = {part: sample(part, inner[part], id_of) for part in schema.get("required", ())}
            return needed | AS_WELL.get(schema.get("title", ""), {})
        case "array":
            return [sample(name, schema["items"], id_of) for _ in range(schema.get("minItems", 0))]
        case "string" if schema.get("format") == "uuid":
            return id_of(name)
        case "string" if schema.get("format") == "date-time":
            return "2026-11-22T06:04:00Z"
        case "string":
            assert "pattern" not in schema, f"SAMPLES has no {name}, which is to fit {schema['pattern']}"
            return "a" * max(1, schema.get("minLength", 1))
        case "boolean":
            return False
        case "integer" | "number":
            return schema.get("minimum", 1)
        case other:
            raise AssertionError(f"{name}: a {other}?")


def with_value(body: Any, field: Field, value: Any, id_of: Callable[[str], Any]) -> Any:
    """The body with this field set, and with what has to be around it."""
    root = body_schema(field.operation)
    assert root is not None
    return _set(body, field.path, value, root, id_of)


def _set(here: Any, path: Path, value: Any, schema: Schema, id_of: Callable[[str], Any]) -> Any:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        inner = resolved(schema["items"])
        item = here[0] if here else (sample("", inner, id_of) if rest else None)
        return [_set(item, rest, value, inner, id_of)]
    inner = resolved(schema["properties"][step])
    there = (here or {}).get(step)
    if there is None and rest:
        there = sample(step, inner, id_of) if isinstance(rest[0], str) else []
    changed = {**(here or {}), step: _set(there, rest, value, inner, id_of)}
    return changed if rest else changed | _without_rival(changed, step, schema)


def _without_rival(body: Any, name: str, schema: Schema) -> Any:
    """What else is to be said, so that nothing is in the way of the field that was set."""
    rival = EITHER_OR.get(name)
    known = schema["properties"].get(rival, {})
    if any(one.get("type") == "null" for one in known.get("anyOf", ())):
        return {rival: None}  # in a patch: what is there is cleared
    body.pop(rival, None)
    return {}
