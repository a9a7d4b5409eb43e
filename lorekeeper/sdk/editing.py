"""What the client's groups for lore have in common: edits, versions, deletion."""

from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from lorekeeper.contracts.editing import LoreDeleted, LoreDiff, LoreVersion, PaginatedLoreVersionResponse
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.calls.editing import LoreCalls
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.transport import Transport

PieceT = TypeVar("PieceT", bound=BaseModel)
UpdateT = TypeVar("UpdateT", bound=BaseModel)


class Editable(Generic[PieceT, UpdateT]):
    """Pieces of one kind that are edited and remembered. `etag` is the `.etag` of what was read, where only that is to
    be changed: else `PreconditionFailedError`.
    """

    _life: ClassVar[LoreCalls]  # type: ignore[type-arg]  # a class variable cannot be generic (PEP 526)

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._send = transport.send

    def update(self, lore_id: UUID, body: UpdateT, *, etag: str | None = None) -> PieceT:
        """Edits the fields that `body` was given; null clears one. What changes nothing leaves all as it is."""
        piece: PieceT = self._send(self._life.update(lore_id, body, etag))
        return piece

    def list_versions(
        self, lore_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> PaginatedLoreVersionResponse:
        """One page of its versions, newest first; of a deleted piece, too."""
        return self._send(self._life.list_versions(lore_id, query({}, skip=skip, limit=limit, cursor=cursor)))

    def iterate_versions(self, lore_id: UUID) -> Iterator[LoreVersion]:
        """All of them, newest first, fetched page by page."""
        return walk(lambda cursor: self.list_versions(lore_id, limit=WALKING_PAGE, cursor=cursor))

    def get_version(self, lore_id: UUID, version: int) -> PieceT:
        """The piece as it was in this version."""
        piece: PieceT = self._send(self._life.get_version(lore_id, version))
        return piece

    def diff(self, lore_id: UUID, version: int, to: int | None = None) -> LoreDiff:
        """What differs between two versions, or between one and the present."""
        return self._send(self._life.diff(lore_id, version, to))

    def restore(self, lore_id: UUID, version: int, *, etag: str | None = None) -> PieceT:
        """Makes a new version of what this one depicts; brings back what was deleted. Raises `ConflictError`."""
        piece: PieceT = self._send(self._life.restore(lore_id, version, etag))
        return piece


class Deletable(Editable[PieceT, UpdateT]):
    """Pieces that are deleted by their id alone, which a world is not."""

    def delete(self, lore_id: UUID, *, cascade: bool = False, etag: str | None = None) -> LoreDeleted:
        """Deletes it; with `cascade` the claims that point at it, too. Raises `LoreInUseError`."""
        return self._send(self._life.delete(lore_id, cascade, etag))
