"""Running the real commands, as a person at a shell or a script would."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lorekeeper.sdk import Client

COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Served:
    data_dir: Path
    client: Client

    @property
    def key(self) -> str:
        return (self.data_dir / "admin.key").read_text().strip()


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


def environment(**changes: str) -> dict[str, str]:
    """This one without what would point a command at another server."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LOREKEEPER_", "S3_"))}
    ours.pop("DATABASE_URL", None)
    return {**ours, "COLUMNS": "100", **changes}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "lorekeeper", *map(str, arguments)]


def lorekeeper(*arguments: object, cwd: Path | None = None, **env: str) -> Done:
    """Runs a command to its end, without a terminal."""
    done = subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        env=environment(**env),
        cwd=cwd,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Returns once it holds; fails the test where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def is_one_sentence(text: str) -> bool:
    return text.startswith("Error: ") and text.endswith(".\n") and text.count("\n") == 1
