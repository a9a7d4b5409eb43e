"""Voice and music brought together in time, block by block, into a file of raw samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lorekeeper.generators.audio.bed import Bed
from lorekeeper.generators.audio.planning import Plan
from lorekeeper.generators.audio.sound import RATE, Signal, decibels, place
from lorekeeper.generators.audio.speaking import Speech
from lorekeeper.generators.audio.voicing import Treatment

_BLOCK = 12 * RATE
_STEPS = 50
"""Steps a second of the slow curves (ducking, fades)."""
_UNDER_SPEECH = {"backing": decibels(-9.5), "lead": decibels(-16.0)}
_UNDER_SONG = {"backing": decibels(-7.5), "lead": decibels(-15.0)}
_HELD_OVER = 1.8
_CLOSE_SECONDS = 3.0
_SHORTEST_WITH_CLOSE = 12.0

Tick = Callable[[float], None]


@dataclass(frozen=True)
class Parts:
    """What is mixed. `second` speaks along, where there is a chorus; `bed` is None for a voice alone."""

    plan: Plan
    speech: Sequence[Speech]
    second: Sequence[Speech | None]
    treatment: Treatment
    bed: Bed | None
    sung: bool = False
    """A song stands in its music; speech stands before it."""


def mix(parts: Parts, to: Path, tick: Tick) -> None:
    """Write the piece as float samples of two channels. `tick` is told the share done; what it raises ends the work."""
    total = round(parts.plan.seconds * RATE)
    voice = _Voice(parts, total)
    music = _Music(parts, total) if parts.bed else None
    with to.open("wb") as file:
        for begin in range(0, total, _BLOCK):
            block = voice.play(begin, min(_BLOCK, total - begin))
            if music:
                block += music.play(begin, block.shape[1])
            _soften_edges(block, begin, total)
            file.write(np.ascontiguousarray(block.T).astype("<f4").tobytes())
            tick(min(1.0, (begin + _BLOCK) / total))


class _Voice:
    """The utterances, each treated when its time comes and dropped when it has rung out."""

    def __init__(self, parts: Parts, total: int) -> None:
        self._parts = parts
        self._next = 0
        self._sounding: list[tuple[int, Signal]] = []
        self._total = total

    def play(self, begin: int, length: int) -> Signal:
        plan = self._parts.plan
        while self._next < len(plan.begins) and plan.begins[self._next] * RATE < begin + length:
            index = self._next
            sound = self._parts.treatment.apply(self._parts.speech[index], index, self._parts.second[index])
            self._sounding.append((round(plan.begins[index] * RATE), sound))
            self._next += 1
        block = np.zeros((2, length), np.float32)
        for at, sound in self._sounding:
            place(block, sound, at - begin)
        self._sounding = [(at, sound) for at, sound in self._sounding if at + sound.shape[1] > begin + length]
        return block


class _Music:
    """The bed, held back under the voice, with a last chord and a fade."""

    def __init__(self, parts: Parts, total: int) -> None:
        if parts.bed is None:
            raise ValueError("there is no bed")
        self._bed = parts.bed
        seconds = total / RATE
        bars = int((seconds - _CLOSE_SECONDS - min(4.0, self._bed.bar_seconds)) / self._bed.bar_seconds)
        self._close_at = round(bars * self._bed.bar_seconds * RATE)
        self._closes = seconds >= _SHORTEST_WITH_CLOSE and bars >= 2
        self._curves = _curves(parts, seconds)
        time = np.arange(len(self._curves["lead"])) / _STEPS
        ending = min(3.0, seconds * 0.2)
        fade = np.clip(time / min(1.2, seconds * 0.1), 0, 1) * np.clip((seconds - time) / ending, 0, 1)
        self._fade = np.sin(fade * np.pi / 2)
        self._until = (
            np.clip((self._close_at / RATE + 0.12 - time) / 0.35, 0, 1) if self._closes else np.ones_like(time)
        )
        self._ending = self._bed.close(seconds - self._close_at / RATE) if self._closes else None

    def play(self, begin: int, length: int) -> Signal:
        backing, lead = self._bed.play(begin, length)
        at = (begin + np.arange(length)) * (_STEPS / RATE)
        steps = np.arange(len(self._fade))
        under = {name: np.interp(at, steps, curve).astype(np.float32) for name, curve in self._curves.items()}
        until = np.interp(at, steps, self._until).astype(np.float32)
        block = (backing * under["backing"] + lead * under["lead"]) * until
        if self._ending is not None:
            chord = np.zeros_like(block)
            place(chord, self._ending, self._close_at - begin)
            block += chord * under["backing"]
        return np.asarray(block * np.interp(at, steps, self._fade).astype(np.float32), np.float32)


def _curves(parts: Parts, seconds: float) -> dict[str, Signal]:
    """How loud the stems are over time: down a little before a word, up slowly after the last one of a passage."""
    steps = int(seconds * _STEPS) + 2
    speaking = np.zeros(steps)
    spans = spans_of(parts.plan, parts.speech)
    for index, (begin, end) in enumerate(spans):
        following = spans[index + 1][0] if index + 1 < len(spans) else seconds
        until = following if following - end < _HELD_OVER else end
        speaking[max(0, int((begin - 0.25) * _STEPS)) : int((until + 0.15) * _STEPS)] = 1.0
    held = _UNDER_SONG if parts.sung else _UNDER_SPEECH
    window = np.hanning(int(0.7 * _STEPS))
    smooth = np.convolve(np.pad(speaking, len(window), mode="edge"), window / np.sum(window), mode="same")
    smooth = smooth[len(window) : len(window) + steps]
    return {name: (low**smooth).astype(np.float32) for name, low in held.items()}


def spans_of(plan: Plan, speech: Sequence[Speech]) -> list[tuple[float, float]]:
    """When each spoken utterance begins and ends, in seconds."""
    return [(begin, min(begin + one.seconds, plan.seconds)) for begin, one in zip(plan.begins, speech, strict=False)]


def _soften_edges(block: Signal, begin: int, total: int) -> None:
    """The first and the last ten milliseconds come out of silence and go into it."""
    edge = min(RATE // 100, total // 4)
    places = np.arange(begin, begin + block.shape[1])
    ramp = np.minimum(places / edge, (total - 1 - places) / edge)
    block *= np.clip(ramp, 0, 1).astype(np.float32)
