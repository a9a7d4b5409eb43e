"""`lorekeeper keys`: API keys, made, listed and revoked in the database itself, so that a first one can be had."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import psycopg
import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.table import Table

from lorekeeper.access import service
from lorekeeper.cli.backing import database_url
from lorekeeper.cli.serve import settings_with
from lorekeeper.cli.terminal import CommandError, console_on
from lorekeeper.contracts.base import Name
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import LoreKeeperError
from lorekeeper.contracts.jobs import Provider
from lorekeeper.db.migrate import MigrationError, current
from lorekeeper.kit.clock import SystemClock
from lorekeeper.kit.database import Database

app = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")
T = TypeVar("T")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Of the embedded server whose keys are meant.")]
ACTOR = "lorekeeper keys"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for people.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.EDITOR,
    world: Annotated[list[UUID] | None, typer.Option(help="A world it may see; repeat for more. None: all.")] = None,
    provider: Annotated[
        list[str] | None, typer.Option(help="A provider whose jobs a worker may take; repeat for more. None: all.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and show it, this once."""
    if provider and role is not Role.WORKER:
        raise CommandError("--provider goes with --role worker.")
    try:
        name = TypeAdapter(Name).validate_python(name)
        provider = TypeAdapter(list[Provider]).validate_python(provider or [])
    except ValidationError as error:
        raise CommandError(f"{error.errors()[0]['input']!r}: {error.errors()[0]['msg']}.") from error

    async def work(database: Database) -> tuple[str, str]:
        return await service.create_key(
            database,
            name=name,
            role=role,
            world_ids=list(dict.fromkeys(world)) if world else None,
            providers=provider or None,
            actor=ACTOR,
            now=SystemClock().now(),
        )

    key_id, text = _with_database(data_dir, work)
    console_on("stderr").print(f"Key {key_id} for {escape(name)} ({role}). Keep it: it is not shown again.")
    # The key alone on standard output, so that it can be piped into a file or a variable.
    console_on("stdout").print(text, soft_wrap=True)


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """Show all keys, without their secrets."""
    rows = _with_database(data_dir, service.all_keys)
    table = Table("id", "name", "role", "worlds", "providers", "made", "last used", "state", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row["id"],
            escape(row["name"]),
            row["role"],
            "all" if row["all_worlds"] else escape(", ".join(row["worlds"])),
            "all" if row["providers"] is None else ", ".join(row["providers"]),
            f"{row['created_at']:%Y-%m-%d %H:%M}",
            f"{row['last_used_at']:%Y-%m-%d %H:%M}" if row["last_used_at"] else "never",
            "revoked" if row["revoked_at"] else "alive",
        )
    console_on("stdout").print(table)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id of `keys list`.")], data_dir: DataDir = None) -> None:
    """End a key for good; running servers obey within a second."""

    async def work(database: Database) -> bool:
        return await service.revoke_key(database, key_id, actor=ACTOR, now=SystemClock().now())

    if not _with_database(data_dir, work):
        raise CommandError(f"There is no key {key_id} that is alive.")
    console_on("stdout").print(f"Key {key_id} is revoked.")


def _with_database(data_dir: Path | None, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        # The pool would try for seconds before it said what is wrong.
        current(url)
        database = Database(url, max_size=1)
        await database.open()
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        with database_url(settings_with(data_dir=data_dir)) as url:
            return asyncio.run(run(url))
    except LoreKeeperError as error:
        raise CommandError(error.detail) from error
    except MigrationError as error:
        raise CommandError(str(error)) from error
    except psycopg.errors.UndefinedTable as error:
        raise CommandError("The database is empty: run `lorekeeper migrate` first.") from error
