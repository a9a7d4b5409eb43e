"""What the body of a note says to a program: its links, its inline fields and its tags.

One pass over the text, in time linear in its length. What stands in code, in comments (`%% … %%`, `<!-- … -->`) or
behind a backslash is text and no more.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

MENTIONS = "mentions"
"""The predicate of a link that stands in running text."""

MAX_TAG = 100


class Link(NamedTuple):
    """`[[target|shown]]`; `predicate` is the key of the inline field that it stands in. Lines count from 1."""

    target: str
    predicate: str
    line: int
    is_path: bool = False
    """Written `[shown](target)`, so what it points at is a file."""


@dataclass(slots=True)
class Markup:
    links: list[Link] = field(default_factory=list)
    tags: dict[str, int] = field(default_factory=dict)
    """Each tag, and the line where it first stands."""


_INDENT = r"[ \t>]{0,40}(?:(?:[-*+]|\d{1,9}[.)])[ \t]{1,40}(?:\[.\][ \t]{1,40})?)?"
_KEY = r"[^\s:\[\]()`#|><%\\](?:[^:\[\]()`\n|<%\\]{0,98}[^\s:\[\]()`|<%\\])?"
_WIKI = r"\[\[(?P<target>[^\[\]|\n]{0,1000})(?:\|[^\[\]\n]{0,1000})?\]\]"
_INNER_VALUE = r"(?:[^\[\]()\n]|\[\[[^\[\]\n]{1,1000}\]\]){1,1000}"
_TOKEN = re.compile(
    rf"""
      ^{_INDENT}(?P<fence>`{{3,}}(?=[^`\n]*$)|~{{3,}})
    | ^{_INDENT}(?P<key>{_KEY})[ \t]{{0,8}}::(?=[ \t]|\[\[)
    | [\[(](?P<inner>{_KEY})[ \t]{{0,8}}::[ \t]*(?=(?P<value>{_INNER_VALUE})[\])])
    | (?P<ticks>`+)
    | (?P<comment>%%|<!--)
    | \\[^\n]
    | {_WIKI}
    | \[[^\[\]\n]{{0,500}}\]\((?:<(?P<angled>[^<>\n]{{1,1000}})>|(?P<url>[^()\s<>]{{1,1000}}))
      (?:[ \t]"[^"\n]{{0,500}}")?\)
    | (?<!\S)\#(?P<tag>[^\s\#!-,.:-@\[-^`{{-~\u2000-\u206f\u3000-\u303f]{{1,101}})
    """,
    re.VERBOSE | re.MULTILINE,
)
_BLANK_LINE = re.compile(r"\n[ \t\r>]{0,100}\n")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:")
_LIST_ITEM = re.compile(r"[ \t>]{0,40}(?:[-*+]|\d{1,9}[.)])[ \t]")
_CODE_LINE = re.compile(r"(?: {4}| {0,3}\t)")


def read_body(body: str, first_line: int = 1) -> Markup:
    """The links, fields and tags of a body that begins on `first_line` of its file."""
    return _Reader(body, first_line).read()


def wiki_links(text: str) -> Iterator[str]:
    """The targets of all `[[links]]` in a text that is not Markdown, such as a property."""
    return (_plain_target(found["target"]) for found in _WIKI_LINK.finditer(text))


def is_only_links(text: str) -> bool:
    """True for a property that is one link or several, with nothing but commas between them."""
    return bool(_WIKI_LINK.search(text)) and not _WIKI_LINK.sub("", text).strip(" ,;")


def without_markup(text: str) -> str:
    """A text in which each `[[link|shown]]` is what a reader sees of it."""
    return _WIKI_LINK.sub(_shown, text)


_WIKI_LINK = re.compile(rf"!?{_WIKI}")


def _shown(found: re.Match[str]) -> str:
    inner = found[0].lstrip("!")[2:-2]
    target, bar, shown = inner.partition("|")
    return (shown if bar and shown.strip() else target.rstrip("\\")).strip()


def _plain_target(target: str) -> str:
    """In a table the bar is written `\\|`, and the backslash is not of the name."""
    return target.rstrip("\\").strip()


class _Reader:
    """Walks from token to token. What begins a stretch that is not read is followed to the end of that stretch."""

    def __init__(self, text: str, first_line: int) -> None:
        self._text = text
        self._found = Markup()
        self._line, self._counted = first_line, 0
        self._code = _indented_code(text)
        self._ticks: dict[int, list[int]] | None = None
        self._paragraph_end = -1
        self._field = (MENTIONS, 0)
        self._outer = (MENTIONS, 0)

    def read(self) -> Markup:
        position = 0
        while token := _TOKEN.search(self._text, position):
            position = self._after(token)
        return self._found

    def _after(self, token: re.Match[str]) -> int:
        """Take in a token; the answer is where reading goes on."""
        start, end = token.span()
        if (code_end := self._end_of_code_around(start)) is not None:
            return code_end
        kind = token.lastgroup
        if kind == "fence":
            return self._end_of_fence(token["fence"], end)
        if kind == "ticks":
            return self._end_of_code_span(end, len(token["ticks"]))
        if kind == "comment":
            closing = "%%" if token["comment"] == "%%" else "-->"
            found = self._text.find(closing, end)
            return len(self._text) if found < 0 else found + len(closing)
        if kind == "key":
            line_end = self._text.find("\n", end)
            self._outer = (_as_key(token["key"]), len(self._text) if line_end < 0 else line_end)
        elif kind == "value":
            self._field = (_as_key(token["inner"]), token.end("value"))
        elif kind == "target":
            self._note_link(_plain_target(token["target"]), start, is_path=False)
        elif kind in {"url", "angled"}:
            self._note_path(token[kind], start)
        elif kind == "tag":
            self._note_tag(token["tag"].strip("/"), start)
        return end

    def _note_link(self, target: str, at: int, *, is_path: bool) -> None:
        predicate = next((key for key, until in (self._field, self._outer) if at < until), MENTIONS)
        self._found.links.append(Link(target, predicate or MENTIONS, self._line_of(at), is_path))

    def _note_path(self, url: str, at: int) -> None:
        """`[shown](Other%20note.md#heading)`. What leads to the web, or to a file that is no note, is none of ours."""
        path = unquote(url).partition("#")[0]
        if path.lower().endswith(".md") and not _SCHEME.match(path) and "\x00" not in path:
            self._note_link(path, at, is_path=True)

    def _note_tag(self, tag: str, at: int) -> None:
        if tag and len(tag) <= MAX_TAG and not tag.isdigit():
            self._found.tags.setdefault(tag, self._line_of(at))

    def _line_of(self, position: int) -> int:
        self._line += self._text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _end_of_code_around(self, position: int) -> int | None:
        number = bisect_right(self._code, (position, len(self._text))) - 1
        return self._code[number][1] if number >= 0 and position < self._code[number][1] else None

    def _end_of_fence(self, fence: str, position: int) -> int:
        closing = re.compile(rf"^[ \t>]{{0,40}}{fence[0]}{{{len(fence)},}}[ \t\r]*$", re.MULTILINE)
        found = closing.search(self._text, position)
        return found.end() if found else len(self._text)

    def _end_of_code_span(self, position: int, length: int) -> int:
        """Behind the run of as many backticks in the same paragraph; where there is none, these are plain text."""
        if self._ticks is None:
            self._ticks = {}
            for run in re.finditer("`+", self._text):
                self._ticks.setdefault(run.end() - run.start(), []).append(run.start())
        if position > self._paragraph_end:
            blank = _BLANK_LINE.search(self._text, position)
            self._paragraph_end = blank.start() if blank else len(self._text)
        runs = self._ticks.get(length, [])
        following = bisect_left(runs, position)
        if following < len(runs) and runs[following] < self._paragraph_end:
            return runs[following] + length
        return position


def _as_key(key: str) -> str:
    """`**Father**` is the key `Father`."""
    return " ".join(key.strip("*_~ \t").split())


def _indented_code(text: str) -> list[tuple[int, int]]:
    """Lines indented by four columns behind a blank line, outside of lists: code, by the rules of Markdown."""
    if not text.startswith((" ", "\t")) and "\n    " not in text and "\n\t" not in text:
        return []
    spans: list[tuple[int, int]] = []
    in_list, after_blank, in_code, position = False, True, False, 0
    for line in text.split("\n"):
        end = position + len(line) + 1
        if line.strip():
            if _CODE_LINE.match(line):
                in_code = in_code or (after_blank and not in_list)
                if in_code:
                    spans.append((position, end))
            else:
                in_code = False
                in_list = bool(_LIST_ITEM.match(line)) or (in_list and (line[0] in " \t" or not after_blank))
            after_blank = False
        else:
            after_blank = True
        position = end
    return spans
