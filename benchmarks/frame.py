"""How a row is measured: in turns, by the median."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, median

from rich.table import Table

Measure = Callable[[], float]
"""Runs one side once; the answer is how many it did a second."""


@dataclass(frozen=True)
class Effort:
    """How long to measure: in each round both sides have `turns` of so many seconds, one after the other.

    `warm_up` are the seconds at the beginning of each turn that do not count.
    """

    rounds: int
    turns: int
    seconds: int
    warm_up: float


FULL = Effort(rounds=5, turns=4, seconds=1, warm_up=0.3)
QUICK = Effort(rounds=3, turns=2, seconds=1, warm_up=0.3)


@dataclass(frozen=True)
class Row:
    """One line of the table. `ours` and `against` are a second, medians; `ratios` are the rounds' own."""

    what: str
    against_what: str
    ours: float
    against: float
    ratios: tuple[float, ...]
    goal: float

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def met(self) -> bool:
        return self.ratio >= self.goal


def compare(what: str, ours: Measure, against_what: str, against: Measure, *, goal: float, effort: Effort) -> Row:
    """Measure both sides in turns. The two of a round share the machine's mood, so the ratio is taken within it."""
    pairs = [_round(ours, against, effort.turns) for _ in range(effort.rounds)]
    return Row(
        what=what,
        against_what=against_what,
        ours=median(mine for mine, _ in pairs),
        against=median(theirs for _, theirs in pairs),
        ratios=tuple(mine / theirs for mine, theirs in pairs),
        goal=goal,
    )


def _round(ours: Measure, against: Measure, turns: int) -> tuple[float, float]:
    """Both sides' means over short turns. They go first in turn, so that a machine that slows down favours neither."""
    mine: list[float] = []
    theirs: list[float] = []
    for turn in range(turns):
        order = ((ours, mine), (against, theirs))
        for side, rates in order if turn % 2 == 0 else reversed(order):
            rates.append(side())
    return mean(mine), mean(theirs)


def machine() -> str:
    """How busy the machine is before we begin. Strangers' work bears harder on one process than on ten backends."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run"


def as_table(rows: list[Row], caption: str) -> Table:
    """The table to print. `rounds` is the lowest and the highest ratio of a row: wide apart, the run was noise."""
    title = "LoreKeeper against what it stands on (a second, medians)"
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("row")
    table.add_column("ours", justify="right")
    table.add_column("against")
    table.add_column("theirs", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("rounds", justify="right", no_wrap=True)
    table.add_column("goal", justify="right")
    table.add_column("met?")
    for row in rows:
        table.add_row(
            row.what,
            f"{row.ours:,.0f}",
            row.against_what,
            f"{row.against:,.0f}",
            f"{row.ratio:.2f}",
            f"{min(row.ratios):.2f} to {max(row.ratios):.2f}",
            f"≥ {row.goal:.2g}",
            "[green]yes[/green]" if row.met else "[red]no[/red]",
        )
    return table
