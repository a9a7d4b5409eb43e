"""Finding and reading the notes of a folder: what counts as a note, and what keeps one from being read."""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_NOTES = 100_000
MAX_NOTE_BYTES = 10 * 1000**2
NOTE_SUFFIX = ".md"
NO_NOTES_IN = frozenset({"templates", "_templates", "node_modules"})
"""Folders of patterns and tools, in any spelling of case; hidden ones (`.obsidian`, `.trash`) are left out as well."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and where. `line` counts from 1; None where the whole file is meant."""

    note: str
    line: int | None
    says: str

    def __str__(self) -> str:
        return f"{self.note}:{self.line}: {self.says}" if self.line else f"{self.note}: {self.says}"


class NoteError(Exception):
    """One note cannot be taken."""

    def __init__(self, says: str, line: int | None = None) -> None:
        super().__init__(says)
        self.says = says
        self.line = line

    def at(self, note: str) -> Problem:
        return Problem(note, self.line, self.says)


@dataclass(slots=True)
class Listing:
    """What lies in a folder. Paths are relative to it, with `/` between their parts, in the order of the alphabet."""

    notes: list[str] = field(default_factory=list)
    attachments: set[str] = field(default_factory=set)
    not_followed: list[str] = field(default_factory=list)


def list_folder(root: Path) -> Listing:
    """Every note and attachment below `root`. Nothing outside of it is looked at: symbolic links are not followed.

    Raises OSError where a folder cannot be read, `NoteError` for more than `MAX_NOTES` notes.
    """
    listing = Listing()
    for path, entry in _entries(root):
        if entry.is_symlink():
            listing.not_followed.append(path)
        elif not entry.is_file(follow_symlinks=False):
            continue
        elif path.lower().endswith(NOTE_SUFFIX):
            listing.notes.append(path)
        else:
            listing.attachments.add(path)
    if len(listing.notes) > MAX_NOTES:
        raise NoteError(f"{len(listing.notes)} notes are more than the {MAX_NOTES} that one import may bring")
    listing.notes.sort()
    return listing


def _entries(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = f"{folder}/{entry.name}" if folder else entry.name
                if not entry.is_dir(follow_symlinks=False):
                    yield path, entry
                elif entry.name.lower() not in NO_NOTES_IN:
                    folders.append(path)


def read_note(root: Path, path: str) -> str:
    """The text of a note, letter by letter, without a byte order mark. Raises `NoteError`."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise NoteError("the file's name is not UTF-8") from error
    content = _bytes_of(root / path)
    if len(content) > MAX_NOTE_BYTES:
        raise NoteError(
            f"is larger than {MAX_NOTE_BYTES // 1000**2} MB: import it by itself, as a text (lorekeeper import FILE)"
        )
    if (nul := content.find(b"\x00")) >= 0:
        raise NoteError("holds a NUL character: is it a text?", _line_of(content, nul))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The offset is counted behind a byte order mark.
        at = error.start + (3 if content.startswith(b"\xef\xbb\xbf") else 0)
        raise NoteError(f"is not UTF-8: the byte {content[at]:#04x} is wrong here", _line_of(content, at)) from error


def _bytes_of(path: Path) -> bytes:
    # The file may have become another kind of thing since it was listed: neither follow a link nor wait for a pipe.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NoteError("is no longer a file")
            return file.read(MAX_NOTE_BYTES + 1)
    except FileNotFoundError as error:
        raise NoteError("went away while the folder was being read") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NoteError("became a symbolic link while the folder was being read") from error
        raise NoteError(f"cannot be read: {error.strerror}") from error


def _line_of(content: bytes, offset: int) -> int:
    return content.count(b"\n", 0, offset) + 1


def composed(path: str) -> str:
    """Names in composed form (NFC), because a Mac writes `é` as two characters and everybody else as one."""
    return unicodedata.normalize("NFC", path)


def comparable(text: str) -> str:
    """How names are compared: without regard to case and to the form in which accents are written."""
    return composed(composed(text).casefold())
