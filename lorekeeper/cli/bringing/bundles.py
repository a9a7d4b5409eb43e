"""A world bundle becomes a world, or brings one that is there up to date."""

import time
from pathlib import Path

from rich.markup import escape
from rich.progress import Progress, TaskID

from lorekeeper.cli.bringing.worlds import find_world, worlds_named
from lorekeeper.cli.terminal import CommandError, bars, connect, out, size
from lorekeeper.contracts.bundle import BundleError, WorldBundle, parse_bundle
from lorekeeper.contracts.imports import ImportCounts, ImportReport, WorldImportResponse
from lorekeeper.contracts.lore import WorldResponse
from lorekeeper.sdk import Client

SHOWN = 10


def read_bundle(path: Path, content: bytes) -> WorldBundle:
    try:
        return parse_bundle(content)
    except BundleError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        raise CommandError(f"{path} is not a world bundle: {error.problems[0]}{more}") from error


def import_bundle(
    bundle: WorldBundle, content: bytes, *, name: str | None, again: bool, dry_run: bool, data_dir: Path | None
) -> None:
    """`content` is the bundle as it lies on the disk, which is sent as it is."""
    with connect(data_dir) as client:
        into = world_to_update(client, name, again=again)
        if into is None and name is None:
            refuse_second_world(client, bundle.world.name, again=again)
        bring(client, content, name or bundle.world.name, into, dry_run=dry_run)


def world_to_update(client: Client, name: str | None, *, again: bool) -> WorldResponse | None:
    """The world that was named, where it is there and is not to be made once more."""
    return None if again or name is None else find_world(client, name)


def refuse_second_world(client: Client, name: str, *, again: bool) -> None:
    """Raises `CommandError` where a world of this name is there, unless that is asked for."""
    if not again and (there := worlds_named(client, name)):
        raise CommandError(
            f"there is a world named {name!r} already ({there[0].id}): give --world {there[0].id} "
            "to bring it up to date, --world for a new name, or --again to import it as another world of that name"
        )


def bring(client: Client, bundle: WorldBundle | bytes, name: str, into: WorldResponse | None, *, dry_run: bool) -> None:
    """Send the bundle, into this world or as a new one, and say what came of it."""
    began = time.perf_counter()
    report: ImportReport
    with bars() as progress:
        task = progress.add_task(f"Importing {escape(name)}", total=None, note="")

        def on_bytes(done: int, total: int) -> None:
            _show(progress, task, done, total)

        if into is not None:
            report = client.worlds.import_into(into.id, bundle, dry_run=dry_run, on_bytes=on_bytes)
        elif dry_run:
            report = client.worlds.preview_import(bundle, name=name, on_bytes=on_bytes)
        else:
            report = client.worlds.import_bundle(bundle, name=name, on_bytes=on_bytes)
    seconds = time.perf_counter() - began
    if isinstance(report, WorldImportResponse) and into is None:
        _say_imported(report, seconds)
    elif into is None:
        _say_would_make(report, name)
    else:
        _say_updated(report, into, seconds)


def _show(progress: Progress, task: TaskID, done: int, total: int) -> None:
    note = "the server stores the world" if done == total else f"{size(done)} of {size(total)} sent"
    progress.update(task, completed=done, total=None if done == total else total, note=note)


def _say_would_make(report: ImportReport, name: str) -> None:
    out.print(
        f"Would make the world [name]{escape(name)}[/]: {report.entities} entities, {report.claims} claims, "
        f"{report.sources} sources in {report.source_chunks} chunks. Nothing was written.",
        soft_wrap=True,
    )


def _say_imported(made: WorldImportResponse, seconds: float) -> None:
    ids = "ids as in the bundle" if made.ids_kept else "other ids than the bundle's"
    out.print(
        f"[good]Imported[/] the world [name]{escape(made.world.name)}[/] [id]{made.world.id}[/]: "
        f"{made.entities} entities, {made.claims} claims, {made.sources} sources in {made.source_chunks} chunks, "
        f"{ids}, {seconds:.2f} s",
        soft_wrap=True,
    )


def _say_updated(report: ImportReport, world: WorldResponse, seconds: float) -> None:
    changes = report.changes
    kinds: list[tuple[str, ImportCounts]] = [
        ("world", changes.world),
        ("entities", changes.entities),
        ("claims", changes.claims),
        ("sources", changes.sources),
        ("chunks", changes.source_chunks),
        ("predicates", changes.predicates),
    ]
    told = [f"{name}: {words}" for name, counts in kinds if (words := _words(counts))]
    head = "Would bring up to date" if report.dry_run else "[good]Brought up to date[/]"
    end = "Nothing was written." if report.dry_run else f"{seconds:.2f} s"
    named = f"the world [name]{escape(world.name)}[/] [id]{world.id}[/]"
    if not told:
        out.print(f"Nothing to do: {named} has all of it already, as it is.", soft_wrap=True)
        return
    out.print(f"{head} {named}: {'; '.join(told)}. {end}", soft_wrap=True)
    for piece in report.changed[:SHOWN]:
        fields = ", ".join(piece.fields) or "comes back"
        out.print(f"  {escape(piece.place)} [id]{piece.id}[/]: {escape(fields)}", soft_wrap=True)
    if len(report.changed) > SHOWN:
        out.print("  … and more")


def _words(counts: ImportCounts) -> str:
    """`3 created, 1 updated`; nothing where nothing changes."""
    given = [(n, kind) for kind, n in counts.model_dump().items() if n and kind != "unchanged"]
    return ", ".join(f"{n} {kind}" for n, kind in given)
