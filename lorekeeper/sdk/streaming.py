"""Moving bytes a piece at a time, and telling how far it is."""

from collections.abc import Callable, Iterator

PIECE = 256 * 1024

OnBytes = Callable[[int, int], None]
"""Called with the bytes moved so far and the bytes in all."""


def no_report(_done: int, _total: int) -> None:
    """For who does not want to know."""


def in_pieces(content: bytes, on_bytes: OnBytes) -> Iterator[bytes]:
    """The content; each piece is reported once the next one is asked for, which is when it was sent."""
    view = memoryview(content)
    for start in range(0, len(content), PIECE):
        yield bytes(view[start : start + PIECE])
        on_bytes(min(start + PIECE, len(content)), len(content))
