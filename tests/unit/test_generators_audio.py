"""AUDIO: length, loudness and words of the files it makes, measured in the files; and that no text can break it."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_generators_lore import HOSTILE, VERSE, Context, checksum_in_another_process, chunk, claim, job, make

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.generators import HANDLERS
from lorekeeper.generators.audio import Narration, narrate
from lorekeeper.generators.audio.asset import tell_claim
from lorekeeper.generators.audio.ending import endings, shortened
from lorekeeper.generators.audio.mastering import measure
from lorekeeper.generators.audio.reading import Utterance, ends_sentence, read_aloud, split_sentences
from lorekeeper.generators.audio.speaking import Request, Speech, speak
from lorekeeper.generators.audio.styles import Voice
from lorekeeper.generators.audio.voicing import speaker_for
from lorekeeper.generators.lyrics import read_lyrics
from lorekeeper.generators.media import probe, run_ffmpeg
from lorekeeper.sdk.handling import JobCancelled, JobError, MadeFile

PROSE = "Mr. Ott rang the bell at four. Nobody came. The tide, which had been owed for a year, was late again!"
SHORT_VERSE = "I. WASHING DAY\n\nThe sea went out\nand never came back."
RATE = 48_000


def told(
    text: str, folder: Path, seconds: float | None = 3.0, style: str | None = "plain", seed: int = 1, **more: Any
) -> Narration:
    return narrate(
        [text],
        style=style,
        tempo=more.pop("tempo", None),
        seconds=seconds,
        rng=Random(seed),
        work_dir=folder,
        progress=more.pop("progress", lambda _: None),
        **more,
    )


def samples(path: Path) -> NDArray[np.float32]:
    raw = path.with_suffix(".raw")
    run_ffmpeg(["-i", path, "-f", "f32le", "-ar", str(RATE), "-ac", "2", raw])
    return np.frombuffer(raw.read_bytes(), "<f4").reshape(-1, 2)


@pytest.fixture(scope="module")
def hymn(tmp_path_factory: pytest.TempPathFactory) -> tuple[MadeFile, Context]:
    """Eleven seconds of verse to solemn music, brisk so that little of it has to be played."""
    context = Context(tmp_path_factory.mktemp("hymn"))
    prompt = {"style": "a solemn hymn", "tempo": 152, "duration": 11}
    wanted = job(AssetTypeEnum.AUDIO, prompt, source_chunks=[chunk(0, SHORT_VERSE)])
    return HANDLERS[AssetTypeEnum.AUDIO](wanted, context), context


def test_file_has_the_length_and_loudness_that_were_asked_and_says_so(hymn: tuple[MadeFile, Context]) -> None:
    made, context = hymn
    found, sound, heard = probe(made.path), samples(made.path), measure(["-i", made.path])
    assert (made.format, made.content_type, found.container) == ("mp3", "audio/mpeg", "mp3")
    assert abs(len(sound) / RATE - 11) < 0.05
    assert made.duration_seconds == found.duration == made.metadata["duration"]
    assert abs(heard.integrated + 16) <= 0.3
    assert heard.peak < -1
    assert (made.metadata["loudness_lufs"], made.metadata["true_peak_dbtp"]) == (heard.integrated, heard.peak)
    assert found.audio is not None
    assert (made.metadata["codec"], made.metadata["sample_rate"], made.metadata["channels"]) == ("mp3", 48_000, 2)
    assert made.metadata["bitrate"] == found.audio.bitrate == 160_000
    assert (made.metadata["style"], made.metadata["tempo"]) == ("hymn", 152)
    told = run_ffmpeg(["-i", made.path, "-t", "0", "-f", "null", "-"])
    assert all(re.search(rf"^ +{key} +: Beowulf$", told, re.MULTILINE) for key in ("title", "artist", "album"))
    assert made.metadata["spoken_share"] == 1
    assert context.told == sorted(context.told)
    assert context.told[-1] == 100


def test_sound_comes_out_of_silence_and_goes_into_it_without_offset(hymn: tuple[MadeFile, Context]) -> None:
    sound = samples(hymn[0].path)
    assert np.abs(sound[:240]).max() < 0.02
    assert np.abs(sound[-240:]).max() < 0.02
    assert abs(float(sound.mean())) < 1e-3
    left, right = sound[:, 0], sound[:, 1]
    assert 0.2 < np.corrcoef(left, right)[0, 1] < 0.99  # wide, and safe on one loudspeaker


def test_music_gives_way_to_the_voice(hymn: tuple[MadeFile, Context]) -> None:
    """Between two lines it is far below the voice, and when all is said it comes up again."""
    sound = samples(hymn[0].path)
    spans = read_lyrics(hymn[0].path)
    begin, end, _ = spans[2]

    def level(start: float, stop: float) -> float:
        return 10 * np.log10(np.mean(sound[int(start * RATE) : int(stop * RATE)] ** 2) + 1e-9)

    between = (spans[1][1] + 0.35, begin - 0.05)
    afterwards = (spans[-1][1] + 0.8, spans[-1][1] + 1.8)
    assert level(begin, end) - level(*between) > 8
    assert level(*afterwards) - level(*between) > 2


@pytest.mark.parametrize(("wanted", "codec", "container"), [("opus", "opus", "ogg"), ("wav", "pcm_s16le", "wav")])
def test_other_formats_open_and_last_as_long(wanted: str, codec: str, container: str, tmp_path: Path) -> None:
    prompt = {"duration": 4.5, "format": wanted, "style": "spoken", "lyrics": PROSE}
    made = make(job(AssetTypeEnum.AUDIO, prompt), tmp_path)
    assert (made.metadata["codec"], made.metadata["container"], made.format) == (codec, container, wanted)
    assert abs(len(samples(made.path)) / RATE - 4.5) < 0.02
    assert abs(made.metadata["loudness_lufs"] + 16) <= 0.3
    assert made.metadata["true_peak_dbtp"] < -1


def test_the_same_job_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    wanted = job(
        AssetTypeEnum.AUDIO, {"duration": 3, "style": "lullaby", "tempo": 200}, source_chunks=[chunk(0, PROSE)]
    )
    here = hashlib.sha256(make(wanted, tmp_path).path.read_bytes()).hexdigest()
    assert checksum_in_another_process(wanted, tmp_path) == here


def test_another_input_hash_is_another_sound(tmp_path: Path) -> None:
    made = [told("A line.", tmp_path, seed=seed, seconds=1).path.read_bytes() for seed in (1, 2)]
    assert made[0] != made[1]


def test_spans_hold_the_voice_and_nothing_else_does(tmp_path: Path) -> None:
    narration = told(VERSE, tmp_path, seconds=None)
    assert [text for _, _, text in narration.spans] == [one.text for one in read_aloud([VERSE])]
    assert all(begin < end for begin, end, _ in narration.spans)
    assert all(before[1] < after[0] for before, after in zip(narration.spans, narration.spans[1:], strict=False))
    assert narration.spans[-1][1] < narration.seconds
    power = np.mean(samples(narration.path) ** 2, axis=1)
    inside = np.zeros(len(power), bool)
    for begin, end, _ in narration.spans:
        inside[int(begin * RATE) : int(end * RATE)] = True
        assert power[int(begin * RATE) : int(end * RATE)].mean() > 1e-3
    assert power[inside].sum() > 0.97 * power.sum()
    assert narration.spoken == narration.characters


def test_text_too_long_is_cut_at_a_sentence_and_the_share_told(tmp_path: Path) -> None:
    narration = told(PROSE * 40, tmp_path, seconds=6)
    assert narration.seconds == 6
    assert [text for _, _, text in narration.spans] == [one.text for one in read_aloud([PROSE])][: len(narration.spans)]
    assert narration.spoken == sum(len(text) for _, _, text in narration.spans)
    assert narration.spoken < narration.characters / 10
    assert narration.hurry <= 1
    assert ends_sentence(narration.spans[-1][2])
    assert 6 - narration.spans[-1][1] < 1.5


def test_verse_cut_in_a_sentence_goes_back_to_the_end_of_one_even_inside_a_line() -> None:
    lines = ["The sea was out.", "Gold-hall of men. Not the", "first that he had come;", "and he went on"]
    said = [Utterance(line, 0.4, verse=True) for line in lines]
    spoken = [Speech(np.ones(40_000, np.float32), 10_000, [(0, 0.1), (18, 2.5)]) for _ in lines]
    best = next(endings(said, spoken, 2))
    utterances, speech = shortened(said, spoken, best)
    assert [one.text for one in utterances] == ["The sea was out.", "Gold-hall of men."]
    assert 2.3 < speech[-1].seconds < 2.5
    # Far from any sentence's end, a line's will do.
    long = [replace(one, text=one.text.replace(".", ",")) for one in said]
    assert [(one.index, one.length) for one in endings(long, spoken, 3)] == [(2, len(long[2].text))]


def test_text_a_little_too_long_is_said_faster(tmp_path: Path) -> None:
    at_ease = told(PROSE, tmp_path, seconds=None)
    hurried = told(PROSE, tmp_path, seconds=at_ease.seconds * 0.9)
    assert 1 < hurried.hurry <= 1.2
    assert hurried.spoken == hurried.characters
    assert hurried.spans[-1][1] <= hurried.seconds


def test_even_a_first_sentence_that_is_too_long_ends_at_a_word(tmp_path: Path) -> None:
    narration = told("One two three four five six seven eight nine ten eleven twelve thirteen.", tmp_path, seconds=2)
    ((_, end, text),) = narration.spans
    assert text.startswith("One two")
    assert not text.endswith("thirteen.")
    assert end <= 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Word", 2.0),
        ("word " * 100_000, 2.5),
        ("x" * 100_000, 1.0),
        ("a. " * 30_000, 1.5),
        (HOSTILE + "\x01\x02\u202e\ufeff\u0301", None),
        ("Привет, мир. 你好。世界\uff01 すし食べ. שלום. مرحبا. नमस्ते। 𓀀 🐉 ﷽", None),
        ("[[" * 3000 + "<speak><audio src='/etc/passwd'/>&amp;</speak> %s %n", 2.0),
    ],
)
def test_no_text_can_break_it(text: str, seconds: float | None, tmp_path: Path) -> None:
    narration = told(text, tmp_path, seconds=seconds)
    assert narration.spans
    assert probe(narration.path).duration == pytest.approx(narration.seconds, abs=0.02)
    assert abs(narration.loudness.integrated + 16) <= 0.5


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ({}, "nothing_to_speak"),
        ({"lyrics": " ... \n \u200b - "}, "nothing_to_speak"),
        ({"lyrics": "x", "format": "flac"}, "unknown_format"),
        ({"lyrics": "x", "format": {"a": 1}}, "unknown_format"),
        ({"lyrics": "x", "language": "tlh"}, "unknown_language"),
        ({"lyrics": "x", "language": "../../x"}, "unknown_language"),
        ({"lyrics": "x", "duration": 0.5}, "duration_not_possible"),
        ({"lyrics": "x", "duration": 86_400}, "duration_not_possible"),
        ({"lyrics": "x", "tempo": 1}, "tempo_not_possible"),
        ({"lyrics": 7}, "invalid_prompt_spec"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(prompt: dict[str, Any], code: str, tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        make(job(AssetTypeEnum.AUDIO, prompt), tmp_path)
    assert (refused.value.code, refused.value.retryable) == (code, False)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.85])
def test_cancellation_ends_the_work_between_steps(share: float, tmp_path: Path) -> None:
    def progress(reached: float) -> None:
        if reached >= share:
            raise JobCancelled("stop")

    with pytest.raises(JobCancelled):
        told(PROSE, tmp_path, progress=progress)


def test_tempo_of_a_voice_alone_is_words_a_minute(tmp_path: Path) -> None:
    slow, fast = (told(PROSE, tmp_path, seconds=None, tempo=tempo) for tempo in (100, 200))
    assert (slow.words_a_minute, fast.words_a_minute) == (100, 200)
    assert slow.spans[0][1] - slow.spans[0][0] > 1.4 * (fast.spans[0][1] - fast.spans[0][0])


def test_utterance_that_kills_the_synthesizer_is_silence_and_the_rest_is_said() -> None:
    good = Request("Good.", ("en-gb-x-rp",), 150, 40, 50, 0)
    deadly = replace(good, rate="no number")  # type: ignore[arg-type] # the child dies of it, as of a crash in the library
    spoken = speak([good, deadly, good])
    assert [bool(one.seconds) for one in spoken] == [True, False, True]
    assert np.array_equal(spoken[0].samples, spoken[2].samples)
    with pytest.raises(JobError) as refused:
        speak([deadly] * 9)
    assert refused.value.code == "speech_failed"


def test_voice_keeps_to_its_language_and_pace() -> None:
    speaker = speaker_for(Voice(), Random(3), 999, "de")
    requests = speaker.requests([*read_aloud(["Guten Abend. Привет."])], 5)
    assert requests[0].voices[0].startswith("de+")
    assert requests[1].voices[0].startswith("ru+")
    assert all(80 <= one.rate <= 450 for one in requests)
    assert requests[0].pitch != requests[1].pitch or requests[0].rate != requests[1].rate


def test_sentences_end_where_people_end_them() -> None:
    assert split_sentences('Mr. Ott came. "Why?" he asked. J. R. went on… And on! No. 3 was late.') == [
        "Mr. Ott came.",
        '"Why?"',
        "he asked.",
        "J. R. went on…",
        "And on!",
        "No. 3 was late.",
    ]
    assert split_sentences("你好。世界\uff01") == ["你好。", "世界\uff01"]


def test_verse_is_said_line_by_line_and_headings_as_titles() -> None:
    said = list(read_aloud([VERSE]))
    assert (said[0].heading, said[0].spoken) == (True, "1. The Life And Death Of Scyld.")
    assert [one.text for one in said[2:5]] == [
        "Lo! the Spear-Danes' glory through splendid achievements",
        "The folk-kings' former fame we have heard of,",
        "How princes displayed then their prowess-in-battle.",
    ]
    assert all("[3]" not in one.text for one in said)
    assert said[-1].pause > said[2].pause


def test_lyrics_are_sung_line_by_line(tmp_path: Path) -> None:
    lyrics = "The sea\nwent out,\n\nthe sea\ncame in."
    prompt = {"lyrics": lyrics, "style": "folk", "tempo": 200, "duration": 7, "format": "wav"}
    made = make(job(AssetTypeEnum.AUDIO, prompt, source_chunks=[chunk(0, VERSE)]), tmp_path)
    assert (made.metadata["lines_sung"], made.metadata["spoken_share"]) == (4, 1)


def test_claims_are_told_as_sentences() -> None:
    assert tell_claim(claim("Hrothgar", "is_king_of", "the Danes")) == "Hrothgar is king of the Danes."
