"""Reading a job, at once or when it changes: `GET /assets/asset-jobs/{id}?wait=` (RFC 9110 section 13.1.2)."""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.state_machine import TERMINAL
from lorekeeper.jobs import repository
from lorekeeper.jobs.service import StoredJob, stored_job, visible_job
from lorekeeper.kit.database import Database, Row

STILL_THERE_SECONDS = 1.0
"""How often a waiting request is asked whether its caller is still there, and its key still good."""

SEEN = (
    "status",
    "attempt",
    "available_at",
    "progress",
    "cancel_requested_at",
    "worker_id",
    "provider_job_id",
    "error_code",
    "error_message",
    "started_at",
    "finished_at",
    "asset_deleted_at",
)
"""What a requester sees change. A lease's renewal is none of it. An asset or late result comes with the last status."""

_TAG = re.compile(r'"[^"]*"')


def etag_of(row: Row) -> str:
    """A weak validator (RFC 9110 section 8.8.1): two answers with the same one may differ in `lease_expires_at`."""
    seen = json.dumps([row[name] for name in SEEN], default=str, separators=(",", ":"))
    return f'W/"{hashlib.blake2b(seen.encode(), digest_size=12).hexdigest()}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the caller has this already. The comparison is the weak one."""
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(if_none_match)


async def look_at_jobs(database: Database, job_ids: list[UUID]) -> Mapping[UUID, str]:
    """The present ETags of these jobs, in one query."""
    return {row["id"]: etag_of(row) for row in await repository.look_at_asset_jobs(database, job_ids)}


@dataclass(frozen=True)
class JobNow:
    """A job as it is read, with the ETag of that moment."""

    stored: StoredJob
    etag: str


async def read_job_now(ctx: Context, job_id: UUID) -> JobNow:
    row = visible_job(ctx, job_id, await repository.read_asset_job(ctx.database, job_id))
    return JobNow(stored_job(row), etag_of(row))


async def await_job(
    ctx: Context,
    job_id: UUID,
    *,
    wait_seconds: float,
    if_none_match: str | None,
    is_gone: Callable[[], Awaitable[bool]],
) -> JobNow:
    """The job: at once where it is not what the caller has (`if_none_match`), else when it changes or the time is up.

    Without `if_none_match`, any change from now on is awaited, and none of a job that is over. The key is looked at
    again for as long as the wait lasts. Raises `NotFoundError`, `UnauthorizedException`.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + wait_seconds
    job = await read_job_now(ctx, job_id)
    if wait_seconds <= 0 or not _is_awaited(job, if_none_match):
        return job
    with ctx.runtime.watched_jobs.watching(job_id, unlike=job.etag) as watcher:
        while not watcher.saw_a_change and (left := give_up - loop.time()) > 0 and not ctx.runtime.new_jobs.closed:
            await watcher.wait(min(left, STILL_THERE_SECONDS))
            if await is_gone():
                return job
            ctx = await ctx.renewed()
    return await read_job_now(ctx, job_id)


def _is_awaited(job: JobNow, if_none_match: str | None) -> bool:
    if if_none_match is not None:
        return matches(if_none_match, job.etag)
    return job.stored.job.status not in TERMINAL
