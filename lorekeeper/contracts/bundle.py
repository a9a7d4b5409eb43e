"""The world bundle: a whole world's lore in one JSON document (docs/world-bundle.md).

A bundle stands on its own. What it points at, it points at by an id that it gives itself, so that an import can keep
the ids or, where they are taken, map them (`remapped`). Its JSON Schema is published beside this file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar
from uuid import UUID

from pydantic import Field, ValidationError, model_validator

from lorekeeper.contracts.base import A_NUMBER, Name, Request, YesNo
from lorekeeper.contracts.json_text import JsonTextError, read_json
from lorekeeper.contracts.lore import ClaimBody, EntityBody, SourceBody, SourceChunkText, WholeText, WorldBody

BUNDLE_FORMAT = "lorekeeper.world-bundle"
BUNDLE_VERSION = 1
SCHEMA_ID = f"urn:lorekeeper:schema:world-bundle:{BUNDLE_VERSION}"
MAX_PROBLEMS = 20
MAX_PIECES = 100_000
"""The most entities, sources, or chunks of one source."""
MAX_CLAIMS = 500_000


class BundleError(ValueError):
    """The document is no valid bundle. `problems` says why, a sentence each, the first twenty of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UnreadableBundleError(BundleError):
    """The document is no JSON, so that there is nothing in it to be named."""


class _Piece(Request):
    id: UUID | None = Field(None, description="Unique in the bundle. Needed only where something points at it.")


_AnyPiece = TypeVar("_AnyPiece", bound=_Piece)


class BundleWorld(WorldBody, _Piece):
    pass


class BundleEntity(EntityBody, _Piece):
    pass


class BundleChunk(SourceChunkText, _Piece):
    """A stretch of its source's text."""

    chunk_index: Annotated[int, Field(ge=0, lt=MAX_PIECES), A_NUMBER] = Field(
        description="Its place in the source: 0, 1, 2, … without a gap."
    )
    removed: YesNo = Field(
        False,
        description="A later edition of the source lacks it, and claims here cite it still. It has no place.",
    )


class BundleSource(SourceBody, _Piece):
    """A source with its chunks, or with its whole text, which the import cuts as it would that of a new source."""

    text: WholeText | None = Field(None, description="The whole text; it is cut at paragraph and heading borders.")
    chunks: list[BundleChunk] = Field(default_factory=list, max_length=MAX_PIECES, fail_fast=True)

    @model_validator(mode="after")
    def _one_way_to_give_text(self) -> Self:
        if self.text is not None and self.chunks:
            raise ValueError("give text or chunks, not both")
        return self


class BundleClaim(ClaimBody, _Piece):
    """As a claim made over HTTP; what it points at are pieces of this bundle."""


class BundlePredicate(Request):
    """What was declared of a predicate (docs/canon.md)."""

    predicate: Name
    single_valued: YesNo


class BundlePieces(NamedTuple):
    """How many of each there are in a bundle."""

    entities: int
    sources: int
    chunks: int
    claims: int


