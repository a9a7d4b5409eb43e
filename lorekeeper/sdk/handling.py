"""What a worker's handler gets, gives back and raises: the whole of what a provider's author has to know."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lorekeeper.contracts.jobs import ClaimedJob


@dataclass(frozen=True)
class MadeFile:
    """The file a handler made. Size and checksum are read off the file itself when it is uploaded."""

    path: Path
    format: str
    content_type: str
    duration_seconds: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class JobContext(Protocol):
    """The handler's line back to LoreKeeper while it works."""

    @property
    def work_dir(self) -> Path:
        """An empty folder of this job's own, removed when the job is over."""
        ...

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        """Tell how far the job has come (0 to 100). Cheap to call often.

        Raises `JobCancelled` once the job was cancelled or its lease lost.
        """
        ...


class Handler(Protocol):
    """A function from a claimed job to a file. The lore is in `job.derivation.lore_snapshot`."""

    def __call__(self, job: ClaimedJob, context: JobContext) -> MadeFile: ...


class JobError(Exception):
    """A handler's own failure. `retryable` says whether another try can help."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class JobCancelled(Exception):  # noqa: N818 - an outcome, not an error
    """The job was cancelled, or its lease lost, while the handler worked: stop and clean up."""
