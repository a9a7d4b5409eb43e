"""What the cartouche says."""

import re
from dataclasses import dataclass

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import MapPromptSpec
from lorekeeper.generators.map.lettering import plain

_TITLE, _UNDER = 90, 110
_SENTENCE_END = re.compile(r"(?<=[.!?…。])\s")


@dataclass(frozen=True)
class Titles:
    """`imprint` stands small below the frame."""

    title: str
    under: str
    imprint: str


def titles_of(job: ClaimedJob, prompt: MapPromptSpec) -> Titles:
    """The title asked for, else the world's name; beneath it a `subtitle`, or the first sentence of the description."""
    world = _cut(job.derivation.lore_snapshot.world.name, _TITLE) or "A Map"
    title = _cut(prompt.title or "", _TITLE) or world
    extra = (prompt.model_extra or {}).get("subtitle")
    told = extra if isinstance(extra, str) else _SENTENCE_END.split(prompt.description or "", maxsplit=1)[0]
    under = _cut(told, _UNDER)
    if not under or len(told) > 3 * _UNDER:
        under = f"a map of {world}" if title != world else "a true map of its places and ways"
    return Titles(title, under, f"{_cut(world, 60)} · LoreKeeper {job.input_hash[:12]}")


def _cut(text: str, length: int) -> str:
    text = plain(text)
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + "…"
