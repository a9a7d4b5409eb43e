"""The client's groups for lore: worlds, entities, sources, chunks, claims."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Unpack
from uuid import UUID

from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.editing import (
    ClaimBatchCreate,
    ClaimUpdate,
    EntityBatchCreate,
    EntityUpdate,
    SourceBatchCreate,
    SourceChunkUpdate,
    SourceUpdate,
    WorldBatchCreate,
    WorldDeleted,
    WorldUpdate,
)
from lorekeeper.contracts.editions import SourceEditionCreate, SourceEditionResponse
from lorekeeper.contracts.imports import ImportReport, WorldImportResponse
from lorekeeper.contracts.lore import (
    ClaimCreate,
    ClaimResponse,
    EntityCreate,
    EntityResponse,
    PaginatedClaimResponse,
    PaginatedEntityResponse,
    PaginatedSourceChunkResponse,
    PaginatedSourceResponse,
    PaginatedWorldResponse,
    SourceChunkResponse,
    SourceChunksCreate,
    SourceChunksCreated,
    SourceCreate,
    SourceResponse,
    WorldCreate,
    WorldResponse,
)
from lorekeeper.sdk.calls import lore as calls
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.calls.editing import CHUNKS, CLAIMS, ENTITIES, SOURCES, WORLDS, delete_world
from lorekeeper.sdk.editing import Deletable, Editable
from lorekeeper.sdk.filters import ClaimFilters, EntityFilters, SourceFilters, WorldFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.streaming import OnBytes, no_report


class Worlds(Editable[WorldResponse, WorldUpdate]):
    """`client.worlds`."""

    _life = WORLDS

    def create(self, body: WorldCreate) -> WorldResponse:
        """Makes a world."""
        return self._send(calls.create_world(body))

    def create_many(self, items: Sequence[WorldCreate]) -> Sequence[WorldResponse]:
        """Makes up to 1,000 worlds in one request, all or none, in this order."""
        return self._send(calls.create_worlds(WorldBatchCreate(items=list(items)))).items

    def get(self, world_id: UUID) -> WorldResponse:
        """One world. Raises `NotFoundError`."""
        return self._send(calls.get_world(world_id))

    def list(
        self, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[WorldFilters]
    ) -> PaginatedWorldResponse:
        """One page of the worlds that this key may see."""
        return self._send(calls.list_worlds(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[WorldFilters]) -> Iterator[WorldResponse]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))

    def delete(self, world_id: UUID, *, name: str, etag: str | None = None) -> WorldDeleted:
        """Deletes a world, all lore in it and its files; `name` is its name, for safety. Raises `ConflictError`."""
        return self._send(delete_world(world_id, name, etag))

    def import_bundle(
        self, bundle: WorldBundle | bytes, *, name: str | None = None, on_bytes: OnBytes | None = None
    ) -> WorldImportResponse:
        """Makes a whole world from a bundle, under another name if one is given. Ids are kept where none is taken.

        A bundle in bytes is sent as it is. `on_bytes` hears how many bytes were sent, of how many.
        """
        return self._transport.send(calls.import_world(bundle, name), on_bytes)

    def preview_import(
        self, bundle: WorldBundle | bytes, *, name: str | None = None, on_bytes: OnBytes | None = None
    ) -> ImportReport:
        """What `import_bundle` would make. Nothing is written."""
        return self._transport.send(calls.preview_import(bundle, name), on_bytes)

    def import_into(
        self,
        world_id: UUID,
        bundle: WorldBundle | bytes,
        *,
        name: str | None = None,
        dry_run: bool = False,
        on_bytes: OnBytes | None = None,
    ) -> WorldImportResponse:
        """Brings a bundle into a world that is there: what it has by id is updated, what it lacks is made."""
        return self._transport.send(calls.import_into_world(world_id, bundle, name, dry_run), on_bytes)

    def export(self, world_id: UUID) -> WorldBundle:
        """A whole world as a bundle, in memory."""
        return self._send(calls.export_world(world_id))

    def export_to(self, world_id: UUID, file: BinaryIO, on_bytes: OnBytes = no_report) -> None:
        """Writes a whole world into a file as its bundle comes, a piece at a time. Not repeated if it breaks off."""
        self._transport.receive(calls.export_world(world_id), file, on_bytes)


class Entities(Deletable[EntityResponse, EntityUpdate]):
    """`client.entities`."""

    _life = ENTITIES

    def create(self, body: EntityCreate) -> EntityResponse:
        """Makes an entity."""
        return self._send(calls.create_entity(body))

    def create_many(self, items: Sequence[EntityCreate]) -> Sequence[EntityResponse]:
        """Makes up to 1,000 entities in one request, all or none, in this order."""
        return self._send(calls.create_entities(EntityBatchCreate(items=list(items)))).items

    def get(self, entity_id: UUID) -> EntityResponse:
        """One entity. Raises `NotFoundError`."""
        return self._send(calls.get_entity(entity_id))

    def list(
        self, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[EntityFilters]
    ) -> PaginatedEntityResponse:
        """One page."""
        return self._send(calls.list_entities(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[EntityFilters]) -> Iterator[EntityResponse]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))


class Sources(Deletable[SourceResponse, SourceUpdate]):
    """`client.sources`: sources and their chunks."""

    _life = SOURCES

    def create(self, body: SourceCreate) -> SourceResponse:
        """Makes a source. With `text` the server cuts it into chunks whose offsets give back the exact text."""
        return self._send(calls.create_source(body))

    def create_many(self, items: Sequence[SourceCreate]) -> Sequence[SourceResponse]:
        """Makes up to 1,000 sources in one request, all or none, in this order."""
        return self._send(calls.create_sources(SourceBatchCreate(items=list(items)))).items

    def get(self, source_id: UUID) -> SourceResponse:
        """One source. Raises `NotFoundError`."""
        return self._send(calls.get_source(source_id))

    def list(
        self, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[SourceFilters]
    ) -> PaginatedSourceResponse:
        """One page."""
        return self._send(calls.list_sources(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[SourceFilters]) -> Iterator[SourceResponse]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))

    def add_chunks(self, source_id: UUID, body: SourceChunksCreate) -> SourceChunksCreated:
        """Adds chunks behind the last one, all or none."""
        return self._send(calls.add_chunks(source_id, body))

    def new_edition(
        self, source_id: UUID, body: SourceEditionCreate, *, etag: str | None = None
    ) -> SourceEditionResponse:
        """Makes this text the source's own. Chunks of the same text keep id and version; the answer counts the others.

        With `etag`, only where the source is still that edit: else `PreconditionFailedError`.
        """
        return self._send(calls.new_edition(source_id, body, etag))

    def list_chunks(
        self, source_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> PaginatedSourceChunkResponse:
        """One page of a source's chunks, in their order."""
        return self._send(calls.list_chunks(source_id, query({}, skip=skip, limit=limit, cursor=cursor)))

    def iterate_chunks(self, source_id: UUID) -> Iterator[SourceChunkResponse]:
        """All chunks of a source, in their order."""
        return walk(lambda cursor: self.list_chunks(source_id, limit=WALKING_PAGE, cursor=cursor))

    @property
    def chunks(self) -> "SourceChunks":
        """To edit and delete single chunks, and to read their versions."""
        return SourceChunks(self._transport)

    def get_chunk(self, chunk_id: UUID) -> SourceChunkResponse:
        """One chunk. Raises `NotFoundError`."""
        return self._send(calls.get_chunk(chunk_id))


class SourceChunks(Deletable[SourceChunkResponse, SourceChunkUpdate]):
    """`client.sources.chunks`."""

    _life = CHUNKS


class Claims(Deletable[ClaimResponse, ClaimUpdate]):
    """`client.claims`."""

    _life = CLAIMS

    def create(self, body: ClaimCreate) -> ClaimResponse:
        """Makes a claim. Raises `WorldScopeViolationError` where it speaks of another world's things."""
        return self._send(calls.create_claim(body))

    def create_many(self, items: Sequence[ClaimCreate]) -> Sequence[ClaimResponse]:
        """Makes up to 1,000 claims in one request, all or none, in this order."""
        return self._send(calls.create_claims(ClaimBatchCreate(items=list(items)))).items

    def get(self, claim_id: UUID) -> ClaimResponse:
        """One claim. Raises `NotFoundError`."""
        return self._send(calls.get_claim(claim_id))

    def list(
        self, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[ClaimFilters]
    ) -> PaginatedClaimResponse:
        """One page."""
        return self._send(calls.list_claims(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[ClaimFilters]) -> Iterator[ClaimResponse]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))
