"""The state machine is one thing, in three places: the table, the database's trigger and the drawing."""

import re
from itertools import product
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import IntegrityConstraintViolation

from lorekeeper.contracts.enums import AssetJobStatusEnum as S
from lorekeeper.contracts.state_machine import TERMINAL, TRANSITIONS

PAGE = (Path(__file__).parents[2] / "docs" / "state-machine.md").read_text(encoding="utf-8")
TABLE = {(current, target) for current, onward in TRANSITIONS.items() for target in onward}
WAY_THERE = {
    S.QUEUED: [],
    S.RUNNING: [S.RUNNING],
    S.SUCCEEDED: [S.RUNNING, S.SUCCEEDED],
    S.FAILED: [S.RUNNING, S.FAILED],
    S.CANCELLED: [S.CANCELLED],
}


def _move(database: psycopg.Connection, job_id: str, target: S) -> None:
    database.execute(
        """UPDATE asset_job SET status = %(to)s, started_at = coalesce(started_at, now()),
                                finished_at = CASE WHEN %(to)s = ANY(%(over)s) THEN now() + interval '1 s' END
           WHERE id = %(id)s""",
        {"id": job_id, "to": target.value, "over": [state.value for state in TERMINAL]},
    )


def _new_job(database: psycopg.Connection, status: S = S.QUEUED) -> str:
    row = database.execute(
        """WITH made AS (
               INSERT INTO world (id, name, content_hash, created_by, created_at, updated_at)
               VALUES (gen_random_uuid(), 'w', repeat('0', 64), 't', now(), now()) RETURNING id
           )
           SELECT id FROM made"""
    ).fetchone()
    made = database.execute(
        """INSERT INTO asset_job (id, world_id, asset_type, provider, status, requested_by, input_hash, prompt_spec,
                                  available_at, created_at, started_at, finished_at)
           VALUES (gen_random_uuid(), %(world)s, 'PDF', 'p', %(status)s, 't', repeat('0', 64), '{}', now(), now(),
                   CASE WHEN %(status)s <> 'QUEUED' THEN now() END,
                   CASE WHEN %(status)s = ANY(%(over)s) THEN now() END)
           RETURNING id""",
        {"world": row["id"], "status": status.value, "over": [state.value for state in TERMINAL]},
    ).fetchone()
    return str(made["id"])


@pytest.mark.parametrize(("current", "target"), list(product(S, S)))
def test_the_database_lets_through_what_the_table_has(database: psycopg.Connection, current: S, target: S) -> None:
    with database.transaction(force_rollback=True):
        job_id = _new_job(database)
        for step in WAY_THERE[current]:
            _move(database, job_id, step)

        if (current, target) in TABLE or current is target:  # staying is no transition
            _move(database, job_id, target)
        else:
            with pytest.raises(IntegrityConstraintViolation, match=f"cannot go from {current} to {target}"):
                _move(database, job_id, target)


@pytest.mark.parametrize("state", S)
def test_a_job_begins_queued(database: psycopg.Connection, state: S) -> None:
    with database.transaction(force_rollback=True):
        if state is S.QUEUED:
            assert _new_job(database, state)
        else:
            with pytest.raises(IntegrityConstraintViolation, match="begins QUEUED"):
                _new_job(database, state)


def test_the_page_tells_of_each_transition_once() -> None:
    rows = re.findall(r"^\| `([A-Z]+)` \| `([A-Z]+)` \| \S.*\|$", PAGE, re.MULTILINE)

    assert sorted(rows) == sorted((current.value, target.value) for current, target in TABLE)


def test_the_drawing_has_each_state_and_an_arrow_for_each_transition() -> None:
    drawing = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)[0]

    assert {state for state in S if state in drawing} == set(S)
    # One arrow leads in from outside: the creation.
    assert len(re.findall("[▶◀▼▲]", drawing)) == len(TABLE) + 1
