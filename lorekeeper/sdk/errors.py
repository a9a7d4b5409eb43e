"""What the SDK raises. Catch `SdkError` for all of it, `APIError` for every refusal of the server.

    SdkError
    ├── ConfigurationError                 no server or key is known; nothing was sent
    ├── ServerUnreachableError             no answer came
    ├── UnexpectedAnswerError              an answer came, but not LoreKeeper's (a proxy's page, another service)
    ├── TransferError                      a file could not be moved to or from the store
    │   └── IntegrityError                 a downloaded file is not the one on record
    ├── WaitTimeoutError                   the job is not over yet
    └── APIError                           the server refused: `.status`, `.code`, `.detail`, `.request_id`
        ├── BadRequestError                400 bad_request, 405 method_not_allowed, 414, 431
        ├── ValidationFailedError          422 validation_failed, 404/422 of its kinds below
        │   ├── WorldNotFoundError         404 world_not_found
        │   ├── ReferenceNotFoundError     404 reference_not_found
        │   ├── WorldScopeViolationError   422 world_scope_violation
        │   ├── IdempotencyKeyReusedError  422 idempotency_key_reused
        │   ├── PromptSchemaInvalidError   422 prompt_schema_invalid
        │   └── UploadMismatchError        422 upload_not_issued, object_missing, size_mismatch, …
        ├── UnauthorizedError              401 unauthorized
        ├── ForbiddenError                 403 forbidden
        ├── NotFoundError                  404 not_found
        ├── ConflictError                  409 conflict
        │   ├── InvalidTransitionError     409 invalid_transition
        │   ├── LeaseLostError             409 lease_lost
        │   ├── LoreInUseError             409 lore_in_use
        │   ├── ContradictionError         409 contradiction
        │   ├── AlreadyCompletedError      409 already_completed
        │   ├── AssetInUseError            409 asset_in_use
        │   └── UploadClosedError          409 upload_closed
        ├── AssetGoneError                 410 asset_gone
        ├── PreconditionFailedError        412 precondition_failed
        ├── PayloadTooLargeError           413 payload_too_large
        ├── RateLimitedError               429
        └── ServerError                    5xx
            └── UnavailableError           502, 503, 504

The class is chosen by the problem's `code`; a code that this version does not know is placed by its HTTP status.
"""

from typing import Any
from uuid import UUID

from lorekeeper.contracts.errors import Problem
from lorekeeper.contracts.errors import UploadMismatchError as _UploadMismatch


class SdkError(Exception):
    """Base of all that the SDK raises on purpose. Its text is one sentence for people."""


class ConfigurationError(SdkError):
    """It is not known which server to talk to, or with which key."""


class ServerUnreachableError(SdkError):
    """No answer came. `never_sent` is true when the request cannot have reached the server."""

    def __init__(self, message: str, *, never_sent: bool = False) -> None:
        super().__init__(message)
        self.never_sent = never_sent


class UnexpectedAnswerError(SdkError):
    """Something answered, but it did not speak LoreKeeper's language."""


class TransferError(SdkError):
    """A file could not be moved. `status` is the store's HTTP status, if it answered at all."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class IntegrityError(TransferError):
    """A downloaded file has another size or SHA-256 than the asset's record. It was not kept."""


class WaitTimeoutError(SdkError):
    """The job was not over within the time given. It goes on; wait again if you like."""

    def __init__(self, message: str, *, job_id: UUID) -> None:
        super().__init__(message)
        self.job_id = job_id


class APIError(SdkError):
    """The server refused the request, and said why. `problem` is its whole answer (RFC 9457)."""

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """The stable name of the problem, for programs."""
        return self.problem.code

    @property
    def detail(self) -> str:
        """What is wrong, for people."""
        return self.problem.detail

    @property
    def request_id(self) -> str | None:
        """The request's name in the server's log."""
        return self.problem.request_id

    @property
    def extra(self) -> dict[str, Any]:
        """The members that only this kind of problem has, such as the ids it is about."""
        return dict(self.problem.model_extra or {})


class BadRequestError(APIError):
    """The server could not read the request: this SDK and that server do not fit together."""


