"""Loudness and true peak (EBU R 128, ITU-R BS.1770), and the files they are brought into."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorekeeper.generators.media import ONE_THREAD, REPRODUCIBLE, run_ffmpeg
from lorekeeper.sdk.handling import JobError

LOUDNESS = -16.0
HIGHEST_PEAK = -1.0
_CEILING = -2.0
NEAR_ENOUGH = 0.15
_SILENCE = -60.0
_TRIES = 4
_RAW = ("-f", "f32le", "-ar", "48000", "-ac", "2")
_INTEGRATED = re.compile(r"\bI:\s+(-?[\d.]+|-?inf|nan) LUFS")
_RANGE = re.compile(r"\bLRA:\s+(-?[\d.]+) LU")
_TRUE_PEAK = re.compile(r"\bPeak:\s+(-?[\d.]+|-?inf) dBFS")

Watch = Callable[[float], None]


@dataclass(frozen=True)
class Loudness:
    """`integrated` in LUFS, `spread` in LU, `peak` in dBTP."""

    integrated: float
    spread: float
    peak: float


@dataclass(frozen=True)
class Format:
    """A file format: how ffmpeg is told to write it."""

    name: str
    suffix: str
    content_type: str
    options: tuple[str, ...]


FORMATS = {
    one.name: one
    for one in (
        Format("mp3", "mp3", "audio/mpeg", ("-c:a", "libmp3lame", "-b:a", "160k", "-id3v2_version", "3")),
        Format("opus", "opus", "audio/ogg", ("-f", "ogg", "-c:a", "libopus", "-b:a", "96k", "-application", "audio")),
        Format("wav", "wav", "audio/wav", ("-c:a", "pcm_s16le",)),
    )
}  # fmt: skip


def measure(arguments: Sequence[str | Path], watch: Watch | None = None) -> Loudness:
    """The loudness of what ffmpeg reads by `arguments`. Silence measures as -inf."""
    told = run_ffmpeg([*arguments, "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"], watch=watch)
    summary = told[told.rfind("Summary:") :]
    integrated, spread, peak = (pattern.search(summary) for pattern in (_INTEGRATED, _RANGE, _TRUE_PEAK))
    if integrated is None or peak is None:
        raise JobError("encoding_failed", "ffmpeg measured no loudness.")
    return Loudness(float(integrated.group(1)), float(spread.group(1)) if spread else 0.0, float(peak.group(1)))


def master(mix: Path, to: Path, *, ceiling: float = _CEILING, watch: Watch | None = None) -> Loudness:
    """From raw samples to a WAV file of -16 LUFS whose true peaks stay below the ceiling (dBTP). What it measures then.

    Raises `JobError` `nothing_to_hear` for silence.
    """
    found = measure([*_RAW, "-i", mix], watch)
    if not found.integrated > _SILENCE:
        raise JobError("nothing_to_hear", "What was made is silence.")
    gain = LOUDNESS - found.integrated
    for _ in range(_TRIES):
        _level(mix, to, gain, ceiling, watch)
        found = measure(["-i", to], watch)
        if abs(found.integrated - LOUDNESS) <= NEAR_ENOUGH:
            break
        gain += LOUDNESS - found.integrated
    return found


def _level(mix: Path, to: Path, gain: float, ceiling: float, watch: Watch | None) -> None:
    chain = f"volume={gain:.3f}dB,{_limiter(ceiling)}"
    run_ffmpeg([*_RAW, "-i", mix, "-af", chain, "-c:a", "pcm_s16le", *ONE_THREAD, *REPRODUCIBLE, to], watch=watch)


def encode(
    wav: Path,
    to: Path,
    wanted: Format,
    *,
    gain: float = 0.0,
    ceiling: float | None = None,
    tags: Sequence[str] = (),
    watch: Watch | None = None,
) -> None:
    """Into the wanted format, with `gain` in decibels before and a limiter at `ceiling` (dBTP) where one is given.

    `tags` are ffmpeg's options for what the file is to say of itself.
    """
    chain = f"volume={gain:.3f}dB" + (f",{_limiter(ceiling)}" if ceiling is not None else "")
    filters = ("-af", chain) if gain or ceiling is not None else ()
    run_ffmpeg(["-i", wav, *filters, *wanted.options, *ONE_THREAD, *REPRODUCIBLE, *tags, to], watch=watch)


def _limiter(ceiling: float) -> str:
    """At four times the rate, since peaks may lie between samples."""
    limit = 10 ** (ceiling / 20)
    return f"aresample=192000,alimiter=limit={limit:.5f}:attack=4:release=80:level=disabled:latency=1,aresample=48000"
