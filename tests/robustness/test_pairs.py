"""Every two things that can happen to a job, against each other, in every order: the outcome is that of one order.

What the outcomes of the two orders are, the server says itself, on jobs of their own, one after the other; that these
are right is what tests/integration/test_job_*.py and the audit of the event log are for.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import combinations_with_replacement
from typing import Any

import httpx
import psycopg
import pytest
from factories.lore import Made, World
from harness.locks import waiting
from harness.waiting import until

from lorekeeper.kit.clock import MovableClock
from robustness.audit import examine
from robustness.moves import MOVES, Move, Stage, left, set_up, told

Database = psycopg.Connection[Made]
Outcome = tuple[Any, Any, Made]
Pair = tuple[Move, Move]


def starts_of(first: Move, second: Move) -> list[str]:
    """Where both have an effect; or where that is nowhere, one where the one has, and one where the other has."""
    return sorted(first.starts & second.starts or {min(first.starts), min(second.starts)})


PAIRS = [
    (first, second, start)
    for first, second in combinations_with_replacement(MOVES, 2)
    for start in starts_of(first, second)
]


class Meeting:
    """Two moves on jobs that stand alike."""

    def __init__(self, database: Database, log: psycopg.Connection[Any], world: World, clock: MovableClock) -> None:
        self._database, self._log, self._world, self._clock = database, log, world, clock
        self._ahead = clock.ahead
        self.stages: list[Stage] = []

    def one_after_the_other(self, start: str, first: Move, second: Move) -> Outcome:
        with self._stage(start, first, second) as stage:
            return told(first, first.do(stage)), told(second, second.do(stage)), left(self._database, stage)

    def alone(self, start: str, move: Move, beside: Move) -> tuple[Any, Made]:
        with self._stage(start, move, beside) as stage:
            return told(move, move.do(stage)), left(self._database, stage)

    def at_once(self, start: str, first: Move, second: Move) -> Outcome:
        barrier = threading.Barrier(2)

        def meet(move: Move) -> httpx.Response | None:
            barrier.wait(10)
            return move.do(stage)

        with self._stage(start, first, second) as stage, ThreadPoolExecutor(2) as pool:
            a, b = pool.submit(meet, first), pool.submit(meet, second)
            return told(first, a.result()), told(second, b.result()), left(self._database, stage)

    def midway(self, start: str, first: Move, second: Move) -> Outcome:
        """The second comes while the first has written, but not yet committed: the event log lets no row in."""
        with self._stage(start, first, second) as stage, ThreadPoolExecutor(2) as pool:
            with self._log.transaction():
                self._log.execute("LOCK TABLE event IN SHARE MODE")
                a = pool.submit(first.do, stage)
                until(lambda: a.done() or waiting(self._database), every=0.002)
                b = pool.submit(second.do, stage)
                expected = 1 + (not a.done())
                until(lambda: b.done() or waiting(self._database) >= expected, every=0.002)
            return told(first, a.result()), told(second, b.result()), left(self._database, stage)

    @contextmanager
    def _stage(self, start: str, *moves: Move) -> Iterator[Stage]:
        stage = set_up(self._world, self._clock, start, moves[0].needs | moves[1].needs)
        self.stages.append(stage)
        try:
            yield stage
        finally:
            self._clock.ahead = self._ahead


@pytest.fixture(scope="module")
def log(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def stage_world(admin: Any) -> World:
    return World.made(admin)


@pytest.fixture
def meeting(database: Database, log: psycopg.Connection[Any], stage_world: World, clock: MovableClock) -> Meeting:
    return Meeting(database, log, stage_world, clock)


@pytest.mark.parametrize(("first", "second", "start"), PAIRS, ids=[f"{a} + {b}, {start}" for a, b, start in PAIRS])
def test_two_at_once_are_as_one_after_the_other(
    first: Move, second: Move, start: str, meeting: Meeting, database: Database
) -> None:
    in_order = [
        meeting.one_after_the_other(start, first, second),
        swapped(meeting.one_after_the_other(start, second, first)),
    ]
    passed_over = [*_passed_over(meeting, start, first, second)]

    for way, outcome in (
        ("at once", meeting.at_once(start, first, second)),
        ("the first midway", meeting.midway(start, first, second)),
        ("the second midway", swapped(meeting.midway(start, second, first))),
    ):
        assert outcome in in_order + passed_over, way
    with database.transaction():
        assert examine(database, only=[stage.job["id"] for stage in meeting.stages]).wrong == []


def swapped(outcome: Outcome) -> Outcome:
    a, b, left_over = outcome
    return b, a, left_over


def _passed_over(meeting: Meeting, start: str, first: Move, second: Move) -> Iterator[Outcome]:
    """A claim waits for no job that somebody is writing: it finds nothing, and the next claim finds it."""
    nothing = ("granted", [])
    if first.skips:
        answer, left_over = meeting.alone(start, second, first)
        yield nothing, answer, left_over
    if second.skips:
        answer, left_over = meeting.alone(start, first, second)
        yield answer, nothing, left_over
