"""The voice: which one speaks, how fast and how high; and what is done to it so that one can bear to listen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from lorekeeper.generators.audio.reading import Utterance
from lorekeeper.generators.audio.sound import (
    RATE,
    Hertz,
    Room,
    Signal,
    bell,
    decibels,
    fft_length,
    high_pass,
    low_pass,
    place,
    resample,
    rms,
    shape,
    spread,
    wander,
)
from lorekeeper.generators.audio.speaking import Request, Speech, known_language
from lorekeeper.generators.audio.styles import Voice

SLOWEST_WORDS, FASTEST_WORDS = 90, 260
_LEVEL = -21.0
_SUNG_PITCH = 64
_AUDIBLE = 0.004
_FRAME = 480

# The long-term average spectrum of people speaking, in decibels by hertz (Byrne and others, 1994, men and women).
_PEOPLE_HERTZ = (80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000,
                 6300, 8000, 10_000)  # fmt: skip
_PEOPLE_LEVEL = (50, 54, 57, 57.5, 60, 60, 59.5, 61.5, 62, 60, 56.5, 54, 52.5, 51.5, 49, 48.5, 47, 46, 44.5, 44, 43.5,
                 42)  # fmt: skip
_MOST_CORRECTION = 7.0


@dataclass(frozen=True)
class Speaker:
    """One way of speaking, kept through a whole piece."""

    voice: Voice
    variant: str
    second: str
    pitch: int
    rate: float

    def requests(self, utterances: Sequence[Utterance], seed: int, *, second: bool = False) -> list[Request]:
        """How each utterance is to be said: nobody says two sentences alike."""
        return [
            self._request(utterance, Random(f"{seed} {index}"), second)  # noqa: S311 - chance that must repeat
            for index, utterance in enumerate(utterances)
        ]

    def _request(self, utterance: Utterance, rng: Random, second: bool) -> Request:
        variant = self.second if second else self.variant
        languages = (utterance.language,) if utterance.language else (*self.voice.accents, "en-gb-x-rp")
        voices = tuple(f"{language}+{variant}" for language in languages) + languages + ("en-us",)
        slower = 0.94 if utterance.heading else 1.0
        rate = self.rate * slower * rng.uniform(0.965, 1.035)
        pitch = self.pitch + rng.uniform(-2.5, 2.5) + (1.5 if utterance.heading else 0)
        if utterance.sung:
            # On one pitch, where the voice is at ease: it is moved to the notes afterwards.
            rate, pitch = self.rate * 0.92, _SUNG_PITCH
        return Request(
            text=utterance.spoken,
            voices=voices,
            rate=round(min(450, max(80, rate))),
            pitch=round(min(99, max(0, pitch))),
            range=0 if utterance.sung else round(min(99, max(0, self.voice.range + rng.uniform(-6, 6)))),
            gap=1 if rate < 135 else 0,
        )


def speaker_for(voice: Voice, rng: Random, words_a_minute: float | None, language: str | None) -> Speaker:
    """The voice that the style and chance choose. Raises `JobError` `unknown_language`."""
    variant = rng.choice(voice.variants)
    pitch = rng.randint(*voice.pitch)
    others = [name for name in ("f2", "m3", "m1") if name[0] != variant[0]]
    rate = words_a_minute or voice.rate
    if language:
        voice = replace(voice, accents=(known_language(language),))
    return Speaker(voice, variant, others[0], pitch, min(FASTEST_WORDS, max(SLOWEST_WORDS, rate)))


def trimmed(speech: Speech) -> Speech:
    """Without the silence before and after; the words' times go with it."""
    loud = np.flatnonzero(np.abs(speech.samples) > _AUDIBLE)
    if not loud.size:
        return Speech(np.zeros(0, np.float32), speech.rate, [])
    margin = speech.rate // 50
    begin, end = max(0, int(loud[0]) - margin), min(len(speech.samples), int(loud[-1]) + margin)
    words = [(position, max(0.0, at - begin / speech.rate)) for position, at in speech.words]
    return Speech(speech.samples[begin:end], speech.rate, words)


def cut_off(utterance: Utterance, speech: Speech, seconds: float) -> tuple[Utterance, Speech]:
    """What of an utterance fits into the seconds: whole words, where even the first one fits."""
    whole = [(position, at) for position, at in speech.words if 0.15 < at <= seconds]
    position, at = whole[-1] if whole else (len(utterance.spoken), seconds)
    text = utterance.spoken[:position].strip() if whole else utterance.text
    words = [word for word in speech.words if word[1] < at]
    return replace(utterance, text=text, heading=False), Speech(
        speech.samples[: int(at * speech.rate)], speech.rate, words
    )


