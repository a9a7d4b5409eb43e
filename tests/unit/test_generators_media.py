"""Running ffmpeg: what it says of files, and that it never outlives its use."""

import time
from pathlib import Path

import pytest

from lorekeeper.generators.media import REPRODUCIBLE, probe, run_ffmpeg
from lorekeeper.sdk.handling import JobError

ENDLESS = ["-re", "-f", "lavfi", "-i", "sine", "-f", "null", "-"]


def test_film_tells_its_size_rate_and_sound(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    pictures = (bytes([shade]) * (64 * 48 * 3) for shade in range(48))
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", "24", "-i", "pipe:0"]
    sound = ["-f", "lavfi", "-t", "2", "-i", "sine=sample_rate=44100", "-c:a", "aac", "-pix_fmt", "yuv420p"]
    run_ffmpeg([*raw, *sound, *REPRODUCIBLE, film], feed=pictures)
    found = probe(film)
    assert found.video is not None
    assert found.audio is not None
    assert (found.video.width, found.video.height, found.video.frame_rate) == (64, 48, 24.0)
    assert (found.video.codec, found.video.pixel_format) == ("h264", "yuv420p")
    assert (found.audio.codec, found.audio.sample_rate, found.audio.channels) == ("aac", 44100, 1)
    assert found.duration == pytest.approx(2.0, abs=0.05)
    assert found.bitrate


def test_picture_has_no_duration_and_no_sound(tmp_path: Path) -> None:
    picture = tmp_path / "a:b%d.png"
    run_ffmpeg(["-f", "lavfi", "-i", "color=size=32x16", "-frames:v", "1", "-update", "1", "-c:v", "png", picture])
    found = probe(picture)
    assert (found.duration, found.audio) == (None, None)
    assert found.video is not None
    assert (found.video.width, found.video.height) == (32, 16)


def test_what_is_no_medium_is_a_job_error_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no film")
    with pytest.raises(JobError) as refused:
        probe(tmp_path / "note.txt")
    assert refused.value.code == "encoding_failed"
    assert "Invalid data" in str(refused.value)


def test_run_that_takes_too_long_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(JobError) as refused:
        run_ffmpeg(ENDLESS, limit=0.3)
    assert (refused.value.code, refused.value.retryable) == ("encoding_too_slow", True)
    assert time.monotonic() - began < 20


def test_whoever_watches_can_end_the_run() -> None:
    def stop(_: float) -> None:
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        run_ffmpeg(ENDLESS, watch=stop)
    with pytest.raises(InterruptedError, match="enough"):
        run_ffmpeg(["-f", "u8", "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-f", "null", "-"],
                   feed=iter(lambda: bytes(8000), b""), watch=stop)  # fmt: skip


def test_input_that_ffmpeg_refuses_ends_the_feeding(tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        run_ffmpeg(["-f", "wav", "-i", "pipe:0", tmp_path / "out.wav"], feed=iter(lambda: b"no wave " * 9999, b""))
    assert refused.value.code == "encoding_failed"
