"""A file on its way out: measured once, and held to that while it is sent."""

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lorekeeper.sdk.errors import FileChangedError, TransferError
from lorekeeper.sdk.streaming import PIECE


class LocalFile:
    """Reads a file, or a file object that can seek, from its beginning. Safe to use from several threads.

    `measure` reads it once; what is sent afterwards is held to that, a part at a time, before the last bytes of the
    part are let go: a file that changed meanwhile never arrives whole.
    """

    def __init__(self, file: Path | str | BinaryIO, name: str | None) -> None:
        self._lock = threading.Lock()
        self._ours = isinstance(file, Path | str)
        self.name = name or _name_of(file)
        self._file: BinaryIO = Path(file).open("rb") if isinstance(file, Path | str) else file  # noqa: SIM115 - close()
        self.size_bytes = self._file.seek(0, os.SEEK_END) if self._file.seekable() else 0
        self.checksum = ""
        self.part_size = self.size_bytes
        self._digests: list[bytes] = []
        if not self.size_bytes:
            seekable = self._file.seekable()
            self.close()
            wrong = "is empty: there is nothing to send" if seekable else "cannot be read twice: give a path instead"
            raise TransferError(f"{self.name} {wrong}")

    def measure(self, part_size: int | None = None) -> None:
        """Reads the file: its SHA-256 in hexadecimal, and that of each of its parts. Raises `FileChangedError`."""
        self.part_size = part_size or self.size_bytes
        whole = hashlib.sha256()
        self._digests = []
        for begins in range(0, self.size_bytes, self.part_size):
            part = hashlib.sha256()
            ends = min(begins + self.part_size, self.size_bytes)
            for at in range(begins, ends, PIECE):
                piece = self._read(at, min(PIECE, ends - at))
                whole.update(piece)
                part.update(piece)
            self._digests.append(part.digest())
        self.checksum = whole.hexdigest()

    def length(self, number: int) -> int:
        """Of a part, counted from 1; all are alike but the last."""
        return min(self.part_size, self.size_bytes - (number - 1) * self.part_size)

    def reader(self, number: int) -> Callable[[], bytes]:
        """A function that gives a part a piece at a time; empty at its end. It raises `FileChangedError`."""
        at = (number - 1) * self.part_size
        end = at + self.length(number)
        digest = hashlib.sha256()

        def next_piece() -> bytes:
            nonlocal at
            piece = self._read(at, min(PIECE, end - at)) if at < end else b""
            digest.update(piece)
            at += len(piece)
            if piece and at == end and digest.digest() != self._digests[number - 1]:
                raise self._changed()
            return piece

        return next_piece

    def _read(self, at: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(at)
            piece = self._file.read(length)
            grown = at + length == self.size_bytes and self._file.read(1)
        if len(piece) < length or grown:
            raise self._changed()
        return piece

    def _changed(self) -> FileChangedError:
        return FileChangedError(f"{self.name} changed while it was read: send it again once nobody writes to it")

    def close(self) -> None:
        """Closes the file, unless it was the caller's."""
        with self._lock:
            if self._ours:
                self._file.close()


def _name_of(file: Path | str | BinaryIO) -> str:
    name = file if isinstance(file, Path | str) else getattr(file, "name", None)
    if not isinstance(name, Path | str):
        raise TransferError("a file that has no name of its own needs one: give filename")
    return Path(name).name
