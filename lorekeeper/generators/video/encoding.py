"""Frames, sound and subtitles into one MP4 that plays everywhere: H.264 and AAC, the index in front."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PIL import Image

from lorekeeper.generators import media
from lorekeeper.generators.video.shape import Shape, level_for
from lorekeeper.generators.video.timing import Plan

SAMPLE_RATE = 48_000
_PRESETS = {"draft": ("veryfast", "24"), "standard": ("veryfast", "20"), "high": ("fast", "19")}
_THREADS = "2"
"""Of the encoder: always as many, because another number gives other bytes."""

_SECONDS_A_FRAME = 2.0
"""Far more than a frame takes on a slow and busy machine; past it, ffmpeg hangs."""

_COLOURS = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")


def encode(
    frames: Iterable[Image.Image],
    shape: Shape,
    plan: Plan,
    *,
    sound: Path | None,
    subtitles: Path | None,
    tags: Sequence[str],
    target: Path,
    watch: Callable[[float], None],
) -> None:
    """Write the film to `target`. The same frames and sound give the same bytes. `tags` are what it says of itself.

    `watch` is told a few times a second how much of it is encoded, in seconds; what it raises ends ffmpeg.
    Raises `JobError` as `media.run_ffmpeg` does.
    """
    arguments: list[str | Path] = ["-f", "rawvideo", "-pixel_format", "rgb24"]
    arguments += ["-video_size", f"{shape.width}x{shape.height}", "-framerate", str(shape.rate), "-i", "pipe:0"]
    arguments += _sound_input(sound)
    if subtitles:
        arguments += ["-f", "srt", "-i", subtitles]
    arguments += ["-filter_complex", f"{_picture_filter()};{_sound_filter(plan)}", "-map", "[v]", "-map", "[a]"]
    if subtitles:
        arguments += ["-map", "2:s", "-c:s", "mov_text", "-disposition:s:0", "0"]
        arguments += ["-metadata:s:s:0", "language=und"]
    arguments += _picture_options(shape)
    arguments += ["-c:a", "aac", "-b:a", "160k", "-ar", str(SAMPLE_RATE), "-ac", "2"]
    arguments += [*media.REPRODUCIBLE, *tags, "-movflags", "+faststart", "-f", "mp4", target]
    media.run_ffmpeg(
        arguments,
        feed=(frame.tobytes() for frame in frames),
        limit=120 + plan.frames * _SECONDS_A_FRAME,
        watch=watch,
    )


def _sound_input(sound: Path | None) -> list[str | Path]:
    if sound is None:
        return ["-f", "lavfi", "-i", f"anullsrc=r={SAMPLE_RATE}:cl=stereo"]
    return [*media.ONE_THREAD, "-i", sound]


def _picture_filter() -> str:
    """To the colours that high definition uses, by arithmetic that is the same on every processor."""
    flags = "bicubic+accurate_rnd+full_chroma_int+bitexact"
    return f"[0:v]scale=out_color_matrix=bt709:out_range=tv:flags={flags},format=yuv420p,setsar=1[v]"


def _sound_filter(plan: Plan) -> str:
    """The sound from when it begins, with silence before and after, exactly as long as the picture."""
    samples = round(plan.frames * SAMPLE_RATE / plan.rate)
    delay = round(plan.sound_at * SAMPLE_RATE)
    last = min(1.2, plan.seconds / 6)
    begin, fade = plan.fade or (plan.seconds - last, last)
    return (
        f"[1:a]aresample={SAMPLE_RATE},aformat=sample_fmts=fltp:channel_layouts=stereo,"
        f"adelay=delays={delay}S:all=1,apad=whole_len={samples},atrim=end_sample={samples},"
        f"afade=t=out:st={begin:.3f}:d={fade:.3f}[a]"
    )


def _picture_options(shape: Shape) -> list[str | Path]:
    preset, quality = _PRESETS[shape.quality]
    return [
        *("-c:v", "libx264", "-preset", preset, "-crf", quality, "-profile:v", "high", "-level:v", level_for(shape)),
        *("-pix_fmt", "yuv420p", "-g", str(2 * shape.rate), "-r", str(shape.rate), "-threads", _THREADS, *_COLOURS),
    ]