class Treatment:
    """From the synthesizer's sound to a voice in a room."""

    def __init__(self, speech: Sequence[Speech], room: float, wet: float, seed: int) -> None:
        self._seed = seed
        self._wet = wet
        self._room = Room(room, np.random.default_rng([seed, 11]), before=0.022)
        sample = np.concatenate([one.samples for one in speech if one.seconds][:12] or [np.zeros(1, np.float32)])
        self._correction = _towards_people(sample, speech[0].rate if speech else RATE)

    @property
    def tail(self) -> float:
        """Seconds by which the room rings on."""
        return self._room.length / RATE

    def apply(self, speech: Speech, index: int, second: Speech | None) -> Signal:
        """In stereo, with the room's ringing after it."""
        chance = np.random.default_rng([self._seed, 12, index])
        voice = self._dress(speech, chance)
        stage = spread(voice, 0.0)
        # The same voice a few milliseconds later at either side, drifting: width, and less of the machine.
        for side, milliseconds in ((-0.8, 13.0), (0.8, 19.0)):
            place(stage, spread(_strayed(voice, chance, 0.0012), side), int(milliseconds * RATE / 1000), 0.16)
        if second is not None and second.seconds:
            along = self._dress(_fitted(second, speech.seconds), chance)
            place(stage, spread(along, 0.35), int(0.024 * RATE), decibels(-5.5))
        ringing = self._room.ring(shape(voice, lambda hertz: high_pass(180, 2)(hertz) * low_pass(6500, 2)(hertz)))
        sound = ringing * np.float32(self._wet)
        place(sound, stage, 0)
        return sound

    def _dress(self, speech: Speech, chance: np.random.Generator) -> Signal:
        voice = resample(speech.samples, speech.rate)
        voice = _strayed(voice, chance, 0.0007)
        voice = shape(voice, self._correction)
        voice = _evened(voice)
        voice = voice + _air(voice) * np.float32(0.5)
        edge = min(len(voice) // 2, RATE // 100)
        if edge:
            voice[:edge] *= np.linspace(0, 1, edge, dtype=np.float32)
            voice[-edge:] *= np.linspace(1, 0, edge, dtype=np.float32)
        return voice


def _towards_people(sample: Signal, rate: int) -> "Correction":
    """What makes a voice's average spectrum that of people, within a few decibels, and without rumble."""
    size = fft_length(len(sample))
    power = np.abs(np.fft.rfft(sample, size)) ** 2
    hertz = np.fft.rfftfreq(size, 1 / rate)
    levels = []
    for centre in _PEOPLE_HERTZ:
        band = power[(hertz >= centre / 1.26) & (hertz < centre * 1.26)]
        levels.append(10 * np.log10(float(np.sum(band)) + 1e-12) if band.size else -120.0)
    wanted = np.array(_PEOPLE_LEVEL) - np.array(levels)
    wanted -= np.median(wanted[6:14])
    wanted = np.convolve(np.pad(wanted, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    return Correction(np.clip(wanted, -_MOST_CORRECTION, _MOST_CORRECTION))


class Correction:
    """An equaliser with a slider for each third of an octave."""

    def __init__(self, gains: NDArray[np.float64]) -> None:
        self._gains = gains

    def __call__(self, frequencies: Hertz) -> NDArray[np.float64]:
        at = np.log2(np.maximum(frequencies, 20.0))
        gains = np.interp(at, np.log2(_PEOPLE_HERTZ), self._gains)
        # A formant synthesizer buzzes where the ear is keenest.
        buzz = bell(3400, -2.0, 0.7)(frequencies)
        return np.asarray(10 ** (gains / 20) * buzz * high_pass(75)(frequencies))


def _strayed(voice: Signal, chance: np.random.Generator, depth: float) -> Signal:
    """Time runs a little unevenly, as it does in a throat: pitch and pace stray by some cents."""
    if len(voice) < _FRAME:
        return voice
    at = np.arange(len(voice)) + wander(len(voice), 0.45, chance) * depth * RATE
    return np.interp(at, np.arange(len(voice)), voice).astype(np.float32)


def _evened(voice: Signal) -> Signal:
    """Compressed 2.5 to 1 over 40 ms, then brought to one level for all utterances."""
    if not voice.size:
        return voice
    frames = -(-len(voice) // _FRAME)
    padded = np.zeros(frames * _FRAME, np.float32)
    padded[: len(voice)] = voice
    power = np.mean(padded.reshape(frames, _FRAME).astype(np.float64) ** 2, axis=1)
    power = np.convolve(np.pad(power, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    loud = power[power > 0.05 * np.max(power)]
    usual = float(np.mean(loud)) if loud.size else 1.0
    ratio = np.maximum(power / usual, 0.3)
    gains = ratio ** (-0.5 * (1 - 1 / 2.5))
    smooth = np.interp(np.arange(len(voice)), (np.arange(frames) + 0.5) * _FRAME, gains)
    evened = voice * smooth.astype(np.float32)
    active = evened[np.abs(evened) > 0.1 * np.max(np.abs(evened))] if np.any(evened) else evened
    return evened * np.float32(decibels(_LEVEL + 3.0) / max(rms(active), 1e-6))


def _air(voice: Signal) -> Signal:
    """What the synthesizer leaves out above its 11 kHz, made of the sibilants below it."""
    hiss = shape(voice, high_pass(4500, 3))
    return shape(np.abs(hiss), lambda hertz: high_pass(9500, 4)(hertz) * low_pass(16_000, 3)(hertz))


def _fitted(speech: Speech, seconds: float) -> Speech:
    """A second voice made as long as the first, if it nearly is."""
    wanted = round(seconds * speech.rate)
    if not wanted or not 0.9 < len(speech.samples) / wanted < 1.1:
        return Speech(np.zeros(0, np.float32), speech.rate, [])
    at = np.linspace(0, len(speech.samples) - 1, wanted)
    fitted = np.interp(at, np.arange(len(speech.samples)), speech.samples)
    return Speech(fitted.astype(np.float32), speech.rate, [])
