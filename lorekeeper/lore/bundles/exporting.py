"""A whole world as a bundle.

It is written to a file without a name first and sent from there: the database is held as long as it takes to read the
world, not as long as the client takes to read the answer; what goes wrong is told before anything was sent; and the
client knows how much is to come. Neither the world nor the bundle is ever held in memory.
"""

import asyncio
import json
import re
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.bundle import BUNDLE_FORMAT, BUNDLE_VERSION
from lorekeeper.contracts.errors import WorldNotFoundError
from lorekeeper.kit.database import Row, Session
from lorekeeper.lore.bundles import repository

_PIECE = 256 * 1024
_NAME_LENGTH = 80


@dataclass
class Export:
    """`file_name` is safe on any file system, whatever the world is called."""

    file_name: str
    size_bytes: int
    _file: IO[bytes]

    def pieces(self) -> Iterator[bytes]:
        """The document. Afterwards nothing is left of it."""
        with self._file as file:
            while piece := file.read(_PIECE):
                yield piece


async def export(ctx: Context, world_id: UUID) -> Export:
    """All that makes the world, as it is at one moment. Raises `WorldNotFoundError`."""
    ctx.principal.require_world(world_id)
    file: IO[bytes] = await asyncio.to_thread(tempfile.TemporaryFile)
    try:
        async with ctx.database.snapshot() as session:
            world = _found(world_id, await repository.export_world(session, world_id))
            async for lines in _document(session, world_id, world):
                await asyncio.to_thread(file.write, "".join(lines).encode())
        size = await asyncio.to_thread(_rewound, file)
    except BaseException:
        file.close()
        raise
    return Export(safe_file_name(world["name"]), size, file)


def safe_file_name(name: str) -> str:
    """A file name of letters, digits and hyphens: no name of a world leads out of a folder."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{'-'.join(re.findall('[a-z0-9]+', plain.lower()))[:_NAME_LENGTH].strip('-') or 'world'}.world.json"


def _found(world_id: UUID, world: Row | None) -> Row:
    if world is None:
        raise WorldNotFoundError(f"There is no world {world_id}.", world_id=str(world_id))
    return world


def _rewound(file: IO[bytes]) -> int:
    size = file.tell()
    file.seek(0)
    return size


async def _document(session: Session, world_id: UUID, world: Row) -> AsyncIterator[list[str]]:
    """The bundle, some lines at a time; a line a piece."""
    own = {"id": str(world["id"])} | {name: world[name] for name in ("name", "description", "metadata")}
    head = {"format": BUNDLE_FORMAT, "version": BUNDLE_VERSION, "world": _brief(own)}
    yield [_json(head)[:-1]]
    parts = (
        ("entities", repository.export(session, repository.QUERIES.export_entities, world_id)),
        ("claims", repository.export(session, repository.QUERIES.export_claims, world_id)),
        ("predicates", repository.export(session, repository.QUERIES.export_predicates, world_id)),
    )
    async for lines in _sources(session, world_id):
        yield lines
    for name, batches in parts:
        yield [f',\n"{name}":[']
        comma = ""
        async for rows in batches:
            yield await asyncio.to_thread(_lines, rows, comma)
            comma = ","
        yield ["\n]"]
    yield ["}\n"]


async def _sources(session: Session, world_id: UUID) -> AsyncIterator[list[str]]:
    """The sources, each with its chunks, which come in the same order by a cursor of their own."""
    chunks = _one_by_one(session, world_id)
    chunk = await anext(chunks, None)
    yield [',\n"sources":[']
    comma = ""
    async for rows in repository.export(session, repository.QUERIES.export_sources, world_id):
        for row in rows:
            lines = [f'{comma}\n{_json(_brief(row))[:-1]},"chunks":[']
            comma, between = ",", ""
            while chunk is not None and chunk["source_id"] == row["id"]:
                lines.append(f"{between}\n{_json(_brief(chunk, leave_out=('source_id',)))}")
                between = ","
                chunk = await anext(chunks, None)
                if len(lines) >= 500:
                    yield lines
                    lines = []
            yield [*lines, "]}"]
    yield ["\n]"]


async def _one_by_one(session: Session, world_id: UUID) -> AsyncIterator[Row]:
    async for rows in repository.export(session, repository.QUERIES.export_chunks, world_id):
        for row in rows:
            yield row


def _lines(rows: list[Row], comma: str) -> list[str]:
    lines = []
    for row in rows:
        lines.append(f"{comma}\n{_json(_brief(row))}")
        comma = ","
    return lines


def _brief(row: Row, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Without what an import takes for granted."""
    wanted = {name: value for name, value in row.items() if value is not None and name not in leave_out}
    return {name: value for name, value in wanted.items() if value not in ([], {}) and not _is_living(name, value)}


def _is_living(name: str, value: Any) -> bool:
    return name == "removed" and value is False


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
