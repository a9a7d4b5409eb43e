"""Films: that they play everywhere, last as long as asked, are the same twice, and refuse what cannot be filmed."""

import hashlib
import re
import shutil
import uuid
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from test_generators_lore import HOSTILE, Context, checksum_in_another_process, chunk, claim, entity, job

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.snapshot import AssetSnapshot
from lorekeeper.generators import HANDLERS, media
from lorekeeper.generators.lyrics import lyrics_options, read_lyrics
from lorekeeper.generators.video.listening import spans_heard
from lorekeeper.generators.video.telling import film_seed
from lorekeeper.sdk.handling import JobCancelled, JobError, MadeFile

RATE = 48_000
LINES = ["The sea went out on a washing day", "with the sheets still on the line,", "and it has not come back."]
SPANS = [(0.4, 1.1, LINES[0]), (1.3, 1.9, LINES[1]), (2.1, 2.6, LINES[2])]
STANZA = "\n".join(LINES)
VIDEO = AssetTypeEnum.VIDEO


class Room(Context):
    """A context with input assets, which may be cancelled when it has been told of so much progress."""

    def __init__(self, folder: Path, files: dict[uuid.UUID, Path] | None = None, cancel_at: float = 101) -> None:
        super().__init__(folder)
        self._files = files or {}
        self._cancel_at = cancel_at

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        super().progress(percent, stage, message)
        if percent >= self._cancel_at:
            raise JobCancelled("asked to")

    def check(self) -> None:
        pass

    def input_asset(self, asset_id: uuid.UUID) -> Path:
        return Path(shutil.copy(self._files[asset_id], self.work_dir / f"input-{asset_id}"))


