"""A file that appears under its name only once it is whole."""

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Raised by a write, which knows no name.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def new_file_beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file in the folder of `path`; it is gone afterwards unless it was renamed.

    An `OSError` of it is told of `path`: nobody has asked for a file of this one's name.
    """
    # Cut to what fits into 255 bytes whatever its letters.
    part = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield part, file
    except OSError as error:
        if error.filename == str(part) or error.errno in _NO_ROOM:
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        part.unlink(missing_ok=True)
