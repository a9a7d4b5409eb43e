"""What is said, as subtitles: one or two lines at a time, verse in its own lines, each long enough to be read."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from lorekeeper.generators.audio.reading import read_aloud
from lorekeeper.generators.lyrics import Span
from lorekeeper.generators.passages import Passage


@dataclass(frozen=True)
class Said:
    """A sentence or a verse line in the film's own time. `closes`: a heading, or the last of a stanza or passage."""

    begin: float
    end: float
    text: str
    closes: bool = False


_LINES = 2
_LINGERS = 0.7
_SHORTEST = 1.0
_GAP = 0.08
_PAUSE_PARTS = 0.9
_LONGEST_TOGETHER = 8.0
_CLOSING_PAUSE = 1.0
"""Seconds of rest after what is said, at an even pace: more than between sentences."""


@dataclass(frozen=True)
class Cue:
    """Lines on the screen from one second to another."""

    begin: float
    end: float
    lines: tuple[str, ...]


def said_in(spans: Sequence[Span], passages: Sequence[str | Passage], begins: float) -> list[Said]:
    """The spans of a sound that begins at `begins` seconds. What closes is read off the passages."""
    closing = {one.text for one in read_aloud(passages) if one.heading or one.pause >= _CLOSING_PAUSE}
    return [Said(begins + begin, begins + end, text, text in closing) for begin, end, text in spans]


def cues_of(said: Sequence[Said], columns: int, until: float) -> list[Cue]:
    """Subtitles of at most two lines of about `columns` characters, none after `until` seconds.

    Two short ones that follow each other closely share the screen, so that a couplet of verse is read as one.
    """
    cues: list[Cue] = []
    closed = True
    for one in said:
        for cue in _parted(one.begin, one.end, one.text, columns):
            if not closed and _go_together(cues[-1], cue, columns):
                cues[-1] = Cue(cues[-1].begin, cue.end, cues[-1].lines + cue.lines)
            else:
                cues.append(cue)
            closed = False
        closed = one.closes
    return _lingering([cue for cue in cues if cue.begin < until], until)


def as_srt(cues: Sequence[Cue]) -> str:
    """The cues as a SubRip file."""
    blocks = [
        f"{number}\n{_clock(cue.begin)} --> {_clock(cue.end)}\n" + "\n".join(cue.lines) + "\n"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def _parted(begin: float, end: float, text: str, columns: int) -> list[Cue]:
    """A sentence that is too long for one subtitle is shown piece by piece, each for its share of the time."""
    lines = _balanced(text, columns)
    groups = [lines[first : first + _LINES] for first in range(0, len(lines), _LINES)]
    letters = [sum(map(len, group)) for group in groups]
    cues, at = [], begin
    for group, count in zip(groups, letters, strict=True):
        last = at + (end - begin) * count / max(1, sum(letters))
        cues.append(Cue(at, last, tuple(group)))
        at = last
    return cues


def _balanced(text: str, columns: int) -> list[str]:
    """As few lines as will do, an even number where there are more than two, of like length."""
    needed = len(textwrap.wrap(text, columns)) or 1
    wanted = needed if needed <= _LINES else needed + needed % _LINES
    for width in range(max(8, len(text) // wanted), columns + 1):
        lines = textwrap.wrap(text, width)
        if len(lines) <= wanted:
            return lines
    return textwrap.wrap(text, columns)


def _go_together(before: Cue, after: Cue, columns: int) -> bool:
    short = len(before.lines) == len(after.lines) == 1 and max(len(before.lines[0]), len(after.lines[0])) <= columns
    return short and after.begin - before.end < _PAUSE_PARTS and after.end - before.begin < _LONGEST_TOGETHER


def _lingering(cues: list[Cue], until: float) -> list[Cue]:
    """Each stays a little after it was said, up to the next."""
    held = []
    for number, cue in enumerate(cues):
        limit = cues[number + 1].begin - _GAP if number + 1 < len(cues) else until
        end = min(max(cue.end + _LINGERS, cue.begin + _SHORTEST), limit)
        held.append(Cue(cue.begin, max(end, min(cue.end, until)), cue.lines))
    return held


def _clock(seconds: float) -> str:
    thousandths = round(seconds * 1000)
    whole, rest = divmod(thousandths, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{rest:03}"
