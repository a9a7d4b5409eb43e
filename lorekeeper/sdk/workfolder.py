"""The folder of a job in the works: locked by its worker, so that the next one can tell what a dead one left."""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_log = logging.getLogger("lorekeeper.worker")

PREFIX = "lorekeeper-job-"


@contextmanager
def work_folder() -> Iterator[Path]:
    """An empty folder, gone afterwards. Its lock ends with the process, however that ends."""
    path, lock = _make_locked()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_abandoned() -> int:
    """Removes this user's folders that no living process holds, and answers how many. On Windows there are no such
    locks, and it removes nothing.
    """
    if sys.platform == "win32":
        return 0
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Gone meanwhile, held by its worker (BlockingIOError), another user's, or no folder.
        with suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path)
                    removed += 1
            finally:
                os.close(lock)
    if removed:
        _log.info("removed %d folders of jobs that a worker left behind", removed)
    return removed


def _make_locked() -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        if sys.platform == "win32":
            return path, None
        # Between the two, another worker may take it for abandoned; it holds the lock while it removes it.
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # a file system without locks: then nobody removes what is left there
                fcntl.flock(lock, fcntl.LOCK_EX)
            if path.is_dir():
                return path, lock
            os.close(lock)
