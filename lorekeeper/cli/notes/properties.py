"""What the properties of a note become: fields of its entity, links to other notes, or metadata."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lorekeeper.cli.notes.folder import NoteError
from lorekeeper.cli.notes.frontmatter import Parted
from lorekeeper.cli.notes.markdown import MENTIONS, Link, is_only_links, wiki_links, without_markup
from lorekeeper.contracts.enums import EntityType

_TYPE_WORDS: dict[EntityType, tuple[str, ...]] = {
    EntityType.PERSON: ("character", "people", "npc", "pc", "player", "deity", "god"),
    EntityType.LOCATION: ("place", "places", "settlement", "city", "town", "village", "region", "country", "building"),
    EntityType.FACTION: ("clan", "tribe", "house"),
    EntityType.ORGANIZATION: ("organisation", "company", "guild"),
    EntityType.ITEM: ("object", "weapon"),
    EntityType.CREATURE: ("monster", "beast", "animal", "species"),
    EntityType.EVENT: ("battle", "session"),
    EntityType.CONCEPT: ("idea", "term"),
    EntityType.ARTIFACT: ("artefact", "relic"),
    EntityType.VEHICLE: ("ship", "vessel"),
}
ENTITY_TYPES = {kind.value.lower(): kind for kind in EntityType} | {
    word: kind for kind, words in _TYPE_WORDS.items() for word in words
}
"""What people write as a note's `type`, in lower case."""


@dataclass(slots=True)
class Properties:
    """Of one note. `stated` are the links in its properties, under the property's name as predicate."""

    type: EntityType = EntityType.OTHER
    unknown_type: str | None = None
    aliases: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    summary: str | None = None
    description: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    stated: list[Link] = field(default_factory=list)
    only_links: dict[str, Any] = field(default_factory=dict)
    """Properties that are nothing but links, as they were written: metadata, should one of the links lead nowhere."""


def read_properties(parted: Parted) -> Properties:
    """Sort the properties of a note. Raises `NoteError` for a field of the entity that is not what it must be."""
    found = Properties()
    for key, value in parted.properties.items():
        line = parted.lines[key]
        try:
            _sort(found, key, value, line)
        except NoteError as error:
            raise NoteError(error.says, line) from None
    return found


def _sort(found: Properties, key: str, value: Any, line: int) -> None:
    match key.lower():
        case "type":
            found.type, found.unknown_type = _entity_type(value)
            if found.unknown_type is not None:
                found.metadata[key] = value
        case "alias" | "aliases":
            found.aliases += [without_markup(alias) for alias in _texts(key, value, ",")]
        case "tag" | "tags":
            found.tags += [tag.lstrip("#").strip("/") for tag in _texts(key, value, ", ")]
        case "summary":
            found.summary = _text(found, key, value, line)
        case "description":
            found.description = _text(found, key, value, line)
        case _:
            links = [Link(target, path, line) for path, target in _links(key, value)]
            found.stated += links
            target = found.only_links if links and _says_only_links(value) else found.metadata
            target[key] = value


def _entity_type(value: Any) -> tuple[EntityType, str | None]:
    """The type, and the word itself where it is none that is known."""
    while isinstance(value, list) and value:
        value = value[0]
    word = without_markup(value).strip() if isinstance(value, str) else None
    if not word:
        return EntityType.OTHER, None
    kind = ENTITY_TYPES.get(word.lower()) or ENTITY_TYPES.get(word.lower().removesuffix("s"))
    return (kind, None) if kind else (EntityType.OTHER, word)


def _texts(key: str, value: Any, separators: str) -> list[str]:
    """A list of texts, or one text that separates them."""
    if value is None:
        return []
    if isinstance(value, str):
        for separator in separators[1:]:
            value = value.replace(separator, separators[0])
        value = value.split(separators[0])
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, list | dict) for item in items):
        raise NoteError(f"{key} must be a list of names")
    return [text for item in items if item is not None and (text := _plain(item).strip())]


def _text(found: Properties, key: str, value: Any, line: int) -> str | None:
    """A text as a reader sees it; its links are mentions."""
    if isinstance(value, list | dict):
        raise NoteError(f"{key} must be a text")
    if value is None:
        return None
    text = _plain(value)
    found.stated += [Link(target, MENTIONS, line) for target in wiki_links(text)]
    return without_markup(text)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _links(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each link in a property, however deep, with the way to it: `family.father`."""
    if isinstance(value, str):
        yield from ((key, target) for target in wiki_links(value))
    elif (target := _unquoted_link(value)) is not None:
        yield key, target
    elif isinstance(value, list):
        for item in value:
            yield from _links(key, item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _links(f"{key}.{name}", item)


def _unquoted_link(value: Any) -> str | None:
    """`father: [[Healfdene]]` without quotes is, to YAML, a list in a list; nobody means that."""
    match value:
        case [[str(target)]]:
            return target.partition("|")[0].strip()
    return None


def _says_only_links(value: Any) -> bool:
    if isinstance(value, str):
        return is_only_links(value)
    if isinstance(value, list):
        return _unquoted_link(value) is not None or (bool(value) and all(map(_says_only_links, value)))
    return False
