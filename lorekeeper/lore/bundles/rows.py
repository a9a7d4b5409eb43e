"""A bundle as rows, under the ids that its pieces have in their world. Long work: it runs in a thread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel

from lorekeeper.contracts.bundle import BundleChunk, BundleClaim, BundleSource, WorldBundle
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.lore import SourceChunkText
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.lore.content import hash_of
from lorekeeper.lore.cutting import chunks_of_text
from lorekeeper.lore.kinds import REFERENCE_KINDS

KINDS = (LoreKind.ENTITY, LoreKind.SOURCE, LoreKind.SOURCE_CHUNK, LoreKind.CLAIM)
"""In the order in which they come in, so that what is pointed at is there first."""

_ONE = [name for name in REFERENCE_KINDS if name != "author_ids"]


@dataclass
class Rows:
    """`places` says where in the bundle each row of a kind stands."""

    world: Row
    of: dict[LoreKind, list[Row]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    places: dict[LoreKind, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    removed: set[str] = field(default_factory=set)
    """The chunks that are to be tombstones."""
    texts: dict[str, tuple[list[SourceChunkText], bool]] = field(default_factory=dict)
    """The text of sources that are there already, as chunks without ids; and whether they were cut here."""

    def add(self, kind: LoreKind, row: Row, place: str) -> None:
        self.of[kind].append(row)
        self.places[kind].append(place)


def rows_of(bundle: WorldBundle, world_id: UUID, ids: Mapping[UUID, UUID], there: Iterable[UUID] = ()) -> Rows:
    """`ids` leads from the bundle's ids to the world's; `there`: those of the world's that are taken."""
    return _Making(bundle, world_id, ids, set(there)).rows


class _Making:
    def __init__(self, bundle: WorldBundle, world_id: UUID, ids: Mapping[UUID, UUID], there: set[UUID]) -> None:
        self._world_id = str(world_id)
        self._ids = {str(given): str(id) for given, id in ids.items()}
        self._there = {str(id) for id in there}
        self._source_of: dict[str, str] = {}
        world = bundle.world.model_dump(mode="json") | {"id": self._world_id}
        self.rows = Rows(world | {"content_hash": hash_of(LoreKind.WORLD, world)})
        for number, entity in enumerate(bundle.entities):
            self.rows.add(LoreKind.ENTITY, self._row(LoreKind.ENTITY, entity), f"entities[{number}]")
        for number, source in enumerate(bundle.sources):
            self._source(source, f"sources[{number}]")
        self._claims(bundle.claims)

    def _row(self, kind: LoreKind, piece: BaseModel, **more: object) -> Row:
        row = piece.model_dump(mode="json") | more
        row["id"] = self._ids[row["id"]] if row["id"] else str(new_id())
        row["world_id"] = self._world_id
        if kind is LoreKind.SOURCE:
            row["author_ids"] = [self._ids[author] for author in row["author_ids"]]
        row["content_hash"] = hash_of(kind, row)
        return row

    def _source(self, source: BundleSource, place: str) -> None:
        row = self._row(LoreKind.SOURCE, source.model_copy(update={"text": None, "chunks": []}))
        self.rows.add(LoreKind.SOURCE, row, place)
        has_ids = any(chunk.id for chunk in source.chunks)
        if row["id"] in self._there and not has_ids:
            chunks = _cut(source, place)
            if chunks:
                self.rows.texts[row["id"]] = chunks, source.text is not None
            return
        for index, chunk in enumerate(_as_chunks(source, place)):
            self._chunk(chunk, row["id"], f"{place}.chunks[{index}]")

    def _chunk(self, chunk: BundleChunk, source_id: str, place: str) -> None:
        row = self._row(LoreKind.SOURCE_CHUNK, chunk, source_id=source_id)
        if row.pop("removed"):
            self.rows.removed.add(row["id"])
        self._source_of[row["id"]] = source_id
        self.rows.add(LoreKind.SOURCE_CHUNK, row, place)

    def _claims(self, claims: list[BundleClaim]) -> None:
        """Each behind the one that it supersedes, and in that one's version group."""
        made: dict[str, Row] = {}
        for number, claim in enumerate(claims):
            row = claim.model_dump(mode="json")
            row |= {name: self._ids[row[name]] for name in _ONE if row.get(name)}
            row["id"] = self._ids[row["id"]] if row["id"] else str(new_id())
            row["world_id"] = self._world_id
            if row["source_chunk_id"]:
                row["source_id"] = self._source_of[row["source_chunk_id"]]
            row["content_hash"] = hash_of(LoreKind.CLAIM, row)
            row["place"] = f"claims[{number}]"
            made[row["id"]] = row
        for claim_row in made.values():
            chain: list[Row] = []
            last = claim_row
            while "version_group_id" not in last:
                chain.append(last)
                last = made.get(last["supersedes_claim_id"], {"version_group_id": str(new_id())})
            for row in reversed(chain):
                row["version_group_id"] = last["version_group_id"]
                self.rows.add(LoreKind.CLAIM, row, row.pop("place"))


def _as_chunks(source: BundleSource, place: str) -> list[BundleChunk]:
    """The chunks that were given, or those that the text is cut into."""
    if source.text is None:
        return source.chunks
    return [
        BundleChunk.model_construct(id=None, chunk_index=index, removed=False, **chunk.model_dump())
        for index, chunk in enumerate(chunks_of_text(source.text, at=f"{place}."))
    ]


def _cut(source: BundleSource, place: str) -> list[SourceChunkText]:
    if source.text is not None:
        return chunks_of_text(source.text, at=f"{place}.")
    return [*sorted(source.chunks, key=_place_of)]


def _place_of(chunk: BundleChunk) -> int:
    return chunk.chunk_index
