"""Where a text speaks of something by one of its names.

Text and names are read as the same tokens, and the names stand in one tree of them: at each token of the text the
longest name that begins there is one walk down the tree, however many names there are.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lorekeeper.contracts.search import Mention
from lorekeeper.search.forms import CJK

_MARKS = "\u0300-\u036f"
_TOKEN = re.compile(f"[{CJK}]|[^\\W{CJK}]+(?:[{_MARKS}]+[^\\W{CJK}]*)*|[^\\w\\s]")
"""A word, a character of a script without blanks, or a sign."""

Names = dict[str, Any]
"""A tree of tokens; where a name ends, `END` stands."""

END = ""


class _Token(NamedTuple):
    """`form` is how it is compared: without regard to case, to the form of accents and to the kind of blank before."""

    form: str
    start: int
    end: int


def _tokens(text: str) -> Iterator[_Token]:
    end = 0
    for found in _TOKEN.finditer(text):
        start = found.start()
        form = unicodedata.normalize("NFC", found[0]).casefold()
        yield _Token(form if start == end else f" {form}", start, end := found.end())


def tree_of(names: Sequence[str]) -> Names:
    tree: Names = {}
    for name in names:
        here = tree
        for token in _tokens(name):
            here = here.setdefault(token.form, {})
        if here is not tree:
            here[END] = True
    return tree


def mentions_in(text: str, tree: Names) -> list[Mention]:
    """The names as whole words, the longest first, in any case, across the ends of lines."""
    tokens = list(_tokens(text))
    mentions: list[Mention] = []
    place = 0
    while place < len(tokens):
        behind = _end_of_name(tokens, place, tree)
        if behind is not None:
            start, end = tokens[place].start, tokens[behind - 1].end
            mentions.append(Mention(start=start, end=end, name=text[start:end]))
        place = behind or place + 1
    return mentions


def _end_of_name(tokens: Sequence[_Token], place: int, tree: Names) -> int | None:
    """Behind the last token of the longest name that begins here."""
    here = tree.get(tokens[place].form.lstrip(" "))
    behind = None
    while here is not None:
        place += 1
        if END in here:
            behind = place
        here = here.get(tokens[place].form) if place < len(tokens) else None
    return behind
