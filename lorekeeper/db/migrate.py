"""Bringing a database to the schema of this version, and telling how far it is.

Only `upgrade` loads Alembic: a server that finds its database up to date saves the memory.
"""

import re
from importlib import resources
from pathlib import Path

import psycopg

_REVISION = re.compile(r"^(?P<revision>[0-9]{4})_[a-z0-9_]+\.py$")


class MigrationError(Exception):
    """A sentence for the operator."""


def revisions() -> list[str]:
    """The revisions of this version, oldest first."""
    folder = resources.files(__package__).joinpath("migrations/versions")
    return sorted(found["revision"] for item in folder.iterdir() if (found := _REVISION.match(item.name)))


def head() -> str:
    return revisions()[-1]


def reason(error: psycopg.Error) -> str:
    """What the driver says went wrong, without its hints."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".")


def current(database_url: str) -> str | None:
    """The revision a database is at; None for an empty one. Raises `MigrationError` when it does not answer."""
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            begun = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone() == (True,)
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if begun else None
    except psycopg.ProgrammingError as error:
        raise MigrationError(f"DATABASE_URL cannot be read: {reason(error)}.") from error
    except psycopg.OperationalError as error:
        raise MigrationError(f"The database does not answer: {reason(error)}.") from error
    return row[0] if row else None


def refuse_newer(revision: str | None) -> None:
    """Raises `MigrationError` for a database that a newer LoreKeeper has written; nothing was touched."""
    if revision is not None and revision not in revisions():
        raise MigrationError(
            f"The database has schema {revision}, which is newer than this LoreKeeper knows (up to {head()}). "
            "Start it with the version that wrote it, or a newer one; nothing was changed."
        )


def upgrade(database_url: str) -> bool:
    """Migrate to the head; False when there was nothing to do. Two processes at once: one waits for the other."""
    revision = current(database_url)
    refuse_newer(revision)
    if revision == head():
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
    return True
