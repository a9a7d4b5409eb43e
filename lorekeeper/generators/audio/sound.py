"""Arithmetic on sound. Signals are float32, -1 to 1, at 48 kHz; stereo is an array of two rows."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]
Hertz = NDArray[np.floating]
Curve = Callable[[Hertz], NDArray[np.float64]]

RATE = 48_000
_SILENT = 1e-9


def decibels(gain: float) -> float:
    """A level in decibels as a factor of amplitude."""
    return float(10.0 ** (gain / 20.0))


def rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)) + _SILENT**2)) if signal.size else _SILENT


def fft_length(least: int) -> int:
    """The next length that transforms fast: a power of two, or 1.25, 1.5 times one."""
    power = 1 << max(3, (least - 1).bit_length())
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= least)


def resample(signal: Signal, rate: int, to: int = RATE) -> Signal:
    """By Fourier transform: nothing aliases, nothing is lost below half of the lower rate."""
    if rate == to or not signal.size:
        return signal.astype(np.float32)
    step = math.gcd(rate, to)
    block, new_block = rate // step, to // step
    blocks = fft_length(-(-(len(signal) + rate // 50) // block))
    spectrum = np.fft.rfft(signal, blocks * block)
    bins = blocks * new_block // 2 + 1
    wide = np.zeros(bins, np.complex128)
    keep = min(bins, len(spectrum))
    wide[:keep] = spectrum[:keep]
    raised = np.fft.irfft(wide, blocks * new_block) * (new_block / block)
    return raised[: len(signal) * to // rate].astype(np.float32)


def shape(signal: Signal, curve: Curve) -> Signal:
    """Each frequency times `curve(hertz)`, without a change of phase."""
    size = fft_length(signal.shape[-1] + RATE // 20)
    spectrum = np.fft.rfft(signal, size)
    spectrum *= curve(np.fft.rfftfreq(size, 1 / RATE))
    return np.fft.irfft(spectrum, size)[..., : signal.shape[-1]].astype(np.float32)


def bell(hertz: float, gain: float, octaves: float) -> Curve:
    """A boost or cut in decibels about a frequency."""

    def curve(frequencies: Hertz) -> NDArray[np.float64]:
        distance = np.log2(np.maximum(frequencies, 1.0) / hertz) / octaves
        return np.asarray(10 ** (gain / 20 * np.exp(-(distance**2) * 2)))

    return curve


def high_pass(hertz: float, order: int = 4) -> Curve:
    return lambda frequencies: 1 / np.sqrt(1 + (hertz / np.maximum(frequencies, 1e-3)) ** (2 * order))


def low_pass(hertz: float, order: int = 4) -> Curve:
    return lambda frequencies: 1 / np.sqrt(1 + (frequencies / hertz) ** (2 * order))


class Room:
    """A hall made of noise that dies away, its high notes first; the same seed builds the same hall."""

    def __init__(self, seconds: float, chance: np.random.Generator, *, before: float = 0.018) -> None:
        self.length = int((seconds * 1.15 + before) * RATE)
        time = np.arange(self.length) / RATE
        hiss = chance.standard_normal((2, self.length))
        size = fft_length(self.length)
        spectrum = np.fft.rfft(hiss, size)
        frequencies = np.fft.rfftfreq(size, 1 / RATE)
        answer = np.zeros((2, self.length))
        for low, high, share in ((90.0, 700.0, 1.0), (700.0, 2800.0, 0.8), (2800.0, 9000.0, 0.45)):
            band = np.fft.irfft(spectrum * high_pass(low)(frequencies) * low_pass(high)(frequencies), size)
            answer += band[:, : self.length] * 10 ** (-3 * time / (seconds * share))
        answer[:, : int(before * RATE)] = 0
        for tap in range(6):
            at = int((0.007 + 0.009 * tap + 0.004 * chance.random()) * RATE)
            answer[tap % 2, at] += 5.0 * (0.72**tap)
        answer /= np.sqrt(np.sum(answer**2) / 2)
        self._answer = answer.astype(np.float32)
        self._spectra: dict[int, NDArray[np.complexfloating]] = {}

    def ring(self, signal: Signal) -> Signal:
        """What the hall gives back of a signal of one or two rows: stereo, longer by the hall's length."""
        length = signal.shape[-1] + self.length
        size = fft_length(length)
        if size not in self._spectra:
            self._spectra = {size: np.fft.rfft(self._answer, size)}
        heard = np.fft.irfft(np.fft.rfft(np.atleast_2d(signal), size) * self._spectra[size], size)
        return heard[:, :length].astype(np.float32)


def wander(length: int, step: float, chance: np.random.Generator) -> NDArray[np.float64]:
    """A smooth line of chance about zero, of standard deviation one, that turns every `step` seconds or so."""
    knots = max(4, int(length / RATE / step) + 4)
    line = np.interp(np.linspace(0, knots - 1, length), np.arange(knots), chance.standard_normal(knots))
    return np.asarray(line)


def place(target: Signal, signal: Signal, at: int, gain: float = 1.0) -> None:
    """Add a signal where it falls into the target; what lies outside is lost."""
    begin, end = max(0, at), min(target.shape[-1], at + signal.shape[-1])
    if begin < end:
        target[..., begin:end] += signal[..., begin - at : end - at] * np.float32(gain)


def spread(signal: Signal, position: float) -> Signal:
    """One row as two, from left (-1) to right (1), of equal power."""
    angle = (position + 1) * np.pi / 4
    return np.stack((signal * np.float32(np.cos(angle)), signal * np.float32(np.sin(angle))))
