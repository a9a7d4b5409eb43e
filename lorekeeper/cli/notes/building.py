"""Notes into a world bundle: an entity and a source for each note, a claim for each link."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel, ValidationError

from lorekeeper.cli.notes.folder import (
    NOTE_SUFFIX,
    Listing,
    NoteError,
    Problem,
    comparable,
    composed,
    list_folder,
    read_note,
)
from lorekeeper.cli.notes.frontmatter import Parted, part
from lorekeeper.cli.notes.lookup import Lookup
from lorekeeper.cli.notes.markdown import MAX_TAG, MENTIONS, Link, Markup, read_body
from lorekeeper.cli.notes.properties import Properties, read_properties
from lorekeeper.contracts.bundle import BundleClaim, BundleEntity, BundleSource, BundleWorld, WorldBundle
from lorekeeper.contracts.enums import SourceType

NOTE_PATH = "note_path"
"""In the metadata of what a note became: where the note lies in its folder."""

STUB = "stub"
"""The tag of an entity that was made for links alone, because no note of its name is there."""

MAX_LISTED = 20

_AnyPiece = TypeVar("_AnyPiece", bound=BaseModel)


class NotesError(Exception):
    """The folder cannot be taken. `problems` are the first twenty, of `count`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems[:MAX_LISTED])))
        self.problems = problems[:MAX_LISTED]
        self.count = len(problems)


@dataclass(slots=True)
class Note:
    """One note, read."""

    path: str
    parted: Parted
    properties: Properties
    markup: Markup

    @property
    def name(self) -> str:
        return composed(self.path.rpartition("/")[2][: -len(NOTE_SUFFIX)])


@dataclass(slots=True)
class NotesReport:
    """What a person should know of a folder that was read; nothing in it kept the folder from being read."""

    notes: int = 0
    attachments: int = 0
    not_followed: list[str] = field(default_factory=list)
    unresolved: Counter[str] = field(default_factory=Counter)
    stubs: int = 0
    to_themselves: list[Problem] = field(default_factory=list)
    ambiguous: list[Problem] = field(default_factory=list)
    unknown_types: Counter[str] = field(default_factory=Counter)


def read_folder(
    root: Path,
    world_name: str,
    world_id: UUID,
    *,
    stubs: bool = False,
    on_note: Callable[[int, int], None] | None = None,
) -> tuple[WorldBundle, NotesReport]:
    """Read a folder of notes. Ids follow from `world_id` and the paths, so the same folder gives the same ids again.

    With `stubs`, a link that no note answers to makes an entity of its own; without, it is counted and left out.
    `on_note` hears of each note that was read: which, of how many. Raises `NotesError` with every problem that was
    found, OSError where the folder itself cannot be read.
    """
    try:
        listing = list_folder(root)
    except NoteError as error:
        raise NotesError([error.at(str(root))]) from error
    problems: list[Problem] = []
    notes: list[Note] = []
    for number, path in enumerate(listing.notes, start=1):
        try:
            notes.append(_read(root, path))
        except NoteError as error:
            problems.append(error.at(_printable(path)))
        if on_note:
            on_note(number, len(listing.notes))
    if problems:
        raise NotesError(problems)
    return _Builder(listing, notes, world_id, stubs=stubs).build(world_name)


def _read(root: Path, path: str) -> Note:
    parted = part(read_note(root, path))
    return Note(path, parted, read_properties(parted), read_body(parted.body, parted.body_line))


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


