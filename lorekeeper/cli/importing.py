"""`lorekeeper import`: lore from a text file, a folder of Markdown notes or a world bundle."""

from pathlib import Path
from typing import Annotated

import typer

from lorekeeper.cli.bringing.bundles import import_bundle, read_bundle
from lorekeeper.cli.bringing.files import read_file
from lorekeeper.cli.bringing.notes import import_notes
from lorekeeper.cli.bringing.texts import TextFile, import_text
from lorekeeper.cli.terminal import CommandError
from lorekeeper.contracts.enums import SourceType

BUNDLE_SUFFIX = ".json"


def import_lore(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A text or Markdown file, a folder of Markdown notes, or a world bundle (.json)."
        ),
    ],
    world: Annotated[
        str | None,
        typer.Option(
            "--world", "-w", help="The world's name or id; made if there is none, brought up to date if there is."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="The source's title; else the file's name.")] = None,
    source_type: Annotated[
        SourceType,
        typer.Option("--type", case_sensitive=False, metavar="TYPE", help=f"What it is: {', '.join(SourceType)}."),
    ] = SourceType.BOOK,
    again: Annotated[bool, typer.Option("--again", help="Import it once more, beside what is there.")] = False,
    edition: Annotated[
        bool, typer.Option("--edition", help="A text: make it the new edition of the source of that title.")
    ] = False,
    stubs: Annotated[
        bool, typer.Option("--stubs", help="Notes: make an entity for each link that no note answers to.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would make, and make nothing.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Use the server that runs on this data folder.", metavar="D")
    ] = None,
) -> None:
    """Import lore: a text or Markdown file as a source of a world, a folder of Markdown notes as a world, or a whole
    world from a bundle."""
    if edition and again:
        raise CommandError("--edition takes the place of what is there, --again leaves it: give one of the two")
    if path.is_dir():
        if world is None:
            raise CommandError("say what the world of these notes is called: --world NAME")
        import_notes(path, world, stubs=stubs, again=again, dry_run=dry_run, data_dir=data_dir)
        return
    content = read_file(path)
    if path.suffix.lower() == BUNDLE_SUFFIX:
        bundle = read_bundle(path, content)
        import_bundle(bundle, content, name=world, again=again, dry_run=dry_run, data_dir=data_dir)
        return
    if world is None:
        raise CommandError("say which world the text belongs to: --world NAME")
    file = TextFile(path, content, title or path.stem, source_type)
    import_text(file, world, again=again, edition=edition, dry_run=dry_run, data_dir=data_dir)
