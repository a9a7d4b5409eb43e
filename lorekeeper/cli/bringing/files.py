"""Reading the one file that is to be imported."""

from pathlib import Path

from lorekeeper.cli.terminal import CommandError

MAX_FILE_BYTES = 200 * 1000**2
"""What a text of 50 million characters, the longest that the server takes, can have."""


def read_file(path: Path) -> bytes:
    """All of it. Raises `CommandError`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise CommandError(f"there is no file {path}") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise CommandError(f"{path} is larger than {MAX_FILE_BYTES // 1000**2} MB, the most that one import may bring")
    return content


def as_text(path: Path, content: bytes) -> str:
    """The exact text: no newline is translated, so that chunk offsets count in the file's own characters."""
    if not content:
        raise CommandError(f"{path} is empty")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{path} is not UTF-8: the first bad byte is {content[error.start]:#04x} at byte offset {error.start}; "
            "save it as UTF-8 first"
        ) from error
    if (offset := content.find(b"\x00")) >= 0:
        raise CommandError(f"{path} holds a NUL character at byte offset {offset}: is it a text file?")
    return text
