"""Chunk text as a typesetter needs it: a heading, then blocks of lines that stay as they were written.

Lines are never joined or broken here, because a book of record must give back the text it was made from. What a block
*is* (verse, hard-wrapped prose, an editor's gloss) only decides how its lines are dressed.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

_HEADING_LINES = 4
_HEADING_LENGTH = 100
_WRAP_COLUMN = 50
_LONG_WORD = 48
_NAMED_DIVISION = re.compile(
    r"(canto|chapter|book|part|section|act|scene|fitt?e?|song|prologue|epilogue|preface)\b.{0,60}", re.IGNORECASE
)
_NUMERAL = re.compile(r"([IVXLCDM]+|\d{1,4})[.:]?")
_MARKDOWN = re.compile(r"#{1,6}\s+(?=\S)")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_OVERLONG = re.compile(rf"\S{{{_LONG_WORD},}}")
_UNPRINTED = frozenset("\x7f\u202a\u202b\u202c\u202d\u202e")
_BLANKS = re.compile(r"[^\S\u00a0]+")
_GLOSS = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A line of text. `prefix` is what stands before the text column: blanks, or blanks and a line number."""

    prefix: str
    text: str


@dataclass(frozen=True)
class Block:
    """Lines between two blank lines. `gloss`: an editor's, in brackets. `filled`: prose wrapped at a fixed column."""

    lines: list[Line]
    gloss: bool
    filled: bool


@dataclass(frozen=True)
class Passage:
    """A chunk, read. `heading` has several lines where the text has (a number above a title, say)."""

    heading: list[str]
    blocks: list[Block]


def read_passage(content: str, given_heading: str | None = None) -> Passage:
    """Take a chunk apart. A heading that stands at the start of the text is not repeated in the blocks."""
    lines = [soften(line.rstrip().expandtabs(4)) for line in content.splitlines()]
    heading, rest = _split_heading(lines, given_heading)
    return Passage(heading, [_block(paragraph) for paragraph in _paragraphs(rest)])


def read_blocks(text: str) -> list[Block]:
    """Text that has no heading of its own, such as an entity's description."""
    return [
        _block(paragraph)
        for paragraph in _paragraphs([soften(line.rstrip().expandtabs(4)) for line in text.splitlines()])
    ]


def soften(text: str) -> str:
    """Give words longer than any line a place to break (U+200B); drop control characters and overrides of direction."""
    printable = "".join(char for char in text if char >= " " and char not in _UNPRINTED)
    return _OVERLONG.sub(lambda match: "\u200b".join(re.findall(r".{1,24}", match.group())), printable)


def one_line(text: str) -> str:
    """White space brought down to single blanks; blanks that must not break stay."""
    return _BLANKS.sub(" ", text).strip()


def _split_heading(lines: list[str], given: str | None) -> tuple[list[str], list[str]]:
    if given is None:
        return _found_heading(lines)
    wanted = _letters(given)
    start: list[str] = []
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        start.append(line.strip())
        if wanted and _letters(" ".join(start)).endswith(wanted):
            return start, lines[index + 1 :]
        if len(start) == _HEADING_LINES:
            break
    return [soften(given.strip())], lines


def _found_heading(lines: list[str]) -> tuple[list[str], list[str]]:
    """Heading lines at the start, each alone between blank lines."""
    heading: list[str] = []
    taken = 0
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        alone = index + 1 == len(lines) or not lines[index + 1].strip()
        if not alone or len(heading) == _HEADING_LINES or not _is_heading(line.strip()):
            break
        heading.append(_MARKDOWN.sub("", line.strip()))
        taken = index + 1
    return heading, lines[taken:]


def _is_heading(line: str) -> bool:
    if len(line) > _HEADING_LENGTH:
        return False
    if _MARKDOWN.match(line) or _NUMERAL.fullmatch(line) or _NAMED_DIVISION.fullmatch(line):
        return True
    return line.isupper() and len(_letters(line)) > 2


def _letters(text: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", text).casefold()


def _paragraphs(lines: list[str]) -> list[list[str]]:
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [paragraph for paragraph in paragraphs if paragraph]


def _block(lines: list[str]) -> Block:
    column = _text_column(lines)
    gloss = _GLOSS.fullmatch("\n".join(lines).strip()) is not None
    return Block([_line(line, column) for line in lines], gloss=gloss, filled=_is_filled(lines))


def _text_column(lines: list[str]) -> int:
    """Where the text of most lines begins."""
    indents = Counter(len(line) - len(line.lstrip()) for line in lines)
    most = max(indents.values())
    return max(indent for indent, count in indents.items() if count == most)


def _line(line: str, column: int) -> Line:
    """Split a line at the text column where only a number or an editor's mark stands before it."""
    before = line[:column]
    if before.strip() and before.endswith(" ") and not any(char.isalpha() for char in before):
        return Line(before, line[column:])
    text = line.lstrip()
    return Line(line[: len(line) - len(text)], text)


def _is_filled(lines: list[str]) -> bool:
    """True for prose that was wrapped at a column: no line could have taken in the first word of the next one.

    Verse fails this nearly always; and where it passes by chance, its lines begin with capitals.
    """
    width = max(len(line) for line in lines)
    if len(lines) < 2 or width < _WRAP_COLUMN:
        return False
    pairs = list(pairwise(lines))
    full = all(len(line) + 1 + len(after.split()[0]) > width for line, after in pairs)
    lower = sum(after.lstrip()[0].islower() for _, after in pairs)
    return full and lower * 3 >= len(pairs)
