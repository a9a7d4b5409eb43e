"""`lorekeeper import`: lore from a text file or a world bundle."""

import hashlib
import time
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.markup import escape

from lorekeeper.cli.terminal import CommandError, bars, complaint, connect, out
from lorekeeper.contracts.bundle import BundleError, WorldBundle, parse_bundle
from lorekeeper.contracts.enums import SourceType
from lorekeeper.contracts.lore import SourceCreate, SourceResponse, WorldCreate, WorldImportResponse, WorldResponse
from lorekeeper.sdk import Client

BUNDLE_SUFFIX = ".json"

TEXT_MARK = "text_sha256"
"""In a source's metadata: the SHA-256 of the file it was imported from, by which the same file is known again."""


def import_lore(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A text or Markdown file, or a world bundle (.json).")],
    world: Annotated[
        str | None,
        typer.Option("--world", "-w", help="The world's name or id; made if there is none. A bundle has its own name."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="The source's title; else the file's name.")] = None,
    source_type: Annotated[
        SourceType,
        typer.Option("--type", case_sensitive=False, metavar="TYPE", help=f"What it is: {', '.join(SourceType)}."),
    ] = SourceType.BOOK,
    again: Annotated[bool, typer.Option("--again", help="Import it once more, beside what is there.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Use the server that runs on this data folder.", metavar="D")
    ] = None,
) -> None:
    """Import lore: a text or Markdown file as a source of a world, or a whole world from a bundle."""
    content = _read(path)
    if path.suffix.lower() == BUNDLE_SUFFIX:
        bundle = _as_bundle(path, content)
        with connect(data_dir) as client:
            _import_bundle(client, bundle, name=world, again=again)
        return
    if world is None:
        raise CommandError("say which world the text belongs to: --world NAME")
    source = _TextFile(path, content, title or path.stem, source_type)
    with connect(data_dir) as client:
        _import_text(client, source, world, again=again)


class _TextFile:
    """A text to become a source, exactly as it lies on the disk."""

    def __init__(self, path: Path, content: bytes, title: str, kind: SourceType) -> None:
        self.path = path
        self.title = title
        self.kind = kind
        self.text = _as_text(path, content)
        self.mark = hashlib.sha256(content).hexdigest()

    def request(self, world_id: UUID) -> SourceCreate:
        """What the server is asked to make of it."""
        try:
            return SourceCreate(
                world_id=world_id,
                type=self.kind,
                title=self.title,
                origin=self.path.name,
                metadata={TEXT_MARK: self.mark},
                text=self.text,
            )
        except ValidationError as error:
            raise CommandError(f"{self.path} cannot be imported: {complaint(error)}") from error


def _import_text(client: Client, file: _TextFile, world_name: str, *, again: bool) -> None:
    began = time.perf_counter()
    with bars() as progress:
        task = progress.add_task(f"Importing {escape(file.path.name)}", total=None, note="looking for the world")
        world, is_new = _find_or_make_world(client, world_name)
        if not again and not is_new and (known := _known_source(client, world, file)):
            progress.stop()
            _say_known(known, world, file)
            return
        progress.update(task, note="the server cuts the text into chunks")
        source = client.sources.create(file.request(world.id))
    seconds = time.perf_counter() - began
    if is_new:
        out.print(f"Made the world [name]{escape(world.name)}[/] [id]{world.id}[/]", soft_wrap=True)
    out.print(
        f"[good]Imported[/] [name]{escape(source.title)}[/] into {escape(world.name)}: source [id]{source.id}[/], "
        f"{source.chunk_count} chunks, {len(file.text)} characters, {seconds:.2f} s",
        soft_wrap=True,
    )


def _known_source(client: Client, world: WorldResponse, file: _TextFile) -> SourceResponse | None:
    titled = [
        source for source in client.sources.iterate(world_id=world.id, title=file.title) if source.title == file.title
    ]
    # One made from this very file goes before one that only has its title.
    return min(titled, key=lambda source: source.metadata.get(TEXT_MARK) != file.mark, default=None)


def _say_known(source: SourceResponse, world: WorldResponse, file: _TextFile) -> None:
    """The same file again is no mistake, and nothing to do; another text of that title is for the person to decide."""
    if source.metadata.get(TEXT_MARK) != file.mark:
        raise CommandError(
            f"{world.name} has a source {source.title!r} already ({source.id}), and its text is another one: "
            "give --title for a new title, or --again to add this one beside it"
        )
    out.print(
        f"Nothing to do: {escape(world.name)} has this very file already, as source [id]{source.id}[/] "
        f"({source.chunk_count} chunks, {source.created_at:%Y-%m-%d %H:%M} UTC). To import it once more: --again",
        soft_wrap=True,
    )


def _find_or_make_world(client: Client, name: str) -> tuple[WorldResponse, bool]:
    """The world of this id or exact name, and whether it had to be made."""
    if world_id := _as_id(name):
        return client.worlds.get(world_id), False
    named = _worlds_named(client, name)
    if len(named) > 1:
        ids = ", ".join(str(world.id) for world in named)
        raise CommandError(f"there are {len(named)} worlds named {name!r}; say which by its id with --world: {ids}")
    if named:
        return named[0], False
    try:
        return client.worlds.create(WorldCreate(name=name)), True
    except ValidationError as error:
        raise CommandError(f"{name!r} cannot be a world's name: {complaint(error)}") from error


def _worlds_named(client: Client, name: str) -> list[WorldResponse]:
    return [world for world in client.worlds.iterate(name=name) if world.name == name.strip()]


def _import_bundle(client: Client, bundle: WorldBundle, *, name: str | None, again: bool) -> None:
    name = name or bundle.world.name
    if not again and (there := _worlds_named(client, name)):
        raise CommandError(
            f"there is a world named {name!r} already ({there[0].id}): give --world for a new name, "
            "or --again to import it as another world of that name"
        )
    began = time.perf_counter()
    with bars() as progress:
        progress.add_task(f"Importing {escape(name)}", total=None, note="the server stores the world")
        made = client.worlds.import_bundle(bundle, name=name)
    say_imported(made, time.perf_counter() - began)


def say_imported(made: WorldImportResponse, seconds: float) -> None:
    """What an imported bundle became."""
    ids = "ids as in the bundle" if made.ids_kept else "new ids, because some of the bundle's are taken"
    out.print(
        f"[good]Imported[/] the world [name]{escape(made.world.name)}[/] [id]{made.world.id}[/]: "
        f"{made.entities} entities, {made.claims} claims, {made.sources} sources in {made.source_chunks} chunks, "
        f"{ids}, {seconds:.2f} s",
        soft_wrap=True,
    )


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise CommandError(f"{path} is a folder: give one file at a time")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CommandError(f"there is no file {path}") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error


def _as_text(path: Path, content: bytes) -> str:
    """The exact text: no newline is translated, so that chunk offsets count in the file's own characters."""
    if not content:
        raise CommandError(f"{path} is empty")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{path} is not UTF-8: the first bad byte is {content[error.start]:#04x} at byte offset {error.start}; "
            "save it as UTF-8 first"
        ) from error
    if (offset := content.find(b"\x00")) >= 0:
        raise CommandError(f"{path} holds a NUL character at byte offset {offset}: is it a text file?")
    return text


def _as_bundle(path: Path, content: bytes) -> WorldBundle:
    try:
        return parse_bundle(content)
    except BundleError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        raise CommandError(f"{path} is not a world bundle: {error.problems[0]}{more}") from error


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
