"""Asset jobs on the wire (specification section 2, Job Models; design section 5)."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from lorekeeper.contracts.assets import AssetCreate, AssetDerivationResponse, AssetResponse
from lorekeeper.contracts.base import (
    A_NUMBER,
    GivenTime,
    JsonObject,
    Label,
    Model,
    Number,
    Page,
    Request,
    StoredJson,
    Text,
    Timestamp,
    YesNo,
)
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetTypeEnum
from lorekeeper.contracts.references import AssetJobReferences

Provider = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""Who is to make it: a short lower-case name, such as `local`."""

IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
ErrorCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
ErrorMessage = Annotated[Text, StringConstraints(max_length=10_000)]
WorkerId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]

MAX_CLAIM = 100
MAX_LEASE_SECONDS = 3600
LeaseSeconds = Annotated[int, Field(ge=1, le=MAX_LEASE_SECONDS), A_NUMBER]


class AssetJobCreate(Request):
    world_id: UUID
    asset_type: AssetTypeEnum
    provider: Provider
    model_id: Label | None = None
    prompt_spec: JsonObject = Field(
        description="What the schema in force for the asset type and provider accepts (`/prompt-schemas/in-force`). "
        "Built in, by asset type: VideoPromptSpec, AudioPromptSpec, ImagePromptSpec, MapPromptSpec, PdfPromptSpec."
    )
    references: AssetJobReferences = Field(default_factory=AssetJobReferences)
    priority: Annotated[int, Field(ge=-1000, le=1000), A_NUMBER] = Field(0, description="Higher goes first.")
    max_attempts: Annotated[int, Field(ge=1, le=100), A_NUMBER] = Field(
        3, description="How often it may be started before it fails for good."
    )
    start_by: GivenTime | None = Field(None, description="Not to be started after this time.")
    finish_by: GivenTime | None = Field(None, description="Of no use after this time.")
    idempotency_key: IdempotencyKey | None = Field(None, description="The same as the `Idempotency-Key` header.")
    allow_contradictions: YesNo = Field(False, description="True: make it, though canon contradicts a claim of it.")


class JobProgress(Model):
    """How far a worker has come."""

    percent: float | None = None
    stage: str | None = None
    message: str | None = None


class JobProgressUpdate(JobProgress, Request):
    """The same as a worker reports it."""

    percent: Number | None = Field(None, ge=0, le=100)
    stage: Label | None = None
    message: Annotated[Text, StringConstraints(max_length=1000)] | None = None


class AssetJobUpdate(Request):
    """What `PATCH /assets/asset-jobs/{id}` may set. A job that runs under a lease needs its token as well."""

    status: AssetJobStatusEnum | None = None
    started_at: GivenTime | None = None
    finished_at: GivenTime | None = None
    error_code: ErrorCode | None = None
    error_message: ErrorMessage | None = None
    lease_token: UUID | None = None

    @model_validator(mode="after")
    def _times_agree(self) -> Self:
        if not self.model_fields_set - {"lease_token"}:
            raise ValueError("there is nothing in it to update")
        if self.started_at and self.finished_at and self.finished_at < self.started_at:
            raise ValueError("finished_at lies before started_at")
        return self


class AssetJobComplete(AssetCreate):
    """The finished file, and the token of the lease it was made under (none for a job set RUNNING by PATCH)."""

    lease_token: UUID | None = None


class AssetJobFail(Request):
    error_code: ErrorCode
    error_message: ErrorMessage | None = None
    retryable: YesNo = Field(False, description="True: back to QUEUED while attempts are left.")
    lease_token: UUID | None = None


class AssetJobHeartbeat(Request):
    lease_token: UUID
    lease_seconds: LeaseSeconds = 60
    progress: JobProgressUpdate | None = None
    provider_job_id: Annotated[Text, StringConstraints(min_length=1, max_length=500)] | None = None


class AssetJobHeartbeatResponse(Model):
    job_id: UUID
    lease_expires_at: Timestamp
    cancel_requested: bool


class AssetJobClaim(Request):
    """A worker's call for work (design section 5, Leases)."""

    worker_id: WorkerId
    providers: Annotated[list[Provider], Field(min_length=1, max_length=100)]
    asset_types: Annotated[list[AssetTypeEnum], Field(min_length=1, max_length=100)] | None = None
    world_ids: Annotated[list[UUID], Field(min_length=1, max_length=1000)] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_CLAIM), A_NUMBER] = 1
    lease_seconds: LeaseSeconds = 60
    wait_seconds: Number = Field(0, ge=0, le=60, description="How long to wait for a job when there is none.")


class AssetJobResponse(Model):
    id: UUID
    world_id: UUID
    asset_type: AssetTypeEnum
    provider: str
    model_id: str | None = None
    status: AssetJobStatusEnum
    priority: int
    requested_by: str
    input_hash: str
    prompt_spec: StoredJson
    prompt_schema_id: UUID | None = Field(None, description="What judged prompt_spec; null: the built-in schema.")
    error_code: str | None = None
    error_message: str | None = None
    idempotency_key: str | None = None
    attempt: int
    max_attempts: int
    available_at: Timestamp
    lease_expires_at: Timestamp | None = None
    worker_id: str | None = None
    progress: JobProgress | None = None
    provider_job_id: str | None = None
    cancel_requested_at: Timestamp | None = None
    start_by: Timestamp | None = None
    finish_by: Timestamp | None = None
    created_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None


class AssetJobFullResponse(AssetJobResponse):
    """A job with its derivation, and its asset once it has one."""

    derivation: AssetDerivationResponse | None = None
    asset: AssetResponse | None = None


class ClaimedJob(AssetJobResponse):
    """A job handed to one worker. `lease_token` proves that it is still this worker's; tell it to nobody else."""

    lease_token: UUID
    derivation: AssetDerivationResponse


class AssetJobClaimResponse(Model):
    jobs: list[ClaimedJob]


class PaginatedAssetJobResponse(Page):
    items: list[AssetJobResponse]


class AssetJobListFilter(Request):
    """The filters of `GET /assets/asset-jobs`; any combination."""

    world_id: UUID | None = None
    status: AssetJobStatusEnum | None = None
    asset_type: AssetTypeEnum | None = None
    provider: Provider | None = None
    requested_by: str | None = Field(None, max_length=200)
    created_after: GivenTime | None = Field(None, description="At or after this time.")
    created_before: GivenTime | None = Field(None, description="Before this time.")
