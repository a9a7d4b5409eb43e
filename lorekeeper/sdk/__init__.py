"""LoreKeeper's SDK: a client for the whole API, and a runtime for workers.

It needs the plain installation only and imports the contracts, never the server.
"""

from lorekeeper.sdk.calls.jobs import RequestedJob
from lorekeeper.sdk.client import Client
from lorekeeper.sdk.errors import (
    AlreadyCompletedError,
    APIError,
    AssetGoneError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    IntegrityError,
    InvalidTransitionError,
    LeaseLostError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    ReferenceNotFoundError,
    SdkError,
    ServerError,
    ServerUnreachableError,
    TransferError,
    UnauthorizedError,
    UnavailableError,
    UnexpectedAnswerError,
    UploadMismatchError,
    ValidationFailedError,
    WaitTimeoutError,
    WorldNotFoundError,
    WorldScopeViolationError,
)
from lorekeeper.sdk.handling import Handler, JobCancelled, JobContext, JobError, MadeFile
from lorekeeper.sdk.listening import WorkerListener, WorkerReport
from lorekeeper.sdk.transfer import UploadedFile
from lorekeeper.sdk.worker import Worker

__all__ = [
    "APIError",
    "AlreadyCompletedError",
    "AssetGoneError",
    "BadRequestError",
    "Client",
    "ConfigurationError",
    "ConflictError",
    "ForbiddenError",
    "Handler",
    "IdempotencyKeyReusedError",
    "IntegrityError",
    "InvalidTransitionError",
    "JobCancelled",
    "JobContext",
    "JobError",
    "LeaseLostError",
    "MadeFile",
    "NotFoundError",
    "PayloadTooLargeError",
    "RateLimitedError",
    "ReferenceNotFoundError",
    "RequestedJob",
    "SdkError",
    "ServerError",
    "ServerUnreachableError",
    "TransferError",
    "UnauthorizedError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UploadMismatchError",
    "UploadedFile",
    "ValidationFailedError",
    "WaitTimeoutError",
    "Worker",
    "WorkerListener",
    "WorkerReport",
    "WorldNotFoundError",
    "WorldScopeViolationError",
]
