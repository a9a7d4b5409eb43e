"""The front matter of a note: YAML between two lines of three dashes (Obsidian calls it properties).

Read by the rules of YAML 1.2, as Obsidian does: a date stays text, and so does `yes`. No anchors and no aliases, so
nothing can be made large by repetition; no tags but the plain ones, so nothing is made but texts, numbers, lists and
mappings.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from lorekeeper.cli.notes.folder import NoteError
from lorekeeper.contracts.base import MAX_SAFE_INTEGER

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 16

_FENCE = re.compile(r"---[ \t]*(?:\r?\n|\Z)")
_END = re.compile(r"^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where PyYAML came with it
_YAML = "tag:yaml.org,2002:"


class Parted(NamedTuple):
    """A note in its parts: the properties, the line that each stands on, and the body, which begins on `body_line`."""

    properties: dict[str, Any]
    lines: dict[str, int]
    body: str
    body_line: int


def part(text: str) -> Parted:
    """Take a note apart. What does not begin with `---`, or has no second such line, is all body.

    Raises `NoteError` for front matter that is not YAML, is no mapping of names to values, or is too large.
    """
    opening = _FENCE.match(text)
    end = _END.search(text, opening.end()) if opening else None
    if opening is None or end is None:
        return Parted({}, {}, text, 1)
    if end.start() - opening.end() > MAX_CHARACTERS:
        raise NoteError(f"the front matter is longer than {MAX_CHARACTERS} characters", 1)
    properties, lines = _mapping(text[opening.end() : end.start()])
    return Parted(properties, lines, text[end.end() :], text.count("\n", 0, end.end()) + 1)


def _mapping(document: str) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        reader = _Reader(yaml.parse(document, Loader=_LOADER))
        return reader.read(), reader.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NoteError(f"the front matter is not YAML: {error.problem or error.context}", _line(mark)) from error
    except yaml.YAMLError as error:
        says = str(error).splitlines()[0] if str(error) else "it cannot be read"
        raise NoteError(f"the front matter is not YAML: {says}", 1) from error


def _line(mark: Any) -> int:
    """The line in the note: marks count from 0, and the line of dashes stands above."""
    return mark.line + 2 if mark else 1


class _Reader:
    """Makes plain values of the parser's events; the lines of the outermost keys are noted on the way."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self.lines: dict[str, int] = {}

    def read(self) -> dict[str, Any]:
        event = next(self._events)
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return {}
        if not isinstance(event, yaml.MappingStartEvent):
            raise NoteError(
                "the front matter is no list of properties, such as `type: person`", _line(event.start_mark)
            )
        properties = self._mapping(0)
        rest = [event for event in self._events if isinstance(event, yaml.DocumentStartEvent)]
        if rest:
            raise NoteError("the front matter holds two documents", _line(rest[0].start_mark))
        return properties

    def _value(self, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise NoteError(f"the front matter is nested deeper than {MAX_DEPTH} levels", _line(event.start_mark))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.CollectionStartEvent) and event.tag is not None:
            raise _refused_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return items
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(depth)
        raise NoteError(
            f"the front matter repeats a value by `*{event.anchor}`, which is not supported; "
            "put quotes around a text that begins with *",
            _line(event.start_mark),
        )

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or not event.value.strip():
                raise NoteError("the front matter has a key that is no plain name", _line(event.start_mark))
            key = event.value.strip()
            if key in found:
                raise NoteError(f"the front matter has {key!r} twice", _line(event.start_mark))
            if depth == 0:
                self.lines[key] = _line(event.start_mark)
            found[key] = self._value(next(self._events), depth + 1)
        return found


def _refused_tag(event: Any) -> NoteError:
    return NoteError(f"the front matter has a tag, {event.tag}, which is not supported", _line(event.start_mark))


_INTEGER = re.compile(r"[-+]?[0-9]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,300}|[0-9]{1,300}(?:\.[0-9]{0,300})?)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def _scalar(event: Any) -> Any:
    """A quoted value is a text; a plain one may be a number, true, false or null. What JSON cannot carry stays text."""
    value: str = event.value
    if event.tag not in {None, "!", f"{_YAML}str"}:
        raise _refused_tag(event)
    if event.tag is not None or not event.implicit[0]:
        return value
    if value.casefold() in _WORDS and (value.islower() or value.isupper() or value.istitle() or value in {"", "~"}):
        return _WORDS[value.casefold()]
    if _INTEGER.fullmatch(value):
        return int(value) if abs(int(value)) <= MAX_SAFE_INTEGER else value
    if _FLOAT.fullmatch(value):
        number = float(value)
        return number if abs(number) <= MAX_SAFE_INTEGER else value
    return value
