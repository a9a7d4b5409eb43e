"""An engine's output: kept in a file of bounded size, and its last lines at hand for error messages."""

import contextlib
import os
import re
import threading
from collections import deque
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 5_000_000
_TAIL_LINES = 200
# PostgreSQL's and initdb's severities; SeaweedFS marks a fatal line with a leading F and a date.
_TELLING = (
    re.compile(r"\b(FATAL|PANIC): "),
    re.compile(r"^F\d{4} "),
    re.compile(r"\b(ERROR|error): "),
    re.compile(r"^E\d{4} "),
)
_GLOG_PREFIX = re.compile(r"^[A-Z]\d{4} [\d:.]+ +(?:\d+ +)?[\w.]+:\d+\]? *")
_POSTGRES_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ UTC \[\d+\] *")


class EngineLog:
    """Takes engines' output through pipes and writes it to `path`, of which one older part (`.1`) is kept.

    A log that cannot be written (full disk) must not stall an engine: the line is dropped, the reading goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None

    def open_pipe(self) -> int:
        """A file descriptor for a new process to write to; the caller closes its copy after the fork."""
        readable, writable = os.pipe()
        with self._lock:
            self._tail.clear()
        self._reader = threading.Thread(
            target=self._drain, args=(os.fdopen(readable, "rb"),), name=f"lorekeeper-log-{self.path.stem}", daemon=True
        )
        self._reader.start()
        return writable

    def settle(self) -> None:
        """After the process ended: read its last words. Bounded, as a child it left behind may hold the pipe open."""
        if self._reader is not None:
            self._reader.join(timeout=0.5)

    def telling_line(self) -> str:
        """The line of the newest process that best says what went wrong, without its timestamp."""
        with self._lock:
            lines = [line for line in self._tail if line]
        for pattern in _TELLING:
            for line in reversed(lines):
                if pattern.search(line):
                    return _strip(line)
        return _strip(lines[-1]) if lines else "it wrote nothing"

    def contains(self, text: str) -> bool:
        """Whether the newest process wrote the text lately."""
        with self._lock:
            return any(text in line for line in self._tail)

    def _drain(self, pipe: BinaryIO) -> None:
        file: BinaryIO | None = None
        with pipe:
            for raw in pipe:
                with self._lock:
                    self._tail.append(raw.decode("utf-8", "replace").rstrip())
                    file = self._write(file, raw)
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _write(self, file: BinaryIO | None, raw: bytes) -> BinaryIO | None:
        try:
            if file is None:
                file = _open_private(self.path)
            if file.tell() + len(raw) > MAX_BYTES:
                file.close()
                self.path.replace(self.path.with_name(self.path.name + ".1"))
                file = _open_private(self.path)
            file.write(raw)
        except OSError:
            return None
        return file


def _open_private(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "ab", buffering=0)
    file.seek(0, os.SEEK_END)
    return file


def _strip(line: str) -> str:
    return _POSTGRES_PREFIX.sub("", _GLOG_PREFIX.sub("", line))
