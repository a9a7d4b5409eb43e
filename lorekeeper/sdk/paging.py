"""Walking a list from its first page to its last."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

DEFAULT_PAGE = 50
WALKING_PAGE = 500


class PageOf(Protocol[T_co]):
    """Any of the contracts' `Paginated…` models."""

    @property
    def items(self) -> Sequence[T_co]:
        """The rows of this page."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None on the last one."""
        ...


def walk(fetch: Callable[[str | None], PageOf[T]]) -> Iterator[T]:
    """Every row, page by page, by cursor: rows that appear meanwhile neither shift nor repeat others."""
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
