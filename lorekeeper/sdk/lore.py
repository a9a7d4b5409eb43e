"""The client's groups for lore: worlds, entities, sources, chunks, claims."""

from typing import Any, BinaryIO
from uuid import UUID

from lorekeeper.sdk.calls import lore as calls
from lorekeeper.sdk.calls import worlds
from lorekeeper.sdk.calls.editing import CHUNKS, CLAIMS, ENTITIES, SOURCES, WORLDS
from lorekeeper.sdk.operations import ExecutionT, Group, Line, Operation, Steps, Walk
from lorekeeper.sdk.streaming import OnProgress, no_report


async def export_to(line: Line[Any], world_id: UUID, file: BinaryIO, on_progress: OnProgress = no_report) -> None:
    """Writes a whole world into a file as its bundle comes, a piece at a time. Not repeated if it breaks off."""
    await line.transport.receive(worlds.export_world(world_id), file, on_progress)


class Worlds(Group[ExecutionT]):
    """`client.worlds`."""

    create = Operation(worlds.create_world)
    create_many = Operation(worlds.create_worlds)
    get = Operation(worlds.get_world)
    list = Operation(worlds.list_worlds)
    iterate = Walk(worlds.every_world)
    import_bundle = Operation(worlds.import_world)
    preview_import = Operation(worlds.preview_import)
    import_into = Operation(worlds.import_into_world)
    export = Operation(worlds.export_world)
    export_to = Steps(export_to)
    update = Operation(WORLDS.update)
    list_versions = Operation(WORLDS.list_versions)
    iterate_versions = Walk(WORLDS.every_version)
    get_version = Operation(WORLDS.get_version)
    diff = Operation(WORLDS.diff)
    restore = Operation(WORLDS.restore)
    delete = Operation(worlds.delete_world)


class Entities(Group[ExecutionT]):
    """`client.entities`."""

    create = Operation(calls.create_entity)
    create_many = Operation(calls.create_entities)
    get = Operation(calls.get_entity)
    list = Operation(calls.list_entities)
    iterate = Walk(calls.every_entity)
    update = Operation(ENTITIES.update)
    list_versions = Operation(ENTITIES.list_versions)
    iterate_versions = Walk(ENTITIES.every_version)
    get_version = Operation(ENTITIES.get_version)
    diff = Operation(ENTITIES.diff)
    restore = Operation(ENTITIES.restore)
    delete = Operation(ENTITIES.delete)


class SourceChunks(Group[ExecutionT]):
    """`client.sources.chunks`: single chunks."""

    update = Operation(CHUNKS.update)
    list_versions = Operation(CHUNKS.list_versions)
    iterate_versions = Walk(CHUNKS.every_version)
    get_version = Operation(CHUNKS.get_version)
    diff = Operation(CHUNKS.diff)
    restore = Operation(CHUNKS.restore)
    delete = Operation(CHUNKS.delete)


class Sources(Group[ExecutionT]):
    """`client.sources`: sources and their chunks."""

    create = Operation(calls.create_source)
    create_many = Operation(calls.create_sources)
    get = Operation(calls.get_source)
    list = Operation(calls.list_sources)
    iterate = Walk(calls.every_source)
    add_chunks = Operation(calls.add_chunks)
    new_edition = Operation(calls.new_edition)
    list_chunks = Operation(calls.list_chunks)
    iterate_chunks = Walk(calls.every_chunk)
    get_chunk = Operation(calls.get_chunk)
    update = Operation(SOURCES.update)
    list_versions = Operation(SOURCES.list_versions)
    iterate_versions = Walk(SOURCES.every_version)
    get_version = Operation(SOURCES.get_version)
    diff = Operation(SOURCES.diff)
    restore = Operation(SOURCES.restore)
    delete = Operation(SOURCES.delete)

    @property
    def chunks(self) -> SourceChunks[ExecutionT]:
        """To edit and delete single chunks, and to read their versions."""
        return SourceChunks(self._line)


class Claims(Group[ExecutionT]):
    """`client.claims`."""

    create = Operation(calls.create_claim)
    create_many = Operation(calls.create_claims)
    get = Operation(calls.get_claim)
    list = Operation(calls.list_claims)
    iterate = Walk(calls.every_claim)
    update = Operation(CLAIMS.update)
    list_versions = Operation(CLAIMS.list_versions)
    iterate_versions = Walk(CLAIMS.every_version)
    get_version = Operation(CLAIMS.get_version)
    diff = Operation(CLAIMS.diff)
    restore = Operation(CLAIMS.restore)
    delete = Operation(CLAIMS.delete)
