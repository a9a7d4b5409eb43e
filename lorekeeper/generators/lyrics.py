"""The words of a recording in its own file, timed: LRC in the tag `lyrics`. Players show them; subtitles follow."""

import re
from collections.abc import Sequence
from pathlib import Path

from lorekeeper.generators import media

Span = tuple[float, float, str]
"""When something is said: from one second to another, and what."""

SOUND_ONLY = (
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", "mp3,ogg,wav,w64,flac,aiff,aac,mov,mp4,m4a,matroska,webm"),
)
"""Before an input that somebody else made: no playlist, which could have other files or addresses read."""

_TIMED = re.compile(r"\[(\d+):(\d\d(?:\.\d+)?)\](.*)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TAG = re.compile(r"^lyrics(?:-\w+)?=((?:[^\\\n]|\\.)*)$", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"^title=((?:[^\\\n]|\\.){1,400})$", re.MULTILINE | re.IGNORECASE)
_MOST_BYTES = 100_000
"""What an argument of a command may hold, with room to spare."""


def lyrics_options(spans: Sequence[Span]) -> list[str]:
    """Options of ffmpeg for an output file; none where there are no words, or too many for a command."""
    lyrics = as_lrc(spans)
    return ["-metadata", f"lyrics={lyrics}"] if lyrics and len(lyrics.encode()) <= _MOST_BYTES else []


def as_lrc(spans: Sequence[Span]) -> str:
    """A line for each span, and an empty one where nothing follows at once."""
    lines = []
    for number, (begin, end, text) in enumerate(spans):
        lines.append(f"[{_clock(begin)}]{' '.join(text.split())}")
        if number + 1 == len(spans) or spans[number + 1][0] - end > 0.05:
            lines.append(f"[{_clock(end)}]")
    return "\n".join(lines)


def read_lyrics(path: Path) -> list[Span]:
    """The timed words in a sound file; none where it has none."""
    return read_words(path)[1]


def read_words(path: Path) -> tuple[str, list[Span]]:
    """The title and the timed words in a sound file; empty where it has none."""
    title = ""
    for level in ("0", "0:s:a:0"):
        listed = path.with_name(f"{path.name}.tags")
        media.run_ffmpeg([*SOUND_ONLY, "-i", path, "-map_metadata", level, "-f", "ffmetadata", listed], limit=60)
        tags = listed.read_text(encoding="utf-8", errors="replace")
        listed.unlink()
        if not title and (named := _TITLE.search(tags)):
            title = _ESCAPED.sub(r"\1", named.group(1)).strip()
        if found := _TAG.search(tags):
            return title, _spans_of(_ESCAPED.sub(r"\1", found.group(1)))
    return title, []


def _spans_of(lrc: str) -> list[Span]:
    timed = [_TIMED.fullmatch(line.strip()) for line in lrc.splitlines()]
    marks = [(int(found[1]) * 60 + float(found[2]), found[3].strip()) for found in timed if found]
    spans = []
    for number, (begin, text) in enumerate(marks):
        end = marks[number + 1][0] if number + 1 < len(marks) else begin + 0.07 * len(text) + 0.5
        if text and end > begin:
            spans.append((begin, end, text))
    return spans


def _clock(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"
