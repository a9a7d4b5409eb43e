"""What somebody typed, read as a question: words, "phrases", -not, or. Nothing that can be typed is wrong."""

import re
from dataclasses import dataclass

from lorekeeper.search.forms import words_of

SHORTEST_BEGINNING = 3
"""A word being typed is completed from here on; before, too many begin like it. Names are completed at once."""

SHORTEST_MISSPELT = 4
"""Shorter words are like too many others."""

_PART = re.compile(r'(?P<not>-?)"(?P<phrase>[^"]*)"?|(?P<word>\S+)')


@dataclass(frozen=True)
class Part:
    """Words that stand in a row. Parts of the same place are alternatives."""

    place: int
    negative: bool
    words: tuple[str, ...]
    quoted: bool = False

    @property
    def phrase(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Question:
    """The parts of a question. `unfinished`: its last word is still being typed."""

    parts: tuple[Part, ...]
    unfinished: bool

    @property
    def asks(self) -> bool:
        """Whether there is anything to look for; `-king` alone names only what is not wanted."""
        return any(not part.negative for part in self.parts)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for part in self.parts if not part.negative for word in part.words)

    @property
    def beginning(self) -> str | None:
        """The word that is completed."""
        last = self.parts[-1]
        if not self.unfinished or len(last.words) != 1 or len(last.words[0]) < SHORTEST_BEGINNING:
            return None
        return last.words[0]

    @property
    def perhaps_misspelt(self) -> list[str]:
        return [word for word in dict.fromkeys(self.words) if len(word) >= SHORTEST_MISSPELT]


def read_question(text: str) -> Question:
    """Any text at all. Quotes need not be closed, a lone sign is passed over."""
    parts: list[Part] = []
    place, alternative = 0, False
    for found in _PART.finditer(text):
        word = found["word"]
        if word is not None and word.lower() == "or" and parts and found.end() < len(text.rstrip()):
            alternative = True
            continue
        negative = (found["not"] == "-") if word is None else (word.startswith("-") and len(word) > 1)
        words = tuple(one.form for one in words_of(found["phrase"] if word is None else word))
        if not words:
            continue
        if not (alternative and not negative and not parts[-1].negative):
            place += 1
        parts.append(Part(place, negative, words, quoted=word is None))
        alternative = False
    last = parts[-1] if parts else None
    unfinished = last is not None and not last.quoted and not last.negative and not text[-1].isspace()
    return Question(tuple(parts), unfinished)
