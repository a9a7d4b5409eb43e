"""Calls that are alike for all kinds of lore: edits, versions, deletion."""

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from lorekeeper.contracts.editing import (
    ClaimUpdate,
    EntityUpdate,
    LoreDeleted,
    LoreDiff,
    LoreVersion,
    PaginatedLoreVersionResponse,
    SourceChunkUpdate,
    SourceUpdate,
    WorldUpdate,
)
from lorekeeper.contracts.lore import (
    ClaimResponse,
    EntityResponse,
    SourceChunkResponse,
    SourceResponse,
    WorldResponse,
)
from lorekeeper.sdk.calls.core import Call, Headers, delete, get, model, patch, query
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages

PieceT = TypeVar("PieceT", bound=BaseModel)
UpdateT = TypeVar("UpdateT", bound=BaseModel)


def if_match(etag: str | None) -> Headers:
    """The header that makes a write take effect only on this edit."""
    return {} if etag is None else {"If-Match": etag}


@dataclass(frozen=True)
class LoreCalls(Generic[PieceT, UpdateT]):
    """The calls for one kind of lore. `etag` is the `.etag` of what was read, where only that is to be changed."""

    path: str
    answer: type[PieceT]

    def update(self, lore_id: UUID, body: UpdateT, *, etag: str | None = None) -> Call[PieceT]:
        """Edits the fields that `body` was given; null clears one. What changes nothing leaves all as it is.

        With `etag`, only where it is still that edit: else `PreconditionFailedError`.
        """
        return patch(f"{self.path}/{lore_id}", self.answer, body, headers=if_match(etag))

    def list_versions(
        self, lore_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> Call[PaginatedLoreVersionResponse]:
        """One page of its versions, newest first; of a deleted piece, too."""
        page = query({}, skip=skip, limit=limit, cursor=cursor)
        return get(f"{self.path}/{lore_id}/versions", PaginatedLoreVersionResponse, page)

    def every_version(self, lore_id: UUID) -> Pages[LoreVersion]:
        """All of them, newest first, fetched page by page."""
        return Pages(lambda cursor: self.list_versions(lore_id, limit=WALKING_PAGE, cursor=cursor))

    def get_version(self, lore_id: UUID, version: int) -> Call[PieceT]:
        """The piece as it was in this version."""
        return get(f"{self.path}/{lore_id}/versions/{version}", self.answer)

    def diff(self, lore_id: UUID, version: int, to: int | None = None) -> Call[LoreDiff]:
        """What differs between two versions, or between one and the present."""
        params = {} if to is None else {"to": str(to)}
        return get(f"{self.path}/{lore_id}/versions/{version}/diff", LoreDiff, params)

    def restore(self, lore_id: UUID, version: int, *, etag: str | None = None) -> Call[PieceT]:
        """Makes a new version of what this one depicts; brings back what was deleted. Raises `ConflictError`."""
        # Restoring what is so already changes nothing.
        return Call(
            "POST",
            f"{self.path}/{lore_id}/versions/{version}/restore",
            model(self.answer),
            headers=if_match(etag),
            repeatable=True,
        )

    def delete(self, lore_id: UUID, *, cascade: bool = False, etag: str | None = None) -> Call[LoreDeleted]:
        """Deletes it; with `cascade` the claims that point at it, too. Raises `LoreInUseError`."""
        params = {"cascade": "true"} if cascade else {}
        return delete(f"{self.path}/{lore_id}", LoreDeleted, params, headers=if_match(etag))


WORLDS = LoreCalls[WorldResponse, WorldUpdate]("/worlds", WorldResponse)
ENTITIES = LoreCalls[EntityResponse, EntityUpdate]("/entities", EntityResponse)
SOURCES = LoreCalls[SourceResponse, SourceUpdate]("/sources", SourceResponse)
CHUNKS = LoreCalls[SourceChunkResponse, SourceChunkUpdate]("/source-chunks", SourceChunkResponse)
CLAIMS = LoreCalls[ClaimResponse, ClaimUpdate]("/claims", ClaimResponse)
