"""Any requests in any order, over the wire, against a plain model of jobs, leases, uploads, assets and lore.

After each step everything that the app says of the two worlds is what the model (stateful/model) says. Hypothesis looks
for a sequence that tells the two apart, and shows the shortest one as a little program. How many steps it takes at the
least, LOREKEEPER_STATEFUL_STEPS says: 5,000 where it is not set.
"""

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from harness.server import RunningApp
from harness.wire import Api
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from stateful.rules.bundles import Bundles
from stateful.rules.canon import Canon
from stateful.rules.moves import Moves
from stateful.rules.parts import Parts
from stateful.rules.registry import Registry
from stateful.rules.working import Working
from stateful.stage import Stage
from stateful.wire import QuickApi

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock

STEPS = int(os.environ.get("LOREKEEPER_STATEFUL_STEPS", "5000"))
STEPS_IN_A_RUN = 50
RUNS_IN_A_ROUND = 9
"""With ten or more, Hypothesis tries short ones first, and a run costs as much to set up as a dozen steps."""
REACHED = {
    "bring back: changes",
    "claim: jobs that end",
    "claim: jobs that were missed",
    "claim: of a RUNNING job",
    "complete: RUNNING to SUCCEEDED",
    "complete again: SUCCEEDED to SUCCEEDED",
    "create: found",
    "create: new with a key",
    "create: reference_not_found",
    "bring in: found",
    "bring in: new",
    "claim lore: done",
    "claim lore: reference_not_found",
    "create: contradiction",
    "declare: contradictions",
    "delete lore: alone",
    "delete lore: lore_in_use",
    "delete lore: not_found",
    "delete lore: with others",
    "delete: done",
    "download: the file",
    "edit: a label",
    "edit: a new version",
    "edit: not_found",
    "edit: nothing",
    "edit: precondition_failed",
    "fail: RUNNING to FAILED",
    "heartbeat: goes on",
    "new edition: another",
    "put together: whole",
    "restore: a tombstone",
    "restore: an old version",
    "send part: refused",
    "sweep: given up",
    "sweep: removed",
}
"""What so many steps come by without fail: else the rules lead nowhere any more."""


class Jobs(Working, Moves, Parts, Registry, Canon, Bundles):
    """All that can be done."""


@pytest.fixture
def stage(app: RunningApp, database: psycopg.Connection, admin: Api, clock: MovableClock) -> Iterator[Stage]:
    keys = [QuickApi(api) for api in (admin, app.as_new_key(Role.EDITOR), app.as_new_key(Role.WORKER))]
    yield Stage(app, database, *keys, clock)
    for key in keys:
        key.close()


def test_any_requests_in_any_order_are_answered_as_the_model_does(stage: Stage) -> None:
    number = 0
    while stage.steps < STEPS:  # Hypothesis ends some runs early: what is left goes into another round
        before, number = stage.steps, number + 1
        machine: Callable[[], Jobs] = lambda: Jobs(stage)  # noqa: E731 - Hypothesis tells rounds apart by its attributes
        run_state_machine_as_test(
            seed(number)(machine) if settings().derandomize else machine,
            settings=settings(
                max_examples=min(RUNS_IN_A_ROUND, -(-(STEPS - before) // STEPS_IN_A_RUN)),
                stateful_step_count=1 + STEPS_IN_A_RUN,  # `begin` is one, too
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        assert stage.steps > before
    assert stage.steps >= STEPS
    assert STEPS < 5000 or (+stage.seen).keys() >= REACHED
    for what, often in sorted({**stage.seen, "steps": stage.steps}.items()):
        print(f"{often:7}  {what}")
