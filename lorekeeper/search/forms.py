"""Words as the index has them, with where they stand in a text: what `search_form` in db/schema.sql does, in Python."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Written without blanks, so each character is a word of its own."""

_BLANKS = (
    r"\x00-/:-@\[-`{-\x7f\u0080-\u00bf\u00d7\u00f7\u2000-\u2bff\u2e00-\u303f\ufe00-\ufe6f\uff00-\uff0f\uff1a-\uff20"
    "\U0001f000-\U0001faff"
)
_WORD = re.compile(f"[{CJK}]|[^{_BLANKS}{CJK}]+")
_ACCENTS = re.compile("[\u0300-\u036f]")


class Word(NamedTuple):
    """One word of a text: its form in the index, and its place in code points."""

    form: str
    start: int
    end: int


def form_of(word: str) -> str:
    """In lower case, without accents. Letter by letter: PostgreSQL's lower case looks at no neighbours."""
    if word.isascii():
        return word.lower()
    lower = "".join(letter.lower() for letter in word)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", lower)))


def words_of(text: str) -> Iterator[Word]:
    for found in _WORD.finditer(text):
        if form := form_of(found[0]):
            yield Word(form, found.start(), found.end())
