"""The ASGI apps that LoreKeeper is held against. Each is a factory; the database comes from `DATABASE_URL`."""

import json
import os
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.types import ASGIApp, Receive, Scope, Send

from lorekeeper.jobs.repository import QUERIES

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
    """`get_asset_job` with nothing around it: the same SQL on the same pool, the row as JSON by `json.dumps`."""
    pool = AsyncConnectionPool(
        os.environ["DATABASE_URL"],
        connection_class=psycopg.AsyncConnection[dict[str, Any]],
        kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": 0},
        min_size=1,
        max_size=10,
        open=False,
    )
    sql = QUERIES.get_asset_job.sql({})

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


async def _lifespan(receive: Receive, send: Send, pool: AsyncConnectionPool[Any] | None) -> None:
    await receive()
    if pool:
        await pool.open()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if pool:
        await pool.close()
    await send({"type": "lifespan.shutdown.complete"})
