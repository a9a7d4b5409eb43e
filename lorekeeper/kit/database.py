"""PostgreSQL through psycopg: a pool of autocommit connections, and the few ways in which the domains use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lorekeeper.contracts.errors import DatabaseUnavailableError, PayloadTooLargeError
from lorekeeper.kit.queries import Query

Connection = psycopg.AsyncConnection[DictRow]
Row = dict[str, Any]

CONNECT_TIMEOUT = 5.0

UNAVAILABLE = (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError)

_GONE = frozenset({None, "57P01", "57P02", "57P03"})
"""No SQLSTATE: the connection broke; else the server is shutting down or starting up."""

_STALE_PLAN = "cached plan must not change result type"

_TOO_LARGE_AT_ONCE = "invalid memory alloc request size"
"""Of a JSON value with more than some 16 million items, which has no SQLSTATE of its own."""


def _unavailable(error: Exception) -> DatabaseUnavailableError:
    if isinstance(error, psycopg.errors.DiskFull):
        return DatabaseUnavailableError("The database's disk is full; nothing was written.")
    return DatabaseUnavailableError("The database does not answer; try again in a moment.")


class _AsItCame(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class Session:
    """One connection in use: named queries with named parameters, rows as dictionaries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self, query: Query, /, **parameters: Any) -> list[Row]:
        cursor = await self._connection.execute(query.sql(parameters), parameters)
        return await cursor.fetchall()

    async def one(self, query: Query, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        cursor = await self._connection.execute(query.sql(parameters), parameters)
        return await cursor.fetchone()

    async def one_unparsed(self, query: Query, /, **parameters: Any) -> Row | None:
        """The first row, or None. Its `json` columns (not `jsonb`) are bytes, to be handed on as they came."""
        cursor = self._connection.cursor()
        cursor.adapters.register_loader("json", _AsItCame)
        await cursor.execute(query.sql(parameters), parameters)
        return await cursor.fetchone()

    async def run(self, query: Query, /, **parameters: Any) -> int:
        """Run a statement that returns no rows; the answer is the number of rows it touched."""
        cursor = await self._connection.execute(query.sql(parameters), parameters)
        return cursor.rowcount

    async def stream(self, query: Query, /, *, size: int, **parameters: Any) -> AsyncIterator[list[Row]]:
        """The rows, `size` at a time, by a cursor on the server: for what is too much to be held. In a transaction."""
        async with self._connection.cursor(name=query.name) as cursor:
            await cursor.execute(query.sql(parameters), parameters)
            while rows := await cursor.fetchmany(size):
                yield rows

    async def take_time(self) -> None:
        """Let each statement of this transaction take ten minutes, not one: for those that write whole worlds."""
        await self._connection.execute("SET LOCAL statement_timeout = '10min'")

    async def defer(self, constraint: str) -> None:
        """Let a constraint be judged at the end of the transaction."""
        await self._connection.execute(sql.SQL("SET CONSTRAINTS {} DEFERRED").format(sql.Identifier(constraint)))

    async def count(self, query: Query, /, **parameters: Any) -> int:
        """How many rows a query has."""
        cursor = await self._connection.execute(query.counting(parameters), parameters)
        rows: list[Row] = await cursor.fetchall()
        return int(rows[0]["total"])

    async def estimate(self, query: Query, /, **parameters: Any) -> int:
        """How many rows the planner expects of a query: a guess from statistics, at the price of planning alone."""
        cursor = await self._connection.execute(b"EXPLAIN (FORMAT JSON) " + query.sql(parameters), parameters)
        plan: Row = (await cursor.fetchall())[0]["QUERY PLAN"][0]["Plan"]
        return int(plan["Plan Rows"])


class Database:
    """The pool. Each call is a transaction of its own unless it is made inside `transaction()`.

    Raises `DatabaseUnavailableError` when no connection can be had or the one in use breaks, and `PayloadTooLargeError`
    for what no statement can carry.
    """

    def __init__(self, url: str, *, min_size: int = 1, max_size: int = 10, timeout: float = CONNECT_TIMEOUT) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": 0,
                "options": "-c timezone=UTC -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000",
                "application_name": "lorekeeper",
                "connect_timeout": int(timeout),
            },
            min_size=min_size,
            max_size=max_size,
            timeout=timeout,
            open=False,
        )

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close(timeout=2.0)

    def stats(self) -> dict[str, int]:
        """The pool's own counters (`pool_size`, `pool_available`, `requests_waiting`, …)."""
        return self._pool.get_stats()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection for several calls in a row, each a transaction of its own."""
        async with self._connection() as connection:
            yield Session(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Several statements that happen together or not at all. No call to S3 or HTTP belongs inside."""
        async with self._connection() as connection, connection.transaction():
            yield Session(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """Reads of one moment, however many and however long. Nothing can be written."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield Session(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.connection() as connection:
                try:
                    yield connection
                except psycopg.errors.FeatureNotSupported as error:
                    if _STALE_PLAN not in str(error):
                        raise
                    # A migration changed what a statement returns that this connection had prepared before it.
                    await connection.close()
                    raise DatabaseUnavailableError("The schema has just changed; try again.") from error
                except psycopg.errors.ReadOnlySqlTransaction as error:
                    # After a failover this is a standby now; a new connection may lead to the one that took its place.
                    await connection.close()
                    raise DatabaseUnavailableError("The database takes no changes; try again in a moment.") from error
                except (psycopg.errors.ProgramLimitExceeded, psycopg.errors.InternalError_) as error:
                    if isinstance(error, psycopg.errors.InternalError_) and _TOO_LARGE_AT_ONCE not in str(error):
                        raise
                    raise PayloadTooLargeError("This is more than the database takes at once; send less.") from error
        except UNAVAILABLE as error:
            await self._discard_broken(error)
            raise _unavailable(error) from error

    async def _discard_broken(self, error: Exception) -> None:
        """After a restart of PostgreSQL all idle connections are dead: let one request find that out, not each."""
        if isinstance(error, psycopg.OperationalError) and error.sqlstate in _GONE:
            await self._pool.check()

    async def all(self, query: Query, /, **parameters: Any) -> list[Row]:
        async with self.session() as session:
            return await session.all(query, **parameters)

    async def one(self, query: Query, /, **parameters: Any) -> Row | None:
        async with self.session() as session:
            return await session.one(query, **parameters)

    async def one_unparsed(self, query: Query, /, **parameters: Any) -> Row | None:
        async with self.session() as session:
            return await session.one_unparsed(query, **parameters)

    async def run(self, query: Query, /, **parameters: Any) -> int:
        async with self.session() as session:
            return await session.run(query, **parameters)
