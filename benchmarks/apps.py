"""The ASGI apps that LoreKeeper is held against. Each is a factory; the database comes from `DATABASE_URL`."""

import gc
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.types import ASGIApp, Receive, Scope, Send

import lorekeeper.jobs.endpoints
from lorekeeper.access.authenticator import Authenticator
from lorekeeper.access.context import Runtime
from lorekeeper.access.principal import Principal
from lorekeeper.contracts.enums import Role
from lorekeeper.jobs.repository import QUERIES
from lorekeeper.kit.clock import SystemClock
from lorekeeper.kit.database import Database
from lorekeeper.kit.wakeups import Wakeups
from lorekeeper.storage.store import S3Store, StoreAddress

JSON = (b"content-type", b"application/json")


def trivial() -> ASGIApp:
    """Always the same answer, of the size of a job: the most that the load generator can be asked to take."""
    body = b"{" + b" " * 4000 + b"}"
    start = {"type": "http.response.start", "status": 200, "headers": [JSON, (b"content-length", b"%d" % len(body))]}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, None)
            return
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return app


def bare_read() -> ASGIApp:
    """`read_asset_job` with nothing around it: the same SQL on the same pool, the row as JSON by `json.dumps`."""
    pool = AsyncConnectionPool(
        os.environ["DATABASE_URL"],
        connection_class=psycopg.AsyncConnection[dict[str, Any]],
        kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": 0},
        min_size=1,
        max_size=10,
        open=False,
    )
    sql = QUERIES.read_asset_job.sql({})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, pool)
            return
        async with pool.connection() as connection:
            cursor = await connection.execute(sql, {"id": scope["path"].rpartition("/")[2]})
            row = await cursor.fetchone()
        body = json.dumps(row, default=str).encode()
        headers = [JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200 if row else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _settle() -> None:
    """As `lorekeeper serve` does it: the garbage collector leaves alone what lives as long as the process."""
    gc.collect()
    gc.freeze()


async def _lifespan(receive: Receive, send: Send, pool: AsyncConnectionPool[Any] | None) -> None:
    await receive()
    if pool:
        await pool.open()
    _settle()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if pool:
        await pool.close()
    await send({"type": "lifespan.shutdown.complete"})


class _Everyone(Authenticator):
    """Asks nobody for a key."""

    async def authenticate(self, authorization: str | None) -> Principal:  # noqa: ARG002 - the base's parameter
        return _EVERYONE


_EVERYONE = Principal(id="benchmark", name="benchmark", role=Role.ADMIN, world_ids=None, providers=None)


def uncovered() -> ASGIApp:
    """The API's own job routes without the middleware, and with a principal that shows no key."""
    database = Database(os.environ["DATABASE_URL"])
    nowhere = StoreAddress(bucket="", region="us-east-1", access_key_id="", secret_access_key="")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        await database.open()
        _settle()
        yield {"request_id": "benchmark"}  # what the middleware would put into each request's state
        await database.close()

    app = FastAPI(lifespan=lifespan)
    app.include_router(lorekeeper.jobs.endpoints.router)
    clock = SystemClock()
    app.state.runtime = Runtime(database, S3Store(nowhere), clock, _Everyone(database, clock), Wakeups())
    return app
