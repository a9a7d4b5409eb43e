"""How the commands speak: a console for what was asked for, one for what went wrong, and one way to end in an error."""

import json
import os
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.theme import Theme

from lorekeeper.sdk import Client

# Without a terminal there is no width to fit: lines are not broken but for tables, and those get room.
PIPED_WIDTH = 120
WIDEST = 120

# A person waits in front of it: fewer tries than a worker makes.
TRIES = 3

_THEME = Theme(
    {
        "name": "bold",
        "id": "cyan",
        "good": "green",
        "bad": "red",
        "hint": "dim",
        "title": "bold magenta",
        "progress.elapsed": "dim",
    }
)


class CommandError(Exception):
    """A foreseeable end of a command: its text is one sentence for the person at the keyboard."""


def console_on(stream: str) -> Console:
    """A console on `stdout` or `stderr`, as wide as is good to read."""
    console = Console(stderr=stream == "stderr", theme=_THEME, highlight=False)
    console.width = min(console.width, WIDEST) if console.is_terminal else PIPED_WIDTH
    return console


out = console_on("stdout")
err = console_on("stderr")


def say_error(sentence: str) -> None:
    """The one sentence that a command ends with, on stderr."""
    text = sentence.strip().removesuffix(".")
    first = text.partition(" ")[0]
    if first.isalpha() and not Path(first).exists():  # a file keeps its name as it is
        text = text[:1].upper() + text[1:]
    err.print(f"[bad]Error:[/] {escape(text)}.", soft_wrap=True)


def own_name() -> str:
    """How this command is called here: by its name where that is on the PATH, else by its path."""
    if shutil.which("lorekeeper"):
        return "lorekeeper"
    program = Path(sys.executable).with_name("lorekeeper")
    with suppress(ValueError):
        program = program.relative_to(Path.cwd())
    return shlex.quote(str(program))


def silence_stdout() -> None:
    """After its reader went away: what is still written goes nowhere, also what Python flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def json_line(**fields: Any) -> None:
    """One JSON object on a line of its own, for programs that read along."""
    sys.stdout.write(json.dumps(fields, default=str) + "\n")
    sys.stdout.flush()


def connect(data_dir: Path | None) -> Client:
    """The server on this data folder if one is named, else the environment's. Raises `ConfigurationError`."""
    if data_dir is not None:
        return Client.of_data_dir(data_dir.expanduser(), attempts=TRIES)
    return Client.from_environment(attempts=TRIES)


def bars(*, console: Console = out) -> Progress:
    """Progress bars that leave no trace when they are done; nothing at all without a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TextColumn("[hint]{task.fields[note]}[/]"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def short(identifier: object) -> str:
    """The end of an id: the random part of a UUIDv7, enough to tell things apart on a screen."""
    return str(identifier)[-8:]


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def complaint(error: ValidationError) -> str:
    """What is wrong with a model's input, in one sentence."""
    errors = error.errors(include_url=False, include_input=False)
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}{more}"
