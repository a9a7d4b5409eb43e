"""Where a text speaks of something by one of its names."""

import re
import unicodedata
from collections.abc import Sequence

from lorekeeper.contracts.search import Mention
from lorekeeper.search.forms import CJK

_ALONE = re.compile(f"[{CJK}]")


def pattern_of(names: Sequence[str]) -> re.Pattern[str]:
    """Matches any of the names as whole words, the longest first, in any case, across the ends of lines."""
    spellings = {unicodedata.normalize(form, name) for name in names for form in ("NFC", "NFD")}
    ordered = sorted(spellings, key=lambda name: (-len(name), name))
    return re.compile("|".join(_bounded(name) for name in ordered), re.IGNORECASE)


def _bounded(name: str) -> str:
    """Between letters that belong to no other word; a script without blanks has no such borders."""
    first, last = name[0], name[-1]
    before = r"(?<!\w)" if re.match(r"\w", first) and not _ALONE.match(first) else ""
    after = r"(?![\w\u0300-\u036f])" if re.match(r"[\w\u0300-\u036f]", last) and not _ALONE.match(last) else ""
    return before + r"\s+".join(re.escape(part) for part in name.split()) + after


def mentions_in(text: str, pattern: re.Pattern[str]) -> list[Mention]:
    return [Mention(start=found.start(), end=found.end(), name=found[0]) for found in pattern.finditer(text)]