def asset(path: Path, kind: str, content_type: str) -> AssetSnapshot:
    content = path.read_bytes()
    return AssetSnapshot(
        id=uuid.uuid4(),
        type=AssetTypeEnum(kind),
        format=path.suffix[1:],
        content_type=content_type,
        size_bytes=len(content),
        checksum=hashlib.sha256(content).hexdigest(),
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A picture, a drawing and a recording that tells its own words."""
    folder = tmp_path_factory.mktemp("inputs")
    picture = Image.new("RGB", (320, 240), (30, 26, 22))
    draw = ImageDraw.Draw(picture)
    for step in range(0, 140, 10):
        draw.ellipse(
            (150 + step / 2, 40 + step / 2, 300 - step / 2, 190 - step / 2), outline=(230, 150 - step, 60), width=3
        )
    picture.save(folder / "plate.png")
    (folder / "map.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><rect width="40" height="30" fill="#cde"/>'
        '<circle cx="20" cy="15" r="9" fill="#385"/></svg>'
    )
    _hum(folder / "told.wav", SPANS, 3.0)
    media.run_ffmpeg(["-i", folder / "told.wav", *lyrics_options(SPANS), *media.REPRODUCIBLE, folder / "told.mp3"])
    return {path.name: path for path in folder.iterdir()}


def _hum(path: Path, spans: list[tuple[float, float, str]], seconds: float) -> None:
    """A recording in which something sounds while something is said."""
    time = np.arange(round(seconds * RATE)) / RATE
    voiced = np.zeros(len(time))
    for begin, end, _ in spans:
        voiced[(time >= begin) & (time < end)] = 1.0
    mono = voiced * 0.3 * np.sin(2 * np.pi * 700 * time) + 0.002 * np.sin(2 * np.pi * 90 * time)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((mono * 32000).astype("<i2").tobytes())


def commission(
    inputs: dict[str, Path], prompt: dict[str, Any], **lore: Any
) -> tuple[ClaimedJob, dict[uuid.UUID, Path]]:
    kinds = {
        "plate.png": ("IMAGE", "image/png"),
        "map.svg": ("MAP", "image/svg+xml"),
        "told.mp3": ("AUDIO", "audio/mpeg"),
    }
    used = [(asset(inputs[name], *kinds[name]), inputs[name]) for name in lore.pop("of", ())]
    asked = {"description": "A film.", "quality": "draft", **prompt}
    return job(VIDEO, asked, assets=[one for one, _ in used], **lore), {one.id: path for one, path in used}


def film(folder: Path, inputs: dict[str, Path], prompt: dict[str, Any], **lore: Any) -> MadeFile:
    made_from, files = commission(inputs, prompt, **lore)
    folder.mkdir(exist_ok=True)
    return HANDLERS[VIDEO](made_from, Room(folder, files))


def streams(path: Path) -> str:
    return media.run_ffmpeg(["-i", path, "-map", "0", "-c", "copy", "-f", "null", "-"])


# --- a film of given assets ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_assets(tmp_path_factory: pytest.TempPathFactory, inputs: dict[str, Path]) -> MadeFile:
    """Five seconds over a plate and a map, with a recording."""
    return film(
        tmp_path_factory.mktemp("film"),
        inputs,
        {"duration": 5.02, "aspect_ratio": "1:1"},
        of=["plate.png", "map.svg", "told.mp3"],
        source_chunks=[chunk(0, STANZA)],
        claims=[claim("Beowulf", "slew", "Grendel")],
    )


def test_a_film_plays_everywhere_and_says_so_itself(of_assets: MadeFile) -> None:
    told = streams(of_assets.path)
    assert re.search(r"Video: h264 \(High\).*yuv420p\(tv, bt709.*360x360 \[SAR 1:1 DAR 1:1\].*24 fps", told)
    assert re.search(r"Audio: aac \(LC\).*48000 Hz, stereo", told)
    assert "Subtitle: mov_text" in told
    assert (of_assets.format, of_assets.content_type) == ("mp4", "video/mp4")
    expected = {
        "resolution": "360x360",
        "width": 360,
        "height": 360,
        "codec": "h264",
        "audio_codec": "aac",
        "fps": 24.0,
    }
    assert expected.items() <= of_assets.metadata.items()
    content = of_assets.path.read_bytes()
    assert of_assets.metadata["bitrate"] == pytest.approx(len(content) * 8 / 5.02, rel=0.05)
    assert content.index(b"moov") < content.index(b"mdat")


def test_picture_and_sound_last_as_long_as_asked(of_assets: MadeFile, tmp_path: Path) -> None:
    assert of_assets.duration_seconds == pytest.approx(5.02, abs=0.1)
    raw = tmp_path / "sound.f32"
    media.run_ffmpeg(["-i", of_assets.path, "-map", "0:a", "-ac", "1", "-f", "f32le", raw])
    sound = np.fromfile(raw, dtype="<f4")
    assert len(sound) / RATE == pytest.approx(5.02, abs=0.1)
    counted = media.run_ffmpeg(["-i", of_assets.path, "-map", "0:v", "-f", "null", "-"])
    assert int(re.findall(r"frame= *(\d+)", counted)[-1]) / 24 == pytest.approx(5.02, abs=0.05)
    loud = np.flatnonzero(np.abs(sound) > 0.05) / RATE
    assert loud[0] > 0.4  # the recording, and not all of the film
    assert np.abs(sound[-200:]).max() < 0.01


def test_subtitles_are_the_words_when_they_are_said(of_assets: MadeFile) -> None:
    told = (of_assets.path.parent / "subtitles.srt").read_text()
    assert [line for line in told.splitlines() if line in LINES] == LINES
    begins = [float(seconds.replace(",", ".")) for seconds in re.findall(r"00:00:(\S+) -->", told)]
    assert begins == sorted(begins)
    assert 0.4 < begins[0] < 2.5


def test_the_same_files_give_the_same_bytes_whatever_their_ids(
    of_assets: MadeFile, inputs: dict[str, Path], tmp_path: Path
) -> None:
    again = film(
        tmp_path,
        inputs,
        {"duration": 5.02, "aspect_ratio": "1:1"},
        of=["told.mp3", "map.svg", "plate.png"],
        source_chunks=[chunk(0, STANZA)],
        claims=[claim("Beowulf", "slew", "Grendel")],
    )
    assert again.path.read_bytes() == of_assets.path.read_bytes()


def test_other_words_or_another_file_make_another_film(inputs: dict[str, Path]) -> None:
    seeds = {
        film_seed(commission(inputs, prompt, of=of, source_chunks=[chunk(0, text)])[0])
        for prompt in ({}, {"style": "night"})
        for of in (["plate.png"], ["map.svg"])
        for text in ("One.", "Two.")
    }
    # The snapshot's hashes are made from names, not from texts, so the text must not count here.
    assert len(seeds) == 4


# --- a film of lore alone --------------------------------------------------------------------------------------------


def test_lore_alone_is_painted_and_told(tmp_path: Path) -> None:
    people = [entity("Merren Ott", "PERSON", "A salt scraper."), entity("Auntie", "CREATURE", "A whale.")]
    made = film(
        tmp_path,
        {},
        {"duration": 3, "fps": 25, "title": HOSTILE, "subtitle": HOSTILE},
        entities=people,
        source_chunks=[chunk(0, "Merren Ott sang.")],
        claims=[claim(HOSTILE, "is", "x" * 900)],
        world=HOSTILE,
    )
    assert made.duration_seconds == pytest.approx(3, abs=0.1)
    assert made.metadata["fps"] == 25
    assert made.metadata["subtitles"] == 1
    assert "Merren Ott sang." in (tmp_path / "subtitles.srt").read_text()
    still = tmp_path / "still.png"
    media.run_ffmpeg(["-ss", "1.2", "-i", made.path, "-frames:v", "1", still])
    with Image.open(still) as frame:
        assert len(frame.resize((64, 36)).getcolors(64 * 36) or []) > 300


def test_a_silent_film_is_the_same_in_another_process(tmp_path: Path) -> None:
    made_from, _ = commission({}, {"duration": 1}, entities=[entity("Auntie", "CREATURE")])
    here = hashlib.sha256(HANDLERS[VIDEO](made_from, Room(tmp_path)).path.read_bytes()).hexdigest()
    assert checksum_in_another_process(made_from, tmp_path) == here


def test_cancellation_between_frames_ends_the_film_and_its_encoder(tmp_path: Path, inputs: dict[str, Path]) -> None:
    made_from, files = commission(inputs, {"duration": 600}, of=["plate.png"])
    room = Room(tmp_path, files, cancel_at=35)
    with pytest.raises(JobCancelled):
        HANDLERS[VIDEO](made_from, room)
    assert room.told == sorted(room.told)
    assert not running_on(tmp_path)


def running_on(folder: Path) -> list[str]:
    """Processes with this folder on their command line."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return [line.decode() for line in lines if str(folder).encode() in line]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "of", "code"),
    [
        ({"duration": 0.2}, ["plate.png"], "duration_not_possible"),
        ({"duration": 80_000}, ["plate.png"], "duration_not_possible"),
        ({"aspect_ratio": "1003:1000", "quality": "high"}, ["plate.png"], "aspect_ratio_not_possible"),
        ({"aspect_ratio": "wide"}, ["plate.png"], "invalid_prompt_spec"),
        ({"fps": 30}, ["plate.png"], "frame_rate_not_possible"),
        ({"fps": "many"}, ["plate.png"], "frame_rate_not_possible"),
        ({"duration": 1.5}, ["plate.png", "map.svg"], "film_too_short"),
        ({}, [], "nothing_to_film"),
    ],
)
def test_what_cannot_be_done_is_refused(
    prompt: dict[str, Any], of: list[str], code: str, inputs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(JobError) as refused:
        film(tmp_path, inputs, prompt, of=of)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("kind", "content_type"), [("IMAGE", "image/png"), ("MAP", "image/svg+xml"), ("AUDIO", "audio/mpeg"), ("PDF", "")]
)
def test_an_asset_that_is_no_picture_and_no_sound_is_named(kind: str, content_type: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"<nothing of the kind")
    used = asset(broken, kind, content_type)
    with pytest.raises(JobError, match=str(used.id) if content_type else kind) as refused:
        HANDLERS[VIDEO](job(VIDEO, {"description": "A film."}, assets=[used]), Room(tmp_path, {used.id: broken}))
    assert refused.value.code == "input_asset_unusable"
    assert not refused.value.retryable


