"""HTTP glue: how a model becomes an answer, and an error a problem (RFC 9457)."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator
from starlette.exceptions import HTTPException
from starlette.routing import Match

from lorekeeper.contracts.errors import (
    AssetValidationError,
    BadRequestError,
    DatabaseUnavailableError,
    ForbiddenError,
    HeadersTooLargeError,
    LoreKeeperError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    Problem,
    UnauthorizedException,
    UriTooLongError,
)
from lorekeeper.kit.fielderrors import field_errors, summary
from lorekeeper.kit.problems import PROBLEM, problem_response
from lorekeeper.kit.telemetry import log

COMMON_ERRORS: tuple[type[LoreKeeperError], ...] = (
    BadRequestError,
    UnauthorizedException,
    ForbiddenError,
    NotFoundError,
    PayloadTooLargeError,
    UriTooLongError,
    AssetValidationError,
    HeadersTooLargeError,
    DatabaseUnavailableError,
)


def _refuse_other_words(value: Any) -> Any:
    if value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value


Flag = Annotated[bool, BeforeValidator(_refuse_other_words)]
"""A yes or no in a query. Pydantic by itself takes `1`, `yes`, `on` and more, none of which the document tells of."""


def header(description: str, *, type: str = "string", **schema: Any) -> dict[str, Any]:
    """A header that an answer always has, as the OpenAPI document declares it."""
    return {"description": description, "required": True, "schema": {"type": type, **schema}}


REQUEST_ID_HEADER = {"X-Request-Id": header("The request's own, where it sent a harmless one; it is in the log, too.")}
PROBLEM_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": header("The scheme to authenticate by (RFC 6750).")},
    503: {"Retry-After": header("Seconds to wait before the next try.", type="integer")},
}


def responses(*errors: type[LoreKeeperError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of an endpoint: the problems it can answer with, beside those that any endpoint can."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in (*COMMON_ERRORS, *errors):
        entry = by_status.setdefault(error.status, {"description": error.title, "codes": []})
        entry["codes"] += error.codes()
    return {
        status: {
            "description": f"{entry['description']} ({', '.join(dict.fromkeys(entry['codes']))})",
            "content": {PROBLEM: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
            **({"headers": PROBLEM_HEADERS[status]} if status in PROBLEM_HEADERS else {}),
        }
        for status, entry in by_status.items()
    }


def answer(
    model: BaseModel,
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    stored: Mapping[str, bytes | None] | None = None,
) -> Response:
    """The model as JSON. It was validated when it was made, so FastAPI is not asked to do it again.

    `stored` are further fields of the answer, whose JSON the database holds in the form of the wire. It is handed on as
    it is: taking it apart and putting it together again would be a third of the work of answering.
    """
    body = model.model_dump_json().encode()
    for name, json in (stored or {}).items():
        body = b'%b,"%b":%b}' % (body[:-1], name.encode(), json or b"null")
    return Response(body, status, headers=headers, media_type="application/json")


def _problem(request: Request, error: LoreKeeperError, status: int | None = None) -> Response:
    return problem_response(error, request.scope.get("state", {}).get("request_id"), status)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, LoreKeeperError)  # noqa: S101 - registered for this class below
    if error.status >= 500:
        log.warning("unavailable", code=error.code, cause=str(error.__cause__ or error))
    return _problem(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class below
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return _problem(request, BadRequestError("The body is not JSON."), status=400)
    fields = field_errors(error.errors())
    return _problem(request, AssetValidationError(summary(fields), errors=fields))


_FRAMEWORK_ERRORS = {404: NotFoundError, 405: MethodNotAllowedError, 413: PayloadTooLargeError}


async def _framework(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an unknown path, a wrong method, a body that cannot be read."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class below
    kind = _FRAMEWORK_ERRORS.get(error.status_code, BadRequestError)
    response = _problem(request, kind(str(error.detail)), status=error.status_code)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        # The framework names the methods of the first route on the path only.
        response.headers["allow"] = ", ".join(_methods_at(request))
    return response


def _methods_at(request: Request) -> list[str]:
    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in ("GET", "POST", "PATCH", "PUT", "DELETE") if takes(method)]


async def _unexpected(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("state", {}).get("request_id", "")
    log.error("unexpected error", exc_info=error)
    response = _problem(request, LoreKeeperError("The error was logged under this request id."))
    response.headers["x-request-id"] = request_id
    # uvicorn drops the connection when an app has raised; a client that is told so does not use it again.
    response.headers["connection"] = "close"
    return response


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(LoreKeeperError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    # The last resort: nothing that is foreseen ends here, and no stack trace reaches the wire.
    app.add_exception_handler(Exception, _unexpected)


def operation_id(route: APIRoute) -> str:
    """The operation's name in the OpenAPI document: the endpoint's own, which generated clients then have too."""
    return route.name
