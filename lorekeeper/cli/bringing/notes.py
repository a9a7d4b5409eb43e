"""A folder of Markdown notes becomes a world."""

import os
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.markup import escape

from lorekeeper.cli.bringing.bundles import bring, world_to_update
from lorekeeper.cli.notes.building import NotesError, NotesReport, read_folder
from lorekeeper.cli.notes.folder import Problem
from lorekeeper.cli.notes.lookup import most_linked
from lorekeeper.cli.terminal import CommandError, bars, connect, err, out
from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.lore import WorldResponse

SHOWN = 10

NOTES_BASE = "notes_base"
"""In a world's metadata: the id that those of its notes follow from. The world itself may have another."""


def import_notes(root: Path, name: str, *, stubs: bool, again: bool, dry_run: bool, data_dir: Path | None) -> None:
    with connect(data_dir) as client:
        into = world_to_update(client, name, again=again)
        base = _base_of(into) or _new_world_id()
        bundle, report = _read(root, name, base, stubs=stubs)
        _say_report(report)
        if not bundle.entities:
            raise CommandError(f"there is no Markdown note in {root}")
        # A world that is there keeps its own fields; a new one notes what the ids of its pieces follow from.
        own: dict[str, Any] = {"id": None} if into else {"metadata": {NOTES_BASE: str(base)}}
        bundle = bundle.model_copy(update={"world": bundle.world.model_copy(update=own)})
        bring(client, bundle, name, into, dry_run=dry_run)


def _base_of(world: WorldResponse | None) -> UUID | None:
    """What the ids in a world that was made of notes follow from; of any other world, its id."""
    if world is None:
        return None
    try:
        return UUID(str(world.metadata.get(NOTES_BASE, world.id)))
    except ValueError:
        return world.id


def _read(root: Path, name: str, base: UUID, *, stubs: bool) -> tuple[WorldBundle, NotesReport]:
    with bars() as progress:
        task = progress.add_task(f"Reading {escape(root.name or str(root))}", total=None, note="notes")

        def on_note(number: int, count: int) -> None:
            if number % 64 == 0 or number == count:
                progress.update(task, completed=number, total=count, note=f"{number} of {count} notes")

        try:
            return read_folder(root, name, base, stubs=stubs, on_note=on_note)
        except NotesError as error:
            raise CommandError(_complaint(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or root} cannot be read: {error.strerror}") from error


def _new_world_id() -> UUID:
    """A UUIDv7 (RFC 9562), as the server makes them: worlds are listed in the order of their ids."""
    random = int.from_bytes(os.urandom(10))
    return UUID(int=time.time_ns() // 1_000_000 << 80 | random & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def _complaint(error: NotesError) -> str:
    """The first problem is told in the sentence that the command ends with; all of them stand above it."""
    if error.count == 1:
        return f"nothing was imported: {error.problems[0]}"
    for problem in error.problems:
        err.print(escape(str(problem)), soft_wrap=True)
    if error.count > len(error.problems):
        err.print(f"… and {error.count - len(error.problems)} more")
    return f"nothing was imported, because of these {error.count} problems"


def _say_report(report: NotesReport) -> None:
    """What was left out or had to be guessed. None of it is an error."""
    out.print(f"{report.notes} notes read, {report.attachments} other files left alone")
    if report.unresolved:
        count = sum(report.unresolved.values())
        fate = f"{report.stubs} entities for them" if report.stubs else "left out; --stubs makes an entity for each"
        out.print(
            f"{count} links lead to no note ({fate}): {escape(most_linked(report.unresolved, SHOWN))}", soft_wrap=True
        )
    if report.unknown_types:
        words = escape(most_linked(report.unknown_types, SHOWN))
        out.print(f"Types that are none of ours, taken as OTHER: {words}", soft_wrap=True)
    _say_places("Links that could mean several notes", report.ambiguous)
    _say_places("Links from a note to itself, left out", report.to_themselves)
    if report.not_followed:
        paths = ", ".join(report.not_followed[:SHOWN]).encode("utf-8", "backslashreplace").decode()
        out.print(f"{len(report.not_followed)} symbolic links not followed: {escape(paths)}", soft_wrap=True)


def _say_places(title: str, problems: list[Problem]) -> None:
    if not problems:
        return
    out.print(f"{title}:")
    for problem in problems[:SHOWN]:
        out.print(f"  {escape(str(problem))}", soft_wrap=True)
    if len(problems) > SHOWN:
        out.print(f"  … and {len(problems) - SHOWN} more")
