"""The music under the voice, played section by section, so that an hour of it takes no more memory than a minute."""

from random import Random

import numpy as np

from lorekeeper.generators.audio.composing import CLOSE, LABELS, Note, Tune
from lorekeeper.generators.audio.drums import DRUMS
from lorekeeper.generators.audio.sound import RATE, Room, Signal, bell, decibels, high_pass, place, rms, shape, spread
from lorekeeper.generators.audio.styles import Style
from lorekeeper.generators.audio.timbres import INSTRUMENTS

_LONGEST_SECTION = 34.0
_PARTS = ("pad", "bass", "strum", "drums", "lead")
_LEVELS = {"pad": -27.0, "bass": -26.0, "strum": -28.0, "drums": -28.0, "lead": -26.0}
_PLACES = {"pad": 0.0, "bass": -0.06, "strum": 0.38, "drums": 0.1, "lead": -0.32}
_SENDS = {"pad": 1.0, "bass": 0.35, "strum": 0.9, "drums": 0.7, "lead": 1.2}
_LOUDNESS = -25.5


class Bed:
    """Two stems, backing and lead, that go on for as long as is asked; the lead can so be held back under a voice."""

    def __init__(self, style: Style, tempo: float, rng: Random, seconds: float | None = None) -> None:
        """`seconds` of music will be wanted, as far as is known: of a short piece no long section is written."""
        self.style = style
        self.beat_seconds = 60.0 / tempo
        self.bar_seconds = self.beat_seconds * style.beats
        longest = min(_LONGEST_SECTION, seconds or _LONGEST_SECTION)
        bars = 8 if self.bar_seconds * 8 <= longest else 4
        self.tune = Tune(style, rng, bars)
        self._seed = rng.getrandbits(32)
        self._length = round(self.bar_seconds * bars * RATE)
        self._hall = Room(style.hall, np.random.default_rng([self._seed, 1]))
        self._notes: dict[tuple[str, int | str, int], Signal] = {}
        self._gains: dict[str, float] = {}
        self._sections: dict[str, tuple[Signal, Signal]] = {}
        self._gain: float | None = None

    def play(self, begin: int, length: int) -> tuple[Signal, Signal]:
        """Backing and lead of the samples from `begin` on."""
        backing, lead = np.zeros((2, length), np.float32), np.zeros((2, length), np.float32)
        first = begin // self._length - 1
        for number in range(max(0, first), (begin + length) // self._length + 1):
            stems = self.section(LABELS[number % len(LABELS)])
            at = number * self._length - begin
            place(backing, stems[0], at)
            place(lead, stems[1], at)
        return backing, lead

    def chord_at(self, seconds: float) -> frozenset[int]:
        """The degrees of the chord that sounds then."""
        number, within = divmod(max(0.0, seconds), self._length / RATE)
        bar = min(self.tune.bars - 1, int(within / self.bar_seconds))
        degree = self.tune.degree(LABELS[int(number) % len(LABELS)], bar)
        return frozenset((degree + third) % 7 for third in (0, 2, 4))

    def close(self, seconds: float) -> Signal:
        """The last chord, as both stems together, for so many seconds."""
        self.section(LABELS[0])
        backing, lead = self._render(CLOSE, self.tune.close(seconds / self.beat_seconds))
        chord = backing + lead
        # Everything at once must not be louder than what went before it: the loudest half second tells.
        loudest = max(self._heard(chord[:, at : at + RATE // 2]) for at in range(0, RATE, RATE // 4))
        return chord * np.float32(min(1.0, decibels(_LOUDNESS + 2.0) / loudest))

    def section(self, label: str) -> tuple[Signal, Signal]:
        """Backing and lead of a section, with the hall's ringing beyond its end."""
        if label not in self._sections:
            self._sections[label] = self._render(label, self.tune.section(label))
        return self._sections[label]

    def _render(self, label: str, notes: list[Note]) -> tuple[Signal, Signal]:
        parts = self._perform(label, notes)
        if not self._gains:
            self._gains = {name: self._balance(name, sound) for name, sound in parts.items()}
        backing = self._mix([(name, parts[name]) for name in _PARTS[:-1]])
        lead = self._mix([("lead", parts["lead"])])
        # Speech is understood by what it has between one and four kilohertz: the backing stays out of there.
        backing = shape(backing, lambda hertz: bell(2100, -4.5, 1.3)(hertz) * high_pass(32, 2)(hertz))
        if self._gain is None:
            self._gain = decibels(_LOUDNESS) / self._heard(backing + lead)
        return backing * np.float32(self._gain), lead * np.float32(self._gain)

    def _heard(self, sound: Signal) -> float:
        """How loud the ear takes it to be: less of the low, more of the high."""
        return rms(shape(sound[:, : self._length], lambda hertz: high_pass(55, 2)(hertz) * (1 + 0.5 * (hertz > 1500))))

    def _balance(self, name: str, sound: Signal) -> float:
        if not np.any(sound):
            return 0.0
        return decibels(_LEVELS[name] + self.style.levels.get(name, 0.0)) / rms(sound[: self._length])

    def _perform(self, label: str, notes: list[Note]) -> dict[str, Signal]:
        """Each part by itself, in one channel."""
        chance = np.random.default_rng([self._seed, 2, ord(label)])
        end = max((note.beat + note.beats) * self.beat_seconds for note in notes)
        longest = max(self._length, int(end * RATE)) + 4 * RATE
        parts = {name: np.zeros(longest, np.float32) for name in _PARTS}
        for note in notes:
            late = chance.normal(0, 0.006) if note.part not in {"pad", "bass"} else 0.0
            at = round((note.beat * self.beat_seconds + max(-0.012, late)) * RATE)
            place(parts[note.part], self._sound(note), at, note.loud)
        return parts

    def _sound(self, note: Note) -> Signal:
        """A note's sound, rendered once for each pitch and length."""
        seconds = note.beats * self.beat_seconds
        key = (note.part, note.pitch, round(seconds * 1000))
        if key not in self._notes:
            pitch = list(DRUMS).index(note.pitch) if isinstance(note.pitch, str) else note.pitch
            chance = np.random.default_rng([self._seed, 3, _PARTS.index(note.part), pitch, key[2]])
            if isinstance(note.pitch, str):
                self._notes[key] = DRUMS[note.pitch](chance)
            else:
                hertz = 440.0 * 2 ** ((note.pitch - 69) / 12)
                self._notes[key] = INSTRUMENTS[getattr(self.style, note.part)](hertz, seconds * 0.98, chance)
        return self._notes[key]

    def _mix(self, parts: list[tuple[str, Signal]]) -> Signal:
        """Placed in the hall, from left to right."""
        dry = sum((spread(sound * np.float32(self._gains[name]), _PLACES[name]) for name, sound in parts))
        sent = sum((sound * np.float32(self._gains[name] * _SENDS[name]) for name, sound in parts))
        wet = self._hall.ring(np.asarray(sent, np.float32))
        place(wet, np.asarray(dry, np.float32) / np.float32(max(0.1, self.style.wet)), 0)
        return wet * np.float32(self.style.wet)
