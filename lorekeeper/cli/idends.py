"""Jobs and assets named by their ids, or by the ends of ids that tables show."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol
from uuid import UUID

from lorekeeper.cli.terminal import CommandError

NEWEST = 1000
SHORTEST = 8
HELP = f"its id, or the end of it: {SHORTEST} hex digits or more, sought among the newest {NEWEST:,}"


class _Thing(Protocol):
    @property
    def id(self) -> UUID: ...


def ids_of(texts: Sequence[str], newest_first: Iterable[_Thing], kind: str) -> list[UUID]:
    """The ids that the texts name, each once. What there is, is read only where one of them is not a whole id.

    Raises `CommandError` for what is no id, and for an end that is none's or more than one's.
    """
    known: list[UUID] = []
    found: dict[UUID, None] = {}
    for text in texts:
        try:
            found[UUID(text)] = None
        except ValueError:
            end = _end_of(text, kind)
            known = known or [thing.id for thing in islice(newest_first, NEWEST)]
            found[_only(list(_ending(known, end)), text, kind)] = None
    return list(found)


def id_of(text: str, newest_first: Iterable[_Thing], kind: str) -> UUID:
    """The id that the text names, as `ids_of`."""
    return ids_of([text], newest_first, kind)[0]


def _end_of(text: str, kind: str) -> str:
    digits = text.removeprefix("…").replace("-", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},32}}", digits):
        raise CommandError(
            f"{text!r} is no id: a {kind} is named by its id, or by the end of it, {SHORTEST} hex digits or more"
        )
    return digits


def _ending(known: Iterable[UUID], end: str) -> Iterator[UUID]:
    return (one for one in known if one.hex.endswith(end))


def _only(ids: Sequence[UUID], text: str, kind: str) -> UUID:
    if not ids:
        raise CommandError(f"none of the newest {NEWEST:,} {kind}s has an id that ends in {text.removeprefix('…')}")
    if len(ids) > 1:
        raise CommandError(f"{len(ids)} {kind}s have an id that ends in {text}: {', '.join(map(str, ids))}")
    return ids[0]
