"""A new edition of a source, and the report on what it did to the chunks (docs/editions.md)."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from lorekeeper.contracts.base import Metadata, Model, Request
from lorekeeper.contracts.lore import SourceChunkText, SourceResponse, WholeText

MOST_NAMED = 1000
"""How many ids of each kind a report names."""


class SourceEditionCreate(Request):
    """The new text of a source: as a whole, to be cut as at creation, or in ready-made chunks."""

    text: WholeText | None = Field(None, description="The whole text; it is cut at paragraph and heading borders.")
    chunks: Annotated[list[SourceChunkText], Field(min_length=1, max_length=20_000)] | None = None
    metadata: Metadata | None = Field(None, description="Takes the place of the source's metadata, in the same step.")

    @model_validator(mode="after")
    def _one_way_to_give_text(self) -> Self:
        if (self.text is None) == (self.chunks is None):
            raise ValueError("give either text or chunks")
        return self


class SourceEditionResponse(Model):
    """What became of the chunks. Those kept and moved have their ids and versions still; together with those changed
    and added they are the source as it is now."""

    source: SourceResponse
    unchanged: bool = Field(description="True where the text is the present one, chunk by chunk: nothing was written.")
    kept: int = Field(description="The same text, in the same order.")
    moved: int = Field(description="The same text, in another place among the others.")
    changed: int = Field(description="Another text under the id of the chunk that it replaces: a new version.")
    added: int = Field(description="New chunks.")
    removed: int = Field(description="Chunks that are tombstones now.")
    changed_ids: list[UUID] = Field(
        description="In the order of the text; a thousand at the most, as in all these lists."
    )
    added_ids: list[UUID]
    removed_ids: list[UUID]
    claims_citing_removed: int = Field(description="Claims whose chunk is a tombstone now. They go on citing it.")
    claim_ids_citing_removed: list[UUID]
