"""What an endpoint hands to its service: who asks, the time, and the things to work with. Deny by default."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Request

from lorekeeper.access.authenticator import Authenticator
from lorekeeper.access.principal import Principal
from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import Clock
from lorekeeper.kit.database import Database
from lorekeeper.kit.wakeups import Wakeups
from lorekeeper.storage.store import ObjectStore


@dataclass(frozen=True)
class Runtime:
    """What lives as long as the process does; the composition root makes one."""

    database: Database
    store: ObjectStore
    clock: Clock
    authenticator: Authenticator
    new_jobs: Wakeups
    """Wakes the workers that wait for a job, when this process has made one."""


@dataclass(frozen=True)
class Context:
    """One request's: its principal, its moment, its id."""

    principal: Principal
    runtime: Runtime
    now: datetime
    request_id: str

    @property
    def database(self) -> Database:
        return self.runtime.database

    @property
    def store(self) -> ObjectStore:
        return self.runtime.store

    @property
    def origin(self) -> dict[str, object]:
        """The parameters that every statement which writes an event takes."""
        return {"actor": self.principal.id, "request_id": self.request_id, "now": self.now}

    async def renewed(self) -> Self:
        """The request with its key as it is now, for one that waits. Raises `UnauthorizedException` once revoked."""
        return replace(self, principal=await self.runtime.authenticator.again(self.principal))


async def identify(request: Request) -> Principal:
    """Who sends this request; looked at once. Raises `UnauthorizedException`."""
    principal: Principal | None = request.scope.get("lorekeeper.principal")
    if principal is None:
        runtime: Runtime = request.app.state.runtime
        principal = await runtime.authenticator.authenticate(request.headers.get("authorization"))
        request.scope["lorekeeper.principal"] = principal
    return principal


def _allow(*roles: Role) -> Callable[[Request], Awaitable[Context]]:
    async def context(request: Request) -> Context:
        runtime: Runtime = request.app.state.runtime
        principal = await identify(request)
        principal.require_role(*roles)
        return Context(principal, runtime, runtime.clock.now(), request.scope["state"]["request_id"])

    return context


Admin = Annotated[Context, Depends(_allow())]
Reader = Annotated[Context, Depends(_allow(Role.READER, Role.EDITOR, Role.WORKER))]
Editor = Annotated[Context, Depends(_allow(Role.EDITOR))]
Worker = Annotated[Context, Depends(_allow(Role.WORKER))]
EditorOrWorker = Annotated[Context, Depends(_allow(Role.EDITOR, Role.WORKER))]
