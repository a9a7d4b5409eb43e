"""The chaos run (see chaos.py), in short; `make test-long` makes it last the three minutes that are promised."""

import os
from pathlib import Path

from robustness.chaos import VICTIMS, run

SECONDS = float(os.environ.get("LOREKEEPER_CHAOS_SECONDS", "0"))


def test_nothing_is_lost_or_doubled_whatever_dies(tmp_path: Path) -> None:
    if SECONDS:
        figures = run(tmp_path, seconds=SECONDS, every=2, jobs=2000, seed=int.from_bytes(os.urandom(3)))
    else:
        figures = run(tmp_path, seconds=8, every=1, jobs=120, seed=4)
    print(figures)

    assert figures.report.wrong == []
    assert set(figures.kills) == set(VICTIMS)
    assert sum(figures.kills.values()) >= SECONDS / 4
    assert figures.report.jobs["SUCCEEDED"] >= 0.9 * len(figures.created)
    assert len(figures.completed) >= 0.9 * figures.report.jobs["SUCCEEDED"]
