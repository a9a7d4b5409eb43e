"""An error as RFC 9457 problem details."""

import json

from starlette.responses import Response

from lorekeeper.contracts.errors import LoreKeeperError, UnauthorizedException

PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = 1


def problem_response(error: LoreKeeperError, request_id: str | None, status: int | None = None) -> Response:
    """The answer to a request that ended in `error`; `status` where it differs from the error's own."""
    headers = {}
    if isinstance(error, UnauthorizedException):
        headers["WWW-Authenticate"] = 'Bearer realm="lorekeeper"'
    if error.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = error.problem(request_id) | ({"status": status} if status else {})
    return Response(json.dumps(body, default=str), body["status"], headers=headers, media_type=PROBLEM)
