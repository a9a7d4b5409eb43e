"""The error codes of the API: one class each, with the status and the meaning it stands for (RFC 9457).

`code` is stable; `docs/errors.md` lists them all and a test holds it to this file.

    LoreKeeperError
    ├── AssetValidationError                 422 validation_failed
    │   ├── WorldNotFoundError               404 world_not_found
    │   ├── ReferenceNotFoundError           404 reference_not_found
    │   ├── WorldScopeViolationError         422 world_scope_violation
    │   ├── IdempotencyKeyReusedError        422 idempotency_key_reused
    │   ├── PromptSchemaInvalidError         422 prompt_schema_invalid
    │   └── UploadMismatchError              422 upload_not_issued, object_missing, size_mismatch, …
    ├── UnauthorizedException                401 unauthorized
    ├── ForbiddenError                       403 forbidden
    ├── NotFoundError                        404 not_found
    ├── ConflictError                        409 conflict
    │   ├── InvalidTransitionError           409 invalid_transition
    │   ├── LeaseLostError                   409 lease_lost
    │   ├── LoreInUseError                   409 lore_in_use
    │   ├── ContradictionError               409 contradiction
    │   ├── AlreadyCompletedError            409 already_completed
    │   ├── AssetInUseError                  409 asset_in_use
    │   └── UploadClosedError                409 upload_closed
    ├── AssetGoneError                       410 asset_gone
    ├── PreconditionFailedError              412 precondition_failed
    ├── BadRequestError                      400 bad_request
    ├── MethodNotAllowedError                405 method_not_allowed
    ├── PayloadTooLargeError                 413 payload_too_large
    ├── UriTooLongError                      414 uri_too_long
    ├── HeadersTooLargeError                 431 headers_too_large
    ├── StorageUnavailableError              503 storage_unavailable
    ├── DatabaseUnavailableError             503 database_unavailable
    └── ServerStoppingError                  503 server_stopping
"""

from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from lorekeeper.contracts.base import Model


class Problem(Model):
    """An RFC 9457 problem. `code` is for programs, `detail` for people; some codes add fields of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI that names the problem: `urn:lorekeeper:problem:<code>`.")
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None


class LoreKeeperError(Exception):
    """Base of all errors that have an answer of their own. `extra` becomes further members of the problem."""

    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"
    CODES: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        """All codes that this class answers with: mostly one."""
        return cls.CODES or (cls.code,)

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def problem(self, request_id: str | None = None) -> dict[str, Any]:
        """The body of the answer, members of its own last."""
        return {
            "type": f"urn:lorekeeper:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            **self.extra,
        }


class AssetValidationError(LoreKeeperError):
    status = 422
    code = "validation_failed"
    title = "The request is not valid"


class WorldNotFoundError(AssetValidationError):
    status = 404
    code = "world_not_found"
    title = "There is no such world"


class ReferenceNotFoundError(AssetValidationError):
    status = 404
    code = "reference_not_found"
    title = "Something referred to does not exist"


class WorldScopeViolationError(AssetValidationError):
    code = "world_scope_violation"
    title = "Something referred to belongs to another world"


class IdempotencyKeyReusedError(AssetValidationError):
    code = "idempotency_key_reused"
    title = "The idempotency key was used for another request"


class PromptSchemaInvalidError(AssetValidationError):
    code = "prompt_schema_invalid"
    title = "The prompt schema cannot be put in force"


class UploadMismatchError(AssetValidationError):
    """What was uploaded is not what was declared. `code` says which check failed; the job stays as it was."""

    title = "The uploaded file is not what was declared"
    CODES: ClassVar[tuple[str, ...]] = (
        "upload_not_issued",
        "upload_already_used",
        "upload_abandoned",
        "upload_incomplete",
        "object_missing",
        "size_mismatch",
        "content_type_mismatch",
        "checksum_mismatch",
    )
    code = "upload_not_issued"

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.code = code


class UnauthorizedException(LoreKeeperError):  # noqa: N818 - the specification's own name
    status = 401
    code = "unauthorized"
    title = "A valid API key is needed"


class ForbiddenError(LoreKeeperError):
    status = 403
    code = "forbidden"
    title = "This key may not do that"


class NotFoundError(LoreKeeperError):
    status = 404
    code = "not_found"
    title = "There is no such thing here"


class ConflictError(LoreKeeperError):
    status = 409
    code = "conflict"
    title = "The state of things does not allow this"


class InvalidTransitionError(ConflictError):
    code = "invalid_transition"
    title = "The job cannot go from its state to that one"


class LeaseLostError(ConflictError):
    code = "lease_lost"
    title = "The lease on this job is not yours any more"


class LoreInUseError(ConflictError):
    code = "lore_in_use"
    title = "Other lore refers to it"


class ContradictionError(ConflictError):
    """A job is to be made from claims that contradict others; `contradictions` names them, two by two."""

    code = "contradiction"
    title = "Canon contradicts itself in what this refers to"


class AlreadyCompletedError(ConflictError):
    code = "already_completed"
    title = "The job was completed with another file"


class AssetInUseError(ConflictError):
    code = "asset_in_use"
    title = "Jobs that are not over yet need this asset"


class UploadClosedError(ConflictError):
    code = "upload_closed"
    title = "The upload is completed, or an asset is made of it"


class AssetGoneError(LoreKeeperError):
    status = 410
    code = "asset_gone"
    title = "The asset's file is gone"


class PreconditionFailedError(LoreKeeperError):
    """`If-Match` names another edit than the present one (RFC 9110 section 13.1.1); `etag` is the present one's."""

    status = 412
    code = "precondition_failed"
    title = "It was changed by somebody else meanwhile"


class BadRequestError(LoreKeeperError):
    """What cannot be read as a request at all."""

    status = 400
    code = "bad_request"
    title = "The request cannot be read"


class MethodNotAllowedError(LoreKeeperError):
    status = 405
    code = "method_not_allowed"
    title = "This path does not take that method"


class PayloadTooLargeError(LoreKeeperError):
    status = 413
    code = "payload_too_large"
    title = "The request body is too large"


class UriTooLongError(LoreKeeperError):
    status = 414
    code = "uri_too_long"
    title = "The path and the query are too long"


class HeadersTooLargeError(LoreKeeperError):
    status = 431
    code = "headers_too_large"
    title = "The headers are too large"


class StorageUnavailableError(LoreKeeperError):
    status = 503
    code = "storage_unavailable"
    title = "The object store does not answer"


class DatabaseUnavailableError(LoreKeeperError):
    status = 503
    code = "database_unavailable"
    title = "The database does not answer"


class ServerStoppingError(LoreKeeperError):
    status = 503
    code = "server_stopping"
    title = "The server is stopping"
