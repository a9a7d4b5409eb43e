"""What `lorekeeper doctor` looks at."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import httpx
import psycopg

from lorekeeper.app import Backing
from lorekeeper.contracts.errors import LoreKeeperError
from lorekeeper.db import migrate as migrations
from lorekeeper.storage.store import S3Store

OLDEST_POSTGRES = 150000


@dataclass(frozen=True)
class Finding:
    """`is_note`: everything works, but there is something to know."""

    what: str
    fine: bool
    says: str
    is_note: bool = False


_LACKING = {
    "conditional_writes": (
        "this store does not refuse a second upload under If-None-Match; a file whose SHA-256 was not declared can be "
        "replaced by whoever has its upload URL, as long as that is good"
    ),
    "upload_checksums": (
        "this store does not check a signed SHA-256; a file that was damaged on its way is found out when the upload "
        "is used, not when it arrives"
    ),
    "stored_checksums": (
        "this store gives no SHA-256 back that it has checked; LoreKeeper reads each file once to learn it"
    ),
    "signed_sizes": (
        "this store does not hold an upload to its signed size; a file of another size is found out when the upload is "
        "used, and takes space until then"
    ),
}
"""What it means for the user that an ability is missing. In no case is anything believed that was not checked."""


def examine_running(url: str) -> Iterator[Finding]:
    """The same of a server that runs already, by its own account."""
    try:
        answer = httpx.get(f"{url}/health/ready", timeout=10)
    except httpx.TransportError as error:
        yield Finding("server", False, f"{url} does not answer: {error}")
        return
    yield Finding("server", True, f"runs at {url}")
    told = answer.json()
    for what in ("database", "migrations", "store"):
        says = str(told.get(what, "unknown"))
        yield Finding(what, says == "ok", says)
    if told.get("abilities") is not None:
        yield from _uploads(told["abilities"])


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
    yield from asyncio.run(_store(backing))


async def _store(backing: Backing) -> list[Finding]:
    store = S3Store(backing.store)
    await store.open()
    findings: list[Finding] = []
    try:
        await store.check()
        where = backing.store.endpoint_url or "AWS"
        findings.append(Finding("store", True, f"bucket {backing.store.bucket} at {where}"))
        findings += _uploads(asdict(await store.abilities()))
    except LoreKeeperError as error:
        findings.append(Finding("uploads" if findings else "store", False, error.detail))
    finally:
        await store.close()
    return findings


def _uploads(abilities: Mapping[str, bool]) -> Iterator[Finding]:
    """One sentence where the store does all that can be asked of it, else one for each thing that it does not do."""
    lacking = [says for name, says in _LACKING.items() if not abilities.get(name)]
    if not lacking:
        says = "the store itself refuses a second one, a damaged one and one of another size, and keeps the SHA-256"
        yield Finding("uploads", True, says)
    for says in lacking:
        yield Finding("uploads", True, says, is_note=True)
