"""What `lorekeeper doctor` looks at."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import psycopg

from lorekeeper.app import Backing
from lorekeeper.contracts.errors import LoreKeeperError
from lorekeeper.db import migrate as migrations
from lorekeeper.storage.store import S3Store

OLDEST_POSTGRES = 150000


@dataclass(frozen=True)
class Finding:
    what: str
    fine: bool
    says: str


def examine_running(url: str) -> Iterator[Finding]:
    """The same of a server that runs already, by its own account."""
    try:
        answer = httpx.get(f"{url}/health/ready", timeout=10)
    except httpx.TransportError as error:
        yield Finding("server", False, f"{url} does not answer: {error}")
        return
    yield Finding("server", True, f"runs at {url}")
    for what in ("database", "migrations", "store"):
        says = str(answer.json().get(what, "unknown"))
        yield Finding(what, says == "ok", says)


def examine(backing: Backing) -> Iterator[Finding]:
    """One finding after the other, the first thing that is needed first."""
    try:
        with psycopg.connect(backing.database_url, connect_timeout=5) as connection:
            number = connection.info.server_version
    except psycopg.Error as error:
        yield Finding("database", False, migrations.reason(error))
        return
    old = "" if number >= OLDEST_POSTGRES else "; LoreKeeper needs 15 or newer"
    yield Finding("database", not old, f"PostgreSQL {number // 10000}.{number % 10000}{old}")
    revision = migrations.current(backing.database_url)
    try:
        migrations.refuse_newer(revision)
    except migrations.MigrationError as error:
        yield Finding("migrations", False, str(error))
        return
    behind = "" if revision == migrations.head() else f"; this version needs {migrations.head()}: lorekeeper migrate"
    yield Finding("migrations", not behind, f"schema {revision or 'none'}{behind}")
    yield asyncio.run(_store(backing))


async def _store(backing: Backing) -> Finding:
    store = S3Store(backing.store)
    await store.open()
    try:
        await store.check()
    except LoreKeeperError as error:
        return Finding("store", False, error.detail)
    finally:
        await store.close()
    return Finding("store", True, f"bucket {backing.store.bucket} at {backing.store.endpoint_url or 'AWS'}")
