"""A text file becomes a source of a world, or the new edition of one."""

import hashlib
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from rich.markup import escape

from lorekeeper.cli.bringing.files import as_text
from lorekeeper.cli.bringing.worlds import find_world
from lorekeeper.cli.terminal import CommandError, bars, complaint, connect, out
from lorekeeper.contracts.bundle import BUNDLE_FORMAT, BUNDLE_VERSION, BundleSource, BundleWorld, WorldBundle
from lorekeeper.contracts.editions import SourceEditionCreate, SourceEditionResponse
from lorekeeper.contracts.enums import SourceType
from lorekeeper.contracts.lore import SourceCreate, SourceResponse, WorldResponse
from lorekeeper.sdk import Client

TEXT_MARK = "text_sha256"
"""In a source's metadata: the SHA-256 of the file it was imported from, by which the same file is known again."""


class TextFile:
    """A text to become a source, exactly as it lies on the disk."""

    def __init__(self, path: Path, content: bytes, title: str, kind: SourceType) -> None:
        self.path = path
        self.title = title
        self.kind = kind
        self.text = as_text(path, content)
        self.mark = hashlib.sha256(content).hexdigest()

    def source(self, world_id: UUID) -> SourceCreate:
        """What the server is asked to make of it in a world that is there."""
        try:
            return SourceCreate(world_id=world_id, **self._fields())
        except ValidationError as error:
            raise self._refusal(error) from error

    def bundle(self, world_name: str, source_id: UUID | None = None) -> WorldBundle:
        """The same with its world, so that both come in together or not at all; or as the text of a source."""
        try:
            world = BundleWorld(name=world_name)
        except ValidationError as error:
            raise CommandError(f"{world_name!r} cannot be a world's name: {complaint(error)}") from error
        try:
            sources = [BundleSource(id=source_id, **self._fields())]
        except ValidationError as error:
            raise self._refusal(error) from error
        return WorldBundle(format=BUNDLE_FORMAT, version=BUNDLE_VERSION, world=world, sources=sources)

    def _fields(self) -> dict[str, Any]:
        return {
            "type": self.kind,
            "title": self.title,
            "origin": self.path.name,
            "metadata": {TEXT_MARK: self.mark},
            "text": self.text,
        }

    def edition(self, source: SourceResponse) -> SourceEditionCreate:
        """The same as a new edition of a source that is there."""
        try:
            return SourceEditionCreate(text=self.text, metadata=source.metadata | {TEXT_MARK: self.mark})
        except ValidationError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: ValidationError) -> CommandError:
        return CommandError(f"{self.path} cannot be imported: {complaint(error)}")


def import_text(
    file: TextFile, world_name: str, *, again: bool, edition: bool, dry_run: bool, data_dir: Path | None
) -> None:
    with connect(data_dir) as client:
        world = find_world(client, world_name)
        known = None if again or world is None else _known_source(client, world, file)
        if edition and known is None:
            raise CommandError(
                f"there is no source {file.title!r} in {world_name}, of which this could be a new edition: "
                "give its --title, or leave --edition out to make a new source"
            )
        if known and not edition and known.metadata.get(TEXT_MARK) == file.mark:
            _say_known(known)
        elif known and not edition:
            raise _another_text(known, world_name)
        elif dry_run:
            _preview(client, file, world, world_name, known)
        elif known:
            _bring_edition(client, file, known)
        else:
            _bring_source(client, file, world, world_name)


def _known_source(client: Client, world: WorldResponse, file: TextFile) -> SourceResponse | None:
    titled = [
        source for source in client.sources.iterate(world_id=world.id, title=file.title) if source.title == file.title
    ]
    # One made from this very file goes before one that only has its title.
    return min(titled, key=lambda source: source.metadata.get(TEXT_MARK) != file.mark, default=None)


