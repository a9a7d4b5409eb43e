"""uvicorn's HTTP protocol, with an end to what may come before a body and after it."""

import asyncio
from importlib.util import find_spec
from typing import Literal


def bounded_protocol() -> type[asyncio.Protocol] | Literal["auto"]:
    """What to give to uvicorn as `http`. Where httptools is missing, h11 has a limit of its own."""
    if find_spec("httptools") is None:
        return "auto"
    from lorekeeper.kit.bounded_http import BoundedHttp

    return BoundedHttp
