"""The run in which everything dies: workers, the API and PostgreSQL, at random, again and again, under work.

python -m robustness.chaos [--seconds 180] [--every 2] [--jobs 2000] [--seed N]      (from the folder `tests`)
"""

import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg
from harness.waiting import until

from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.lore import EntityCreate, WorldCreate
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.sdk import APIError, Client, ConflictError, SdkError
from robustness.audit import Report, audit
from robustness.served import Serving, environment, serving

WORKERS = 4
PROVIDER = "quick"
VICTIMS = ("worker", "api", "postgres")
GIVING_UP = re.compile(r"Error: (The database does not answer|PostgreSQL .* while starting|PostgreSQL runs, but)")
"""What a server may say that ends because its PostgreSQL was killed while it started."""


@dataclass
class Figures:
    """What became of the run."""

    kills: Counter[str] = field(default_factory=Counter)
    gave_up: int = 0
    """How often the server ended by itself while it started, because PostgreSQL was killed just then."""
    created: dict[str, str] = field(default_factory=dict)
    """By title: the job that a 201 (or, asked again after a lost answer, a 200) named."""
    cancelled: set[str] = field(default_factory=set)
    """The jobs whose cancellation was acknowledged."""
    completed: dict[str, str] = field(default_factory=dict)
    """By job: the asset that a worker was told of."""
    chaos_seconds: float = 0.0
    drain_seconds: float = 0.0
    report: Report = field(default_factory=Report)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"kills     {dict(self.kills)} within {self.chaos_seconds:.0f} s",
                f"drained   in {self.drain_seconds:.0f} s afterwards",
                f"starts    {self.gave_up} given up because PostgreSQL died meanwhile, and made anew",
                f"answered  {len(self.created)} creations, {len(self.completed)} completions, "
                f"{len(self.cancelled)} cancellations",
                str(self.report),
            ]
        )


class Workers:
    """The worker processes: each killed one is followed by another, under a name of its own."""

    def __init__(self, server: Serving, ledger: Path) -> None:
        self._server, self._ledger = server, ledger
        self._processes: list[subprocess.Popen[bytes]] = []
        self._hired = 0
        for _ in range(WORKERS):
            self._hire()

    def _hire(self) -> None:
        self._hired += 1
        arguments = [self._server.url, self._server.key, PROVIDER, f"w{self._hired}", str(self._ledger)]
        with self._ledger.with_name(f"w{self._hired}.log").open("ab") as log:
            command = [sys.executable, "-m", "robustness.quickworker", *arguments]
            self._processes.append(subprocess.Popen(command, env=environment(), stdout=log, stderr=log))

    def kill_one(self, chance: random.Random) -> None:
        victim = chance.choice(self._processes)
        assert victim.poll() is None, f"a worker ended by itself, see {self._ledger.parent}"
        victim.kill()
        victim.wait()
        self._processes.remove(victim)
        self._hire()

    def all_alive(self) -> bool:
        return all(process.poll() is None for process in self._processes)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()


class Requester(threading.Thread):
    """Asks for the jobs, spread over the run, and again where no answer came; and cancels one in forty."""

    def __init__(
        self, client: Client, world_id: UUID, entity_id: UUID, jobs: int, pause: float, figures: Figures
    ) -> None:
        super().__init__(name="requester", daemon=True)
        self._client, self._world_id, self._entity_id = client, world_id, entity_id
        self._jobs, self._pause, self._figures = jobs, pause, figures
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            for number in range(self._jobs):
                self._ask(f"Plate {number}", number)
                time.sleep(self._pause)
        except Exception as error:  # noqa: BLE001 - the main thread looks at it
            self.problem = error

    def _ask(self, title: str, number: int) -> None:
        body = AssetJobCreate(
            world_id=self._world_id,
            asset_type="IMAGE",
            provider=PROVIDER,
            prompt_spec={"title": title},
            priority=number % 3,
            max_attempts=5,
            references=AssetJobReferences(entity_ids=[self._entity_id]),
            idempotency_key=title.replace(" ", "-"),
        )
        job = _until_answered(lambda: self._client.jobs.create(body))
        self._figures.created[title] = str(job.id)
        if number % 40 == 7:
            try:
                _until_answered(lambda: self._client.jobs.cancel(job.id))
                self._figures.cancelled.add(str(job.id))
            except ConflictError:
                return  # it was done already


def _until_answered(ask):
    """What the server answers in the end: a careful client's patience. Raises what is not a matter of waiting."""
    while True:
        try:
            return ask()
        except APIError as error:
            if error.status < 500:
                raise
            assert error.status == 503, f"{error.status} {error}"
        except SdkError:
            time.sleep(0.05)


