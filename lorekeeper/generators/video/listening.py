"""Finding what is said when in a recording whose words are known: each pause that is heard may end a sentence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lorekeeper.generators import media
from lorekeeper.generators.audio.reading import Utterance, read_aloud
from lorekeeper.generators.lyrics import Span
from lorekeeper.generators.passages import Passage

_RATE = 8000
_WINDOW = 0.02
_SHORTEST_PAUSE = 0.16
_SECONDS_A_LETTER = 0.065
_LOOSENESS = 0.3
_WORTH_OF_A_PAUSE = 1.2
_PACES = (0.85, 1.0, 1.15, 1.35)
_HASTE = 1.15
_MUSIC_BEFORE, _MUSIC_AFTER = 15.0, 20.0
_LOOK_AHEAD = 16
_BEAM = 60
_MOST = 1500


@dataclass(frozen=True)
class Pause:
    """No voice from one second to another."""

    begin: float
    end: float


def spans_heard(path: Path, passages: Sequence[str | Passage]) -> list[Span]:
    """When each sentence and verse line of the passages is said in the file, as near as its pauses tell it.

    A recording that is much too short for all of them is taken to be broken off.
    """
    said = list(islice(read_aloud(passages), _MOST))
    pauses = _pauses(_loudness(path))
    said = _as_many_as_fit(said, pauses[-1].begin - pauses[0].end)
    if not said:
        return []
    edges = _aligned(said, pauses)
    return [
        (begin.end, max(end.begin, begin.end + 0.1), one.text)
        for one, begin, end in zip(said, edges, edges[1:], strict=False)
    ]


def _loudness(path: Path) -> NDArray[np.float64]:
    """Decibels of the band that voices live in, every 20 milliseconds."""
    target = path.with_name(f"{path.name}.voice.f32")
    band = ["-af", "highpass=f=280,highpass=f=280,lowpass=f=3200", "-ac", "1", "-ar", str(_RATE), "-f", "f32le"]
    media.run_ffmpeg([*media.ONE_THREAD, "-i", path, "-map", "0:a:0", *band, target])
    samples = np.fromfile(target, dtype="<f4").astype(np.float64)
    target.unlink()
    width = round(_RATE * _WINDOW)
    count = max(1, len(samples) // width)
    frames = np.resize(samples, count * width).reshape(count, width) if len(samples) else np.zeros((1, width))
    power: NDArray[np.float64] = 10 * np.log10((frames**2).mean(1) + 1e-9)
    return power


def _pauses(loudness: NDArray[np.float64]) -> list[Pause]:
    """The pauses between runs of sound, with what lies before the first and after the last run."""
    even = np.convolve(loudness, np.ones(3) / 3, mode="same")
    quiet, loud = np.percentile(even, (8, 85))
    at = np.flatnonzero(even > quiet + 0.45 * (loud - quiet))
    end = len(loudness) * _WINDOW
    if not len(at):
        return [Pause(0.0, 0.0), Pause(end, end)]
    inner = [Pause(float(at[i] + 1) * _WINDOW, float(at[i + 1]) * _WINDOW) for i in np.flatnonzero(np.diff(at) > 1)]
    inner = [pause for pause in inner if pause.end - pause.begin >= _SHORTEST_PAUSE]
    return [Pause(0.0, float(at[0]) * _WINDOW), *inner, Pause(float(at[-1] + 1) * _WINDOW, end)]


def _as_many_as_fit(said: list[Utterance], seconds: float) -> list[Utterance]:
    taken = 0.0
    for number, one in enumerate(said):
        taken += _length(one)
        if taken > seconds * _HASTE:
            return said[:number]
        taken += one.pause
    return said


def _length(said: Utterance) -> float:
    return _SECONDS_A_LETTER * len(said.text) + 0.15


def _aligned(said: Sequence[Utterance], pauses: Sequence[Pause]) -> list[Pause]:
    """The pause before each utterance, and the one after the last: those that part the time as the texts' lengths do.

    Music may be heard before the voice and after it. Without enough pauses, the time is parted by the lengths alone.
    """
    found: list[tuple[float, list[Pause]]] = []
    for pace in _PACES:
        chosen = _chosen([_length(one) * pace for one in said], [one.pause * pace for one in said], pauses)
        if chosen is not None:
            found.append(chosen)
    if found:
        return min(found, key=lambda one: one[0])[1]
    begin, end = pauses[0].end, pauses[-1].begin
    shares = np.cumsum([_length(one) + one.pause for one in said])
    edges = [begin + (end - begin) * float(share / shares[-1]) for share in shares]
    return [Pause(begin, begin), *(Pause(edge - 0.2, edge) for edge in edges)]


def _chosen(
    lengths: Sequence[float], rests: Sequence[float], pauses: Sequence[Pause]
) -> tuple[float, list[Pause]] | None:
    """By dynamic programming: the pauses round the utterances that strain them least in all, and how much."""
    finish = pauses[-1].begin
    costs = {at: 0.0 for at, pause in enumerate(pauses) if pause.end <= min(_MUSIC_BEFORE, finish / 2)}
    trails: list[dict[int, int]] = []
    for number, length in enumerate(lengths):
        following: dict[int, float] = {}
        trail: dict[int, int] = {}
        for before, cost in costs.items():
            begin = pauses[before].end
            for here in range(before + 1, min(before + _LOOK_AHEAD, len(pauses))):
                heard = pauses[here].begin - begin
                if heard > 2.2 * length + 1.5:
                    break
                reward = min(1.5, (pauses[here].end - pauses[here].begin) / max(0.1, rests[number]))
                total = cost + _strain(heard, length) - _WORTH_OF_A_PAUSE * reward
                if total < following.get(here, math.inf):
                    following[here], trail[here] = total, before
        costs = dict(sorted(following.items(), key=lambda item: item[1])[:_BEAM])
        trails.append(trail)
    ends = {at: cost for at, cost in costs.items() if pauses[at].begin >= finish - _MUSIC_AFTER}
    if not ends:
        return None
    chosen = [min(ends, key=lambda at: ends[at])]
    for trail in reversed(trails):
        chosen.append(trail[chosen[-1]])
    return ends[chosen[0]], [pauses[at] for at in reversed(chosen)]


def _strain(heard: float, expected: float) -> float:
    """How ill a length fits: the square of what it is off by, in what a voice may vary."""
    return ((heard - expected) / (_LOOSENESS * expected + 0.25)) ** 2
