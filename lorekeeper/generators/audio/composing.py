"""Writing the music: a mode, chords, and a tune made of one motif, by rules of counterpoint that any hymnal follows."""

import math
from dataclasses import dataclass
from random import Random

from lorekeeper.generators.audio.styles import Style

MODES: dict[str, tuple[int, ...]] = {
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
}
LABELS = "ABAC"
"""The order of the sections, again and again."""
CLOSE = "Z"
_PHRASE = 4


@dataclass(frozen=True)
class Note:
    """`beat` and `beats` from the section's begin; `pitch` as MIDI counts it, or a drum's name in its place."""

    part: str
    beat: float
    beats: float
    pitch: int | str
    loud: float = 1.0


@dataclass(frozen=True)
class Motif:
    """A bar of melody: lengths in beats (a negative one is a rest), and for each note its steps above the anchor."""

    rhythm: tuple[float, ...]
    steps: tuple[int, ...]


class Tune:
    """One piece. `section` gives the notes of each of its parts, by label; the same chance writes the same piece."""

    def __init__(self, style: Style, rng: Random, bars: int) -> None:
        self.style = style
        self.bars = bars
        self.mode = rng.choice(style.modes)
        self.scale = MODES[self.mode]
        self.root = rng.randint(*style.root)
        chosen = rng.sample(style.progressions, k=min(3, len(style.progressions)))
        self._chords = dict(zip("ABC", (chosen * 3)[:3], strict=True))
        self._motifs = [self._motif(rng) for _ in range(3)]
        self._seed = rng.getrandbits(32)

    def section(self, label: str) -> list[Note]:
        """The notes of a section, in the order of the parts."""
        rng = Random(f"{self._seed} {label}")  # noqa: S311 - chance that must repeat, no secret
        notes: list[Note] = []
        for bar in range(self.bars):
            at = bar * self.style.beats
            notes += self._ground(self.degree(label, bar), at, rng)
            notes += self._drums(at, rng, last=bar == self.bars - 1)
        return notes + self._melody(label, rng)

    def degree(self, label: str, bar: int) -> int:
        """The chord's root in a bar of a section, as a degree of the scale. Section B alone ends in the open."""
        if label == CLOSE or (bar == self.bars - 1 and label != "B"):
            return 0
        return self._sound(self._chords[label][bar % _PHRASE])

    def pitch(self, degree: int) -> int:
        """A degree of the scale (below 0 and above 6 too) as MIDI counts pitches."""
        octave, step = divmod(degree, 7)
        return self.root + 12 * octave + self.scale[step]

    def _sound(self, degree: int) -> int:
        """A diminished triad is nobody's resting place: the chord a third below takes its part."""
        fifth = self.pitch(degree + 4) - self.pitch(degree)
        return degree if fifth == 7 else (degree - 2) % 7

    def _ground(self, degree: int, at: float, rng: Random) -> list[Note]:
        """Pad, bass and strum of a bar."""
        style, beats = self.style, float(self.style.beats)
        low = self.root + (0 if style.pad == "drone" else 4)
        chord = sorted(low + (self.pitch(degree + third) - low) % 12 for third in (0, 2, 4))
        if style.pad == "drone":
            chord = [chord[0], self._within(self.pitch(degree + 4), self.root)]
        notes = [Note("pad", at, beats, pitch) for pitch in chord]
        bass = self._within(self.pitch(degree), self.root - 14)
        for index, (beat, third) in enumerate(style.bass_steps):
            until = style.bass_steps[index + 1][0] if index + 1 < len(style.bass_steps) else beats
            pitch = bass if third == 0 else self._within(self.pitch(degree + 4), bass - 5)
            notes.append(Note("bass", at + beat, until - beat, pitch, 1.0 if index == 0 else 0.8))
        return notes + self._strum(chord, at, rng)

    def _strum(self, chord: list[int], at: float, rng: Random) -> list[Note]:
        style = self.style
        if style.strum is None or len(chord) < 3:
            return []
        if len(style.strum_beats) <= 2:
            return [
                Note("strum", at + beat + index * 0.025, 0.45, pitch + 12, 0.8)
                for beat in style.strum_beats
                for index, pitch in enumerate(chord)
            ]
        ladder = [*chord, chord[0] + 12, chord[1] + 12]
        figure = (0, 2, 1, 3, 2, 4, 3, 1)
        return [
            Note("strum", at + beat, 1.0, ladder[figure[index % 8]] + (12 if style.strum == "harp" else 0),
                 (1.0 if index == 0 else 0.72) * rng.uniform(0.9, 1.1))
            for index, beat in enumerate(style.strum_beats)
        ]  # fmt: skip

    def _drums(self, at: float, rng: Random, *, last: bool) -> list[Note]:
        notes = [
            Note("drums", at + beat, 0.5, name, loud * rng.uniform(0.88, 1.08)) for name, beat, loud in self.style.drums
        ]
        if last and any(name == "snare" for name, _, _ in self.style.drums):
            roll = self.style.beats - 1
            notes += [Note("drums", at + roll + step / 6, 0.2, "snare", 0.12 + 0.05 * step) for step in range(6)]
        return notes

    def _motif(self, rng: Random) -> Motif:
        rhythm = rng.choice(self.style.rhythms)
        steps = [0]
        for _ in rhythm[1:]:
            steps.append(steps[-1] + rng.choices((-2, -1, 1, 2), (1, 4, 4, 1))[0])
        return Motif(rhythm, tuple(steps))

    def _melody(self, label: str, rng: Random) -> list[Note]:
        """Two phrases or one: the motif, its answer, the motif again where the new chord puts it, and a cadence."""
        notes: list[Note] = []
        first = self._motifs["ABC".index(label)]
        answer = self._motif(rng)
        previous = 4
        for bar in range(self.bars):
            within = bar % _PHRASE
            degree = self.degree(label, bar)
            arch = 3.5 + 4.0 * math.sin(math.pi * (bar + 0.5) / self.bars)
            anchor = self._nearest(degree, 0.5 * previous + 0.5 * arch)
            if within == _PHRASE - 1:
                of_bar = self._cadence(degree, previous, at_end=bar == self.bars - 1)
            else:
                of_bar = self._set_motif(first if within != 1 else answer, anchor, degree)
            for beat, beats, step in of_bar:
                previous = step
                notes.append(
                    Note("lead", bar * self.style.beats + beat, beats, self._lead(step), rng.uniform(0.85, 1.0))
                )
        return notes

    def _set_motif(self, motif: Motif, anchor: int, degree: int) -> list[tuple[float, float, int]]:
        """The motif's notes; those on a strong beat are drawn to the chord."""
        set_notes: list[tuple[float, float, int]] = []
        beat = 0.0
        for length, step in zip(motif.rhythm, motif.steps, strict=True):
            if length > 0 and beat < self.style.beats:
                strong = beat in {0.0, self.style.beats / 2} or length >= 2
                height = max(0, min(11, anchor + step))
                height = self._nearest(degree, height) if strong else height
                set_notes.append((beat, min(length, self.style.beats - beat), height))
            beat += abs(length)
        return set_notes

    def _cadence(self, degree: int, previous: int, *, at_end: bool) -> list[tuple[float, float, int]]:
        """By step to the keynote at the end, to another note of the chord before that; then room to breathe."""
        beats = float(self.style.beats)
        goal = (7 if previous > 3 else 0) if at_end else self._nearest(degree, previous)
        approach = goal + (1 if previous >= goal else -1)
        return [(0.0, 1.0, max(0, approach)), (1.0, max(1.0, beats - 2.0), goal)]

    def _nearest(self, degree: int, height: float) -> int:
        """The chord's note that lies closest to a height in scale steps."""
        tones = [degree % 7 + third + octave for third in (0, 2, 4) for octave in (-7, 0, 7)]
        return min((tone for tone in tones if 0 <= tone <= 11), key=lambda tone: (abs(tone - height), tone))

    def _lead(self, step: int) -> int:
        low = {"brass": 0, "organ": 12, "fiddle": 12, "flute": 24, "bell": 12, "musicbox": 0}[self.style.lead]
        return self.pitch(step) + low

    def close(self, beats: float) -> list[Note]:
        """The last chord, held for so many beats."""
        notes = [note for note in self._ground(0, 0.0, Random(0)) if note.part != "strum"]  # noqa: S311
        held = [Note(note.part, 0.0, beats, note.pitch, note.loud) for note in notes if note.beat == 0]
        if self.style.strum:
            chord = [note.pitch for note in held if note.part == "pad" and isinstance(note.pitch, int)]
            ladder = [*chord, *(pitch + 12 for pitch in chord)]
            held += [Note("strum", index * 0.12, beats, pitch) for index, pitch in enumerate(ladder)]
        held += [Note("drums", 0.0, 0.5, name, loud) for name, beat, loud in self.style.drums if beat == 0]
        return [*held, Note("lead", 0.0, beats, self._lead(7), 0.9)]

    @staticmethod
    def _within(pitch: int, low: int) -> int:
        return low + (pitch - low) % 12
