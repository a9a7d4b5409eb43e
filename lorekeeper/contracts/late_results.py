"""Late results on the wire: what a worker handed in for a job that had no use for it any more."""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import Model, StoredJson, Timestamp


class LateReason(StrEnum):
    """Why a finished file did not become an asset."""

    CANCELLED = "cancelled"
    FINISH_BY_PASSED = "finish_by_passed"


class LateResult(Model):
    """The file of a job that had been cancelled, or whose `finish_by` had passed. It never becomes an asset."""

    job_id: UUID
    reason: LateReason
    storage_key: str
    format: str
    content_type: str
    duration_seconds: float | None = None
    size_bytes: int
    checksum: str
    metadata: StoredJson
    worker_id: str | None = None
    received_at: Timestamp
    keep_until: Timestamp
    kept: bool = Field(description="False once the file was let go, some time after keep_until.")


class LateResultDownloadResponse(Model):
    """Where the file is to be had from for a while, by GET."""

    job_id: UUID
    url: str
    filename: str
    content_type: str
    size_bytes: int
    checksum: str
    expires_at: Timestamp
    keep_until: Timestamp
