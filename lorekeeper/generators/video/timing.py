"""A film's parts in time: title, shots and credits, in whole frames; and where the narration lies between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lorekeeper.sdk.handling import JobError

SHORTEST, LONGEST = 1.0, 1800.0
"""Seconds a film of this provider can last."""

_TITLE = 4.4
_LONGEST_TITLE = 6.5
_CREDITS = 4.4
_TITLE_SHARE, _CREDITS_SHARE = 0.2, 0.25
_LEAST_TITLE, _LEAST_CREDITS = 2.4, 2.6
_UNTOLD = 14.0
"""How long the pictures of a film last that has no sound and was given no length."""

_BEFORE_VOICE, _AFTER_VOICE = 0.35, 0.7
_BEFORE_SOUND, _AFTER_SOUND = 0.3, 0.6
_SHOT = 5.4
_SHORTEST_SHOT = 1.2


@dataclass(frozen=True)
class Voice:
    """A sound of `seconds`, in which somebody speaks from `first` to `last`."""

    seconds: float
    first: float
    last: float


@dataclass(frozen=True)
class Slot:
    """From one frame up to another."""

    begin: int
    end: int

    @property
    def frames(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True)
class Plan:
    """A film of `frames` at `rate`. Its sound begins at `sound_at` seconds; credits have so many `cards`.

    `fade`: when the sound begins to fade, and for how long, in seconds; None: as the film ends.
    """

    rate: int
    frames: int
    title: Slot
    credits: Slot
    cards: int
    sound_at: float
    fade: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    @property
    def body(self) -> Slot:
        return Slot(self.title.end, self.credits.begin)


def sound_for(asked: float) -> float:
    """How long a sound should be for a film of this length: it begins a little after the film, and ends before it."""
    return max(SHORTEST, asked - _BEFORE_SOUND - _AFTER_SOUND)


def plan_film(asked: float | None, voice: Voice | None, cards: int, rate: int) -> Plan:
    """Lays out the parts. `asked` is the length ordered; `cards` are as many as the credits would fill.

    The pictures begin when the voice does, and the credits after it. Raises `JobError` `duration_not_possible`.
    """
    if asked is not None and not SHORTEST <= asked <= LONGEST:
        raise JobError(
            "duration_not_possible", f"A film lasts from {SHORTEST:g} to {LONGEST:g} seconds, not {asked:g}."
        )
    if asked is None:
        asked = min(_length_of(voice) if voice else _TITLE + _UNTOLD + cards * _CREDITS, LONGEST)
    frames = max(1, round(asked * rate))
    most = min(cards, max(1, math.floor(asked * _CREDITS_SHARE / _CREDITS)))
    title, ending = min(_TITLE, asked * _TITLE_SHARE), min(_CREDITS * most, asked * _CREDITS_SHARE)
    sound_at = 0.0
    if voice:
        spare = max(0.0, asked - voice.seconds)
        sound_at = min(spare * 0.4, max(_BEFORE_SOUND, title - voice.first))
        title = _between(
            sound_at + voice.first - _BEFORE_VOICE, min(_LEAST_TITLE, title), min(_LONGEST_TITLE, asked / 2), title
        )
        left = asked - sound_at - voice.last - _AFTER_VOICE
        ending = max(min(_LEAST_CREDITS, ending), min(ending, left))
    cards = max(1, min(most, round(ending / _CREDITS)))
    first = round(title * rate)
    return Plan(rate, frames, Slot(0, first), Slot(max(first, frames - round(ending * rate)), frames), cards, sound_at)


def _length_of(voice: Voice) -> float:
    """Of a film that was given no length: all of its sound, and credits after the last word."""
    return _BEFORE_SOUND + max(voice.seconds + _AFTER_SOUND, voice.last + _AFTER_VOICE + _CREDITS)


def _between(wanted: float, least: float, most: float, usual: float) -> float:
    """`wanted` within its bounds; a voice that keeps one waiting for long lets the pictures begin as usual."""
    return usual if wanted > most else max(least, wanted)


def cut(plan: Plan, pictures: int | None, good_moments: Sequence[float]) -> list[Slot]:
    """Divides what lies between title and credits into shots, at good moments (seconds) where one is near.

    With `pictures` given there are at least so many shots. Raises `JobError` `film_too_short` where that makes them
    too quick to see.
    """
    body = plan.body
    seconds = body.frames / plan.rate
    count = max(1, round(seconds / _SHOT), pictures or 1)
    if pictures and pictures > 1 and seconds / pictures < _SHORTEST_SHOT:
        raise JobError(
            "film_too_short",
            f"{pictures} pictures cannot be shown in the {seconds:.1f} seconds between title and credits.",
        )
    even = seconds / count
    edges = [body.begin]
    for number in range(1, count):
        wanted = body.begin / plan.rate + even * number
        near = min(good_moments, key=lambda moment: abs(moment - wanted), default=wanted)
        chosen = near if abs(near - wanted) < even * 0.3 else wanted
        edges.append(round(chosen * plan.rate))
    edges.append(body.end)
    return [Slot(begin, end) for begin, end in pairwise(edges)]
