"""Text to a finished sound track: read, spoken, laid out in time, set to music, mastered."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from lorekeeper.generators.audio.bed import Bed
from lorekeeper.generators.audio.ending import endings, shortened, slower_by
from lorekeeper.generators.audio.mastering import Loudness, master
from lorekeeper.generators.audio.mixing import Parts, mix, spans_of
from lorekeeper.generators.audio.planning import (
    LONGEST,
    LONGEST_UNASKED,
    SHORTEST,
    Frame,
    Plan,
    frame_for,
    hurry_for,
    lay_out,
    rests_of,
)
from lorekeeper.generators.audio.reading import Utterance, read_aloud
from lorekeeper.generators.audio.singing import in_time, set_to_music
from lorekeeper.generators.audio.speaking import Speech, speak
from lorekeeper.generators.audio.styles import Style, beats_a_minute, check_tempo, is_plain, style_for
from lorekeeper.generators.audio.voicing import Speaker, Treatment, cut_off, speaker_for, trimmed
from lorekeeper.generators.passages import Passage
from lorekeeper.sdk.handling import JobError

_MORE_THAN_FITS = 1.3
_HARDLY_SLOWER = 0.985
_CHARACTERS_A_SECOND = 26
"""More than anybody speaks: what lies beyond so many for each second of sound is never spoken, so it is not read."""


@dataclass(frozen=True)
class Narration:
    """A sound track. `path` is a WAV file of 48 kHz, two channels; `spans` say when each sentence or verse line is
    spoken, in order: begin and end in seconds, and its text.

    `spoken` of `characters` were said, `hurry` times as fast as the style would have it; `sung` lines of it were sung.
    """

    path: Path
    seconds: float
    spans: list[tuple[float, float, str]]
    style: str
    tempo: float | None
    mode: str | None
    voice: str
    words_a_minute: float
    spoken: int
    characters: int
    hurry: float
    sung: int
    loudness: Loudness


def narrate(
    passages: Sequence[str | Passage],
    *,
    style: str | None,
    tempo: float | None,
    seconds: float | None,
    rng: Random,
    work_dir: Path,
    progress: Callable[[float], None],
    language: str | None = None,
    sung: bool = False,
) -> Narration:
    """Passages spoken over music, in order; a stanza's lines stay lines. The same arguments give the same bytes.

    `style` is free words; "plain", "spoken" or "no music" leave the voice alone, and `tempo` then counts its words a
    minute, else the beats of the music (within 40 to 200, by doubling or halving), which the voice follows a little.
    `seconds` of None: as long as the text takes, at most ten minutes. What is too long for `seconds` is said up to 1.2
    times as fast where that makes it fit, else cut at a sentence's end (a line's, where none is near). `sung`: verse
    lines are sung to the music. `progress` is told shares of one, rising; what it raises ends the work. -16 LUFS, true
    peak below -1.9 dBTP.

    Raises `JobError`: `nothing_to_speak`, `duration_not_possible`, `tempo_not_possible`, `unknown_language`,
    `speech_missing`, `speech_failed`, and those of `media.run_ffmpeg`.
    """
    check_tempo(tempo)
    tell = _rising(progress)
    chosen, plain = style_for(style), is_plain(style)
    text = _read(passages, seconds, sung=sung and not plain)
    seed = rng.getrandbits(32)
    bed = None if plain else Bed(chosen, beats_a_minute(chosen, tempo), Random(seed), seconds)  # noqa: S311 - as rng
    speaker = speaker_for(chosen.voice, rng, _words_a_minute(chosen, tempo, plain=plain), language)
    said = _say(text.utterances, speaker, seconds, seed, lambda share: tell(0.05 + 0.2 * share), bed)
    treatment = Treatment(said.speech, min(1.6, chosen.hall), chosen.voice.room, seed)
    raw, path = work_dir / "spoken.f32", work_dir / "spoken.wav"
    singing = any(utterance.sung for utterance in said.utterances)
    parts = Parts(said.plan, said.speech, said.second, treatment, bed, singing)
    mix(parts, raw, lambda share: tell(0.25 + 0.55 * share))
    loudness = master(raw, path, watch=lambda _: tell(0.85))
    raw.unlink()
    return _told(path, text, said, chosen, bed, loudness)


def _told(path: Path, text: "_Text", said: "_Said", style: Style, bed: Bed | None, loudness: Loudness) -> Narration:
    heard = list(zip(spans_of(said.plan, said.speech), said.utterances, strict=False))
    return Narration(
        path=path,
        seconds=round(said.plan.seconds * 48_000) / 48_000,
        spans=[(round(begin, 3), round(end, 3), utterance.text) for (begin, end), utterance in heard],
        style=style.name if bed else "plain",
        tempo=round(60 / bed.beat_seconds, 3) if bed else None,
        mode=bed.tune.mode if bed else None,
        voice=said.speaker.variant,
        words_a_minute=round(said.speaker.rate, 1),
        spoken=sum(len(utterance.text) for _, utterance in heard),
        characters=text.characters,
        hurry=round(said.hurry, 3),
        sung=sum(utterance.sung for _, utterance in heard),
        loudness=loudness,
    )


def _rising(progress: Callable[[float], None]) -> Callable[[float], None]:
    """Speaking again, faster or with a second voice, begins at nothing: what was told is not taken back."""
    highest = 0.0

    def tell(share: float) -> None:
        nonlocal highest
        highest = max(highest, share)
        progress(highest)

    return tell


@dataclass(frozen=True)
class _Text:
    utterances: list[Utterance]
    characters: int


@dataclass(frozen=True)
class _Said:
    speaker: Speaker
    utterances: list[Utterance]
    speech: list[Speech]
    second: list[Speech | None]
    plan: Plan
    hurry: float


def _read(passages: Sequence[str | Passage], seconds: float | None, *, sung: bool) -> _Text:
    """As much as could be said in the time, and how much there is in all."""
    if seconds is not None and not SHORTEST <= seconds <= LONGEST:
        raise JobError("duration_not_possible", f"A sound may last from {SHORTEST:g} to {LONGEST:g} seconds.")
    most = int((seconds or LONGEST_UNASKED) * _CHARACTERS_A_SECOND) + 500
    taken: list[Utterance] = []
    characters = 0
    for utterance in read_aloud(passages, most):
        if characters < most:
            taken.append(replace(utterance, sung=sung and utterance.verse))
        characters += len(utterance.text)
    if not taken:
        raise JobError("nothing_to_speak", "The references and the prompt hold no text that could be spoken.")
    return _Text(taken, characters)


def _words_a_minute(style: Style, tempo: float | None, *, plain: bool) -> float | None:
    """Asked for in words a minute of a voice alone; over music the voice goes a little with the beat."""
    if tempo is None or plain:
        return tempo
    return style.voice.rate * min(1.2, max(0.85, math.pow(beats_a_minute(style, tempo) / style.tempo, 0.3)))


def _say(
    utterances: list[Utterance],
    speaker: Speaker,
    seconds: float | None,
    seed: int,
    heard: Callable[[float], None],
    bed: Bed | None,
) -> _Said:
    """Spoken at the style's pace, and again faster where that makes all of it fit; sung where it is to be."""
    frame = frame_for(seconds, bed.bar_seconds if bed else 0.0, plain=bed is None)
    rests = rests_of(utterances, speaker.voice.rest)
    beat = bed.beat_seconds if bed else None
    # More than fits even in a hurry need not be spoken to know that it does not fit.
    enough = _MORE_THAN_FITS * (seconds or LONGEST_UNASKED) + 1
    speech = _speak(utterances, speaker, seed, heard, enough)
    utterances, rests = utterances[: len(speech)], rests[: len(speech)]
    if not any(one.seconds for one in speech):
        raise JobError("nothing_to_speak", "The synthesizer has no voice for this text.")
    hurry = hurry_for(_lengths(utterances, speech, beat), rests, frame, seconds)
    if hurry > 1:
        speaker = replace(speaker, rate=speaker.rate * hurry)
        speech = _speak(utterances, speaker, seed, heard, float("inf"))
    plan = lay_out(_lengths(utterances, speech, beat), rests, frame, seconds, beat)
    if plan.cut is None and len(plan.begins) < len(utterances):
        fitting = _Fitting(speaker, frame, seconds, beat)
        utterances, speech, plan, hurry = fitting.ended(utterances, speech, len(plan.begins), seed, heard)
        speaker = replace(speaker, rate=speaker.rate * hurry)
    second: list[Speech | None] = [None] * len(plan.begins)
    if plan.cut is not None:
        first, cut = cut_off(utterances[0], speech[0], plan.cut - plan.begins[0])
        return _Said(speaker, [first], [cut], second, plan, hurry)
    if speaker.voice.chorus:
        second = list(_speak(utterances[: len(plan.begins)], speaker, seed, heard, float("inf"), second=True))
    if bed:
        speech, second = set_to_music(utterances, speech, second, plan.begins, bed, seed)
    return _Said(speaker, utterances, speech, second, plan, hurry)


