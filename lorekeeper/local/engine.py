"""One engine process: started, awaited, watched, started again when it dies, stopped."""

import logging
import os
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod

from . import leftovers
from .enginelog import EngineLog
from .errors import LocalEngineError, PortTakenError, StartCancelledError
from .folder import DataFolder
from .spawner import Command, Process, Spawner

log = logging.getLogger("lorekeeper.local")

_POLL_SECONDS = 0.025
# A restart that held for this long was a success: the next death starts counting anew.
_STABLE_SECONDS = 60.0
_BACKOFF = (0.1, 0.5, 1.0, 2.0, 4.0)


class Engine(ABC):
    """The life of one engine, to be started and stopped once. Subclasses say what to run and when it is ready."""

    name: str
    program: str
    stem: str  # of the engine's folder, which is also its process's working folder, and of its log file
    port_names: tuple[str, ...]
    start_seconds: float
    stop_signal: signal.Signals
    stop_seconds: float

    def __init__(self, folder: DataFolder, spawner: Spawner) -> None:
        self.folder = folder
        self.spawner = spawner
        self.log = EngineLog(folder.logs / f"{self.stem}.log")
        self.home = folder.path / self.stem
        self.cancelled = threading.Event()
        self._process: Process | None = None
        self._launching = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._asked_at = 0.0

    @abstractmethod
    def prepare(self) -> None:
        """Make, or check, the engine's folder: once, before the first launch."""

    @abstractmethod
    def before_launch(self) -> None:
        """Tidy up what an earlier process left in the way: before every launch."""

    @abstractmethod
    def command(self) -> Command:
        """The program to run, with the ports as they are now in the folder's state."""

    @abstractmethod
    def is_ready(self, pid: int) -> bool:
        """One quick look."""

    @abstractmethod
    def finish_start(self) -> None:
        """What has to be done on the running engine before it is handed out (role, bucket); repeatable."""

    def start(self) -> None:
        """Start the engine and wait until it is ready. Raises PortTakenError when other ports could help."""
        self.clear_leftovers(self.folder.left_behind.get(self.name, []))
        self.prepare()
        self._launch()
        self._await_ready()
        self.finish_start()
        self._watcher = threading.Thread(target=self._watch, name=f"lorekeeper-watch-{self.program}", daemon=True)
        self._watcher.start()

    def ask_to_stop(self) -> None:
        """Ask the engine to leave, and return at once. Also ends a start that is under way."""
        self.cancelled.set()
        with self._launching:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(self.stop_signal)
        self._asked_at = time.monotonic()

    def await_stop(self) -> None:
        """Wait for an engine that was asked to leave, and make it when its time is over."""
        process = self._process
        if process is None:
            return
        while process.poll() is None:
            if self.has_let_go() or time.monotonic() > self._asked_at + self.stop_seconds:
                self.force(process)
                break
            time.sleep(_POLL_SECONDS)
        if self._watcher is not None:
            self._watcher.join()
        self.log.settle()
        self.cleanup()

    def has_let_go(self) -> bool:
        """Whether an engine that was asked to leave has written everything down and only lingers."""
        return False

    def force(self, process: Process) -> None:
        """End an engine that does not leave by itself."""
        process.kill()
        process.wait()

    def cleanup(self) -> None:  # noqa: B027 - most engines leave nothing
        """Remove what the process leaves outside its folder."""

    def clear_leftovers(self, recorded: list[leftovers.Identity], *, patience: float = 10.0) -> None:
        """Make sure that no process of an earlier life works in our folder."""
        if not self.home.is_dir():
            return
        found = leftovers.find(self.program, self.home, recorded)
        if found:
            log.info("waiting for a %s of an earlier run to end (process %s)", self.name, found[0].pid)
            leftovers.clear(found, patience=patience, name=self.name)

    def run_to_end(self, command: Command, *, stdin: int = subprocess.DEVNULL) -> int:
        """Run a helper program of the engine; its output goes to the engine's log."""
        output = self.log.open_pipe()
        try:
            process = self.spawner.spawn(command, output=output, stdin=stdin)
        finally:
            os.close(output)
        while process.poll() is None:
            if self.cancelled.wait(_POLL_SECONDS):
                process.kill()
                process.wait()
                raise StartCancelledError(f"The start of {self.name} was given up.")
        self.log.settle()
        return process.returncode

    def _launch(self) -> Process:
        with self._launching:
            if self.cancelled.is_set():
                raise StartCancelledError(f"The start of {self.name} was given up.")
            self.before_launch()
            output = self.log.open_pipe()
            try:
                self._process = self.spawner.spawn(self.command(), output=output)
            finally:
                os.close(output)
            self.folder.record_engine(self.name, leftovers.identify(self._process.pid))
            return self._process

    def _await_ready(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101 - _launch() came before
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready(process.pid):
            if process.poll() is not None:
                raise self._failure(process)
            if self.cancelled.wait(_POLL_SECONDS):
                raise StartCancelledError(f"The start of {self.name} was given up.")
            if time.monotonic() > deadline:
                raise LocalEngineError(
                    f"{self.name} was not ready after {self.start_seconds:.0f} s; its log is {self.log.path} "
                    f"and says: {self.log.telling_line()}"
                )

    def _failure(self, process: Process) -> LocalEngineError:
        self.log.settle()
        kind = PortTakenError if self.log.contains("ddress already in use") else LocalEngineError
        return kind(
            f"{self.name} {_how_it_ended(process.returncode)} while starting: {self.log.telling_line()} "
            f"(see {self.log.path})."
        )

    def _watch(self) -> None:
        """Blocks in waitpid for as long as all is well, so that watching costs nothing."""
        deaths = 0
        while True:
            process = self._process
            assert process is not None  # noqa: S101 - start() launched it
            began = time.monotonic()
            process.wait()
            if self.cancelled.is_set():
                return
            deaths = 1 if time.monotonic() - began > _STABLE_SECONDS else deaths + 1
            if deaths > len(_BACKOFF):
                log.error(
                    "%s died %s times in a row and is not started again; restart LoreKeeper after a look into %s (%s)",
                    self.name, deaths, self.log.path, self.log.telling_line(),
                )  # fmt: skip
                return
            delay = _BACKOFF[deaths - 1]
            log.warning("%s %s; starting it again in %s s", self.name, _how_it_ended(process.returncode), delay)
            if self.cancelled.wait(delay) or not self._restart():
                return

    def _restart(self) -> bool:
        """False when the stack is being stopped. A start that fails counts as one more death, which the caller sees."""
        try:
            self.clear_leftovers([])
            self._launch()
            self._await_ready()
        except StartCancelledError:
            return False
        except (LocalEngineError, OSError) as error:
            log.warning("starting %s again failed: %s", self.name, error)
            if self._process is not None and self._process.poll() is None:
                self.force(self._process)
            return not self.cancelled.is_set()
        log.info("%s is ready again", self.name)
        return True


def _how_it_ended(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with exit code {returncode}"
