"""Cutting a source into chunks where a reader would put the book down.

    text ──_paragraphs──▶ paragraphs ──_units──▶ units ──_pack──▶ chunks

A *paragraph* is what stands between blank lines (a Markdown heading line counts as one). A *unit* is what must not be
torn apart: a paragraph with the headings, page marks and marginal summaries that lead into it. Units of one section
are packed together; no chunk reaches over a heading.

The border inside a section is chosen among the last few candidates by what stands around it, never by counting from the
start of the text. So an edit moves borders near itself at most, and a new edition of a source keeps nearly all chunks.
Everything streams, in time linear in the text: a single line of 50 MB is cut like any other.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

DEFAULT_TARGET = 1200
DEFAULT_LIMIT = 4000
MAX_HEADING = 200


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a source: `content` is `text[char_start:char_end]`, counted in code points of the text as given.

    `heading` is the nearest heading above, with its title, as a running head would print it.
    """

    index: int
    content: str
    char_start: int
    char_end: int
    heading: str | None


def cut(text: str, *, target: int = DEFAULT_TARGET, limit: int = DEFAULT_LIMIT) -> list[Chunk]:
    """Cut `text` at heading, then paragraph borders, into chunks of about `target` and at most `limit` characters.

    Whole paragraphs are packed up to `target`; a longer one stays whole up to `limit` and is cut at line, sentence or
    word borders beyond it. Between two chunks lies white space only, and no chunk is blank. The same text always gives
    the same chunks. Raises ValueError unless 0 < target <= limit.
    """
    return list(iter_cut(text, target=target, limit=limit))


def iter_cut(text: str, *, target: int = DEFAULT_TARGET, limit: int = DEFAULT_LIMIT) -> Iterator[Chunk]:
    """`cut`, one chunk at a time, for a caller that counts as it goes."""
    if not 0 < target <= limit:
        raise ValueError(f"target must be at least 1 and at most limit, not {target} with a limit of {limit}")
    spans = _pack(text, _units(text, limit), target, limit)
    for index, (start, end, heading) in enumerate(spans):
        yield Chunk(index, text[start:end], start, end, heading)


# --- paragraphs ---------------------------------------------------------------------------------------------------

_INK = re.compile(r"\S")
_BLANK_LINE = re.compile(r"(?:\r\n|\r|\n)[^\S\r\n]*(?=[\r\n])")
_LINE_END = re.compile(r"\r\n|\r|\n")
_MARKDOWN_HEADING = re.compile(r"(?:^\ufeff?|(?<=[\r\n])) {0,3}#{1,6}[ \t]+(?=\S)[^\r\n]*")


class _Paragraph(NamedTuple):
    """Offsets, and how many line ends lie between it and what stands before it."""

    start: int
    end: int
    gap: int
    is_markdown_heading: bool = False


def _paragraphs(text: str) -> Iterator[_Paragraph]:
    position = 0
    while ink := _INK.search(text, position):
        start = _line_start(text, position, ink.start())
        gap = _count_line_ends(text, position, start) if position else 4
        blank = _BLANK_LINE.search(text, ink.start())
        position = blank.start() if blank else len(text)
        yield from _split_at_markdown_headings(text, start, position, gap)


def _split_at_markdown_headings(text: str, start: int, end: int, gap: int) -> Iterator[_Paragraph]:
    """Notes in Markdown put text right under a heading, without a blank line."""
    if text.find("#", start, end) >= 0:
        for found in _MARKDOWN_HEADING.finditer(text, start, end):
            if (before := _trimmed(text, start, found.start())) > start:
                yield _Paragraph(start, before, gap)
                gap = 1
            yield _Paragraph(found.start(), _trimmed(text, *found.span()), gap, is_markdown_heading=True)
            start, gap = found.end(), 1
        ink = _INK.search(text, start, end)
        if ink is None:
            return
        start = _line_start(text, start, ink.start())
    yield _Paragraph(start, _trimmed(text, start, end), gap)


