"""What a worker's handler gets, gives back and raises: the whole of what a provider's author has to know."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from lorekeeper.contracts.jobs import ClaimedJob


@dataclass(frozen=True)
class MadeFile:
    """The file a handler made. Size and checksum are read off the file itself when it is uploaded."""

    path: Path
    format: str
    content_type: str
    duration_seconds: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class _Context(Protocol):
    """What both kinds of handler can ask and say. All of it is cheap to call often."""

    @property
    def work_dir(self) -> Path:
        """An empty folder of this job's own, removed when the job is over."""
        ...

    @property
    def provider_job_id(self) -> str | None:
        """What an earlier try of this job ordered from the provider: go on with that, and order nothing.

        None while nothing was ordered.
        """
        ...

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        """Tell how far the job has come (0 to 100); the worker passes it on at most once a second.

        A stage of more than 100 characters, or a message of more than 1,000, is cut.
        Raises `JobCancelled` once the job was cancelled or its lease lost.
        """
        ...

    def check(self) -> None:
        """Raises `JobCancelled` once the job was cancelled or its lease lost."""
        ...


class JobContext(_Context, Protocol):
    """The handler's line back to LoreKeeper while it works."""

    def remember_provider_job(self, provider_job_id: str) -> None:
        """Store the provider's own id of what was ordered (1 to 500 characters), before anything is polled.

        Returns once the server has it: from then on whoever takes the job up goes on with that order. Where the
        server does not answer, it asks again for as long as the lease holds.
        Raises `JobCancelled`, and a final `JobError` (`provider_job_id_invalid`) for an id that cannot be stored.
        """
        ...

    def input_asset(self, asset_id: UUID) -> Path:
        """The file of an asset that the job refers to, in `work_dir`; its size and SHA-256 are those on record.

        Raises `JobError`: `input_asset_missing` where its file is gone, `input_asset_not_referenced` where the job
        does not refer to it. Raises `JobCancelled`.
        """
        ...


class AsyncJobContext(_Context, Protocol):
    """The same for an `async def` handler."""

    async def remember_provider_job(self, provider_job_id: str) -> None:
        """As `JobContext.remember_provider_job`."""
        ...

    async def input_asset(self, asset_id: UUID) -> Path:
        """As `JobContext.input_asset`."""
        ...


class Handler(Protocol):
    """A function from a claimed job to a file. The lore is in `job.derivation.lore_snapshot`."""

    def __call__(self, job: ClaimedJob, context: JobContext, /) -> MadeFile: ...


class AsyncHandler(Protocol):
    """The same as an `async def`. Those of a worker share one event loop, so they must not block it.

    It is cancelled (`asyncio.CancelledError`) where its lease is lost or its time is up. Of a cancellation it hears
    as any handler does, by `JobCancelled`, so that it can call off what it ordered.
    """

    def __call__(self, job: ClaimedJob, context: AsyncJobContext, /) -> Awaitable[MadeFile]: ...


class JobError(Exception):
    """A handler's own failure. `retryable` says whether another try can help.

    `retry_after_seconds` (up to a day) is when the next try may begin; without it the server waits ever longer from
    try to try. `provider_job_over` says that what was ordered from the provider is of no more use: the next try orders
    anew. Without it, the next try goes on with the order that was remembered.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
        provider_job_over: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        self.provider_job_over = provider_job_over


class JobCancelled(Exception):  # noqa: N818 - an outcome, not an error
    """The job was cancelled, or its lease lost, while the handler worked: stop and clean up.

    `lease_lost` is true where the job may be another worker's by now: leave alone what was ordered for it. Else it is
    still this worker's, and what was ordered can be called off.
    """

    def __init__(self, reason: str = "", *, lease_lost: bool = False) -> None:
        super().__init__(reason)
        self.lease_lost = lease_lost
