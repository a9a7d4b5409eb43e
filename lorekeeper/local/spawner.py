"""Starting engine processes so that they die with us.

On Linux every child asks the kernel for a signal when its parent goes (PR_SET_PDEATHSIG, see launch.py). The kernel
ties that to the *thread* that forked, not to the process; hence one thread that forks them all and lives as long as
they may.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from . import launch
from .accounts import Account

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Command:
    """One program to run. `death_signal` is what the kernel sends it when we die."""

    argv: tuple[str, ...]
    cwd: Path
    death_signal: signal.Signals
    account: Account | None = None
    environment: dict[str, str] = field(default_factory=dict)


class Spawner:
    """The one thread that forks."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], Process], Future[Process]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="lorekeeper-spawner", daemon=True)
        self._thread.start()

    def spawn(self, command: Command, *, output: int, stdin: int = subprocess.DEVNULL) -> Process:
        """Start the program in a session of its own, so that the terminal's Ctrl-C reaches us alone.

        Standard output and error both go to the file descriptor `output`.
        """
        future: Future[Process] = Future()
        self._work.put((lambda: _popen(command, output, stdin), future))
        return future.result()

    def close(self) -> None:
        """End the thread. Whatever it started and is still running gets its death signal now."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            start, future = item
            try:
                future.set_result(start())
            except (OSError, subprocess.SubprocessError) as error:
                future.set_exception(error)


def _popen(command: Command, output: int, stdin: int) -> Process:
    account = command.account
    identity = (str(account.uid), str(account.gid)) if account else ("", "")
    launcher = (sys.executable, "-I", "-S", launch.__file__, str(int(command.death_signal)), str(os.getpid()))
    return subprocess.Popen(  # noqa: S603 - the wheels' own programs, with arguments that we made
        (*launcher, *identity, *command.argv),
        cwd=command.cwd,
        # Only what the engines need: the caller's PG*, AWS_* and WEED_* variables must not steer them.
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"} | command.environment,
        stdin=stdin,
        stdout=output,
        stderr=output,
        start_new_session=True,
        umask=0o077,
    )
