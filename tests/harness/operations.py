"""Every operation of the API, read from its own OpenAPI document."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from harness.wire import Api
from lorekeeper.app import Backing, create_app
from lorekeeper.settings import Settings
from lorekeeper.storage.store import StoreAddress

BY_PATH = {
    "/worlds": "world",
    "/entities": "entity",
    "/sources": "source",
    "/source-chunks": "source_chunk",
    "/claims": "claim",
    "/keys": "key",
    "/assets/asset-jobs": "job",
    "/assets/assets": "asset",
    "/assets/assets/multipart-upload": "upload",
}
"""What an id in a path is of, by what stands before it."""
OTHER_PARTS = {"n": "1", "predicate": "p"}
"""What stands in a path where it takes no id."""

_NOWHERE = Backing("postgresql://nobody@127.0.0.1:1/nothing", StoreAddress("none", "none", "none", "none"))


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    needs_key: bool
    has_body: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def kind(self) -> str | None:
        """What the id in its path is of, if there is one."""
        before, *after = self.path.split("/{")
        return BY_PATH.get(before) if after else None

    def at(self, id: str, **others: str) -> str:
        """Its path, with one id for every place that takes one; `others` stand in the other places."""
        if self.path.startswith("/keys"):
            id = id.replace("-", "")
        return re.sub(r"{(\w+)}", lambda part: (OTHER_PARTS | others).get(part[1], id), self.path)

    def send(
        self, api: Api, id: str, *, body: Any = None, content: Any = None, extra: Any = None, **given: Any
    ) -> httpx.Response:
        """`id` goes into the path. A body goes only where there is to be one.

        `content` is a body as it stands, `extra` further headers.
        """
        headers = dict(extra or {})
        if self.has_body and body is not None:
            given["json"] = body
        elif self.has_body and content is not None:
            given["content"] = content
            headers["Content-Type"] = "application/json"
        return api.ask(self.method, self.at(id), headers=headers, **given)


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
        )
        for path, methods in document()["paths"].items()
        for method, told in methods.items()
    )
