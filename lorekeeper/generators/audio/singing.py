"""Verse sung: a line spoken on one pitch is laid on the beat word by word, and each word moved to a note of the mode.

The way is pitch-synchronous overlap-add (Moulines and Charpentier, 1990): the sound is taken apart into single periods
of the voice, which are set down again at the distance of the note; the vowel's colour stays what it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from lorekeeper.generators.audio.bed import Bed
from lorekeeper.generators.audio.reading import Utterance
from lorekeeper.generators.audio.speaking import Speech

_NEAR_GRID = 0.27
_LOWEST, _HIGHEST = 55.0, 420.0
_VOICED = 0.45
_GLIDE = 0.055
_VIBRATO_CENTS = 16.0
_MOST_STRETCH = 2.0
_LAST_WORD = 1.45


@dataclass(frozen=True)
class Timing:
    """A line in time: for each word the second it was spoken at, and how many seconds of the music it gets."""

    spoken_at: list[float]
    lengths: list[float]

    @property
    def seconds(self) -> float:
        return sum(self.lengths)


def in_time(speech: Speech, beat: float) -> Timing | None:
    """Words on the half or quarter beat that comes nearest to a syllable; None for what has no words to count."""
    starts = [at for _, at in speech.words]
    if not starts or not speech.seconds:
        return None
    starts[0] = 0.0
    ends = [*starts[1:], speech.seconds]
    grid = min((beat / 4, beat / 2, beat), key=lambda step: abs(step - _NEAR_GRID))
    lengths = []
    for number, (begin, end) in enumerate(zip(starts, ends, strict=True)):
        wanted = (end - begin) * (_LAST_WORD if number + 1 == len(starts) else 1.08)
        units = max(1, round(wanted / grid))
        while units > 1 and units * grid > _MOST_STRETCH * (end - begin):
            units -= 1
        lengths.append(units * grid)
    return Timing(starts, lengths)


def line_melody(
    timing: Timing, chords: Sequence[frozenset[int]], rng: Random, *, last: bool, previous: int
) -> list[int]:
    """A degree of the scale for each word: by step from where the last line ended, long words on notes of the chord
    that sounds (`chords`, degrees within the octave), home at the end of a stanza."""
    degrees: list[int] = []
    height = previous
    count = len(timing.lengths)
    for number, (length, chord) in enumerate(zip(timing.lengths, chords, strict=True)):
        arch = 4.0 * np.sin(np.pi * (number + 0.6) / count) if count > 2 else 1.0
        pull = 1 if arch > height else -1
        height += rng.choices((0, pull, -pull), (4, 5, 1))[0]
        height = max(-2, min(6, height))
        if number + 1 == count:
            height = 0 if last else min((-3, 1, 4), key=lambda goal: abs(goal - height))
        elif length >= 0.45 or number == 0:
            height = min(range(-2, 7), key=lambda step: (abs(step - height) + 9 * (step % 7 not in chord), step))
        degrees.append(height)
    return degrees


def set_to_music(
    utterances: Sequence[Utterance],
    speech: Sequence[Speech],
    second: Sequence[Speech | None],
    begins: Sequence[float],
    bed: Bed,
    seed: int,
) -> tuple[list[Speech], list[Speech | None]]:
    """The sung ones among the utterances that are heard, each on a melody over the chords of its time."""
    sung, along = list(speech), list(second)
    height = 0
    for number, begin in enumerate(begins):
        timing = in_time(speech[number], bed.beat_seconds) if utterances[number].sung else None
        if timing is None:
            continue
        starts = np.cumsum([0.0, *timing.lengths[:-1]]) + begin
        stanza_ends = utterances[number].pause > 1 or number + 1 == len(begins)
        rng = Random(f"{seed} {number}")  # noqa: S311 - chance that must repeat, no secret
        chords = [bed.chord_at(float(start) + 0.05) for start in starts]
        degrees = line_melody(timing, chords, rng, last=stanza_ends, previous=height)
        height = degrees[-1]
        for singers in (sung, along):
            singer = singers[number]
            if singer is not None:
                singers[number] = _on_notes(singer, timing, degrees, bed, np.random.default_rng([seed, 21, number]))
    return sung, along


def _on_notes(speech: Speech, timing: Timing, degrees: Sequence[int], bed: Bed, chance: np.random.Generator) -> Speech:
    """In the octave that lies nearest to the voice's own pitch."""
    spoken = pitch_of(speech)
    own = in_time(speech, bed.beat_seconds)
    if spoken is None or own is None:
        return speech
    at = 69 + 12 * np.log2(spoken / 440)
    octave = 12 * round((at - 3 - bed.tune.root) / 12)
    hertz = [float(440 * 2 ** ((bed.tune.pitch(degree) + octave - 69) / 12)) for degree in degrees]
    # A second voice takes its words from where it said them itself, and gives them the first one's lengths.
    spoken_at = own.spoken_at if len(own.spoken_at) == len(timing.lengths) else timing.spoken_at
    return sing(speech, Timing(spoken_at, timing.lengths), hertz, spoken, chance)


