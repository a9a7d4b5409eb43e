"""The music under the voice, read as notes; and when the voice comes in."""

from random import Random

import numpy as np
import pytest

from lorekeeper.generators.audio.bed import Bed
from lorekeeper.generators.audio.composing import Tune
from lorekeeper.generators.audio.planning import Frame, Rest, hurry_for, lay_out
from lorekeeper.generators.audio.singing import Timing, in_time, line_melody, pitch_of, sing
from lorekeeper.generators.audio.speaking import Request, Speech, speak
from lorekeeper.generators.audio.styles import STYLES, Style, beats_a_minute, is_plain, is_sung, style_for


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_note_is_in_the_mode_and_the_tune_ends_at_home(style: Style) -> None:
    for seed in range(8):
        tune = Tune(style, Random(seed), bars=8)
        sections = [tune.section(label) for label in "ABC"] + [tune.close(8.0)]
        for notes in sections:
            pitches = [note.pitch for note in notes if isinstance(note.pitch, int)]
            assert all((pitch - tune.root) % 12 in tune.scale for pitch in pitches)
            assert all(20 <= pitch <= 105 for pitch in pitches)
            assert all(0 <= note.beat < 8 * style.beats and note.beats > 0 for note in notes)
            assert {"pad", "bass"} <= {note.part for note in notes}
        melody = [note for note in sections[0] if note.part == "lead"]
        assert isinstance(melody[-1].pitch, int)
        assert (melody[-1].pitch - tune.root) % 12 == 0
        assert len({note.pitch for note in melody}) > 1


def test_the_same_chance_writes_the_same_tune_and_another_does_not() -> None:
    one, two, other = (Tune(STYLES[0], Random(seed), bars=8).section("B") for seed in (4, 4, 5))
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("A solemn HYMN for the drowned", "hymn"),
        ("sea shanty", "shanty"),
        ("calm, soft lullaby", "lullaby"),
        ("epic march", "march"),
        ("dark & ominous", "dark"),
        ("a lament, mournful", "elegy"),
        ("ethereal and mystical", "mystic"),
        ("woodcut in two inks", "tale"),
        ("", "tale"),
        (None, "tale"),
    ],
)
def test_words_choose_the_style(asked: str | None, name: str) -> None:
    assert style_for(asked).name == name


@pytest.mark.parametrize(("asked", "plain"), [("plain speech", True), ("no music", True), ("plaintive", False)])
def test_music_can_be_declined(asked: str, plain: bool) -> None:
    assert is_plain(asked) is plain


@pytest.mark.parametrize(("asked", "beats"), [(90, 90), (400, 200), (0.001, 65.536), (39, 78), (None, 66)])
def test_tempo_is_doubled_or_halved_until_one_can_follow(asked: float | None, beats: float) -> None:
    assert beats_a_minute(STYLES[0], asked) == pytest.approx(beats)


def test_styles_sound_unlike_each_other_and_never_clip() -> None:
    """By how their energy is spread over the octaves."""
    spread = {}
    for name in ("lullaby", "shanty", "dark"):
        style = next(one for one in STYLES if one.name == name)
        bed = Bed(style, 120.0, Random(9), seconds=4.0)
        backing, lead = bed.play(0, 6 * 48_000)
        sound = (backing + lead)[0]
        assert np.abs(sound).max() < 1
        assert np.sqrt(np.mean(sound**2)) > 0.01
        power = np.abs(np.fft.rfft(sound)) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1 / 48_000)
        edges = (40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240)
        bands = [power[(hertz >= low) & (hertz < 2 * low)].sum() for low in edges]
        spread[name] = 10 * np.log10(np.array(bands) / power.sum() + 1e-6)
    for one, other in (("lullaby", "shanty"), ("shanty", "dark"), ("dark", "lullaby")):
        assert np.mean(np.abs(spread[one] - spread[other])) > 3


def test_section_sounds_the_same_wherever_it_is_read_from() -> None:
    bed = Bed(STYLES[1], 160.0, Random(2), seconds=4.0)
    whole = np.concatenate(bed.play(0, 300_000))
    parts = np.concatenate([np.concatenate(bed.play(at, 100_000)) for at in (0, 100_000, 200_000)], axis=1)
    assert np.allclose(whole, parts, atol=1e-6)


