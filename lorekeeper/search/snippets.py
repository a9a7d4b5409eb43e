"""The piece of a text that shows why it was found. Marks are told as places: nothing is ever put into the text."""

from collections.abc import Callable, Iterable

from lorekeeper.contracts.search import Span
from lorekeeper.search.forms import words_of

LENGTH = 240
BEFORE = 60
"""Characters in front of the first mark."""

CUT = "…"

Meant = Callable[[str], bool]
"""Whether a word, in its form, is one that was asked for."""


def forms_in(texts: Iterable[str]) -> set[str]:
    return {word.form for text in texts for word in words_of(text)}


def marks_in(text: str, meant: Meant) -> list[Span]:
    return [Span(start=word.start, end=word.end) for word in words_of(text) if meant(word.form)]


def snippet_of(text: str, marks: list[Span]) -> tuple[str, list[Span]]:
    """Up to `LENGTH` characters around the first mark, from blank to blank, and the marks in it."""
    first = marks[0].start if marks else 0
    start = _after_blank(text, first - BEFORE, first) if first > BEFORE else 0
    end = _before_blank(text, start + LENGTH) if len(text) > start + LENGTH else len(text)
    head, tail = CUT if start else "", CUT if end < len(text) else ""
    shift = len(head) - start
    return head + text[start:end] + tail, [
        Span(start=mark.start + shift, end=mark.end + shift)
        for mark in marks
        if start <= mark.start and mark.end <= end
    ]


def _after_blank(text: str, start: int, latest: int) -> int:
    return next((at + 1 for at in range(start, latest) if text[at].isspace()), start)


def _before_blank(text: str, end: int) -> int:
    return next((at for at in range(end, end - 40, -1) if text[at].isspace()), end)