def pitch_of(speech: Speech) -> float | None:
    """The one pitch, in hertz, that an utterance was spoken at; None where there is too little voice to tell."""
    samples, rate = speech.samples, speech.rate
    size = rate // 12
    found = []
    for begin in range(0, len(samples) - size, size // 2):
        frame = samples[begin : begin + size] * np.hanning(size)
        if np.sqrt(np.mean(frame**2)) < 0.02:
            continue
        likeness = np.fft.irfft(np.abs(np.fft.rfft(frame, 2 * size)) ** 2)[:size]
        least, most = int(rate / _HIGHEST), int(rate / _LOWEST)
        lag = least + int(np.argmax(likeness[least:most]))
        if likeness[lag] > _VOICED * likeness[0]:
            found.append(rate / _between(likeness, lag))
    return float(np.median(found)) if len(found) >= 2 else None


def sing(speech: Speech, timing: Timing, hertz: Sequence[float], spoken: float, chance: np.random.Generator) -> Speech:
    """The line on its notes (`hertz`, one for each word); `spoken` is the pitch it was said at."""
    rate = speech.rate
    marks, voiced = _periods(speech, rate / spoken)
    length = int(timing.seconds * rate)
    begins = np.concatenate(([0.0], np.cumsum(timing.lengths)))
    source = np.interp(np.arange(length) / rate, begins, [*timing.spoken_at, speech.seconds]) * rate
    pitch = _contour(length, rate, begins, hertz, chance)
    half = int(rate / spoken)
    window = np.hanning(2 * half + 1)
    padded = np.pad(speech.samples.astype(np.float64), half)
    out, weight = np.zeros(length + 2 * half + 1), np.zeros(length + 2 * half + 1)
    at = 0.0
    while at < length:
        here = int(at)
        nearest = min(len(marks) - 1, int(np.searchsorted(marks, source[here])))
        centre, step = marks[nearest], rate / pitch[here]
        if not voiced[nearest]:
            # A hiss has no period: taken from where it is, a little by chance, it does not begin to hum.
            centre, step = int(source[here] + chance.integers(-half // 3, half // 3 + 1)), half * 0.7
        centre = max(0, min(len(speech.samples) - 1, int(centre)))
        out[here : here + 2 * half + 1] += padded[centre : centre + 2 * half + 1] * window
        weight[here : here + 2 * half + 1] += window
        at += step
    sung = (out / np.maximum(weight, 0.4))[half : half + length]
    words = [(position, float(begin)) for (position, _), begin in zip(speech.words, begins, strict=False)]
    return Speech(sung.astype(np.float32), rate, words)


def _contour(
    length: int, rate: int, begins: NDArray[np.float64], hertz: Sequence[float], chance: np.random.Generator
) -> NDArray[np.float64]:
    """The pitch over time: from note to note in a short glide, with vibrato once a note has settled."""
    time = np.arange(length) / rate
    number = np.clip(np.searchsorted(begins, time, side="right") - 1, 0, len(hertz) - 1)
    cents = 1200 * np.log2(np.asarray(hertz))[number]
    width = max(1, int(_GLIDE * rate))
    cents = np.convolve(np.pad(cents, (width, width), mode="edge"), np.hanning(width + 2)[1:-1], mode="same")
    cents = cents[width : width + length] / np.sum(np.hanning(width + 2)[1:-1])
    since = time - begins[number]
    depth = np.clip((since - 0.22) / 0.3, 0, 1) * _VIBRATO_CENTS
    speed = 5.1 + 0.3 * chance.random()
    return np.asarray(2 ** ((cents + depth * np.sin(2 * np.pi * speed * time)) / 1200))


def _periods(speech: Speech, period: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where the periods of the voice lie, each most like the one before it, and which of them are voiced."""
    samples = np.pad(speech.samples.astype(np.float64), int(2 * period) + 2)
    shift = int(2 * period) + 2
    half, slack = int(period / 2), max(1, int(period * 0.12))
    marks = [int(np.argmax(np.abs(samples[shift : shift + int(period)])))]
    voiced = [False]
    while marks[-1] + period < len(speech.samples):
        last = marks[-1] + shift
        model = samples[last - half : last + half]
        best, found = -2.0, round(last + period)
        for centre in range(round(last + period) - slack, round(last + period) + slack + 1):
            other = samples[centre - half : centre + half]
            norm = np.sqrt(float(np.sum(model**2)) * float(np.sum(other**2))) + 1e-9
            likeness = float(np.sum(model * other)) / norm
            if likeness > best:
                best, found = likeness, centre
        voiced.append(best > _VOICED)
        marks.append((found if best > _VOICED else round(last + period)) - shift)
    return np.array(marks), np.array(voiced)


def _between(likeness: NDArray[np.float64], lag: int) -> float:
    """The peak between samples, by the parabola through three of them."""
    before, top, after = likeness[lag - 1], likeness[lag], likeness[lag + 1]
    bend = before - 2 * top + after
    return lag + (0.5 * float(before - after) / float(bend) if bend else 0.0)
