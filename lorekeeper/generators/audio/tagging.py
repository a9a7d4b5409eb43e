"""What a sound or a film says of itself to players: title, artist, album; and such a title read back."""

from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.generators.passages import one_line

_LONGEST = 200


def title_of(lore: LoreSnapshot, asked: object) -> str:
    """The title asked for, else the source's, else what the lore is about."""
    told = lore.source.title if lore.source else next((chunk.source_title for chunk in lore.source_chunks), "")
    return (asked if isinstance(asked, str) else "") or told or _names(lore) or lore.world.name


def tag_options(title: str, world: str) -> list[str]:
    """Options of ffmpeg for an output file: the work's title, and the world as its album and artist."""
    options = []
    for key, value in (("title", title), ("artist", world), ("album", world)):
        options += ["-metadata", f"{key}={_printable(value)[:_LONGEST]}"]
    return options


def _names(lore: LoreSnapshot) -> str:
    names = [entity.name for entity in lore.entities[:3]]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _printable(text: str) -> str:
    return "".join(char for char in one_line(text) if char.isprintable())
