"""The one table of the job state machine (design section 5).

`docs/state-machine.md` draws it and a trigger in `db/schema.sql` enforces it; a test holds the three together.
"""

from lorekeeper.contracts.enums import AssetJobStatusEnum as S

TRANSITIONS: dict[S, frozenset[S]] = {
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED}),
    # Back to QUEUED only by a retryable failure with attempts left. A lease that ran out is handed on while RUNNING.
    S.RUNNING: frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED, S.QUEUED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}

TERMINAL = frozenset(state for state, onward in TRANSITIONS.items() if not onward)


def is_allowed(current: S, target: S) -> bool:
    """Whether a job may go from `current` to `target`. Staying where it is is no transition."""
    return target in TRANSITIONS[current]
