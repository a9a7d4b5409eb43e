"""Running ffmpeg for the handlers that make sound and film: bounded in time, cancelled on request, reproducible.

The program is the one in the wheel imageio-ffmpeg (or what IMAGEIO_FFMPEG_EXE names), which brings no ffprobe: what a
file holds is read off ffmpeg's own account of its input.
"""

import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from lorekeeper.sdk.handling import JobError

REPRODUCIBLE = ("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags", "+bitexact")
"""Options of an output file: no encoder's name, no date, no serial number by chance."""
ONE_THREAD = ("-threads", "1")
"""Before an input: its decoder; before an output: its encoder. Some encoders write other bytes for another number."""

DEFAULT_LIMIT = 600.0
_LOOK_EVERY = 0.25
_LONGEST_LOG = 256 * 1024
_LONGEST_COMPLAINT = 800

_CONTAINER = re.compile(r"^Input #0, (.+), from '", re.MULTILINE)
_STILL = re.compile(r"^image2|_pipe$")
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_BITRATE = re.compile(r"^  Duration: .*bitrate: (\d+) kb/s", re.MULTILINE)
_STREAM = re.compile(r"^  Stream #0:\d+(?:\[\w+\])?(?:\(\w+\))?: (Audio|Video): (\w+)(.*)$", re.MULTILINE)
_STREAM_BITRATE = re.compile(r", (\d+) kb/s")
_SAMPLE_RATE = re.compile(r", (\d+) Hz")
_CHANNELS = re.compile(r" Hz, (mono|stereo|\d+ channels|\d+\.\d+)")
_SIZE = re.compile(r", (\d{2,5})x(\d{2,5})")
_FRAME_RATE = re.compile(r", (\d+(?:\.\d+)?)(k?) fps")
_PIXELS = re.compile(r", ((?:yuvj?|rgba?|bgra?|gr[ae]y|gbrp|pal|nv|ya)\w*)")


@dataclass(frozen=True)
class AudioStream:
    """`bitrate` in bits a second, None where the container says it of the whole file only."""

    codec: str
    sample_rate: int
    channels: int
    bitrate: int | None


@dataclass(frozen=True)
class VideoStream:
    """`frame_rate` as ffmpeg tells it, to two decimals; `bitrate` in bits a second."""

    codec: str
    width: int
    height: int
    frame_rate: float | None
    pixel_format: str | None
    bitrate: int | None


@dataclass(frozen=True)
class Probed:
    """What a file really is. `container` is ffmpeg's name (`mp3`, `ogg`, `wav`, `mov,mp4,m4a,3gp,3g2,mj2`).

    `duration` in seconds, to 10 ms, None for a still picture; `bitrate` of the whole file in bits a second.
    """

    container: str
    duration: float | None
    bitrate: int | None
    audio: AudioStream | None
    video: VideoStream | None


