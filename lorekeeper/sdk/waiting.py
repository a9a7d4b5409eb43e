"""Waiting for a job, by asking the server to answer once it changes."""

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any
from uuid import UUID

from lorekeeper.contracts.jobs import AssetJobFullResponse, AssetJobResponse
from lorekeeper.contracts.state_machine import TERMINAL
from lorekeeper.sdk.calls.jobs import look_at_job
from lorekeeper.sdk.errors import ServerUnreachableError, UnavailableError, WaitTimeoutError
from lorekeeper.sdk.operations import Line

LONGEST_LOOK_SECONDS = 30
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


async def follow(
    line: Line[Any],
    job: AssetJobResponse | UUID,
    timeout: float | None = None,  # noqa: ASYNC109 - it is the caller's; the time of one request is the transport's
    on_silence: Callable[[float | None], None] = lambda _: None,
) -> AsyncGenerator[AssetJobFullResponse, None]:
    """The job as it is, and again whenever it has changed, until it is over. Changes that come close together are one.

    A server that goes away meanwhile is waited for: after each try without an answer, `on_silence` is called with the
    seconds since the first of them, and with None once there is an answer again.
    Raises `WaitTimeoutError` after `timeout` seconds, and what reading the job raises.
    """
    job_id = job if isinstance(job, UUID) else job.id
    deadline = None if timeout is None else time.monotonic() + timeout
    latest, etag, broken, silent_since, pause = None, None, None, None, FIRST_PAUSE_SECONDS
    while latest is None or latest.status not in TERMINAL:
        left = LONGEST_LOOK_SECONDS if deadline is None else deadline - time.monotonic()
        if latest is not None and left <= 0:
            told = f"job {job_id} is still {latest.status} after {timeout:g} s"
            raise WaitTimeoutError(told, job_id=job_id) from broken
        wait = 0 if etag is None else int(min(left, LONGEST_LOOK_SECONDS))
        if latest is not None and (broken or not wait):  # no tag: somebody between us and the server takes it away
            await line.execution.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
        try:
            seen = await line.transport.send(look_at_job(job_id, wait=wait, etag=etag))
        except (ServerUnreachableError, UnavailableError) as error:
            if latest is None:
                raise
            silent_since = silent_since or time.monotonic()
            on_silence(time.monotonic() - silent_since)
            broken = error
            continue
        if broken is not None:
            on_silence(None)
        broken, etag, silent_since = None, seen.etag, None
        if seen.job is not None and seen.job != latest:
            latest, pause = seen.job, FIRST_PAUSE_SECONDS
            yield latest


async def wait_for(
    line: Line[Any],
    job: AssetJobResponse | UUID,
    timeout: float,  # noqa: ASYNC109 - as above
) -> AssetJobFullResponse:
    """The job once it is over, however it ended. A server that goes away meanwhile is waited for.

    Raises `WaitTimeoutError` after `timeout` seconds, and what reading the job raises.
    """
    return [seen async for seen in follow(line, job, timeout)][-1]
