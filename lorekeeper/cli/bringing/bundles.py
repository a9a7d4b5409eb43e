"""A world bundle becomes a world."""

import time
from pathlib import Path

from rich.markup import escape

from lorekeeper.cli.bringing.worlds import worlds_named
from lorekeeper.cli.terminal import CommandError, bars, connect, out
from lorekeeper.contracts.bundle import BundleError, WorldBundle, parse_bundle
from lorekeeper.contracts.lore import WorldImportResponse
from lorekeeper.sdk import Client


def read_bundle(path: Path, content: bytes) -> WorldBundle:
    try:
        return parse_bundle(content)
    except BundleError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        raise CommandError(f"{path} is not a world bundle: {error.problems[0]}{more}") from error


def import_bundle(bundle: WorldBundle, *, name: str | None, again: bool, dry_run: bool, data_dir: Path | None) -> None:
    name = name or bundle.world.name
    with connect(data_dir) as client:
        refuse_second_world(client, name, again=again)
        if dry_run:
            say_would_make(bundle, name)
            return
        began = time.perf_counter()
        with bars() as progress:
            progress.add_task(f"Importing {escape(name)}", total=None, note="the server stores the world")
            made = client.worlds.import_bundle(bundle, name=name)
    say_imported(made, time.perf_counter() - began)


def refuse_second_world(client: Client, name: str, *, again: bool) -> None:
    """Raises `CommandError` where a world of this name is there, unless that is asked for."""
    if not again and (there := worlds_named(client, name)):
        raise CommandError(
            f"there is a world named {name!r} already ({there[0].id}): give --world for a new name, "
            "or --again to import it as another world of that name"
        )


def say_would_make(bundle: WorldBundle, name: str) -> None:
    pieces = bundle.pieces()
    uncut = sum(source.text is not None for source in bundle.sources)
    cut = f"{uncut} of them to be cut" if uncut else f"in {pieces.chunks} chunks"
    out.print(
        f"Would make the world [name]{escape(name)}[/]: {pieces.entities} entities, {pieces.claims} claims, "
        f"{pieces.sources} sources ({cut}). Nothing was sent.",
        soft_wrap=True,
    )


def say_imported(made: WorldImportResponse, seconds: float) -> None:
    """What an imported bundle became."""
    ids = "ids as in the bundle" if made.ids_kept else "new ids, because some of the bundle's are taken"
    out.print(
        f"[good]Imported[/] the world [name]{escape(made.world.name)}[/] [id]{made.world.id}[/]: "
        f"{made.entities} entities, {made.claims} claims, {made.sources} sources in {made.source_chunks} chunks, "
        f"{ids}, {seconds:.2f} s",
        soft_wrap=True,
    )