def _line_start(text: str, lowest: int, position: int) -> int:
    """Where the line of `position` begins, so that the first line of a verse keeps its indentation."""
    return max(lowest, text.rfind("\n", lowest, position) + 1, text.rfind("\r", lowest, position) + 1)


def _count_line_ends(text: str, start: int, end: int) -> int:
    return max(text.count("\n", start, end), text.count("\r", start, end))


def _trimmed(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip())


# --- headings -----------------------------------------------------------------------------------------------------

_ROMAN = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_NUMERAL = re.compile(rf"(?:{_ROMAN})\.?|\d{{1,3}}[.)]")
_BARE_NUMBER = re.compile(r"\d{1,3}")
_ORDINAL = (
    r"(?:the )?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|first|second|third|fourth|fifth|sixth"
    r"|seventh|eighth|ninth|tenth|eleventh|twelfth|last)"
)
_DIVISION = re.compile(
    rf"(?P<name>(?:chapter|canto|book|part|volume|act|scene|fitt|section|stave) (?:\d{{1,4}}|{_ROMAN}|{_ORDINAL})"
    r"|prologue|epilogue|preface|foreword|afterword|introduction|appendix(?: [a-z\d]{1,4})?)"
    r"(?:[.:]?[ \t]*(?=[\r\n]|\Z)|\s*[.:–—-]+)",  # noqa: RUF001 - books set an en dash here
    re.IGNORECASE,
)
_SETEXT = re.compile(r"\s*(\S[^\r\n]*)(?:\r\n|\r|\n) {0,3}(?:=+|-{3,})")
_EMPHASIS = re.compile(r"_[^_]*_")
_PAGE_MARK = re.compile(r"\s*\[(?:p(?:g|age)?\.? ?)?[\divxlcdm]{1,8}\]", re.IGNORECASE)
_ORNAMENT = re.compile(r"[\s*#~_.·•⁂†=-]+")
_MARGINAL = re.compile(r"\s*\{[^{}]{1,600}\}")
_LONGEST_HEADING = 300
_RIGHT_OF_CENTRE = 36
"""Indented further than this, a line in capitals is a signature or a column head, not a centred title."""


class _Heading(NamedTuple):
    label: str
    takes_title: bool = False
    is_caps_title: bool = False


def _as_heading(text: str, paragraph: _Paragraph) -> _Heading | None:
    start, end, gap, is_markdown = paragraph
    if is_markdown:
        return _Heading(text[start : min(end, start + 2 * MAX_HEADING)].strip("\ufeff# \t"))
    if end - start > _LONGEST_HEADING:
        return None
    raw = text[start:end].lstrip("\ufeff")
    words = raw.strip()
    if setext := _SETEXT.fullmatch(raw):
        return _Heading(setext[1].strip())
    if _NUMERAL.fullmatch(words) or (gap > 2 and _BARE_NUMBER.fullmatch(words)):
        return _Heading(words.rstrip(".)"), takes_title=True)
    if division := _DIVISION.match(words):
        return _division(division, words)
    return _Heading(_as_label(words), is_caps_title=True) if _is_caps_title(raw) else None


def _division(found: re.Match[str], words: str) -> _Heading | None:
    """`CHAPTER 4`, `Canto III: The Ford`; but not a sentence that begins with such words."""
    name, title = _as_label(found["name"]), words[found.end() :].strip()
    if not title:
        return _Heading(name, takes_title=True)
    is_prose = title.endswith((".", ",", ";", "!", '"', "”")) and not title.isupper()
    return None if is_prose or title[0].islower() else _Heading(f"{name}. {_as_label(title)}")


def _is_caps_title(raw: str) -> bool:
    """One to three short lines in capitals that stand alone. What is set in `_italics_` beside them does not count."""
    lines = [line for line in _LINE_END.split(raw) if line.strip()]
    if len(lines) > 3 or any(len(line) > 90 or len(line) - len(line.lstrip()) > _RIGHT_OF_CENTRE for line in lines):
        return False
    plain = _EMPHASIS.sub("", raw)
    plain = plain if sum(map(str.isalpha, plain)) else raw
    return (
        plain.isupper() and sum(map(str.isalpha, plain)) >= 4 and not raw.rstrip("_ )").endswith((",", ";", ":", "!"))
    )


