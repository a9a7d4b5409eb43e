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
    PaginatedLoreVersionResponse,
    SourceChunkUpdate,
    SourceUpdate,
    WorldDeleted,
    WorldUpdate,
)
from lorekeeper.contracts.lore import (
    ClaimResponse,
    EntityResponse,
    SourceChunkResponse,
    SourceResponse,
    WorldResponse,
)
from lorekeeper.sdk.calls.core import Call, Headers, Params, delete, get, model, patch

PieceT = TypeVar("PieceT", bound=BaseModel)
UpdateT = TypeVar("UpdateT", bound=BaseModel)


def if_match(etag: str | None) -> Headers:
    """The header that makes a write take effect only on this edit."""
    return {} if etag is None else {"If-Match": etag}


@dataclass(frozen=True)
class LoreCalls(Generic[PieceT, UpdateT]):
    """The calls for one kind of lore."""

    path: str
    answer: type[PieceT]

    def update(self, lore_id: UUID, body: UpdateT, etag: str | None = None) -> Call[PieceT]:
        return patch(f"{self.path}/{lore_id}", self.answer, body, headers=if_match(etag))

    def list_versions(self, lore_id: UUID, params: Params) -> Call[PaginatedLoreVersionResponse]:
        return get(f"{self.path}/{lore_id}/versions", PaginatedLoreVersionResponse, params)

    def get_version(self, lore_id: UUID, version: int) -> Call[PieceT]:
        return get(f"{self.path}/{lore_id}/versions/{version}", self.answer)

    def diff(self, lore_id: UUID, version: int, to: int | None = None) -> Call[LoreDiff]:
        params = {} if to is None else {"to": str(to)}
        return get(f"{self.path}/{lore_id}/versions/{version}/diff", LoreDiff, params)

    def restore(self, lore_id: UUID, version: int, etag: str | None = None) -> Call[PieceT]:
        # Restoring what is so already changes nothing.
        return Call(
            "POST",
            f"{self.path}/{lore_id}/versions/{version}/restore",
            model(self.answer),
            headers=if_match(etag),
            repeatable=True,
        )

    def delete(self, lore_id: UUID, cascade: bool = False, etag: str | None = None) -> Call[LoreDeleted]:
        params = {"cascade": "true"} if cascade else {}
        return delete(f"{self.path}/{lore_id}", LoreDeleted, params, headers=if_match(etag))


WORLDS = LoreCalls[WorldResponse, WorldUpdate]("/worlds", WorldResponse)
ENTITIES = LoreCalls[EntityResponse, EntityUpdate]("/entities", EntityResponse)
SOURCES = LoreCalls[SourceResponse, SourceUpdate]("/sources", SourceResponse)
CHUNKS = LoreCalls[SourceChunkResponse, SourceChunkUpdate]("/source-chunks", SourceChunkResponse)
CLAIMS = LoreCalls[ClaimResponse, ClaimUpdate]("/claims", ClaimResponse)


def delete_world(world_id: UUID, name: str, etag: str | None = None) -> Call[WorldDeleted]:
    return delete(f"/worlds/{world_id}", WorldDeleted, {"name": name}, headers=if_match(etag))
