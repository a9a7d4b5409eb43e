"""Instruments: each makes one note, in one channel, of a pitch in hertz and a length in seconds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lorekeeper.generators.audio.sound import RATE, Signal, wander

Chance = np.random.Generator
Instrument = Callable[[float, float, Chance], Signal]
Line = NDArray[np.float64]

_HIGHEST = 15_000.0


def _time(seconds: float) -> Line:
    return np.arange(int(seconds * RATE)) / RATE


def _envelope(time: Line, held: float, attack: float, release: float) -> Line:
    """Up over `attack`, on while held, then down."""
    rise = np.clip(time / attack, 0, 1)
    fall = np.clip(1 - (time - held) / release, 0, 1)
    return np.asarray(np.sin(rise * np.pi / 2) ** 2 * fall**1.6)


def _harmonics(phase: Line, weights: list[float], pitch: float) -> Line:
    """The sum of weighted harmonics, each made of the two before it: sin(nx) = 2 cos(x) sin((n-1)x) - sin((n-2)x)."""
    twice = 2 * np.cos(phase)
    before, now = np.zeros_like(phase), np.sin(phase)
    total = weights[0] * now
    for number, weight in enumerate(weights[1:], 2):
        if number * pitch > _HIGHEST:
            break
        before, now = now, twice * now - before
        if weight:
            total += weight * now
    return np.asarray(total)


def _phase(
    time: Line, pitch: float, chance: Chance, *, vibrato: float = 0.0, rate: float = 5.2, drift: float = 0.0
) -> Line:
    """The angle over time: vibrato in cents comes in after a third of a second; drift is slow, in cents."""
    cents = np.zeros_like(time)
    if vibrato:
        depth = np.clip((time - 0.25) / 0.5, 0, 1) * vibrato
        cents += depth * np.sin(2 * np.pi * rate * time + chance.random() * 6)
    if drift:
        cents += drift * wander(len(time), 0.3, chance)
    bend = np.cumsum(2 ** (cents / 1200)) / RATE if vibrato or drift else time
    return np.asarray(2 * np.pi * pitch * bend + chance.random() * 2 * np.pi)


def _finished(sound: Line) -> Signal:
    edge = min(96, len(sound))
    sound[len(sound) - edge :] *= np.linspace(1, 0, edge)
    return sound.astype(np.float32)


def _formants(pitch: float, count: int, peaks: tuple[tuple[float, float, float], ...], tilt: float) -> list[float]:
    """Harmonics under the hills of a vowel or a body: (hertz, height, width) each."""
    weights = []
    for number in range(1, count + 1):
        hertz = number * pitch
        hill = sum(height * np.exp(-(((hertz - at) / width) ** 2)) for at, height, width in peaks)
        weights.append(float((0.12 + hill) / number**tilt))
    return weights


def _plucked(
    pitch: float, seconds: float, chance: Chance, *, ring: float, bright: float, point: float, count: int = 14
) -> Signal:
    """A string let go at `point` of its length: high harmonics die first, and are a little sharp."""
    time = _time(min(ring * 1.6, max(seconds, 0.4) + ring * 0.8))
    sound = np.zeros_like(time)
    slow = ring * min(1.3, (220 / pitch) ** 0.45)
    for number in range(1, count + 1):
        hertz = pitch * number * np.sqrt(1 + 0.00012 * number**2)
        if hertz > _HIGHEST:
            break
        weight = abs(np.sin(np.pi * number * point)) / number**bright
        length = min(len(time), int(slow / (0.7 + 0.3 * number) * 1.7 * RATE))
        part = time[:length]
        fade = np.exp(-part * 4.2 * (0.7 + 0.3 * number) / slow)
        sound[:length] += weight * fade * np.sin(2 * np.pi * hertz * part + chance.random())
    damped = np.clip(1 - (time - seconds - ring * 0.35) / 0.25, 0, 1)
    return _finished(sound * damped * np.clip(time / 0.002, 0, 1) * 0.8)


def harp(pitch: float, seconds: float, chance: Chance) -> Signal:
    return _plucked(pitch, seconds, chance, ring=2.4, bright=1.5, point=0.42, count=9)


def lute(pitch: float, seconds: float, chance: Chance) -> Signal:
    return _plucked(pitch, seconds, chance, ring=1.3, bright=1.1, point=0.18)


def pluckbass(pitch: float, seconds: float, chance: Chance) -> Signal:
    return _plucked(pitch, seconds, chance, ring=1.8, bright=1.7, point=0.3, count=8) * np.float32(1.3)


def _struck(
    pitch: float, ring: float, partials: tuple[tuple[float, float, float], ...], chance: Chance, attack: float = 0.002
) -> Signal:
    """Metal: (ratio, weight, share of the ringing) for each partial."""
    time = _time(ring * 1.3)
    sound = np.zeros_like(time)
    for ratio, weight, share in partials:
        if pitch * ratio > _HIGHEST:
            continue
        length = min(len(time), int(ring * share * 1.8 * RATE))
        part = time[:length]
        sound[:length] += (
            weight * np.exp(-part * 5 / (ring * share)) * np.sin(2 * np.pi * pitch * ratio * part + chance.random() * 6)
        )
    sound *= np.clip(time / attack, 0, 1) * np.clip((time[-1] - time) / 0.3, 0, 1)
    return _finished(sound * 0.5)


def bell(pitch: float, seconds: float, chance: Chance) -> Signal:  # noqa: ARG001 - it rings as long as it rings
    """The partials of a church bell: hum, prime, tierce, quint, nominal and above."""
    partials = (
        (0.5, 0.5, 1.0),
        (1.0, 0.7, 0.8),
        (1.003, 0.35, 0.75),
        (1.2, 0.45, 0.5),
        (1.5, 0.25, 0.4),
        (2.0, 0.6, 0.45),
        (2.62, 0.2, 0.25),
        (3.01, 0.18, 0.2),
        (4.2, 0.1, 0.12),
        (5.4, 0.06, 0.08),
    )
    return _struck(pitch, 4.5, partials, chance)


def musicbox(pitch: float, seconds: float, chance: Chance) -> Signal:  # noqa: ARG001 - as above
    partials = ((1.0, 1.0, 1.0), (2.0, 0.12, 0.5), (3.02, 0.22, 0.35), (6.2, 0.1, 0.12), (9.4, 0.04, 0.06))
    return _struck(pitch * 2, 1.7, partials, chance)


def organ(pitch: float, seconds: float, chance: Chance) -> Signal:
    """Flue pipes at eight, four, two and two thirds, and two feet."""
    time = _time(seconds + 0.28)
    drawn = [1.0, 0.55, 0.2, 0.32, 0.0, 0.12, 0.0, 0.1]
    sound = _harmonics(_phase(time, pitch, chance, drift=1.2), drawn, pitch)
    sound += 0.5 * _harmonics(_phase(time, pitch * 1.0022, chance), drawn[:4], pitch)
    return _finished(sound * _envelope(time, seconds, 0.07, 0.28) * 0.35)


def strings(pitch: float, seconds: float, chance: Chance) -> Signal:
    """Three players, not quite together, bows far from the bridge."""
    time = _time(seconds + 0.7)
    weights = _formants(pitch, 18, ((450, 0.9, 350), (1100, 0.5, 500), (2600, 0.22, 900)), 1.05)
    sound = np.zeros_like(time)
    for cents in (-6.0, 1.5, 7.0):
        phase = _phase(time, pitch * 2 ** (cents / 1200), chance, vibrato=7.0, rate=4.6 + chance.random(), drift=2.0)
        sound += _harmonics(phase, weights, pitch)
    swell = 1 + 0.12 * wander(len(time), 0.9, chance)
    return _finished(sound * swell * _envelope(time, seconds, min(0.5, 0.2 + seconds * 0.15), 0.7) * 0.3)


def choir(pitch: float, seconds: float, chance: Chance) -> Signal:
    """Four singers on an open vowel."""
    time = _time(seconds + 0.9)
    weights = _formants(pitch, 22, ((640, 1.0, 160), (1080, 0.6, 180), (2550, 0.16, 300), (3200, 0.08, 350)), 0.75)
    sound = np.zeros_like(time)
    for cents in (-11.0, -3.0, 4.0, 12.0):
        rate = 4.7 + chance.random() * 1.1
        phase = _phase(time, pitch * 2 ** (cents / 1200), chance, vibrato=14.0, rate=rate, drift=5.0)
        sound += _harmonics(phase, weights, pitch)
    breath = 1 + 0.1 * wander(len(time), 0.7, chance)
    return _finished(sound * breath * _envelope(time, seconds, min(0.7, 0.25 + seconds * 0.2), 0.9) * 0.16)


def reed(pitch: float, seconds: float, chance: Chance) -> Signal:
    """An accordion: two reeds that beat against each other."""
    time = _time(seconds + 0.12)
    weights = [1.0, 0.7, 0.62, 0.4, 0.36, 0.22, 0.2, 0.13, 0.11, 0.07, 0.06, 0.04]
    sound = _harmonics(_phase(time, pitch * 2 ** (-5 / 1200), chance), weights, pitch)
    sound += _harmonics(_phase(time, pitch * 2 ** (6 / 1200), chance), weights, pitch)
    return _finished(sound * _envelope(time, seconds, 0.05, 0.12) * 0.2)


def fiddle(pitch: float, seconds: float, chance: Chance) -> Signal:
    time = _time(seconds + 0.12)
    weights = _formants(pitch, 20, ((480, 0.8, 260), (900, 0.7, 320), (2500, 0.5, 800), (3600, 0.25, 900)), 0.9)
    phase = _phase(time, pitch, chance, vibrato=13.0 if seconds > 0.45 else 0.0, rate=5.6, drift=3.0)
    bow = 1 + 0.08 * wander(len(time), 0.12, chance)
    return _finished(_harmonics(phase, weights, pitch) * bow * _envelope(time, seconds, 0.06, 0.12) * 0.4)


def flute(pitch: float, seconds: float, chance: Chance) -> Signal:
    time = _time(seconds + 0.2)
    phase = _phase(time, pitch, chance, vibrato=11.0, rate=4.9, drift=2.5)
    sound = _harmonics(phase, [1.0, 0.28, 0.1, 0.05, 0.02], pitch)
    wind = chance.standard_normal(len(time))
    wind = np.convolve(wind, np.hanning(24) / 12, mode="same")
    breath = 0.035 + 0.09 * np.exp(-time / 0.05)
    return _finished((sound + wind * breath) * _envelope(time, seconds, 0.09, 0.2) * 0.6)


def brass(pitch: float, seconds: float, chance: Chance) -> Signal:
    """Horns: the louder the moment, the brighter."""
    time = _time(seconds + 0.25)
    loud = _envelope(time, seconds, 0.11, 0.25) * (0.82 + 0.18 * np.exp(-time / 0.25))
    phase = _phase(time, pitch, chance, vibrato=5.0, rate=4.8, drift=2.0)
    dark = _harmonics(phase, [1.0, 0.6, 0.3, 0.12, 0.05], pitch)
    light = _harmonics(phase, [0.4, 0.7, 0.8, 0.65, 0.5, 0.36, 0.26, 0.18, 0.12, 0.08, 0.05], pitch)
    return _finished((dark * loud * 0.7 + light * loud**2.5 * 0.4) * 0.5)


def drone(pitch: float, seconds: float, chance: Chance) -> Signal:
    """A low sound whose overtones come and go."""
    time = _time(seconds + 1.2)
    sound = np.zeros_like(time)
    for cents in (-7.0, 5.0):
        phase = _phase(time, pitch * 2 ** (cents / 1200), chance, drift=4.0)
        near = _harmonics(phase, [1.0, 0.5, 0.2], pitch)
        far = _harmonics(phase, [0.0, 0.0, 0.3, 0.4, 0.36, 0.28, 0.2, 0.16, 0.1, 0.08, 0.05], pitch)
        sound += near + far * np.clip(0.5 + 0.5 * wander(len(time), 1.6, chance), 0, 1.2)
    return _finished(sound * _envelope(time, seconds, min(1.0, 0.3 + seconds * 0.2), 1.2) * 0.3)


INSTRUMENTS: dict[str, Instrument] = {
    "harp": harp,
    "lute": lute,
    "pluckbass": pluckbass,
    "bell": bell,
    "musicbox": musicbox,
    "organ": organ,
    "strings": strings,
    "choir": choir,
    "reed": reed,
    "fiddle": fiddle,
    "flute": flute,
    "brass": brass,
    "drone": drone,
}
