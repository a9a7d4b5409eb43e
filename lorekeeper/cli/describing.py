"""How jobs and assets are told of at a terminal: their titles, states and ages."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lorekeeper.cli.bringing.worlds import find_world
from lorekeeper.cli.terminal import CommandError, short
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetStatusEnum
from lorekeeper.contracts.jobs import AssetJobResponse
from lorekeeper.sdk import Client

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Use the server that runs on this data folder.", metavar="D")
]
WorldName = Annotated[
    str | None, typer.Option("--world", metavar="NAME", help="Only of this world: its exact name or its id.")
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many to show, the newest first.")]

STYLES = {
    AssetJobStatusEnum.QUEUED: "hint",
    AssetJobStatusEnum.RUNNING: "id",
    AssetJobStatusEnum.SUCCEEDED: "good",
    AssetJobStatusEnum.FAILED: "bad",
    AssetJobStatusEnum.CANCELLED: "hint",
    AssetStatusEnum.READY: "good",
    AssetStatusEnum.DELETED: "hint",
}

READABLE = 30
"""Characters that the last column of a table gets before ids are shown whole."""

LEAST = 12
"""Characters that it gets before a row takes two lines."""

END_OF_ID = 12

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def world_named(client: Client, name: str) -> UUID:
    """The id of the world with this name or id. Raises `CommandError` where there is none."""
    found = find_world(client, name)
    if found is None:
        raise CommandError(f"there is no world named {name!r}")
    return found.id


def title_of(job: AssetJobResponse, *, without: str = "") -> str:
    """What is to be made, in the words of whoever asked for it; `without` any, that."""
    return str(job.prompt_spec.get("title") or job.prompt_spec.get("description") or without)


def called(job: AssetJobResponse) -> str:
    """The same in one line; without any words, by the end of its id."""
    return title_of(job).replace("\n", " ") or f"(no title) …{short(job.id)}"


def state(status: AssetJobStatusEnum | AssetStatusEnum) -> str:
    """A status in its colour."""
    return f"[{STYLES.get(status, 'bad')}]{status}[/]"


def ago(moment: datetime) -> str:
    """How long ago something was, in its largest unit."""
    return span((datetime.now(UTC) - moment).total_seconds())


def span(seconds: float) -> str:
    """A length of time in its largest unit; none is shorter than nothing."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "0 s"


def print_rows(console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table without lines, whose first column is ids. Where it is narrow, first the ids are cut, to their ends, then
    the last column; where there is no room even so, a row takes two lines.
    """
    shown = [list(row) for row in rows]
    longest = max((_width(row[-1]) for row in shown), default=0)
    if _left_for_last(console.width, columns, shown) < min(READABLE, longest):
        for row in shown:
            row[0] = f"…{row[0][-END_OF_ID:]}"
    if _left_for_last(console.width, columns, shown) < min(LEAST, longest):
        for first, *rest in shown:
            console.print(f"[id]{first}[/]")
            console.print("  " + "  ".join(rest), no_wrap=True, overflow="ellipsis")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="hint", pad_edge=False, expand=True)
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if column == columns[-1] else None)
    for first, *rest in shown:
        table.add_row(f"[id]{first}[/]", *rest)
    console.print(table)


def _left_for_last(width: int, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    taken = (max(_width(cell) for cell in cells) + 2 for cells in list(zip(columns, *rows, strict=True))[:-1])
    return width - sum(taken)


def _width(markup: str) -> int:
    return Text.from_markup(markup).cell_len
