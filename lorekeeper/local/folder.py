"""The data folder: whose it is, who owns it now, and what it remembers from one start to the next."""

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lorekeeper.places import LOCAL_FILE as _STATE

from .binaries import ENGINES_DIR, SYSTEM_DIR
from .errors import LocalEngineError
from .leftovers import Identity, is_running

FORMAT = 1

_LOCK = "lock"
_LOGS = "logs"
_MARK = "lorekeeper"
_LOCK_PATIENCE = 3.0
# What may stand in a folder that we began to make but did not get to mark (local.json comes after the lock).
_UNFINISHED = {_LOCK, _LOGS, f"{_STATE}.new"}


@dataclass
class State:
    """local.json: everything that has to be the same at the next start."""

    format: int = FORMAT
    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


@dataclass
class Holder:
    """What the lock file says about the process that holds the data folder, and the engines it started."""

    pid: int | None = None
    started_at: str | None = None
    url: str | None = None
    engines: dict[str, list[Identity]] = field(default_factory=dict)


class DataFolder:
    """One data folder, held by this process from `open()` to `close()`."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.state = State()
        self.left_behind: dict[str, list[Identity]] = {}
        self._holder = Holder()
        self._descriptor: int | None = None
        self._writing = threading.Lock()  # the engines start side by side

    @property
    def logs(self) -> Path:
        return self.path / _LOGS

    def open(self) -> None:
        """Make the folder if need be and take its lock; a folder that is not ours is left exactly as it is."""
        self._refuse_foreign()
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The system folder also holds the programs that PostgreSQL's own account must reach.
            self.path.mkdir(mode=0o711 if self.path == SYSTEM_DIR else 0o700, exist_ok=True)
        self._take_lock()
        try:
            self.state = _read_state(self.path / _STATE) or State()
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self.remember()
        except BaseException:
            self.close()
            raise

    def remember(self, *, ports: dict[str, int] | None = None, secrets: dict[str, str] | None = None) -> None:
        """Keep the ports for the next start, and those secrets that the folder does not have yet."""
        with self._writing:
            self.state.ports |= ports or {}
            self.state.secrets = (secrets or {}) | self.state.secrets
            self._save()

    def _save(self) -> None:
        """Write local.json whole or not at all; it holds secrets, so it is ours alone to read."""
        draft = self.path / f"{_STATE}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self.state), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path / _STATE)

    def announce(self, url: str) -> None:
        """Tell a second start where the first one serves."""
        with self._writing:
            self._holder.url = url
            self._write_holder(self._holder)

    def record_engine(self, name: str, identity: Identity | None) -> None:
        """Note a running engine, so that the next owner can recognise it should we be killed."""
        with self._writing:
            self._holder.engines[name] = [identity] if identity else []
            self._write_holder(self._holder)

    def close(self) -> None:
        """Release the folder. The lock file stays: unlinking it would let two owners in."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):  # a full disk must not keep us from letting go
            self._write_holder(Holder())
        os.close(self._descriptor)
        self._descriptor = None

    def _refuse_foreign(self) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise LocalEngineError(f"The data folder {self.path} is a file; choose a folder with --data-dir.")
        if _read_state(self.path / _STATE) is not None:
            return
        unfinished = _UNFINISHED | ({ENGINES_DIR} if self.path == SYSTEM_DIR else set())
        foreign = sorted({entry.name for entry in self.path.iterdir()} - unfinished)
        if foreign or not _is_our_lock(self.path / _LOCK):
            raise LocalEngineError(
                f"The folder {self.path} is not empty and is not a LoreKeeper data folder (it holds "
                f"{', '.join(foreign[:3]) or _LOCK!r} but no {_STATE}); choose another --data-dir. Nothing was changed."
            )

    def _take_lock(self) -> None:
        # O_CLOEXEC: the engines must not inherit the lock and keep it beyond our death.
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, self.path)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        before = _parse_holder(os.pread(descriptor, 1 << 16, 0))
        self.left_behind = before.engines
        # What the last owner left stays noted until it is cleared: we may be killed, too.
        self._holder = Holder(
            os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), engines=dict(before.engines)
        )
        self._write_holder(self._holder)

    def _write_holder(self, holder: Holder) -> None:
        if self._descriptor is None:
            return
        # In place: a rename would leave us holding the lock of a file that nobody sees any more.
        text = json.dumps({_MARK: FORMAT} | asdict(holder)).encode() + b"\n"
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))


def _lock(descriptor: int, path: Path) -> None:
    """Lock the file, or say who has it.

    The lock of a killed owner may be held for a moment yet, by a child that it had forked and that has not become an
    engine; so when the owner is gone, or has not written who it is, a little patience is due.
    """
    deadline = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _parse_holder(os.pread(descriptor, 1 << 16, 0))
            if time.monotonic() > deadline or (holder.pid and is_running(holder.pid)):
                raise LocalEngineError(_held_by(path, holder)) from None
            time.sleep(0.02)
        else:
            return


def _read_state(path: Path) -> State | None:
    """None if the file is not there. Raises for a newer format and for a file that is not ours."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        found = int(data["format"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise LocalEngineError(
            f"{path} is damaged or not LoreKeeper's; restore it from a backup (it holds the engines' passwords) "
            "or choose another --data-dir. Nothing was changed."
        ) from None
    if found > FORMAT:
        raise LocalEngineError(
            f"The data folder {path.parent} was written by a newer LoreKeeper (format {found}, this one "
            f"knows {FORMAT}); upgrade LoreKeeper or choose another --data-dir. Nothing was changed."
        )
    return State(found, dict(data.get("ports", {})), dict(data.get("secrets", {})))


def _is_our_lock(path: Path) -> bool:
    """True also for a lock file that is not there, or empty (we were killed before we wrote to it)."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return True
    return not text or text.startswith(f'{{"{_MARK}"'.encode())


def _parse_holder(text: bytes) -> Holder:
    """An empty holder where the text tells nothing: it may be half-written at this moment."""
    try:
        data: Any = json.loads(text)
        return Holder(data["pid"], data["started_at"], data["url"], dict(_identities(data["engines"])))
    except (ValueError, KeyError, TypeError):
        return Holder()


def _identities(engines: dict[str, Any]) -> Iterable[tuple[str, list[Identity]]]:
    for name, found in engines.items():
        yield name, [Identity(int(one["pid"]), float(one["created"])) for one in found]


def _held_by(path: Path, holder: Holder) -> str:
    who = f"process {holder.pid}, since {holder.started_at}" if holder.pid else "another process"
    where = f", serving {holder.url}" if holder.url else ""
    return f"The data folder {path} is in use by LoreKeeper ({who}{where}); stop it or choose another --data-dir."
