"""What a plate says: a title, a sentence of the lore, an imprint."""

import re

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import ImagePromptSpec
from lorekeeper.contracts.snapshot import LoreSnapshot, SourceChunkSnapshot
from lorekeeper.generators.passages import one_line, read_passage
from lorekeeper.generators.plate.casting import Actor
from lorekeeper.generators.plate.lettering import Words

_CAPTION = 180
_TITLE = 160
_NAMED = 3
_HELD = 20
_SENTENCE_END = re.compile(r"(?<=[.!?…。])\s")


def words_of(job: ClaimedJob, prompt: ImagePromptSpec, cast: list[Actor]) -> Words:
    """The title asked for, else the names of those shown; a caption from the lore itself."""
    lore = job.derivation.lore_snapshot
    title = _cut(prompt.title or _names(cast) or _heading(lore) or lore.world.name, _TITLE)
    caption = _cut(_caption(lore, prompt), _CAPTION)
    imprint = f"{_cut(lore.world.name, 60)} · LoreKeeper {job.input_hash[:12]}"
    return Words(title, "" if caption == title else caption, imprint, [actor.name for actor in cast])


def _names(cast: list[Actor]) -> str:
    names = [_held_together(actor.name) for actor in cast]
    if len(names) > _NAMED:
        return f"{', '.join(names[:2])} and\u00a0Others"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _held_together(name: str) -> str:
    """A short name that no line break parts."""
    return name.replace(" ", "\u00a0") if len(name) <= _HELD else name


def _heading(lore: LoreSnapshot) -> str:
    return next((chunk.heading or chunk.source_title for chunk in lore.source_chunks), "")


def _caption(lore: LoreSnapshot, prompt: ImagePromptSpec) -> str:
    """The surest claim, else a summary, else the brief, else the first words of the text."""
    if lore.claims:
        surest = max(lore.claims, key=lambda claim: claim.confidence)
        return " ".join(surest.sentence.split()).replace(" — ", " ")
    for entity in lore.entities:
        told = entity.summary or entity.description
        if told:
            return _first_sentence(told)
    if prompt.description:
        return _first_sentence(prompt.description)
    return next(filter(None, map(_opening, lore.source_chunks)), "")


def _opening(chunk: SourceChunkSnapshot) -> str:
    """The first words of a chunk below its heading and the editor's glosses."""
    blocks = [block for block in read_passage(chunk.content, chunk.heading).blocks if not block.gloss]
    return _first_sentence(" ".join(line.text for line in blocks[0].lines)) if blocks else ""


def _first_sentence(text: str) -> str:
    return _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)[0]


def _cut(text: str, length: int) -> str:
    text = one_line(text)
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + "…"
