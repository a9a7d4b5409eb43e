"""Drums and the like, each one stroke in one channel."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lorekeeper.generators.audio.sound import RATE, Signal, high_pass, low_pass, shape

Chance = np.random.Generator


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * RATE)) / RATE


def _skin(seconds: float, low: float, high: float, fall: float) -> NDArray[np.float64]:
    """A membrane: its note falls from high to low as it dies."""
    time = _time(seconds)
    hertz = low + (high - low) * np.exp(-time / fall)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * np.exp(-time * 5 / seconds))


def _noise(seconds: float, low: float, high: float, chance: Chance) -> Signal:
    hiss = chance.standard_normal(int(seconds * RATE)).astype(np.float32)
    return shape(hiss, lambda hertz: high_pass(low, 2)(hertz) * low_pass(high, 2)(hertz))


def stomp(chance: Chance) -> Signal:
    """A boot on boards."""
    sound = _skin(0.35, 62, 130, 0.03)
    sound[: RATE // 20] += 0.5 * _noise(0.05, 80, 900, chance) * np.exp(-_time(0.05) * 60)
    return (sound * 0.9).astype(np.float32)


def clap(chance: Chance) -> Signal:
    """A few hands, not quite at once."""
    sound = np.zeros(int(0.22 * RATE))
    hiss = _noise(0.16, 700, 4500, chance)
    for at in (0.0, 0.009, 0.021, 0.026):
        begin = int((at + chance.random() * 0.004) * RATE)
        sound[begin : begin + len(hiss)] += hiss * np.exp(-_time(0.16) * (55 if at < 0.02 else 32))
    return (sound * 0.35).astype(np.float32)


def shaker(chance: Chance) -> Signal:
    time = _time(0.09)
    swell = np.sin(np.pi * time / 0.09) ** 2 * 0.3
    return _noise(0.09, 4500, 11_000, chance) * swell.astype(np.float32)


def snare(chance: Chance) -> Signal:
    """A field drum with gut snares, brushed more than beaten."""
    sound = 0.5 * _skin(0.24, 165, 230, 0.02)
    sound += 0.6 * _noise(0.24, 900, 7000, chance) * np.exp(-_time(0.24) * 20)
    return (sound * np.clip(_time(0.24) / 0.0015, 0, 1) * 0.6).astype(np.float32)


def timpani(chance: Chance) -> Signal:
    time = _time(1.3)
    sound = _skin(1.3, 73, 82, 0.05) + 0.45 * np.sin(2 * np.pi * 110 * time) * np.exp(-time * 6)
    sound[: RATE // 25] += 0.25 * _noise(0.04, 100, 1200, chance) * np.exp(-_time(0.04) * 80)
    return (sound * 0.9).astype(np.float32)


def heart(chance: Chance) -> Signal:  # noqa: ARG001 - a skin alone, without noise
    """A slow, soft thud, more felt than heard."""
    return (_skin(0.5, 44, 70, 0.06) * np.clip(_time(0.5) / 0.012, 0, 1) * 1.1).astype(np.float32)


DRUMS: dict[str, Callable[[Chance], Signal]] = {
    "stomp": stomp,
    "clap": clap,
    "shaker": shaker,
    "snare": snare,
    "timpani": timpani,
    "heart": heart,
}
