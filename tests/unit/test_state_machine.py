"""The table of the job state machine, as a table."""

import pytest

from lorekeeper.contracts.enums import AssetJobStatusEnum as S
from lorekeeper.contracts.errors import InvalidTransitionError
from lorekeeper.contracts.state_machine import TERMINAL, TRANSITIONS, is_allowed
from lorekeeper.jobs.service import validate_job_status_transition

ALLOWED = {
    (S.QUEUED, S.RUNNING),
    (S.QUEUED, S.CANCELLED),
    (S.RUNNING, S.SUCCEEDED),
    (S.RUNNING, S.FAILED),
    (S.RUNNING, S.CANCELLED),
    (S.RUNNING, S.QUEUED),
}
"""Design section 5, written out a second time on purpose."""


@pytest.mark.parametrize("current", S)
@pytest.mark.parametrize("target", S)
def test_every_pair(current: S, target: S) -> None:
    assert is_allowed(current, target) is ((current, target) in ALLOWED)

    if (current, target) in ALLOWED:
        validate_job_status_transition(current, target)
    else:
        with pytest.raises(InvalidTransitionError, match=f"from {current} to {target}") as refused:
            validate_job_status_transition(current, target)
        assert refused.value.extra == {"from_status": current.value, "to_status": target.value}


def test_what_is_over_is_over() -> None:
    assert {S.SUCCEEDED, S.FAILED, S.CANCELLED} == TERMINAL
    assert set(TRANSITIONS) == set(S)
