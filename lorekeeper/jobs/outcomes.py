"""What comes of several jobs that were asked about at once, one by one; and how one that was alone is answered."""

from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.errors import LoreKeeperError
from lorekeeper.jobs.service import validate_worker_authorization, visible_job
from lorekeeper.kit.database import Row

T = TypeVar("T")


def alone(outcomes: Mapping[UUID, T | LoreKeeperError]) -> T:
    """The outcome of the only one; raises what it was refused with."""
    (outcome,) = outcomes.values()
    if isinstance(outcome, LoreKeeperError):
        raise outcome
    return outcome


def require_worker(ctx: Context, job_id: UUID, row: Row | None) -> Row:
    """The job, if this worker may write to it. Raises `NotFoundError`, `ForbiddenError`."""
    job = visible_job(ctx, job_id, row)
    validate_worker_authorization(ctx.principal, job["provider"])
    return job