def run(folder: Path, *, seconds: float, every: float, jobs: int, seed: int) -> Figures:
    """The whole of it; what the audit found is in `report`."""
    figures, chance = Figures(), random.Random(seed)
    with serving(folder) as server, Client(server.url, server.key, attempts=1) as client:
        world = client.worlds.create(WorldCreate(name="Killed"))
        entity = client.entities.create(EntityCreate(world_id=world.id, name="Auntie"))
        ledger = folder / "completed"
        with _at_work(server, ledger) as workers:
            requester = Requester(client, world.id, entity.id, jobs, seconds * 0.2 / jobs, figures)
            requester.start()
            began = time.monotonic()
            _kill_on(server, workers, figures, chance, every, began + seconds)
            figures.chaos_seconds = time.monotonic() - began
            began = time.monotonic()
            _pause(server, figures, 90, server.is_ready)
            requester.join(600)
            assert not requester.is_alive()
            assert requester.problem is None, repr(requester.problem)
            until(lambda: _is_drained(client, world.id), 600, every=0.2)
            figures.drain_seconds = time.monotonic() - began
            assert workers.all_alive()
        figures.completed = dict(line.split() for line in ledger.read_text().splitlines())
        figures.report = audit(
            server.database_url,
            server.store,
            drained=True,
            acknowledged=figures.created.values(),
            completed=figures.completed,
        )
        figures.report.wrong += _made_by_another(server.database_url)
    return figures


MADE_BY_ANOTHER = """
SELECT job.id FROM asset_job AS job
JOIN asset_derivation AS derivation ON derivation.asset_job_id = job.id
JOIN asset ON asset.id = derivation.asset_id
WHERE (asset.metadata ->> 'job', asset.metadata ->> 'attempt', asset.metadata ->> 'worker')
      IS DISTINCT FROM (job.id::text, job.attempt::text, job.worker_id)
"""


def _made_by_another(database_url: str) -> list[str]:
    """What the files tell of their makers (see quickworker.py), against who held the job last."""
    with psycopg.connect(database_url) as connection:
        return [f"job {row[0]} has the file of another try" for row in connection.execute(MADE_BY_ANOTHER)]


@contextmanager
def _at_work(server: Serving, ledger: Path) -> Iterator[Workers]:
    workers = Workers(server, ledger)
    try:
        yield workers
    finally:
        workers.end()


def _kill_on(
    server: Serving, workers: Workers, figures: Figures, chance: random.Random, every: float, deadline: float
) -> None:
    """A random victim each time, all three kinds in the first rounds; what was killed is started again at once."""
    # Each kind once while all is well, then at any moment, also while what was killed before is still starting.
    for victim in chance.sample(VICTIMS, 3):
        _pause(server, figures, every)
        _pause(server, figures, 90, server.is_ready)
        assert _kill(victim, server, workers, chance)
        figures.kills[victim] += 1
    deadline = max(deadline, time.monotonic() + 5 * every)  # however long the first rounds took
    while time.monotonic() + every < deadline:
        _pause(server, figures, every)
        # Mostly workers die while the server starts: else, on a slow machine, it would never serve.
        starting = not server.is_ready() and chance.random() < 0.8
        victim = "worker" if starting else chance.choice(VICTIMS)
        if _kill(victim, server, workers, chance):
            figures.kills[victim] += 1


def _pause(server: Serving, figures: Figures, seconds: float, ends: Callable[[], bool] | None = None) -> None:
    """As a supervisor does: a server that could not start because its database died is started again."""
    deadline = time.monotonic() + seconds
    while not (ends and ends()):
        left = deadline - time.monotonic()
        assert left > 0 or ends is None, f"not so within {seconds:.0f} s"
        if left <= 0:
            return
        if server.process.poll() is not None:
            assert GIVING_UP.search(server.log.read_text().splitlines()[-1]), f"see {server.log}"
            figures.gave_up += 1
            server.launch()
        time.sleep(min(0.1, left))


def _kill(victim: str, server: Serving, workers: Workers, chance: random.Random) -> bool:
    if victim == "postgres":
        return server.kill_postgres()
    if victim == "worker":
        workers.kill_one(chance)
        return True
    was_alive = server.kill()
    server.launch()
    return was_alive


def _is_drained(client: Client, world_id: UUID) -> bool:
    try:
        return all(
            client.jobs.list(world_id=world_id, status=status, limit=1).total == 0 for status in ("QUEUED", "RUNNING")
        )
    except SdkError:
        return False


def main() -> int:
    parser = ArgumentParser(prog="python -m robustness.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--every", type=float, default=2)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    print(f"seed      {asked.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="lorekeeper-chaos-"))
    figures = run(folder, seconds=asked.seconds, every=asked.every, jobs=asked.jobs, seed=asked.seed)
    print(figures)
    print(f"kept      {folder}")
    return 1 if figures.report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