@dataclass(frozen=True)
class _Fitting:
    """Text of which only a part fits."""

    speaker: Speaker
    frame: Frame
    seconds: float | None
    beat: float | None

    def ended(
        self, utterances: list[Utterance], speech: list[Speech], count: int, seed: int, heard: Callable[[float], None]
    ) -> tuple[list[Utterance], list[Speech], Plan, float]:
        """Up to the last end of a sentence (else of a line) that fits; and a little slower where that leaves time."""
        for ending in endings(utterances, speech, count):
            kept, sound = shortened(utterances, speech, ending)
            plan = self._plan(kept, sound)
            if plan.cut is None and len(plan.begins) == len(kept):
                break
        if self.seconds is None:
            return kept, sound, plan, 1.0
        last = plan.begins[-1] + _lengths(kept[-1:], sound[-1:], self.beat)[0]
        pace = slower_by(sound, self.seconds - self.frame.outro - last)
        if pace > _HARDLY_SLOWER:
            return kept, sound, plan, 1.0
        slower = replace(self.speaker, rate=self.speaker.rate * pace)
        again = _speak(kept, slower, seed, heard, float("inf"))
        plan_again = self._plan(kept, again)
        if plan_again.cut is not None or len(plan_again.begins) < len(kept):
            return kept, sound, plan, 1.0
        return kept, again, plan_again, pace

    def _plan(self, utterances: list[Utterance], speech: list[Speech]) -> Plan:
        rests = rests_of(utterances, self.speaker.voice.rest)
        return lay_out(_lengths(utterances, speech, self.beat), rests, self.frame, self.seconds, self.beat)


def _lengths(utterances: list[Utterance], speech: list[Speech], beat: float | None) -> list[float]:
    """Seconds of each utterance, as it will be spoken or sung."""
    lengths = []
    for utterance, one in zip(utterances, speech, strict=True):
        timing = in_time(one, beat) if beat and utterance.sung else None
        lengths.append(timing.seconds if timing else one.seconds)
    return lengths


def _speak(
    utterances: list[Utterance],
    speaker: Speaker,
    seed: int,
    heard: Callable[[float], None],
    enough: float,
    *,
    second: bool = False,
) -> list[Speech]:
    requests = speaker.requests(utterances, seed, second=second)
    return [trimmed(one) for one in speak(requests, lambda count: heard(count / len(requests)), enough)]
