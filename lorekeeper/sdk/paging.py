"""Lists: a page at a time, and from the first page to the last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from lorekeeper.sdk.calls.core import Call

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


@dataclass(frozen=True)
class Pages(Generic[T]):
    """A list, to be walked page by page by its cursor: rows that appear meanwhile neither shift nor repeat others."""

    fetch: Callable[[str | None], Call[PageOf[T]]]
    """The call for the page that begins at a cursor; for the first one without."""
