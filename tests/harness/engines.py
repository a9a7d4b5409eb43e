"""A real PostgreSQL and a real object store: the embedded ones, or those that the environment names."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import conninfo, sql

from lorekeeper.local import LocalStack
from lorekeeper.storage.store import StoreAddress


@dataclass(frozen=True)
class Engines:
    """`database_url` is of a database that others may use, too: tests make their own beside it."""

    database_url: str
    store: StoreAddress


@contextmanager
def running_engines(folder: Path) -> Iterator[Engines]:
    """Each of the two is the one that `DATABASE_URL` or `S3_*` names, else an embedded one in the folder."""
    named_database, named_store = os.environ.get("DATABASE_URL"), _named_store()
    with LocalStack(folder, postgres=named_database is None, seaweedfs=named_store is None) as local:
        if local.s3 is not None:
            s3 = local.s3
            named_store = StoreAddress(s3.bucket, s3.region, s3.access_key_id, s3.secret_access_key, s3.endpoint_url)
        assert named_store is not None
        yield Engines(named_database or str(local.database_url), named_store)


def _named_store() -> StoreAddress | None:
    if "S3_BUCKET_NAME" not in os.environ:
        return None
    return StoreAddress(
        bucket=os.environ["S3_BUCKET_NAME"],
        region=os.environ.get("S3_REGION", "us-east-1"),
        access_key_id=os.environ["S3_ACCESS_KEY_ID"],
        secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
        endpoint_url=os.environ.get("S3_ENDPOINT_URL"),
    )


@contextmanager
def database_beside(url: str, label: str) -> Iterator[str]:
    """An empty database on the same server, dropped at the end. Two test runs on one server do not meet."""
    name = f"lorekeeper_test_{label}_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield _url_of(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            # Not WITH (FORCE): where autovacuum is at work, that would end it too, which only a superuser may.
            ours = "datname = %s AND usename = current_user"
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}", [name])
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _url_of(url: str, name: str) -> str:
    parts = conninfo.conninfo_to_dict(url)
    user = parts.pop("user")
    password, host, port = parts.pop("password", ""), parts.pop("host"), parts.pop("port", "5432")
    return f"postgresql://{quote(str(user))}:{quote(str(password), safe='')}@{host}:{port}/{name}"