class WorldBundle(Request):
    """One world: its entities, its sources with their chunks, and the claims made about it.

    Beyond what this schema can say: ids are unique in the bundle; every reference points at a piece of the right kind
    within it; the chunks of a source are numbered without a gap; no claim supersedes itself, over any number of steps.
    """

    format: Literal["lorekeeper.world-bundle"]
    version: Literal[1]
    world: BundleWorld
    entities: list[BundleEntity] = Field(default_factory=list, max_length=MAX_PIECES, fail_fast=True)
    sources: list[BundleSource] = Field(default_factory=list, max_length=MAX_PIECES, fail_fast=True)
    claims: list[BundleClaim] = Field(default_factory=list, max_length=MAX_CLAIMS, fail_fast=True)
    predicates: list[BundlePredicate] = Field(default_factory=list, max_length=10_000, fail_fast=True)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = _first(_problems(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def pieces(self) -> BundlePieces:
        chunks = sum(len(source.chunks) for source in self.sources)
        return BundlePieces(len(self.entities), len(self.sources), chunks, len(self.claims))


def parse_bundle(document: str | bytes | bytearray) -> WorldBundle:
    """Read a bundle from JSON. Raises `BundleError`, whose sentences name the place: `claims[3].predicate: …`."""
    try:
        value = read_json(document)
    except JsonTextError as error:
        raise UnreadableBundleError(error.problems) from None
    try:
        return WorldBundle.model_validate(value)
    except ValidationError as error:
        raise BundleError(_first(_sentences(error))) from None


def bundle_json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a bundle, as published in `world-bundle.schema.json`."""
    schema = WorldBundle.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "World bundle"}
    return head | {name: value for name, value in schema.items() if name not in head}


def remapped(bundle: WorldBundle, new_id: Callable[[], UUID]) -> WorldBundle:
    """The same lore under ids of `new_id`'s making, world included; every reference follows its piece.

    Every piece gets an id, also one that had none. The bundle itself is left as it is.
    """
    ids = {piece.id: new_id() for _, _, piece in _all_pieces(bundle) if piece.id is not None}
    return bundle.model_copy(
        update={
            "world": _renamed(bundle.world, ids, new_id),
            "entities": [_renamed(entity, ids, new_id) for entity in bundle.entities],
            "sources": [_renamed_source(source, ids, new_id) for source in bundle.sources],
            "claims": [_renamed(claim, ids, new_id, _CLAIM_REFERENCES) for claim in bundle.claims],
        }
    )


_CLAIM_REFERENCES = {
    "subject_entity_id": "entity",
    "object_entity_id": "entity",
    "asserted_by_entity_id": "entity",
    "source_id": "source",
    "source_chunk_id": "chunk",
    "supersedes_claim_id": "claim",
}
"""The fields of a claim that point elsewhere, and the kind of piece that each must find."""


def _renamed(
    piece: _AnyPiece, ids: Mapping[UUID, UUID], new_id: Callable[[], UUID], fields: Iterable[str] = ()
) -> _AnyPiece:
    update: dict[str, Any] = {"id": ids[piece.id] if piece.id else new_id()}
    for field in fields:
        target = getattr(piece, field)
        if target is not None:
            update[field] = ids[target]
    return piece.model_copy(update=update)


def _renamed_source(source: BundleSource, ids: Mapping[UUID, UUID], new_id: Callable[[], UUID]) -> BundleSource:
    authors = [ids[author] for author in source.author_ids]
    chunks = [_renamed(chunk, ids, new_id) for chunk in source.chunks]
    return _renamed(source, ids, new_id).model_copy(update={"author_ids": authors, "chunks": chunks})


# --- what a schema cannot say -------------------------------------------------------------------------------------


def _all_pieces(bundle: WorldBundle) -> Iterator[tuple[str, str, _Piece]]:
    """Every piece with its kind and its place in the document."""
    yield "world", "world", bundle.world
    for number, entity in enumerate(bundle.entities):
        yield "entity", f"entities[{number}]", entity
    for number, source in enumerate(bundle.sources):
        yield "source", f"sources[{number}]", source
        for place, chunk in enumerate(source.chunks):
            yield "chunk", f"sources[{number}].chunks[{place}]", chunk
    for number, claim in enumerate(bundle.claims):
        yield "claim", f"claims[{number}]", claim


def _problems(bundle: WorldBundle) -> Iterator[str]:
    found: dict[UUID, tuple[str, str]] = {}
    for kind, place, piece in _all_pieces(bundle):
        if piece.id is None:
            continue
        if piece.id in found:
            yield f"{place}: the id {piece.id} is already that of {found[piece.id][1]}"
        else:
            found[piece.id] = kind, place
    for number, source in enumerate(bundle.sources):
        for author in source.author_ids:
            yield from _dangling(f"sources[{number}].author_ids", author, "entity", found)
        yield from _misnumbered(f"sources[{number}]", source)
    yield from _claim_problems(bundle, found)
    yield from _cycles(bundle.claims)
    yield from _declared_twice(bundle.predicates)


def _claim_problems(bundle: WorldBundle, found: Mapping[UUID, tuple[str, str]]) -> Iterator[str]:
    source_of = {chunk.id: source.id for source in bundle.sources for chunk in source.chunks if chunk.id}
    for number, claim in enumerate(bundle.claims):
        for field, kind in _CLAIM_REFERENCES.items():
            target = getattr(claim, field)
            if target is not None:
                yield from _dangling(f"claims[{number}].{field}", target, kind, found)
        chunk_id, source_id = claim.source_chunk_id, claim.source_id
        if chunk_id in source_of and source_id is not None and source_of[chunk_id] != source_id:
            yield f"claims[{number}]: the chunk {chunk_id} is not of the source {source_id}"


def _dangling(place: str, target: UUID, kind: str, found: Mapping[UUID, tuple[str, str]]) -> Iterator[str]:
    there, article = found.get(target), "an" if kind == "entity" else "a"
    if there is None:
        yield f"{place}: {target} is no {kind} of this bundle"
    elif there[0] != kind:
        yield f"{place}: {target} must be the id of {article} {kind}, but is that of {there[1]}"


def _misnumbered(place: str, source: BundleSource) -> Iterator[str]:
    indices = [chunk.chunk_index for chunk in source.chunks if not chunk.removed]
    seen: set[int] = set()
    for index in indices:
        if index in seen:
            yield f"{place}: the chunk_index {index} is given twice"
        seen.add(index)
    missing = next((index for index in range(len(seen)) if index not in seen), None)
    if missing is not None:
        yield f"{place}: there is no chunk with the chunk_index {missing}, but there is one with {max(seen)}"


def _cycles(claims: list[BundleClaim]) -> Iterator[str]:
    """Follow each chain once: a claim supersedes at most one other, so a chain that meets itself is a cycle."""
    number_of = {claim.id: number for number, claim in enumerate(claims) if claim.id}
    walk_of: dict[int, int] = {}
    for first in range(len(claims)):
        here: int | None = first
        while here is not None and here not in walk_of:
            walk_of[here] = first
            earlier = claims[here].supersedes_claim_id
            here = number_of.get(earlier) if earlier else None
        if here is not None and walk_of[here] == first:
            yield f"claims[{here}]: supersedes itself, directly or over the claims that it supersedes"


def _declared_twice(predicates: list[BundlePredicate]) -> Iterator[str]:
    seen: set[str] = set()
    for number, rule in enumerate(predicates):
        if rule.predicate in seen:
            yield f"predicates[{number}]: the predicate is declared twice"
        seen.add(rule.predicate)


def _sentences(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"]).lstrip(".")
        for line in item["msg"].removeprefix("Value error, ").split("\n"):
            yield f"{place}: {line}" if place else line


def _first(problems: Iterator[str]) -> list[str]:
    listed = list(islice(problems, MAX_PROBLEMS))
    return [*listed, "… and more"] if next(problems, None) is not None else listed
