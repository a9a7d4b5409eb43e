"""The command line. Server commands are imported only when they are named, so the plain installation has the others."""

import importlib
import io
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from lorekeeper.cli.demo import demo
from lorekeeper.cli.exporting import export_world
from lorekeeper.cli.importing import import_lore
from lorekeeper.cli.searching import search
from lorekeeper.cli.terminal import CommandError, say_error
from lorekeeper.cli.worker import worker
from lorekeeper.sdk import SdkError

ORDER = ("demo", "serve", "import", "export", "search", "worker", "keys", "migrate", "doctor")

LAZY = {
    "serve": ("lorekeeper.cli.serve", "serve"),
    "migrate": ("lorekeeper.cli.serve", "migrate"),
    "doctor": ("lorekeeper.cli.serve", "doctor"),
    "keys": ("lorekeeper.cli.keys", "app"),
}
"""Commands that need the server's packages: module and name of the function, or of the sub-app."""


class Commands(TyperGroup):
    """All commands, the lazy ones loaded when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        """In the order a newcomer needs them."""
        return list(ORDER)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command; one that says what to install where its packages are missing."""
        if cmd_name not in LAZY:
            return super().get_command(ctx, cmd_name)
        module, attribute = LAZY[cmd_name]
        try:
            found = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if _is_ours(error):
                raise
            found = _needs_server(cmd_name)
        command = typer.main.get_command(found if isinstance(found, typer.Typer) else _single(cmd_name, found))
        command.name = cmd_name
        return command


def _single(name: str, function: Any, **settings: Any) -> typer.Typer:
    single = typer.Typer(add_completion=False)
    single.command(name, **settings)(function)
    return single


def _needs_server(name: str) -> typer.Typer:
    def missing() -> None:
        raise CommandError(f"`lorekeeper {name}` needs the server's packages: pip install 'lorekeeper[local]'")

    takes_anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return _single(name, missing, help="(needs: pip install 'lorekeeper[local]')", context_settings=takes_anything)


def _is_ours(error: ModuleNotFoundError) -> bool:
    return (error.name or "").partition(".")[0] == "lorekeeper"


app = typer.Typer(
    name="lorekeeper",
    cls=Commands,
    no_args_is_help=True,
    help="The system of record for generated media of fictional worlds.",
    epilog="Client commands read LOREKEEPER_URL and LOREKEEPER_API_KEY; without them they use this machine's server.",
)


@app.callback()
def _root() -> None:
    # Without a callback Typer would make a lone command the whole program.
    return None


app.command("demo")(demo)
app.command("import")(import_lore)
app.command("export")(export_world)
app.command("search")(search)
app.command("worker")(worker)


def run() -> None:
    """The console script: runs a command; what can be foreseen ends in one sentence and status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name in a letter that this terminal lacks is no reason to stop.
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="lorekeeper")
    except (CommandError, SdkError) as error:
        say_error(str(error))
    except ModuleNotFoundError as error:
        if _is_ours(error):
            raise
        say_error(f"the package {error.name} is missing: pip install 'lorekeeper[local]'")
    except OSError as error:
        say_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    else:
        return
    sys.exit(1)


if __name__ == "__main__":
    run()