@cache
def ffmpeg() -> str:
    """The program's path. Raises `JobError` `encoder_missing`."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise JobError("encoder_missing", f"There is no ffmpeg here: {error}") from error


def run_ffmpeg(
    arguments: Sequence[str | Path],
    *,
    feed: Iterable[bytes] | None = None,
    limit: float = DEFAULT_LIMIT,
    watch: Callable[[float], None] | None = None,
) -> str:
    """Run ffmpeg to its end and give back its log. Inputs and outputs are `arguments`; existing outputs are replaced.

    `feed` is written to `pipe:0`. `limit` is in seconds of wall time. `watch` is told, a few times a second, up to
    which second the output is written; what it raises (`JobCancelled`) ends ffmpeg and goes on to the caller.
    Raises `JobError`: `encoder_missing`, `encoding_failed`, `encoding_too_slow` (the last two leave partial files).
    """
    command = [ffmpeg(), "-nostdin", "-hide_banner", "-nostats", "-y", "-progress", "pipe:1", "-stats_period", "0.5"]
    command += [f"file:{one}" if isinstance(one, Path) else one for one in arguments]
    with tempfile.TemporaryFile() as log:
        process = _start(command, log, fed=feed is not None)
        overdue = threading.Event()
        timer = threading.Timer(limit, _give_up, (process, overdue))
        timer.daemon = True
        timer.start()
        try:
            _attend(process, feed, watch)
        finally:
            timer.cancel()
            _end(process)
        said = _read_log(log)
    if overdue.is_set():
        raise JobError("encoding_too_slow", f"ffmpeg was not done within {limit:g} seconds.", retryable=True)
    if process.returncode:
        raise JobError("encoding_failed", f"ffmpeg ended with {process.returncode}: {said[-_LONGEST_COMPLAINT:]}")
    return said


def probe(path: Path) -> Probed:
    """What the file holds, by its own headers. Raises `JobError` `encoding_failed` where it is no sound and no film."""
    # Copying nothing to nowhere ends with success; `-i` alone would end as a failure.
    told = run_ffmpeg(["-i", path, "-map", "0", "-c", "copy", "-t", "0", "-f", "null", "-"], limit=60)
    container = _CONTAINER.search(told)
    if container is None:
        raise JobError("encoding_failed", f"{path.name} is nothing that ffmpeg knows.")
    overall = _BITRATE.search(told)
    streams = {kind: (codec, rest) for kind, codec, rest in reversed(_STREAM.findall(told))}
    audio, video = streams.get("Audio"), streams.get("Video")
    return Probed(
        container=container.group(1),
        duration=None if _STILL.search(container.group(1)) else _duration(told),
        bitrate=int(overall.group(1)) * 1000 if overall else None,
        audio=_audio(*audio) if audio else None,
        video=_video(*video) if video else None,
    )


def _start(command: list[str], log: IO[bytes], *, fed: bool) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            # A Ctrl-C in the terminal is the worker's to answer: it lets the job in hand be finished.
            start_new_session=True,
        )
    except OSError as error:
        raise JobError("encoder_missing", f"ffmpeg cannot be started: {error}") from error


def _attend(
    process: subprocess.Popen[bytes], feed: Iterable[bytes] | None, watch: Callable[[float], None] | None
) -> None:
    """Feed it, read its progress, and pass that on between pieces of feed or every quarter of a second."""
    reached = [0.0]
    reader = threading.Thread(target=_follow, args=(process, reached), daemon=True)
    reader.start()
    if feed is not None and process.stdin is not None:
        looked = time.monotonic()
        # A broken pipe is an ffmpeg that gave up: its log says why.
        with suppress(BrokenPipeError):
            for piece in feed:
                process.stdin.write(piece)
                if watch and time.monotonic() - looked >= _LOOK_EVERY:
                    looked = time.monotonic()
                    watch(reached[0])
        with suppress(BrokenPipeError):
            process.stdin.close()
    while reader.is_alive():
        reader.join(_LOOK_EVERY)
        if watch:
            watch(reached[0])
    process.wait()


def _give_up(process: subprocess.Popen[bytes], overdue: threading.Event) -> None:
    overdue.set()
    process.kill()


def _follow(process: subprocess.Popen[bytes], reached: list[float]) -> None:
    """Read progress reports until ffmpeg closes its output."""
    if process.stdout is None:
        return
    for line in process.stdout:
        key, _, value = line.strip().partition(b"=")
        if key == b"out_time_us" and value.isdigit():
            reached[0] = int(value) / 1e6


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()


def _read_log(log: IO[bytes]) -> str:
    size = log.seek(0, 2)
    log.seek(max(0, size - _LONGEST_LOG))
    return log.read().decode("utf-8", "replace").strip()


def _duration(told: str) -> float | None:
    found = _DURATION.search(told)
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _audio(codec: str, rest: str) -> AudioStream:
    rate, layout = _SAMPLE_RATE.search(rest), _CHANNELS.search(rest)
    bitrate = _STREAM_BITRATE.search(rest)
    return AudioStream(
        codec=codec,
        sample_rate=int(rate.group(1)) if rate else 0,
        channels=_count_channels(layout.group(1)) if layout else 0,
        bitrate=int(bitrate.group(1)) * 1000 if bitrate else None,
    )


def _count_channels(layout: str) -> int:
    known = {"mono": 1, "stereo": 2}
    if layout in known:
        return known[layout]
    return sum(int(part) for part in re.findall(r"\d+", layout))


def _video(codec: str, rest: str) -> VideoStream:
    size, rate, pixels = _SIZE.search(rest), _FRAME_RATE.search(rest), _PIXELS.search(rest)
    bitrate = _STREAM_BITRATE.search(rest)
    return VideoStream(
        codec=codec,
        width=int(size.group(1)) if size else 0,
        height=int(size.group(2)) if size else 0,
        frame_rate=float(rate.group(1)) * (1000 if rate.group(2) else 1) if rate else None,
        pixel_format=pixels.group(1) if pixels else None,
        bitrate=int(bitrate.group(1)) * 1000 if bitrate else None,
    )
