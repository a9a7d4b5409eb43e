"""When each utterance is spoken: what fits, how fast, and how the rests are laid out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lorekeeper.generators.audio.reading import Utterance

LONGEST_UNASKED = 600.0
"""Seconds of sound where no duration is asked; text beyond it is left out."""
LONGEST = 1800.0
SHORTEST = 1.0
MOST_HURRY = 1.2
"""Speech is said at most so much faster to fit a duration; what would need more is cut at a sentence instead."""
_LONGEST_INTRO = 9.0


@dataclass(frozen=True)
class Frame:
    """Seconds of music before the first word and after the last one, at least."""

    intro: float
    outro: float


@dataclass(frozen=True)
class Plan:
    """`begins` in seconds of the utterances that are spoken (as many as fit); `cut` is where speech is broken off."""

    seconds: float
    begins: list[float]
    cut: float | None = None


@dataclass(frozen=True)
class Rest:
    """Seconds of rest after an utterance. `on_beat`: the utterance itself begins on a beat of the music."""

    seconds: float
    on_beat: bool = False


def frame_for(seconds: float | None, bar: float, *, plain: bool) -> Frame:
    """Room for the music to begin and end, less in a short piece."""
    intro, outro = (0.35, 0.6) if plain else (min(6.0, bar * (2 if bar < 2.4 else 1)), min(4.0, 1.0 + bar))
    if seconds is None:
        return Frame(intro, outro)
    return Frame(min(intro, 0.07 * seconds), min(outro, 0.12 * seconds))


def hurry_for(lengths: Sequence[float], rests: Sequence[Rest], frame: Frame, seconds: float | None) -> float:
    """By which factor speech must go faster for all of it to fit; 1 where it fits, or would not at the utmost."""
    if seconds is None:
        return 1.0
    room = seconds - frame.intro - frame.outro
    resting = sum(rest.seconds for rest in rests[:-1]) * 0.7
    spoken = sum(lengths)
    if spoken + resting <= room:
        return 1.0
    needed = spoken / max(0.01, room - resting) * 1.01
    return needed if needed <= MOST_HURRY else 1.0


def lay_out(
    lengths: Sequence[float], rests: Sequence[Rest], frame: Frame, seconds: float | None, beat: float | None
) -> Plan:
    """Begin after the intro, rest between utterances; rests shrink to 0.7 or grow to 1.5 of themselves to fill.

    Verse lines begin on a beat, unless text that fits would then fit no more.
    """
    most = LONGEST_UNASKED if seconds is None else seconds
    until = most - frame.outro
    loose = [Rest(rest.seconds) for rest in rests]
    plan = None
    for resting in (rests, loose):
        begins = _fill(lengths, resting, frame, until, beat, stretch=seconds is not None)
        plan = _as_many_as_fit(begins, lengths, until, most)
        if plan.cut is None and len(plan.begins) == len(lengths):
            break
    if plan is None or plan.cut is not None:
        return Plan(most, [frame.intro], cut=max(0.2, until))
    said = len(plan.begins)
    if said < len(lengths):
        # What is left over when the next sentence is too long goes into the rests.
        begins = _fill(lengths[:said], rests[:said], frame, until, beat, stretch=seconds is not None)
        plan = _as_many_as_fit(begins, lengths[:said], until, most)
    if seconds is None:
        end = plan.begins[-1] + lengths[len(plan.begins) - 1]
        return Plan(min(most, end + frame.outro), plan.begins)
    return plan


def _fill(
    lengths: Sequence[float], rests: Sequence[Rest], frame: Frame, until: float, beat: float | None, *, stretch: bool
) -> list[float]:
    spoken, resting = sum(lengths), sum(rest.seconds for rest in rests[:-1])
    room = until - frame.intro
    factor = 1.0
    if resting > 0 and (stretch or spoken + resting > room):
        # Waiting for the beat takes half of one for each line.
        waiting = sum(0.5 * (beat or 0.0) for rest in rests if rest.on_beat)
        factor = min(1.5, max(0.7, (room - spoken - waiting) / resting))
    intro = frame.intro
    if stretch:
        spare = room - spoken - resting * factor
        intro += min(max(0.0, _LONGEST_INTRO - intro), max(0.0, spare) * 0.3)
    begins = []
    at = intro
    for length, rest in zip(lengths, rests, strict=True):
        if beat and rest.on_beat:
            at = math.ceil(at / beat - 0.05) * beat
        begins.append(at)
        at += length + rest.seconds * factor
    return begins


def _as_many_as_fit(begins: Sequence[float], lengths: Sequence[float], until: float, most: float) -> Plan:
    fitting = [begin for begin, length in zip(begins, lengths, strict=True) if begin + length <= until + 0.05]
    return Plan(most, fitting) if fitting else Plan(most, list(begins[:1]), cut=until)


def rests_of(utterances: Sequence[Utterance], factor: float) -> list[Rest]:
    """The rest after each utterance, and whether it waits for the beat."""
    return [Rest(utterance.pause * factor, on_beat=utterance.verse) for utterance in utterances]
