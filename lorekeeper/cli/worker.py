"""`lorekeeper worker`: takes jobs and makes the media, telling about it in lines or, to a program, in JSON."""

from contextlib import AbstractContextManager, nullcontext
from typing import Annotated

import typer

from lorekeeper.cli.describing import DataDir, world_named
from lorekeeper.cli.telling import JsonListener, live_view
from lorekeeper.cli.terminal import CommandError, connect, out
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.sdk import Client, Handler, Worker, WorkerListener, WorkerReport

LOCAL = "local"


def worker(
    provider: Annotated[
        str, typer.Option(metavar="NAME", help="Whose jobs to take; this package makes those of `local`.")
    ] = LOCAL,
    asset_type: Annotated[
        list[AssetTypeEnum] | None,
        typer.Option(
            "--type", case_sensitive=False, metavar="TYPE", help="Only this type (IMAGE, PDF, …); may be given again."
        ),
    ] = None,
    world: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this world's jobs: its exact name or its id; may be given again."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many jobs to make at once.")] = 1,
    once: Annotated[
        bool, typer.Option("--once", help="Make what is there and end, with status 1 where a job failed.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Take jobs and make the media. Ctrl-C finishes what is in the works; a second one lets go of it."""
    handlers = local_handlers(provider)
    if asset_type and not set(asset_type) & set(handlers):
        raise CommandError(f"this package makes {_listed(handlers)}, but not {_listed(asset_type)}")
    with connect(data_dir) as client:
        worlds = [world_named(client, name) for name in world] if world else None
        with _listener() as listener:
            runtime = Worker(
                client, concurrency=concurrency, asset_types=asset_type, world_ids=worlds, listener=listener
            )
            if isinstance(listener, JsonListener):
                listener.on_closed = runtime.stop
            for kind, handler in handlers.items():
                runtime.add(kind, provider, handler)
            report = runtime.run(once=once)
    _close(report, client, once=once)


def _listener() -> AbstractContextManager[WorkerListener]:
    return live_view() if out.is_terminal else nullcontext(JsonListener())


def local_handlers(provider: str = LOCAL) -> dict[AssetTypeEnum, Handler]:
    """What this package can make by itself. Needs the extra `local`."""
    if provider != LOCAL:
        raise CommandError(
            f"this package has no handlers for the provider {provider!r}, only for {LOCAL!r}: "
            "write a worker for it with lorekeeper.sdk.Worker"
        )
    from lorekeeper.generators import HANDLERS

    return dict(HANDLERS)


def _close(report: WorkerReport, client: Client, *, once: bool) -> None:
    if out.is_terminal:
        counts = {"made": report.succeeded, "failed": report.failed, "to be tried again": report.retried}
        rest = {"too late": report.late, "let go": report.dropped}
        parts = [f"{count} {what}" for what, count in {**counts, **rest}.items() if count]
        out.print(", ".join(parts) or f"Nothing to make on {client.url}")
    if once and (report.failed or report.retried):
        raise typer.Exit(1)


def _listed(types: object) -> str:
    return ", ".join(sorted(types)) if isinstance(types, list | dict) else str(types)
