"""Both embedded engines on one data folder."""

import atexit
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .engine import Engine
from .errors import LocalEngineError, PortTakenError, StartCancelledError
from .folder import DataFolder
from .ports import choose_ports
from .postgres import Postgres
from .seaweedfs import S3Address, SeaweedFS, port_is_usable
from .spawner import Spawner

_PORT_ATTEMPTS = 3


@dataclass(frozen=True)
class EngineAddresses:
    """Where the engines are; None for one that was not asked for. Both addresses hold secrets."""

    database_url: str | None
    s3: S3Address | None


class LocalStack:
    """PostgreSQL and SeaweedFS for one data folder, supervised from start() to stop().

    An engine that dies in between is started again on the same port. Whatever ends this process, the engines end too.
    """

    def __init__(self, data_dir: Path, *, postgres: bool = True, seaweedfs: bool = True) -> None:
        self._folder = DataFolder(data_dir)
        self._wanted: list[type[Engine]] = [*([Postgres] if postgres else []), *([SeaweedFS] if seaweedfs else [])]
        self._engines: list[Engine] = []
        self._spawner: Spawner | None = None
        self._owner: int | None = None
        self._changing = threading.RLock()

    def start(self) -> EngineAddresses:
        """Take the data folder, start the engines side by side, return when both are ready.

        Raises LocalEngineError; nothing is left running or locked then.
        """
        if self._owner is not None:
            raise LocalEngineError(f"The engines of {self._folder.path} are started already.")
        try:
            self._folder.open()
            self._owner = os.getpid()
            atexit.register(self.stop)  # where the kernel knows no death signal; harmless elsewhere
            self._start_engines()
        except OSError as error:
            self.stop()
            place = error.filename or self._folder.path
            raise LocalEngineError(f"The embedded engines cannot use {place}: {error.strerror or error}.") from error
        except BaseException:
            self.stop()
            raise
        return self._addresses()

    def stop(self) -> None:
        """Stop the engines and release the data folder, within 4 s. May be called at any time, any number of times."""
        with self._changing:
            if self._owner != os.getpid():  # never started; or a forked child, whose parent's engines these are
                return
            atexit.unregister(self.stop)
            try:
                self._stop_engines()
            finally:
                if self._spawner is not None:
                    self._spawner.close()
                    self._spawner = None
                self._folder.close()
                self._owner = None

    def announce(self, url: str) -> None:
        """Have a second start on this data folder told where this one serves."""
        self._folder.announce(url)

    def __enter__(self) -> EngineAddresses:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start_engines(self) -> None:
        for attempt in range(_PORT_ATTEMPTS):
            engines = self._make_engines(fresh_ports=attempt > 0)
            try:
                _start_side_by_side(engines)
            except PortTakenError:
                if attempt == _PORT_ATTEMPTS - 1:
                    raise
                self._stop_engines()
            else:
                return

    def _make_engines(self, *, fresh_ports: bool) -> list[Engine]:
        with self._changing:
            if self._owner is None:
                raise StartCancelledError("The start was given up, since stop() was called meanwhile.")
            self._spawner = self._spawner or Spawner()
            remembered = {} if fresh_ports else self._folder.state.ports
            names = [name for engine in self._wanted for name in engine.port_names]
            self._folder.remember(ports=choose_ports(names, remembered, usable=port_is_usable))
            self._engines = [engine(self._folder, self._spawner) for engine in self._wanted]
            return self._engines

    def _stop_engines(self) -> None:
        # Without threads of our own: at interpreter exit Python starts none any more.
        for engine in self._engines:
            engine.ask_to_stop()
        for engine in self._engines:
            engine.await_stop()
        self._engines = []

    def _addresses(self) -> EngineAddresses:
        urls = [engine.database_url for engine in self._engines if isinstance(engine, Postgres)]
        stores = [engine.address for engine in self._engines if isinstance(engine, SeaweedFS)]
        return EngineAddresses(next(iter(urls), None), next(iter(stores), None))


def _start_side_by_side(engines: list[Engine]) -> None:
    """Start all at once. The first failure, or Ctrl-C, gives up what the others are doing."""
    if not engines:
        return
    with ThreadPoolExecutor(len(engines), thread_name_prefix="lorekeeper-start") as pool:
        try:
            for done in as_completed([pool.submit(engine.start) for engine in engines]):
                done.result()
        except BaseException:
            for engine in engines:
                engine.cancelled.set()
            raise
