"""`lorekeeper serve`, `migrate` and `doctor`: the commands of whoever runs the server."""

import gc
import json
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from rich.markup import escape

from lorekeeper.app import Backing, create_app
from lorekeeper.cli.backing import admin_key_file, database_url, embedded_or_named, ensure_admin_key, running_server
from lorekeeper.cli.checkup import examine, examine_running
from lorekeeper.cli.terminal import CommandError, console_on
from lorekeeper.db import migrate as migrations
from lorekeeper.kit.protocol import bounded_protocol
from lorekeeper.kit.telemetry import configure_logging
from lorekeeper.places import LOCAL_FILE, SERVER_FILE
from lorekeeper.settings import Settings, environment_name

GRACE_SECONDS = 2
"""How long requests in flight may take to finish at shutdown; the engines need the rest of five seconds."""

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where the embedded engines keep their data.")]
logger = logging.getLogger("lorekeeper.serve")


def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Run the API; with nothing configured, on a PostgreSQL and a SeaweedFS of its own."""
    settings = settings_with(data_dir=data_dir, host=host, port=port)
    configure_logging(settings.log_style, settings.log_level)
    # From here on SIGTERM ends the command as Ctrl-C does: by way of every `finally`.
    signal.signal(signal.SIGTERM, _end)
    listener = _listen(settings)
    try:
        with embedded_or_named(settings) as (backing, announce):
            new_key = _make_ready(settings, backing)
            url = f"http://{settings.host if ':' not in settings.host else f'[{settings.host}]'}:{_port_of(listener)}"
            announce(url)
            with _findable(settings, backing, url):
                _greet(settings, url, new_key)
                _run(settings, backing, listener)
    except KeyboardInterrupt:
        logger.info("stopped")
    finally:
        listener.close()


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to the schema of this version."""
    settings = settings_with(data_dir=data_dir)
    with database_url(settings) as url:
        moved = _upgraded(url)
    console_on("stdout").print(f"The database is at schema {migrations.head()}{'' if moved else ', as it was before'}.")


def doctor(data_dir: DataDir = None) -> None:
    """Look whether everything that a server needs is there, and say what is not."""
    settings = settings_with(data_dir=data_dir)
    if running := running_server(settings):
        findings = list(examine_running(running["url"]))
    elif settings.database_url is None and not (settings.data_dir / LOCAL_FILE).exists():
        raise CommandError(f"There is no LoreKeeper data in {settings.data_dir} yet; `lorekeeper serve` makes it.")
    else:
        with embedded_or_named(settings) as (backing, _):
            findings = list(examine(backing))
    console = console_on("stdout")
    for finding in findings:
        mark = "[hint]-- [/hint]" if finding.is_note else "[good]ok [/good]" if finding.fine else "[bad]bad[/bad]"
        console.print(f"{mark} {finding.what:<11} {escape(finding.says)}")
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)


def settings_with(**options: Any) -> Settings:
    """The settings of the environment, with the options of the command line before them."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = environment_name(str(first["loc"][0]))
        raise CommandError(f"The setting {name} cannot be {first['input']!r}: {first['msg']}.") from error


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is started, so that a taken one costs no time and starts nothing."""
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if running := running_server(settings):
            raise CommandError(f"LoreKeeper serves {settings.data_dir} already, at {running['url']}.") from error
        other = " Choose another with --port, or 0 for a free one." if port else ""
        raise CommandError(f"Cannot listen on {host} port {port}: {error.strerror}.{other}") from error
    return listener


def _port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def _upgraded(database_url: str) -> bool:
    try:
        return migrations.upgrade(database_url)
    except migrations.MigrationError as error:
        raise CommandError(str(error)) from error


def _make_ready(settings: Settings, backing: Backing) -> str | None:
    """The embedded database is migrated, and given a first admin key, as a matter of course; the answer is that key.

    A database that was named is its operator's to migrate.
    """
    if settings.database_url is None:
        _upgraded(backing.database_url)
        return ensure_admin_key(settings, backing)
    try:
        revision = migrations.current(backing.database_url)
        migrations.refuse_newer(revision)
    except migrations.MigrationError as error:
        raise CommandError(str(error)) from error
    if revision != migrations.head():
        raise CommandError(
            f"The database has schema {revision or 'none'}, this LoreKeeper needs {migrations.head()}: "
            "run `lorekeeper migrate`."
        )
    return None


@contextmanager
def _findable(settings: Settings, backing: Backing, url: str) -> Iterator[None]:
    """While the server runs, tell this machine's commands where it is; only the data folder's owner can read it."""
    if settings.database_url is not None and settings.has_s3:
        yield
        return
    path = settings.data_dir / SERVER_FILE
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps({"url": url, "pid": os.getpid(), "database_url": backing.database_url}))
    temporary.replace(path)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


class _Server(uvicorn.Server):
    """uvicorn's server, which at the first signal also lets the workers go that wait for a job."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.runtime.new_jobs.close()
        super().handle_exit(sig, frame)


def _run(settings: Settings, backing: Backing, listener: socket.socket) -> None:
    app = create_app(settings, backing)
    config = uvicorn.Config(
        app,
        http=bounded_protocol(),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
    )
    # What was imported and built up to here lives as long as the process does: the garbage collector, which would walk
    # through it again and again, is told to leave it alone.
    gc.collect()
    gc.freeze()
    _Server(config, app).run(sockets=[listener])


def _greet(settings: Settings, url: str, new_key: str | None) -> None:
    console = console_on("stderr")
    console.print(f"[title]LoreKeeper[/title] serves at [id]{url}[/id]; its API is described at [id]{url}/docs[/id]")
    if new_key is not None:
        console.print(f"Admin key, shown this once: [id]{new_key}[/id]", soft_wrap=True)
    if settings.database_url is None:
        kept = escape(str(admin_key_file(settings)))
        console.print(
            f"[hint]The admin key is kept in {kept}; this machine's commands find it there.[/hint]", soft_wrap=True
        )
    if not settings.has_s3 and settings.host not in {"127.0.0.1", "localhost", "::1"}:
        console.print("[bad]The embedded store listens on loopback only: no other machine can fetch files.[/bad]")
