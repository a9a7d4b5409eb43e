"""What a film says: its title, what is narrated, its credits; and the chance it is made with."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lorekeeper.contracts.enums import CanonState
from lorekeeper.contracts.hashing import canonical_json, canonicalize_lore_snapshot
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import VideoPromptSpec
from lorekeeper.contracts.snapshot import AssetSnapshot, LoreSnapshot, SourceChunkSnapshot
from lorekeeper.generators.audio.asset import tell_claim
from lorekeeper.generators.audio.tagging import title_of
from lorekeeper.generators.passages import Passage, one_line, read_passage, soften

_TITLE, _LINE, _ENTRY = 90, 140, 110
_PER_CARD = 13
_CERTAIN = (CanonState.STRICT, CanonState.MYTHIC)
NO_TITLES: Mapping[UUID, str] = {}


@dataclass(frozen=True)
class Opening:
    """The title card: the world's name above, the title, a line below."""

    above: str
    title: str
    below: str


@dataclass(frozen=True)
class Section:
    """A group of credits. An entry has three parts, the middle one set in italics: a claim reads through all three."""

    title: str
    entries: list[tuple[str, str, str]]


def film_seed(job: ClaimedJob) -> int:
    """What all chance in the film comes from: as much as the input hash counts, but for the ids of input assets.

    Those are random, and stand for nothing that can be seen or heard; their checksums count. So a film of the same
    lore and the same files is the same film, in whatever database its inputs were made.
    """
    lore = canonicalize_lore_snapshot(job.derivation.lore_snapshot)
    lore["assets"] = sorted(lore["assets"].values())
    known = {"world": str(job.world_id), "model": job.model_id, "prompt": job.prompt_spec, "lore": lore}
    return int.from_bytes(hashlib.sha256(canonical_json(known)).digest())


def opening_of(lore: LoreSnapshot, prompt: VideoPromptSpec) -> Opening:
    """The title asked for (`title` in the prompt), else the source's, else what the lore is about."""
    extra = prompt.model_extra or {}
    title = _cut(title_of(lore, extra.get("title")), _TITLE)
    world = _cut(lore.world.name, _TITLE)
    return Opening("" if world == title else world, title, _cut(_text(extra.get("subtitle")), _LINE))


def passages_of(lore: LoreSnapshot) -> list[str | Passage]:
    """What is narrated: the chunks in reading order, else the claims, else what is said of the entities."""
    if lore.source_chunks:
        return [read_passage(chunk.content, chunk.heading) for chunk in in_reading_order(lore.source_chunks)]
    if lore.claims:
        return [" ".join(tell_claim(claim) for claim in lore.claims)]
    return [f"{entity.name}. {entity.summary}" for entity in lore.entities if entity.summary]


def in_reading_order(chunks: Sequence[SourceChunkSnapshot]) -> list[SourceChunkSnapshot]:
    """Source by source as they were named first, each in its own order."""
    sources: dict[Any, int] = {}
    for chunk in chunks:
        sources.setdefault(chunk.source_id, len(sources))
    return sorted(chunks, key=lambda chunk: (sources[chunk.source_id], chunk.chunk_index))


def credits_of(lore: LoreSnapshot, titles: Mapping[UUID, str] = NO_TITLES) -> list[Section]:
    """What the film was made from, the sources and claims first. No id is told: some differ from run to run.

    `titles` are those that input assets' own files bear.
    """
    sections = [
        Section("From", [(title, "", places) for title, places in _sources(lore)]),
        Section("By the claims", [_claim(claim.sentence) for claim in _surest_first(lore)]),
        Section("With", [(name, "", "") for name in _cast(lore)]),
        Section("Shown and heard", [_asset(asset, titles) for asset in in_showing_order(lore.assets)]),
    ]
    return [section for section in sections if section.entries]


def cards_of(sections: Sequence[Section]) -> list[list[Section]]:
    """The credits on as many cards as keeps each legible."""
    cards: list[list[Section]] = [[]]
    room = _PER_CARD
    for section in sections:
        rest = section.entries
        while rest:
            if room < 2:
                cards.append([])
                room = _PER_CARD
            taken, rest = rest[: room - 1], rest[room - 1 :]
            cards[-1].append(Section(section.title, taken))
            room -= len(taken) + 1
    return cards


def shortened(cards: list[list[Section]], count: int) -> list[list[Section]]:
    """The first cards, where the film is too short for all; the last one then says how much is left out."""
    if len(cards) <= count:
        return cards
    left = sum(len(section.entries) for card in cards[count:] for section in card)
    last = [*cards[count - 1], Section("", [(f"and {left} more in the derivation", "", "")])]
    return [*cards[: count - 1], last]


def in_showing_order(assets: Sequence[AssetSnapshot]) -> list[AssetSnapshot]:
    """Maps last, sound at the end; within a type by checksum, because the order of references has no meaning."""
    kinds = ("IMAGE", "MAP", "VIDEO", "PDF", "AUDIO")
    return sorted(assets, key=lambda asset: (kinds.index(asset.type.value), asset.checksum))


def _sources(lore: LoreSnapshot) -> list[tuple[str, str]]:
    places: dict[str, list[int]] = {lore.source.title: []} if lore.source else {}
    for chunk in in_reading_order(lore.source_chunks):
        places.setdefault(chunk.source_title, []).append(chunk.chunk_index + 1)
    return [(_cut(title, _ENTRY), _chunks(numbers)) for title, numbers in places.items()]


def _chunks(numbers: list[int]) -> str:
    """As in `chunks 1-3, 7`, with a longer dash."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = ", ".join(f"{run[0]}\N{EN DASH}{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"{'chunk' if len(numbers) == 1 else 'chunks'} {told}" if told else ""


def _surest_first(lore: LoreSnapshot) -> list[Any]:
    return sorted(lore.claims, key=lambda claim: (claim.canon_state not in _CERTAIN, -claim.confidence))


def _claim(sentence: str) -> tuple[str, str, str]:
    parts = [_cut(part, _ENTRY) for part in sentence.split(" — ", 2)]
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else (_cut(sentence, _ENTRY), "", "")


def _asset(asset: AssetSnapshot, titles: Mapping[UUID, str]) -> tuple[str, str, str]:
    """By its title, where its file bears one; else by what it is, and how long or large."""
    name = {"IMAGE": "picture", "MAP": "map", "AUDIO": "recording", "VIDEO": "film", "PDF": "book"}[asset.type.value]
    if title := titles.get(asset.id):
        return _cut(title, _ENTRY), "", name
    seconds = round(asset.duration_seconds or 0)
    size = f"{seconds // 60}:{seconds % 60:02}" if seconds else f"{max(1, round(asset.size_bytes / 1000)):,} kB"
    return f"A {name}", "", f"{asset.format.upper()}, {size}"


def _cast(lore: LoreSnapshot) -> list[str]:
    """Three names to a line."""
    names = [_cut(entity.name, 48) for entity in lore.entities]
    return ["  ·  ".join(names[first : first + 3]) for first in range(0, len(names), 3)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _cut(text: str, length: int) -> str:
    text = soften(one_line(text))
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + "…"
