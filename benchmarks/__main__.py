"""`make bench`: measure every row, print one table."""

from typing import Annotated

import typer
from rich.console import Console

from benchmarks.frame import FULL, QUICK, Row, as_table, machine
from benchmarks.rows import (
    create_job,
    import_bundle,
    list_assets,
    load_generator,
    middleware,
    read_job,
    search,
    sign_url,
)
from benchmarks.stage import stage

PIPED_WIDTH = 130
"""Without a terminal there is no width to fit, so the table is not broken up."""

ROWS = {
    "create": create_job.measure,
    "read": read_job.measure,
    "sign": sign_url.measure,
    "middleware": middleware.measure,
    "search": search.measure,
    "import": import_bundle.measure,
    "load": load_generator.measure,
    # Last: it leaves a million assets behind.
    "list": list_assets.measure_size,
    "cursor": list_assets.measure_depth,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Only these rows: {', '.join(ROWS)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A short run, to see that it works.")] = False,
    assert_goals: Annotated[bool, typer.Option("--assert", help="Exit 1 where a goal is missed.")] = False,
) -> None:
    """Measure and print one table. Figures are ratios of what was measured in turns on this machine, in this run."""
    wanted = names or list(ROWS)
    if unknown := sorted(set(wanted) - set(ROWS)):
        raise typer.BadParameter(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    console, terminal = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    rows: list[Row] = []
    caption = machine()
    with terminal.status("starting the engines") as status, stage(QUICK if quick else FULL) as ready:
        for name in wanted:
            status.update(f"measuring: {name}")
            rows.append(ROWS[name](ready))
    console.print(as_table(rows, caption))
    if assert_goals and not all(row.met for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