def test_more_pictures_than_a_film_can_hold_are_refused_before_any_is_fetched(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    many = [asset(inputs["plate.png"], "IMAGE", "image/png") for _ in range(61)]
    with pytest.raises(JobError) as refused:
        HANDLERS[VIDEO](job(VIDEO, {"description": "A film."}, assets=many), Room(tmp_path))
    assert refused.value.code == "too_many_pictures"


def test_two_recordings_are_one_too_many(inputs: dict[str, Path], tmp_path: Path) -> None:
    both = [asset(inputs["told.mp3"], "AUDIO", "audio/mpeg") for _ in range(2)]
    with pytest.raises(JobError) as refused:
        HANDLERS[VIDEO](job(VIDEO, {"description": "A film."}, assets=both), Room(tmp_path))
    assert refused.value.code == "too_many_sound_tracks"


# --- words in recordings ---------------------------------------------------------------------------------------------


def test_timed_words_are_read_back_from_the_file(inputs: dict[str, Path]) -> None:
    found = read_lyrics(inputs["told.mp3"])
    assert [text for _, _, text in found] == LINES
    for (begin, end, _), (first, last, _) in zip(found, SPANS, strict=True):
        assert (begin, end) == pytest.approx((first, last), abs=0.011)
    assert read_lyrics(inputs["told.wav"]) == []


def test_without_them_the_pauses_tell_when_what_is_said(tmp_path: Path) -> None:
    said = [f"Sentence number {'so and ' * (2 + number % 3)}on." for number in range(8)]
    at, spans = 0.7, []
    for text in said:
        seconds = 0.065 * len(text) + 0.15
        spans.append((at, at + seconds, text))
        at += seconds + 0.5
    _hum(tmp_path / "told.wav", spans, at + 0.5)
    found = spans_heard(tmp_path / "told.wav", [" ".join(said)])
    assert [text for _, _, text in found] == said
    for (begin, end, _), (first, last, _) in zip(found, spans, strict=True):
        assert (begin, end) == pytest.approx((first, last), abs=0.15)
    assert all(before[1] <= after[0] + 0.01 for before, after in pairwise(found))
