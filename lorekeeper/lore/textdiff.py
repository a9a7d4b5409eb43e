"""Two texts side by side, for people: by lines, and by the words within lines that changed.

Texts are compared piece by piece up to a bounded amount of work. Where more than that has changed, the rest is shown
as gone and new as a whole: nobody could read such a diff, and two hostile texts would keep the server busy for minutes.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

MAX_COMPARED = 4_000_000
"""The most pairs of lines, or words, of one diff: two seconds where the texts are made to be slow."""

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")

Stretch = tuple[bool, Sequence[str], Sequence[str]]
"""Whether it is in both, and what it is before and after."""


class _Work:
    """How many pairs may still be compared."""

    def __init__(self) -> None:
        self._left = MAX_COMPARED

    def allows(self, pairs: int) -> bool:
        if pairs > self._left:
            return False
        self._left -= pairs
        return True


def _stretches(before: Sequence[str], after: Sequence[str], work: _Work) -> Iterator[Stretch]:
    """What is in both and what is not, in order."""
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    tail = next((n for n in range(shorter - head) if before[-n - 1] != after[-n - 1]), shorter - head)
    yield True, before[:head], after[:head]
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not work.allows(len(old) * len(new)):
        yield False, old, new
    else:
        for what, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
            yield what == "equal", old[i:j], new[k:m]
    yield True, before[len(before) - tail :], after[len(after) - tail :]


def line_diff(before: Sequence[str], after: Sequence[str]) -> str:
    """Each line of both, marked by where it stands: `  ` both, `- ` before, `+ ` after."""
    lines: list[str] = []
    for same, old, new in _stretches(before, after, _Work()):
        if same:
            lines += [f"  {line}" for line in old]
        else:
            lines += [f"- {line}" for line in old] + [f"+ {line}" for line in new]
    return "\n".join(lines)


def word_diff(before: str, after: str) -> str:
    """The text after, with what is gone as `[-gone-]` and what is new as `{+new+}`."""
    parts: list[str] = []
    work = _Work()
    for same, old, new in _stretches(before.splitlines(keepends=True), after.splitlines(keepends=True), work):
        if same:
            parts += old
            continue
        for alike, gone, come in _stretches(_WORDS.findall("".join(old)), _WORDS.findall("".join(new)), work):
            if alike:
                parts += gone
                continue
            parts += [f"[-{''.join(gone)}-]"] if gone else []
            parts += [f"{{+{''.join(come)}+}}"] if come else []
    return "".join(parts)
