"""Having text spoken, by a process that may die of it without hurting the worker."""

import json
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lorekeeper.sdk.handling import JobError

LIMIT = 120.0
_CRASHES_ALLOWED = 3
_CHILD = Path(__file__).with_name("synthesis_child.py")


@dataclass(frozen=True)
class Request:
    """One utterance. `voices`: the first that is known is taken. `rate` in words a minute (80 to 450), `pitch` and
    `range` from 0 to 99 (50 is the voice's own), `gap` between words in hundredths of a second."""

    text: str
    voices: tuple[str, ...]
    rate: int
    pitch: int
    range: int
    gap: int


@dataclass(frozen=True)
class Speech:
    """`samples` of one channel, -1 to 1. `words`: for each, its first character and the second it begins at."""

    samples: NDArray[np.float32]
    rate: int
    words: list[tuple[int, float]]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def speak(
    requests: Sequence[Request], heard: Callable[[int], None] | None = None, enough: float = float("inf")
) -> list[Speech]:
    """Each request spoken, in order, until there are `enough` seconds; what the synthesizer dies of is silence.

    `heard` is told how many are done, and what it raises ends the synthesis. Raises `JobError`: `speech_missing`,
    `speech_failed`.
    """
    spoken: list[Speech] = []
    crashes = 0
    while len(spoken) < len(requests) and (missing := enough - sum(one.seconds for one in spoken)) > 0:
        rest = requests[len(spoken) :]
        done = len(spoken)
        got, complaint = _run(rest, done, heard, missing)
        spoken += got
        if len(got) < len(rest) and sum(one.seconds for one in got) < missing:
            crashes += 1
            if crashes > _CRASHES_ALLOWED:
                raise JobError("speech_failed", f"The speech synthesizer ended early: {complaint}", retryable=True)
            spoken.append(Speech(np.zeros(0, np.float32), 22_050, []))
    return spoken


def _run(
    requests: Sequence[Request], done: int, heard: Callable[[int], None] | None, enough: float
) -> tuple[list[Speech], str]:
    """What one process spoke before it ended, and its last words on stderr."""
    order = json.dumps(_where() | {"utterances": [asdict(request) for request in requests]}).encode()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(order)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603 - our own file, no shell
            [sys.executable, "-I", "-S", str(_CHILD)],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,  # a Ctrl-C is the worker's to answer
        )
        timer = threading.Timer(LIMIT, process.kill)
        timer.daemon = True
        timer.start()
        try:
            spoken = _listen(process.stdout, done, heard, enough) if process.stdout else []
        finally:
            timer.cancel()
            process.kill()
            if process.stdout:
                process.stdout.close()
            process.wait()
        complaints.seek(0)
        return spoken, complaints.read(2000).decode("utf-8", "replace").strip()


def known_language(asked: str) -> str:
    """eSpeak NG's name of a language (`de`, `fr`, `en-us`; `en-gb` is the first of its kind).

    Raises `JobError`: `unknown_language`, `speech_missing`.
    """
    wanted = asked.strip().lower().replace("_", "-")
    names = sorted(path.name.lower() for path in (Path(_where()["data"]) / "lang").rglob("*") if path.is_file())
    found = [name for name in names if name == wanted] + [name for name in names if name.startswith(f"{wanted}-")]
    if not found:
        raise JobError("unknown_language", f"eSpeak NG speaks no language {asked[:40]!r}.")
    return found[0]


def _where() -> dict[str, str]:
    try:
        import espeakng_loader
    except ImportError as error:
        raise JobError("speech_missing", "eSpeak NG is not installed: see the extra `local`.") from error
    return {"library": espeakng_loader.get_library_path(), "data": espeakng_loader.get_data_path()}


def _listen(out: IO[bytes], done: int, heard: Callable[[int], None] | None, enough: float) -> list[Speech]:
    spoken: list[Speech] = []
    with suppress(EOFError):
        (rate,) = struct.unpack("<i", _exactly(out, 4))
        while enough > 0 and (header := out.read(8)):
            samples, words = struct.unpack("<ii", header.ljust(8, b"\0"))
            wave = np.frombuffer(_exactly(out, samples * 2), "<i2").astype(np.float32) / np.float32(32768)
            said = struct.iter_unpack("<ii", _exactly(out, words * 8))
            spoken.append(Speech(wave, rate, [(position - 1, at / 1000) for position, at in said]))
            enough -= spoken[-1].seconds
            if heard:
                heard(done + len(spoken))
    return spoken


def _exactly(out: IO[bytes], size: int) -> bytes:
    data = out.read(size)
    if len(data) < size:
        raise EOFError
    return data