def _bring_source(client: Client, file: TextFile, world: WorldResponse | None, world_name: str) -> None:
    began = time.perf_counter()
    with bars() as progress:
        progress.add_task(
            f"Importing {escape(file.path.name)}", total=None, note="the server cuts the text into chunks"
        )
        made, source = _made(client, file, world, world_name)
    seconds = time.perf_counter() - began
    if world is None:
        out.print(f"Made the world [name]{escape(made.name)}[/] [id]{made.id}[/]", soft_wrap=True)
    out.print(
        f"[good]Imported[/] [name]{escape(source.title)}[/] into {escape(made.name)}: source [id]{source.id}[/], "
        f"{source.chunk_count} chunks, {len(file.text)} characters, {seconds:.2f} s",
        soft_wrap=True,
    )


def _made(
    client: Client, file: TextFile, world: WorldResponse | None, world_name: str
) -> tuple[WorldResponse, SourceResponse]:
    if world is not None:
        return world, client.sources.create(file.source(world.id))
    made = client.worlds.import_bundle(file.bundle(world_name)).world
    return made, next(client.sources.iterate(world_id=made.id))


def _bring_edition(client: Client, file: TextFile, source: SourceResponse) -> None:
    began = time.perf_counter()
    with bars() as progress:
        progress.add_task(f"Importing {escape(file.path.name)}", total=None, note="the server compares the editions")
        report = client.sources.new_edition(source.id, file.edition(source), etag=source.etag)
    _say_edition(report, time.perf_counter() - began)


def _say_known(source: SourceResponse) -> None:
    """The same file again is no mistake, and nothing to do."""
    out.print(
        f"Nothing to do: this very file is there already, as source [id]{source.id}[/] "
        f"({source.chunk_count} chunks, {source.created_at:%Y-%m-%d %H:%M} UTC). To import it once more: --again",
        soft_wrap=True,
    )


def _another_text(source: SourceResponse, world_name: str) -> CommandError:
    """Another text of that title is for the person to decide."""
    return CommandError(
        f"{world_name} has a source {source.title!r} already ({source.id}), and its text is another one: "
        "give --edition to make this its new edition, --title for a new title, or --again to add this one beside it"
    )


def _preview(
    client: Client, file: TextFile, world: WorldResponse | None, world_name: str, known: SourceResponse | None
) -> None:
    """Ask the server what it would make of the text, and say so."""
    bundle = file.bundle(world_name, known.id if known else None)
    if world is None:
        chunks = client.worlds.preview_import(bundle).changes.source_chunks
    else:
        chunks = client.worlds.import_into(world.id, bundle, dry_run=True).changes.source_chunks
    what = (
        f"make a new edition of the source [name]{escape(known.title)}[/] [id]{known.id}[/]"
        if known
        else f"make the {'' if world else 'world and the '}source [name]{escape(file.title)}[/]"
    )
    told = [f"{n} {kind}" for kind, n in chunks.model_dump().items() if n]
    out.print(f"Would {what} in {escape(world_name)}, chunks: {', '.join(told)}. Nothing was written.", soft_wrap=True)


def _say_edition(report: SourceEditionResponse, seconds: float) -> None:
    head = "Nothing to do for" if report.unchanged else "[good]New edition[/] of"
    out.print(
        f"{head} [name]{escape(report.source.title)}[/]: source [id]{report.source.id}[/], "
        f"{report.source.chunk_count} chunks: {report.kept} kept, {report.moved} moved, {report.changed} changed, "
        f"{report.added} added, {report.removed} removed, {seconds:.2f} s",
        soft_wrap=True,
    )
    if report.claims_citing_removed:
        ids = ", ".join(str(claim_id) for claim_id in report.claim_ids_citing_removed[:5])
        more = "" if report.claims_citing_removed <= 5 else ", …"
        out.print(
            f"{report.claims_citing_removed} claims cite a chunk that is gone: [id]{ids}[/]{more}", soft_wrap=True
        )
