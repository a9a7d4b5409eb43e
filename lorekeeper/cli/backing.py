"""The database and the store behind a server command: named in the settings, or the embedded engines."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from lorekeeper.access.authenticator import Authenticator
from lorekeeper.access.service import create_key
from lorekeeper.app import Backing
from lorekeeper.cli.terminal import CommandError
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import UnauthorizedException
from lorekeeper.kit.clock import SystemClock
from lorekeeper.kit.database import Database
from lorekeeper.places import ADMIN_KEY_FILE, SERVER_FILE
from lorekeeper.settings import Settings
from lorekeeper.storage.store import StoreAddress

NO_STORE = StoreAddress(bucket="", region="", access_key_id="", secret_access_key="")

Announce = Callable[[str], None]


def named_store(settings: Settings) -> StoreAddress | None:
    """The store that the `S3_*` settings name; None when they name none. A half-named one is refused."""
    if not settings.has_s3:
        return None
    secret = settings.s3_secret_access_key
    needed = {
        "S3_BUCKET_NAME": settings.s3_bucket_name,
        "S3_ACCESS_KEY_ID": settings.s3_access_key_id,
        "S3_SECRET_ACCESS_KEY": secret.get_secret_value() if secret else None,
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise CommandError(f"Some S3_ settings are given, but not {', '.join(missing)}.")
    return StoreAddress(
        bucket=needed["S3_BUCKET_NAME"] or "",
        region=settings.s3_region,
        access_key_id=needed["S3_ACCESS_KEY_ID"] or "",
        secret_access_key=needed["S3_SECRET_ACCESS_KEY"] or "",
        endpoint_url=settings.s3_endpoint_url,
    )


@contextmanager
def embedded_or_named(settings: Settings, *, store: bool = True) -> Iterator[tuple[Backing, Announce]]:
    """What backs the server, for as long as the block lasts. `store=False` leaves the embedded store alone."""
    named = named_store(settings)
    want_postgres, want_seaweedfs = settings.database_url is None, named is None and store
    if not want_postgres and not want_seaweedfs:
        yield Backing(str(settings.database_url), named or NO_STORE), lambda _url: None
        return
    try:
        from lorekeeper.local import LocalEngineError, LocalStack
    except ModuleNotFoundError as error:
        raise CommandError(
            "Neither DATABASE_URL nor S3_* is set, and the embedded engines are not installed: "
            "pip install 'lorekeeper[local]'"
        ) from error
    stack = LocalStack(settings.data_dir, postgres=want_postgres, seaweedfs=want_seaweedfs)
    try:
        addresses = stack.start()
    except LocalEngineError as error:
        raise CommandError(str(error)) from error
    try:
        if addresses.s3 is not None:
            named = StoreAddress(
                bucket=addresses.s3.bucket,
                region=addresses.s3.region,
                access_key_id=addresses.s3.access_key_id,
                secret_access_key=addresses.s3.secret_access_key,
                endpoint_url=addresses.s3.endpoint_url,
            )
        yield Backing(addresses.database_url or str(settings.database_url), named or NO_STORE), stack.announce
    finally:
        stack.stop()


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The database alone: the named one, the one of the server that runs on the data folder, or the folder's own."""
    if settings.database_url is not None:
        yield settings.database_url
    elif running := running_server(settings):
        yield running["database_url"]
    else:
        with embedded_or_named(settings, store=False) as (backing, _):
            yield backing.database_url


def running_server(settings: Settings) -> dict[str, str] | None:
    """`url` and `database_url` of the server that runs on the data folder, if one does and answers."""
    try:
        told: dict[str, str] = json.loads((settings.data_dir / SERVER_FILE).read_text())
        httpx.get(f"{told['url']}/health/live", timeout=5).raise_for_status()
    except (FileNotFoundError, ValueError, KeyError, httpx.HTTPError):
        return None  # a server that was killed leaves its file behind
    return told


def admin_key_file(settings: Settings) -> Path:
    return settings.data_dir / ADMIN_KEY_FILE


def ensure_admin_key(settings: Settings, backing: Backing) -> str | None:
    """Make the admin key where the data folder has none that the database knows; the answer is the new key's text.

    A process killed on the way leaves at the worst a key whose secret nobody has; the next start makes another.
    """
    path = admin_key_file(settings)
    kept = path.read_text().strip() if path.exists() else None
    text = asyncio.run(_new_admin_key(kept, backing.database_url))
    if text is not None:
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        temporary.write_text(text + "\n")
        temporary.replace(path)
    return text


async def _new_admin_key(kept: str | None, url: str) -> str | None:
    database = Database(url, max_size=1)
    await database.open()
    try:
        if kept is not None and await _is_valid(database, kept):
            return None
        _, text = await create_key(
            database,
            name="admin",
            role=Role.ADMIN,
            world_ids=None,
            providers=None,
            actor="first start",
            now=SystemClock().now(),
        )
    finally:
        await database.close()
    return text


async def _is_valid(database: Database, text: str) -> bool:
    try:
        await Authenticator(database, SystemClock()).authenticate(f"Bearer {text}")
    except UnauthorizedException:
        return False
    return True
