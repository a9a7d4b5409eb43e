"""Every operation of the API, read from its own OpenAPI document."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from harness.wire import Api
from lorekeeper.app import Backing, create_app
from lorekeeper.settings import Settings
from lorekeeper.storage.store import StoreAddress

_NOWHERE = Backing("postgresql://nobody@127.0.0.1:1/nothing", StoreAddress("none", "none", "none", "none"))


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    needs_key: bool
    has_body: bool
    id_filters: tuple[str, ...]
    """Query parameters that take an id."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def send(self, api: Api, id: str, *, body: Any = None) -> httpx.Response:
        path = self.path.replace("{id}", id).replace("{asset_id}", id)
        return api.ask(self.method, path, **({"json": body} if self.has_body and body is not None else {}))


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; for that, no engine has to run."""
    return create_app(Settings(_env_file=None), _NOWHERE).openapi()


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(
            method.upper(),
            path,
            needs_key=bool(told.get("security")),
            has_body="requestBody" in told,
            id_filters=tuple(
                parameter["name"]
                for parameter in told.get("parameters", ())
                if parameter["in"] == "query" and parameter["name"].endswith("_id")
            ),
        )
        for path, methods in document()["paths"].items()
        for method, told in methods.items()
    )
