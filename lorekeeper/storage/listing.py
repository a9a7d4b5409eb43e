"""Many objects looked for in one list of the store, in place of a question for each (docs/decisions/0012)."""

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Protocol
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

PAGES = (1, 2)
"""What is asked for: the pages one after the other, each of so many times the keys that are looked for."""
MAX_KEYS = 1000
"""The most that S3 gives in a page."""


@dataclass(frozen=True)
class Listed:
    key: str
    size_bytes: int


class ListPage(Protocol):
    """Lists up to `limit` objects under a prefix, from `after` on; None where the store gave no plain answer."""

    async def __call__(self, prefix: str, *, after: str, limit: int) -> list[Listed] | None: ...


async def find_sizes(list_page: ListPage, keys: Sequence[str]) -> dict[str, int]:
    """Sizes by key, as far as they are found in a page of as many as are asked for, and one of twice as many.

    What else lies between the keys costs time, so it is bounded: whoever looks for keys that lie far apart finds some.
    """
    wanted, found = set(keys), dict[str, int]()
    prefix, last = commonprefix([*keys]), max(keys)  # noqa: RUF071 - of texts: a key is no path
    after = min(keys)[:-1]  # comes before the key, and next to nothing lies between them
    for times in PAGES:
        limit = min(times * len(keys), MAX_KEYS)
        page = await list_page(prefix, after=after, limit=limit)
        if not page:
            break
        found |= {one.key: one.size_bytes for one in page if one.key in wanted}
        after = page[-1].key
        if after >= last or len(page) < limit or len(found) == len(wanted):
            break
    return found


def read_page(body: bytes) -> list[Listed] | None:
    """What a ListObjectsV2 with `encoding-type=url` answers; None where it is something else.

    Read as botocore reads it, by expat, which since 2.4.1 refuses entities that grow (and fetches none).
    """
    try:
        root = ET.fromstring(body)  # noqa: S314 - see above; and the store is the operator's own
        namespace = root.tag.removesuffix("ListBucketResult")
        key, size = f"{namespace}Key", f"{namespace}Size"
        return [
            Listed(unquote_plus(one.findtext(key) or ""), int(one.findtext(size) or ""))
            for one in root.iterfind(f"{namespace}Contents")
        ]
    except (ET.ParseError, ValueError):
        return None
