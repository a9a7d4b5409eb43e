"""pgbench (the wheel's own) on our named queries: what PostgreSQL itself can do with the same SQL."""

import os
import re
import subprocess
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from statistics import mean

from psycopg.conninfo import conninfo_to_dict

from benchmarks.frame import Effort
from benchmarks.load import CONNECTIONS
from lorekeeper.kit.queries import Query
from lorekeeper.local.binaries import postgres_bin

PROGRAM = postgres_bin(None) / "pgbench"

_PARAMETER = re.compile(r"%\((\w+)\)s")
_PROGRESS = re.compile(r"^progress: .*?, ([0-9.]+) tps", re.MULTILINE)
_LIBPQ = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def statement(query: Query, expressions: Mapping[str, str]) -> str:
    """A named query as pgbench takes it: a parameter becomes the expression given for it, else pgbench's variable."""
    text = query.sql({}).decode()
    return _PARAMETER.sub(lambda found: expressions.get(found[1], f":{found[1]}"), text) + ";\n"


def run(script: str, variables: Mapping[str, str], *, database_url: str, folder: Path, effort: Effort) -> float:
    """Transactions a second, prepared, on as many connections as the HTTP load has, after the warm-up.

    `variables` travel as the parameters of prepared statements do, as text.
    """
    path = folder / "pgbench.sql"
    path.write_text(script, encoding="utf-8")
    # The first second pays for new connections, cold caches and the plans: ours were paid for long before.
    uncounted = max(1, ceil(effort.warm_up))
    seconds = uncounted + effort.seconds
    options = ["--protocol=prepared", "--no-vacuum", f"--client={CONNECTIONS}", "--jobs=1", "--progress=1"]
    options += [f"--time={seconds}", f"--file={path}"]
    done = subprocess.run(
        [str(PROGRAM), *options, *(f"--define={name}={value}" for name, value in variables.items())],
        env=os.environ | _connection(database_url),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "aborted" in done.stderr:
        raise RuntimeError(f"pgbench failed:\n{done.stderr[-2000:]}")
    each_second = [float(rate) for rate in _PROGRESS.findall(done.stderr)]
    return mean(each_second[uncounted:])


def _connection(database_url: str) -> dict[str, str]:
    parts = conninfo_to_dict(database_url)
    return {variable: str(parts[name]) for name, variable in _LIBPQ.items() if parts.get(name)}