def test_speech_that_fits_is_laid_out_within_its_frame() -> None:
    lengths, rests = [2.0, 3.0, 2.5], [Rest(0.5), Rest(0.5), Rest(1.0)]
    plan = lay_out(lengths, rests, Frame(2.0, 3.0), 30.0, None)
    assert (plan.seconds, len(plan.begins), plan.cut) == (30.0, 3, None)
    assert plan.begins[0] >= 2.0
    assert plan.begins[-1] + 2.5 <= 27.0
    assert lay_out(lengths, rests, Frame(2.0, 3.0), None, None).seconds == pytest.approx(2 + 8.5 + 3)


def test_verse_begins_on_the_beat_where_there_is_room_for_it() -> None:
    lengths, rests = [1.9, 2.1, 1.7], [Rest(0.4, on_beat=True)] * 3
    plan = lay_out(lengths, rests, Frame(1.0, 1.0), 20.0, 0.75)
    assert all(abs(begin / 0.75 - round(begin / 0.75)) < 1e-9 for begin in plan.begins)
    tight = lay_out(lengths, rests, Frame(1.0, 1.0), 8.5, 0.75)
    assert len(tight.begins) == 3


def test_hurry_is_for_what_it_makes_fit() -> None:
    rests, frame = [Rest(0.5)] * 4, Frame(1.0, 1.0)
    assert hurry_for([2.0] * 4, rests, frame, None) == 1
    assert hurry_for([2.0] * 4, rests, frame, 12.0) == 1
    assert 1 < hurry_for([2.0] * 4, rests, frame, 10.2) <= 1.2
    assert hurry_for([2.0] * 4, rests, frame, 6.0) == 1


def test_line_is_sung_on_its_notes_and_in_its_time() -> None:
    """The pitch of each word, found again in the sound, is that of the note; only the words' lengths have changed."""
    line = "Thirty one sails for the herring ground"
    (spoken,) = speak([Request(line, ("en-gb-x-rp+m3",), 125, 64, 0, 0)])
    pitch, timing = pitch_of(spoken), in_time(spoken, 0.6)
    assert pitch is not None
    assert timing is not None
    assert len(timing.lengths) == len(spoken.words) == 6  # "for the" is said as one
    assert all(abs(length / 0.3 - round(length / 0.3)) < 1e-9 for length in timing.lengths)
    notes = [pitch * 2 ** (step / 12) for step in (0, 2, 7, -3, 5, 0)]
    sung = sing(spoken, timing, notes, pitch, np.random.default_rng(1))
    assert sung.seconds == pytest.approx(timing.seconds, abs=0.01)
    begin = 0.0
    for length, note in zip(timing.lengths, notes, strict=True):
        word = sung.samples[int((begin + 0.05) * sung.rate) : int((begin + length) * sung.rate)]
        heard = pitch_of(Speech(word, sung.rate, []))
        assert heard is None or abs(1200 * np.log2(heard / note)) < 30
        begin += length
    assert 0.5 < np.std(sung.samples) / np.std(spoken.samples) < 1.5


def test_melody_of_a_stanza_stays_in_reach_and_comes_home() -> None:
    timing = Timing([0.0, 0.5, 1.0, 1.5, 2.0], [0.3, 0.6, 0.3, 0.6, 0.9])
    chords = [frozenset({0, 2, 4})] * 5
    for seed in range(20):
        degrees = line_melody(timing, chords, Random(seed), last=True, previous=seed % 7)
        assert degrees[-1] == 0
        assert all(-3 <= degree <= 6 for degree in degrees)
        assert degrees[1] % 7 in {0, 2, 4}


@pytest.mark.parametrize(
    ("asked", "lyrics", "sung"),
    [(None, True, True), (None, False, False), ("a song", False, True), ("spoken hymn", True, False)],
)
def test_lyrics_are_sung_unless_they_are_to_be_spoken(asked: str | None, lyrics: bool, sung: bool) -> None:
    assert is_sung(asked, lyrics=lyrics) is sung
