"""`lorekeeper export`: a whole world as a bundle."""

import secrets
import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID

from lorekeeper.cli.bringing.worlds import find_world
from lorekeeper.cli.terminal import CommandError, bars, connect, err, size
from lorekeeper.contracts.lore import WorldResponse
from lorekeeper.sdk import Client

STANDARD_OUTPUT = Path("-")


def export_world(
    world: Annotated[str, typer.Argument(metavar="WORLD", help="The world's name or id.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; - is standard output. Else ID.world.json."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Use the server that runs on this data folder.", metavar="D")
    ] = None,
) -> None:
    """Export a world as a bundle that `lorekeeper import` brings in again, here or elsewhere."""
    with connect(data_dir) as client:
        found = find_world(client, world)
        if found is None:
            raise CommandError(f"there is no world named {world!r}")
        # The name is the world's id: what a world is called may be no name of a file.
        path = out or Path(f"{found.id}.world.json")
        if path == STANDARD_OUTPUT:
            _receive(client, found, sys.stdout.buffer)
            return
        if out is None and path.exists():
            raise CommandError(f"there is a file {path} already: name another with --out, or that one, to replace it")
        _write(client, found, path)
    err.print(f"[good]Exported[/] [name]{escape(found.name)}[/] to {escape(str(path))}, {size(path.stat().st_size)}")


def _write(client: Client, world: WorldResponse, path: Path) -> None:
    """The file appears under its name once it is whole."""
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            _receive(client, world, file)
        part.replace(path)
    except IsADirectoryError as error:
        raise CommandError(f"{path} is a folder") from error
    finally:
        part.unlink(missing_ok=True)


def _receive(client: Client, world: WorldResponse, file: BinaryIO) -> None:
    with bars(console=err) as progress:
        task = progress.add_task(f"Exporting {escape(world.name)}", total=None, note="the server reads the world")

        def on_bytes(done: int, total: int) -> None:
            _show(progress, task, done, total)

        client.worlds.export_to(world.id, file, on_bytes)
        file.flush()


def _show(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total or None, note=f"{size(done)} of {size(total)}")
