"""Two texts side by side, for people: by lines, and by the words within lines that changed.

A stretch is compared piece by piece up to a bounded size only. Where more than that has changed at once, it is shown as
gone and new as a whole: nobody could read such a diff, and two hostile texts would keep the server busy for minutes.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

MAX_COMPARED = 4_000_000
"""The most pairs of lines, or words, of one stretch."""

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")

Stretch = tuple[bool, Sequence[str], Sequence[str]]
"""Whether it is in both, and what it is before and after."""


def stretches(before: Sequence[str], after: Sequence[str]) -> Iterator[Stretch]:
    """What is in both and what is not, in order."""
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    tail = next((n for n in range(shorter - head) if before[-n - 1] != after[-n - 1]), shorter - head)
    yield True, before[:head], after[:head]
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if len(old) * len(new) > MAX_COMPARED:
        yield False, old, new
    else:
        for what, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
            yield what == "equal", old[i:j], new[k:m]
    yield True, before[len(before) - tail :], after[len(after) - tail :]


def line_diff(before: Sequence[str], after: Sequence[str]) -> str:
    """Each line of both, marked by where it stands: `  ` both, `- ` before, `+ ` after."""
    lines: list[str] = []
    for same, old, new in stretches(before, after):
        if same:
            lines += [f"  {line}" for line in old]
        else:
            lines += [f"- {line}" for line in old] + [f"+ {line}" for line in new]
    return "\n".join(lines)


def word_diff(before: str, after: str) -> str:
    """The text after, with what is gone as `[-gone-]` and what is new as `{+new+}`."""
    parts: list[str] = []
    for same, old, new in stretches(before.splitlines(keepends=True), after.splitlines(keepends=True)):
        if same:
            parts += old
            continue
        for alike, gone, come in stretches(_WORDS.findall("".join(old)), _WORDS.findall("".join(new))):
            if alike:
                parts += gone
                continue
            parts += [f"[-{''.join(gone)}-]"] if gone else []
            parts += [f"{{+{''.join(come)}+}}"] if come else []
    return "".join(parts)
