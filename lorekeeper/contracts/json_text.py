"""JSON from strangers: read strictly, and refused with the place at which it is wrong."""

import json
from collections.abc import Iterator
from typing import Any

MAX_PROBLEMS = 20
MAX_NAMES = 10_000
"""Of one object of a body: what is wrong with many times as many would take seconds to be told."""


class JsonTextError(ValueError):
    """`problems` says what is wrong, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Doubled(dict[str, Any]):
    """An object in which a key stands twice: RFC 8259 leaves open which of the two is meant."""

    key = ""


def read_json(document: str | bytes | bytearray) -> Any:
    """The value. Raises `JsonTextError` for what is no UTF-8, no JSON, nested too deeply, or names a key twice."""
    doubled: list[_Doubled] = []

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) > MAX_NAMES:
            raise JsonTextError([f"an object in this has more than {MAX_NAMES} names"])
        made = dict(pairs)
        return made if len(made) == len(pairs) else _noted(pairs, doubled)

    try:
        value = json.loads(_decoded(document), object_pairs_hook=as_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise JsonTextError([f"this is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"]) from None
    except RecursionError:
        raise JsonTextError(["this is nested too deeply to be read"]) from None
    except JsonTextError:
        raise
    except ValueError:  # CPython reads no integer of more than 4,300 digits
        raise JsonTextError(["a number in this has too many digits"]) from None
    if doubled:
        raise JsonTextError([f"{place}the key {key!r} is given twice" for place, key in _places(value)])
    return value


def _decoded(document: str | bytes | bytearray) -> str:
    if isinstance(document, str):
        return document
    try:
        return document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonTextError(
            [f"this is no UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}"]
        ) from None


def _refuse_constant(name: str) -> None:
    raise JsonTextError([f"this is no JSON: it holds {name}"])


def _noted(pairs: list[tuple[str, Any]], doubled: list[_Doubled]) -> _Doubled:
    made, seen = _Doubled(pairs), set[str]()
    for key, _ in pairs:
        if key in seen:
            made.key = key
        seen.add(key)
    doubled.append(made)
    return made


def _places(value: Any) -> list[tuple[str, str]]:
    """Where the first objects with a doubled key stand, as `entities[3]: `, and the key."""
    found: list[tuple[str, str]] = []
    left: list[tuple[str, Any]] = [("", value)]
    while left and len(found) < MAX_PROBLEMS:
        place, here = left.pop()
        if isinstance(here, _Doubled):
            found.append((f"{place.lstrip('.')}: " if place else "", here.key))
        left += reversed(list(_parts(place, here)))
    return found


def _parts(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield f"{place}.{key}", item
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, dict | list):
                yield f"{place}[{number}]", item
