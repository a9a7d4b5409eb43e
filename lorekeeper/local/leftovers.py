"""Engine processes that an earlier owner of the data folder left behind.

A process is only ever signalled when it is known to be ours: by pid *and* creation time as we wrote them down, or
because its working folder is our engine's own folder (both engines work there for their whole life). A name or a bare
pid proves nothing, since pids are reused.
"""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from .errors import LocalEngineError

# The clock behind creation times has ticks of 10 ms, and psutil derives them from the boot time.
_SAME_MOMENT = 2.0


@dataclass(frozen=True)
class Identity:
    """A process as it can be recognised later."""

    pid: int
    created: float


def identify(pid: int) -> Identity | None:
    """None if the process is gone already."""
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def is_running(pid: int) -> bool:
    """Whether any process has this pid now; whose it is says nothing."""
    try:
        return _is_alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def is_stranger(pid: int, program: str, folder: Path) -> bool:
    """Whether the pid is that of a live process which is provably *not* the engine of that folder."""
    try:
        process = psutil.Process(pid)
        return process.name() != program or Path(process.cwd()) != folder.resolve()
    except psutil.Error:
        return False


def find(program: str, folder: Path, recorded: Iterable[Identity]) -> list[psutil.Process]:
    """Live processes of `program` that belong to the engine folder."""
    found = {process.pid: process for process in _recorded_alive(program, recorded)}
    real = folder.resolve()
    for process in psutil.process_iter():
        if process.pid in found:
            continue
        with contextlib.suppress(psutil.Error):
            # An unreadable working folder (another user's process) means: not provably ours, so left alone.
            if process.name() == program and Path(process.cwd()) == real:
                found[process.pid] = process
    return [process for process in found.values() if _is_alive(process)]


def clear(processes: list[psutil.Process], *, patience: float, name: str) -> None:
    """Wait until the processes are gone, at most `patience` seconds (they may be shutting down); then kill them."""
    alive = _wait_gone(processes, patience)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    alive = _wait_gone(alive, 5)
    if alive:
        raise LocalEngineError(
            f"A {name} of an earlier run (process {alive[0].pid}) does not end, even by force; restart the machine."
        )


def _wait_gone(processes: list[psutil.Process], patience: float) -> list[psutil.Process]:
    deadline = time.monotonic() + patience
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: in a container whose first process reaps nobody, it stays for ever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _recorded_alive(program: str, recorded: Iterable[Identity]) -> Iterable[psutil.Process]:
    for identity in recorded:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(identity.pid)
            if process.name() == program and abs(process.create_time() - identity.created) < _SAME_MOMENT:
                yield process