def _is_plain_title(text: str, paragraph: _Paragraph) -> bool:
    """After a bare number, one short line that does not end like a sentence is the title: `4` / `The Departure`."""
    words = text[paragraph.start : min(paragraph.end, paragraph.start + 100)].strip()
    return (
        len(words) <= 60
        and not _LINE_END.search(words)
        and words[0].isupper()
        and (words[-1].isalnum() or words[-1] == ")")
    )


_SMALL = re.compile(r"an?|after|and|as|at|but|by|for|from|in|into|is|n?or|of|on|save|than|the|to|upon|with")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")  # noqa: RUF001 - both apostrophes
_SMALL_ROMAN = re.compile(r"[IVX]{2,}")


def _as_label(words: str) -> str:
    """A heading as a running head prints it: one line, no stop at its end, capitals brought down to title case."""
    line = " ".join(words.replace("_", "").split()).replace(".--", " — ").rstrip(".:")
    if line.isupper() or (line.upper() != line and _EMPHASIS.sub("", words).isupper()):
        line = _WORD.sub(lambda found: _in_title_case(found[0], line[: found.start()]), line)
    return line[:MAX_HEADING]


def _in_title_case(word: str, before: str) -> str:
    if not word.isupper() or _SMALL_ROMAN.fullmatch(word):
        return word
    if before and before[-2:] not in {"— ", ". ", ": "} and _SMALL.fullmatch(word.lower()):
        return word.lower()
    capitals = 3 if word[1:2] in {"'", "\u2019"} and len(word) > 3 else 1  # O'Brien
    return word[:capitals] + word[capitals:].lower()


# --- units --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Unit:
    """What is not torn apart. `gap` is as in `_Paragraph`; an ornament is a line of stars or dashes between scenes."""

    start: int
    end: int
    heading: str | None
    opens_section: bool
    gap: int
    is_ornament: bool = False


class _Sections:
    """The heading in force, while paragraphs go by."""

    def __init__(self) -> None:
        self.label: str | None = None
        self._last: _Heading | None = None

    def enters(self, text: str, paragraph: _Paragraph) -> bool:
        """True when this paragraph is a heading, or the title of the one before."""
        heading, last = _as_heading(text, paragraph), self._last
        self._last = heading
        if last and last.takes_title and (heading is None or heading.is_caps_title):
            title = heading.label if heading else ""
            if heading is None and _is_plain_title(text, paragraph):
                title = _as_label(text[paragraph.start : paragraph.end])
            if title:
                self.label = f"{last.label}. {title}"[:MAX_HEADING]
                self._last = _Heading(self.label)
                return True
        if heading:
            self.label = heading.label[:MAX_HEADING] or None
        return heading is not None


def _units(text: str, limit: int) -> Iterator[_Unit]:
    """Paragraphs with what leads into them: headings, a page mark that stands alone, a marginal summary in braces."""
    sections = _Sections()
    lead: _Unit | None = None
    in_heading = False
    for paragraph in _paragraphs(text):
        start, end, gap, _ = paragraph
        enters = sections.enters(text, paragraph)
        opens_section = enters and not in_heading
        if lead and (lead.end - lead.start > limit or (opens_section and lead.opens_section)):
            yield lead
            lead = None
        unit = lead or _Unit(start, end, None, False, gap)
        unit.end, unit.heading, unit.opens_section = end, sections.label, unit.opens_section or opens_section
        in_heading = enters
        if enters or _leads_on(text, start, end):
            lead = unit
        else:
            unit.is_ornament = end - start < 80 and _ORNAMENT.fullmatch(text, start, end) is not None
            lead = None
            yield unit
    if lead:
        yield lead


def _leads_on(text: str, start: int, end: int) -> bool:
    return end - start < 700 and bool(_PAGE_MARK.fullmatch(text, start, end) or _MARGINAL.fullmatch(text, start, end))


# --- packing ------------------------------------------------------------------------------------------------------

