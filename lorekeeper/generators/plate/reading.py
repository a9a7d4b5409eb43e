"""Reading what an entity is from its name and what is told of it: which entry of a lexicon its words choose."""

import re
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

Meaning = TypeVar("Meaning")

# A thing is named before any of these: "a ledger of everything", "the skipper who drowned".
_HEAD_ENDS = re.compile(
    r"[,.;:()!?\u2013\u2014]|\b(?:of|to|in|on|at|by|for|from|with|without|under|over|near|and|but|or|who|whom|whose|"
    r"that|which|where|when|while|is|was|has|had|left|kept|made|named|called)\b"
)
_CLAUSE_ENDS = re.compile(r"[,.;:()!?\u2013\u2014]|\b(?:who|whom|whose|that|which|where|when|while|is|was)\b")
_POSSESSIVE = re.compile(r"\b\w+['\u2019]s\b")
_WOMAN = re.compile(r"(?:she|hers?|herself|woman|girl|mother|daughter|sister|wife|widow|aunt|niece|lady|maid)")
_MAN = re.compile(r"(?:he|him|his|himself|man|boy|father|son|brother|husband|widower|uncle|nephew|lad)")


class Lexicon(Generic[Meaning]):
    """Words and what each means here. Those marked `*` are vague: any other word nearby says more."""

    def __init__(
        self, entries: Sequence[tuple[Meaning, str]], *, only_as_head: frozenset[Meaning] = frozenset()
    ) -> None:
        self.meanings = [meaning for meaning, _ in entries]
        self._only_as_head = only_as_head
        self._known: dict[str, Meaning] = {}
        self._vague: dict[str, Meaning] = {}
        for meaning, words in entries:
            for word in words.split():
                known = self._vague if word.startswith("*") else self._known
                known.setdefault(word.lstrip("*"), meaning)

    def read(self, text: str) -> Meaning | None:
        """What the text says something is, by its head noun if it can be told; None where no word is known.

        Of two known words in a head the last decides (a "grain barque"); a vague one (a "captain") may be told more
        closely by the rest of its clause ("of the guard").
        """
        text = _plainly(text)
        head, clause = (ends.split(text, maxsplit=1)[0] for ends in (_HEAD_ENDS, _CLAUSE_ENDS))
        certain = _found(self._known, head)
        if certain:
            return certain[-1]
        vague = _found(self._vague, head)
        beyond = [
            meaning
            for meaning in _found(self._known, clause if vague else text) + vague + _found(self._vague, text)
            if meaning in vague or meaning not in self._only_as_head
        ]
        return beyond[0] if beyond else None

    def names(self, name: str) -> bool:
        """True where a word of the name is known, and not vague."""
        return bool(_found(self._known, _plainly(name)))


def title_in(name: str) -> str:
    """What a person's name says of them: all of "Hygelac the King", "King" of "King Hygelac", nothing of "Ann King"."""
    words = name.split()
    lowered = [word.casefold() for word in words]
    if "the" in lowered:
        return " ".join(words[lowered.index("the") + 1 :])
    return words[0] if len(words) > 1 else ""


def is_of_a_woman(text: str) -> bool:
    """True where the first word that tells says so."""
    told = next(
        (word for word in re.findall(r"\w+", text.casefold()) if _WOMAN.fullmatch(word) or _MAN.fullmatch(word)), ""
    )
    return bool(_WOMAN.fullmatch(told))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold().replace("-", " ")))


def _plainly(text: str) -> str:
    """Without possessives ("the king's hound" is no king), articles at the start, and hyphens."""
    text = _POSSESSIVE.sub(" ", text.casefold()).replace("-", " ").strip()
    return re.sub(r"^(?:(?:the|an?|one) )+(?:of the )?", "", text)


def _found(known: Mapping[str, Meaning], text: str) -> list[Meaning]:
    """The meanings of the known words, in the order of the text; a plural counts as its singular."""
    hits = (known.get(word) or known.get(word.removesuffix("s")) for word in re.findall(r"\w+", text))
    return [meaning for meaning in hits if meaning is not None]
