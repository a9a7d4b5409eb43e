"""A worker's word on up to 100 jobs at once: each answered as if it had been alone."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from lorekeeper.contracts.base import Model, Request
from lorekeeper.contracts.errors import Problem
from lorekeeper.contracts.jobs import (
    AssetJobComplete,
    AssetJobFail,
    AssetJobFullResponse,
    AssetJobHeartbeat,
    AssetJobHeartbeatResponse,
)

MAX_BATCH = 100


class HeartbeatItem(AssetJobHeartbeat):
    job_id: UUID


class CompleteItem(AssetJobComplete):
    job_id: UUID


class FailItem(AssetJobFail):
    job_id: UUID


class _Batch(Request):
    @model_validator(mode="after")
    def _each_job_once(self) -> Self:
        items: list[HeartbeatItem | CompleteItem | FailItem] = getattr(self, "items", [])
        if len({item.job_id for item in items}) != len(items):
            raise ValueError("a job_id is given twice")
        return self


class AssetJobHeartbeatBatch(_Batch):
    items: Annotated[list[HeartbeatItem], Field(min_length=1, max_length=MAX_BATCH)]


class AssetJobCompleteBatch(_Batch):
    items: Annotated[list[CompleteItem], Field(min_length=1, max_length=MAX_BATCH)]


class AssetJobFailBatch(_Batch):
    items: Annotated[list[FailItem], Field(min_length=1, max_length=MAX_BATCH)]


class Refused(Model):
    """What the single call would have been refused with; `status` is the problem's own."""

    job_id: UUID
    status: int = Field(ge=400)
    problem: Problem


class Renewed(Model):
    job_id: UUID
    status: Literal[200] = 200
    lease: AssetJobHeartbeatResponse


class Moved(Model):
    job_id: UUID
    status: Literal[200] = 200
    job: AssetJobFullResponse


class AssetJobHeartbeatBatchResponse(Model):
    """In the order asked."""

    items: list[Renewed | Refused]


class AssetJobMoveBatchResponse(Model):
    """In the order asked."""

    items: list[Moved | Refused]
