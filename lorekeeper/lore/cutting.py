"""A whole text as the chunks that a source has."""

from itertools import islice

from lorekeeper.contracts.errors import AssetValidationError
from lorekeeper.contracts.lore import SourceChunkText
from lorekeeper.lore.chunking import iter_cut

MAX_CHUNKS = 100_000
"""The most chunks that one request may make."""


def chunks_of_text(text: str, *, at: str = "", at_most: int = MAX_CHUNKS) -> list[SourceChunkText]:
    """Cut a text; the heading goes with each chunk as a label. `at` says where in the request the text stands.

    Raises `AssetValidationError` for a text that is blank, or that makes more than `at_most` chunks.
    """
    pieces = list(islice(iter_cut(text), at_most + 1))
    if not pieces:
        raise AssetValidationError(f"{at}text holds nothing but white space.")
    if len(pieces) > at_most:
        raise too_many(f"{at}text")
    return [
        SourceChunkText.model_construct(
            content=piece.content,
            char_start=piece.char_start,
            char_end=piece.char_end,
            metadata={"heading": piece.heading} if piece.heading else {},
        )
        for piece in pieces
    ]


def too_many(field: str) -> AssetValidationError:
    return AssetValidationError(f"{field} makes more than {MAX_CHUNKS} chunks; bring it in in several requests.")