_Span = tuple[int, int, str | None]
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]_]{0,3}(?:\[\d{1,3}\])?\Z")  # noqa: RUF001 - the marks of other scripts
_LAST_LINE = re.compile(r"(?s).*[\r\n]")
_LAST_SENTENCE = re.compile(r"(?s).*(?:[.!?…][\"'”’»)\]_]{0,3}\s|[。！？])")  # noqa: RUF001
_LAST_WORD = re.compile(r"(?s).*\s")
_NOTE = re.compile(r"\s*\[\d{1,3}\] \S")
_JOINS_ON = re.compile(r"[\u0300-\u036f\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")


def _pack(text: str, units: Iterator[_Unit], target: int, limit: int) -> Iterator[_Span]:
    """Hold two chunks' worth of units of one section, and give away from the front."""
    held: list[_Unit] = []
    for unit in units:
        while held and (unit.opens_section or held[-1].end - held[0].start > 2 * target):
            yield from _take(text, held, target, limit)
        held.append(unit)
    while held:
        yield from _take(text, held, target, limit)


def _take(text: str, held: list[_Unit], target: int, limit: int) -> Iterator[_Span]:
    count = _how_many(text, held, target)
    first, last = held[0], held[count - 1]
    del held[:count]
    if last.end - first.start <= limit:
        yield first.start, last.end, first.heading
    else:
        for start, end in _pieces(text, first.start, last.end, target):
            yield start, end, first.heading


def _how_many(text: str, held: list[_Unit], target: int) -> int:
    """The number of units that make the next chunk: as much as fits, up to the best place to stop."""
    start, whole = held[0].start, held[-1].end - held[0].start
    if whole <= target:
        return len(held)
    largest = min(target, whole - target // 3)  # leave no crumb at the end of a section
    best, count = (-1, 0), 1
    for number, (unit, following) in enumerate(pairwise(held), start=1):
        size = unit.end - start
        if size > largest:
            break
        if size < target // 2:
            count = number
        elif (rank := _rank(text, unit, following)) >= best:
            best, count = rank, number
    return count


def _rank(text: str, unit: _Unit, following: _Unit) -> tuple[int, int]:
    """How good it is to stop between the two. Equals are told apart by their words, so that an edit elsewhere,
    which shifts the window of candidates, does not change the choice."""
    if following.is_ornament:
        merit = 0
    elif (
        unit.is_ornament
        or following.gap > 2
        or (_NOTE.match(text, following.start) and not _NOTE.match(text, unit.start))
    ):
        merit = 3  # a scene ends, or the text does and its notes begin
    else:
        merit = 1 + bool(_SENTENCE_END.search(text, max(unit.start, unit.end - 9), unit.end))
    around = text[max(unit.start, unit.end - 40) : unit.end] + text[following.start : following.start + 40]
    return merit, zlib.crc32(around.encode("utf-8", "surrogatepass"))


def _pieces(text: str, start: int, end: int, target: int) -> Iterator[tuple[int, int]]:
    """A paragraph beyond the limit, cut at line, then sentence, then word borders, then anywhere."""
    while ink := _INK.search(text, start, end):
        indented = _line_start(text, start, ink.start())
        start = indented if ink.start() - indented < target // 2 else ink.start()
        if end - start <= target:
            yield start, _trimmed(text, start, end)
            return
        border = _last_border(text, start + (target + 1) // 2, start + target) or _hard_border(text, start, target)
        yield start, _trimmed(text, start, border)
        start = border


def _last_border(text: str, low: int, high: int) -> int | None:
    for pattern in (_LAST_LINE, _LAST_SENTENCE, _LAST_WORD):
        if found := pattern.match(text, low, high + 1):
            return min(found.end(), high) if found.end() > low else None
    return None


def _hard_border(text: str, start: int, target: int) -> int:
    """No white space to cut at: still do not part a letter from its accent, nor an emoji from its modifier."""
    border = start + target
    for candidate in range(border, max(start + target // 2, border - 16), -1):
        if not _JOINS_ON.match(text, candidate) and text[candidate - 1] != "\u200d":
            return candidate
    return border