class ValidationFailedError(APIError):
    """The request is not valid, or refers to what it may not refer to."""


class WorldNotFoundError(ValidationFailedError):
    """There is no such world, or this key may not see it."""


class ReferenceNotFoundError(ValidationFailedError):
    """Something the request refers to does not exist."""


class WorldScopeViolationError(ValidationFailedError):
    """Something the request refers to belongs to another world."""


class IdempotencyKeyReusedError(ValidationFailedError):
    """The idempotency key was used for a different request before."""


class PromptSchemaInvalidError(ValidationFailedError):
    """The JSON Schema cannot be put in force; `errors` says where in it, and why."""


class UploadMismatchError(ValidationFailedError):
    """What lies in the store is not what was declared; `code` says which check failed."""


class UnauthorizedError(APIError):
    """The key is missing, wrong, expired or revoked."""


class ForbiddenError(APIError):
    """The key is valid, but its role may not do this."""


class NotFoundError(APIError):
    """There is no such thing, or this key may not see it."""


class ConflictError(APIError):
    """The state of things does not allow it."""


class InvalidTransitionError(ConflictError):
    """The job cannot go from its state to the one asked for."""


class LeaseLostError(ConflictError):
    """The lease ran out or was given to another worker: this worker's writes count no more."""


class LoreInUseError(ConflictError):
    """Living lore refers to what is to be deleted; `extra["users"]` names it."""


class ContradictionError(ConflictError):
    """The job refers to claims that contradict others; `extra["contradictions"]` names them, two by two."""


class AlreadyCompletedError(ConflictError):
    """The job was completed with another file."""


class AssetInUseError(ConflictError):
    """Jobs that are not over yet need the asset; it cannot be deleted now."""


class UploadClosedError(ConflictError):
    """The multipart upload is completed, or an asset was made of it."""


class AssetGoneError(APIError):
    """The asset is on record, but its file was deleted."""


class PreconditionFailedError(APIError):
    """Somebody else has edited it since it was read; `extra["etag"]` is the present one's."""


class PayloadTooLargeError(APIError):
    """The request body is larger than the server takes."""


class RateLimitedError(APIError):
    """Too many requests. `retry_after` says how many seconds to wait, where the server told."""


class ServerError(APIError):
    """The server failed; the request may be fine."""


class UnavailableError(ServerError):
    """The server, or what it stands on, does not answer for now."""


BY_CODE: dict[str, type[APIError]] = {
    "validation_failed": ValidationFailedError,
    "world_not_found": WorldNotFoundError,
    "reference_not_found": ReferenceNotFoundError,
    "world_scope_violation": WorldScopeViolationError,
    "idempotency_key_reused": IdempotencyKeyReusedError,
    "prompt_schema_invalid": PromptSchemaInvalidError,
    **dict.fromkeys(_UploadMismatch.CODES, UploadMismatchError),
    "unauthorized": UnauthorizedError,
    "forbidden": ForbiddenError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "invalid_transition": InvalidTransitionError,
    "lease_lost": LeaseLostError,
    "lore_in_use": LoreInUseError,
    "contradiction": ContradictionError,
    "already_completed": AlreadyCompletedError,
    "precondition_failed": PreconditionFailedError,
    "asset_in_use": AssetInUseError,
    "upload_closed": UploadClosedError,
    "asset_gone": AssetGoneError,
    "bad_request": BadRequestError,
    "method_not_allowed": BadRequestError,
    "payload_too_large": PayloadTooLargeError,
    "uri_too_long": BadRequestError,
    "headers_too_large": BadRequestError,
    "server_stopping": UnavailableError,
    "storage_unavailable": UnavailableError,
    "database_unavailable": UnavailableError,
}

_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: AssetGoneError,
    412: PreconditionFailedError,
    413: PayloadTooLargeError,
    422: ValidationFailedError,
    429: RateLimitedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def api_error(problem: Problem, *, retry_after: float | None = None) -> APIError:
    """The exception for a problem: by its code, else by its status, else the general one."""
    fallback = ServerError if problem.status >= 500 else APIError
    kind = BY_CODE.get(problem.code) or _BY_STATUS.get(problem.status, fallback)
    return kind(problem, retry_after=retry_after)
