"""Moving bytes a piece at a time, and telling how far it is."""

from collections.abc import Callable

PIECE = 256 * 1024

OnProgress = Callable[[int, int], None]
"""Called with the bytes moved so far and the bytes in all. What it raises ends the transfer and comes out of it."""


def no_report(_done: int, _total: int) -> None:
    """For who does not want to know."""


def reader_of(content: bytes) -> Callable[[], bytes]:
    """A function that gives the content a piece at a time; empty at the end."""
    pieces = (content[start : start + PIECE] for start in range(0, len(content), PIECE))
    return lambda: next(pieces, b"")
