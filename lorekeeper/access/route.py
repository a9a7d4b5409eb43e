"""How a request with a body is taken in: its key first, then the body, in which no name may stand twice."""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from lorekeeper.access.context import identify
from lorekeeper.contracts.json_text import MAX_NAMES


class KeyedRoute(APIRoute):
    """The `route_class` of every router whose endpoints take a body.

    FastAPI reads the body before it asks the endpoint's dependencies: without this, anybody could have it read and
    parsed, and would be told what is wrong with it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_identified(request: Request) -> Response:
            await identify(request)
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_identified


class _StrictRequest(Request):
    """Takes I-JSON (RFC 7493), which canonical JSON (RFC 8785) builds on: a name stands once in an object."""

    async def json(self) -> Any:
        return json.loads(await self.body(), object_pairs_hook=_each_name_once)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(pairs) > MAX_NAMES:
        raise HTTPException(400, f"An object of the body has more than {MAX_NAMES} names.")
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name in found if times[name] > 1)
        # FastAPI lets this class through and makes any other error a 400 that does not say why.
        raise HTTPException(400, f"The name {json.dumps(twice[:100])} stands twice in one object of the body.")
    return found