class _Builder:
    """Gathers the pieces of the bundle, note by note."""

    def __init__(self, listing: Listing, notes: list[Note], world_id: UUID, *, stubs: bool) -> None:
        self._notes = notes
        self._world_id = world_id
        self._id = cache(partial(_id, world_id))
        self._stubs = stubs
        self._lookup = Lookup(note.path for note in notes)
        for note in notes:
            self._lookup.add_aliases(note.path, note.properties.aliases)
        self._attachments = {comparable(path.rpartition("/")[2]) for path in listing.attachments}
        self._problems: list[Problem] = []
        self._stub_entities: dict[str, BundleEntity] = {}
        self._told: set[tuple[str, str]] = set()
        self._report = NotesReport(len(notes), len(listing.attachments), listing.not_followed)

    def build(self, world_name: str) -> tuple[WorldBundle, NotesReport]:
        entities: list[BundleEntity] = []
        sources: list[BundleSource] = []
        claims: list[BundleClaim] = []
        for note in self._notes:
            about = list(self._claims(note))
            entities += self._entity(note)
            sources += self._source(note, needed=bool(about))
            claims += about
            if note.properties.unknown_type is not None:
                self._report.unknown_types[note.properties.unknown_type] += 1
        if self._problems:
            raise NotesError(self._problems)
        self._report.stubs = len(self._stub_entities)
        try:
            world = BundleWorld(id=self._world_id, name=world_name)
        except ValidationError as error:
            raise NotesError([Problem("the world", None, _says(error))]) from error
        bundle = WorldBundle(
            format="lorekeeper.world-bundle",
            version=1,
            world=world,
            entities=[*entities, *self._stub_entities.values()],
            sources=sources,
            claims=claims,
        )
        return bundle, self._report

    def _entity_id(self, path: str) -> UUID:
        return self._id("entity", path)

    def _source_id(self, note: Note) -> UUID:
        return self._id("source", note.path)

    def _entity(self, note: Note) -> Iterator[BundleEntity]:
        given = note.properties
        tags = [*_folder_tags(note.path), *given.tags, *note.markup.tags]
        yield from self._checked(
            note,
            BundleEntity,
            id=self._entity_id(note.path),
            type=given.type,
            name=note.name,
            aliases=list(dict.fromkeys(given.aliases)),
            summary=given.summary,
            description=given.description,
            tags=list(dict.fromkeys(tags)),
            metadata=given.metadata | {NOTE_PATH: composed(note.path)},
        )

    def _source(self, note: Note, *, needed: bool) -> Iterator[BundleSource]:
        """The note as a source; an empty one that states nothing is none."""
        has_text = bool(note.parted.body.strip())
        if has_text or needed:
            yield from self._checked(
                note,
                BundleSource,
                id=self._source_id(note),
                type=SourceType.RESEARCH_NOTE,
                title=note.name,
                origin=composed(note.path),
                metadata={NOTE_PATH: composed(note.path)},
                text=note.parted.body if has_text else None,
            )

    def _claims(self, note: Note) -> Iterator[BundleClaim]:
        """One for each thing that the note states or mentions, however often it does."""
        made: set[UUID] = set()
        for link in note.properties.stated:
            target = self._target_of(note, link)
            if target is None:
                _keep_as_metadata(note.properties, link.predicate)
            else:
                yield from self._claim(note, link, target, made)
        for link in note.markup.links:
            if (target := self._target_of(note, link)) is not None:
                yield from self._claim(note, link, target, made)

    def _claim(self, note: Note, link: Link, target: UUID, made: set[UUID]) -> Iterator[BundleClaim]:
        claim_id = _id(self._world_id, "claim", note.path, link.predicate, str(target))
        if claim_id in made:
            return
        made.add(claim_id)
        yield from self._checked(
            note,
            BundleClaim,
            link.line,
            id=claim_id,
            subject_entity_id=self._entity_id(note.path),
            predicate=link.predicate,
            object_entity_id=target,
            source_id=self._source_id(note),
        )

    def _target_of(self, note: Note, link: Link) -> UUID | None:
        """The entity that a link leads to. None for a link within the note, to an attachment, or to nothing."""
        target = link.target.partition("#")[0].strip()
        if not target:
            return None
        found = (self._lookup.find_path if link.is_path else self._lookup.find)(target, note.path)
        if found is None:
            return self._unresolved(note, link, target)
        if found.path == note.path:
            if link.predicate != MENTIONS:
                says = f"{link.predicate}: [[{target}]] leads to the note itself"
                self._report.to_themselves.append(Problem(note.path, link.line, says))
            return None
        if found.others and (note.path, target) not in self._told:
            self._told.add((note.path, target))
            says = f"[[{target}]] is taken for {found.path}, and could be {', '.join(found.others[:5])}"
            self._report.ambiguous.append(Problem(note.path, link.line, says))
        return self._entity_id(found.path)

    def _unresolved(self, note: Note, link: Link, target: str) -> UUID | None:
        """Obsidian would make the note of such a link at the top of the folder: a stub has that note's id."""
        if comparable(target.rpartition("/")[2]) in self._attachments:
            return None
        self._report.unresolved[target] += 1
        name = composed(target.rpartition("/")[2]).strip()
        if not self._stubs or not name:
            return None
        key = comparable(name)
        if key not in self._stub_entities:
            stub_id = self._entity_id(name + NOTE_SUFFIX)
            for entity in self._checked(note, BundleEntity, link.line, id=stub_id, name=name, tags=[STUB]):
                self._stub_entities[key] = entity
        stub = self._stub_entities.get(key)
        return stub.id if stub else None

    def _checked(
        self, note: Note, model: type[_AnyPiece], line: int | None = None, **fields: Any
    ) -> Iterator[_AnyPiece]:
        """The piece, or none and one problem more: a name too long, a list too large."""
        try:
            yield model(**fields)
        except ValidationError as error:
            self._problems.append(Problem(note.path, line or _line_of(note, error), _says(error)))


def _id(world_id: UUID, kind: str, path: str, *more: str) -> UUID:
    # A name that is no Unicode text has an id too, so that the check behind this says what is wrong with it.
    name = "\n".join([kind, composed(path), *more])
    return uuid5(world_id, name.encode(errors="backslashreplace").decode())


def _keep_as_metadata(properties: Properties, key: str) -> None:
    """A property that did not wholly become claims is kept as it was written."""
    if key in properties.only_links:
        properties.metadata[key] = properties.only_links[key]


def _folder_tags(path: str) -> list[str]:
    """The names of the folders that a note lies in."""
    folders = composed(path).split("/")[:-1]
    return [name for folder in folders if 0 < len(name := folder.strip()) <= MAX_TAG]


def _line_of(note: Note, error: ValidationError) -> int | None:
    """The line of the property that a field was made of."""
    field_name = str(error.errors(include_url=False)[0]["loc"][0])
    lines = {key.lower(): line for key, line in note.parted.lines.items()}
    return lines.get(field_name) or lines.get({"aliases": "alias", "tags": "tag"}.get(field_name, ""))


def _says(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(item) for item in first["loc"])
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
