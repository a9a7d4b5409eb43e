"""`lorekeeper worker`: takes jobs and makes the media, telling about it in lines or, to a program, in JSON."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID

from lorekeeper.cli.terminal import CommandError, bars, connect, json_line, out, short, silence_stdout, size
from lorekeeper.contracts.assets import AssetResponse
from lorekeeper.contracts.base import format_time
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.jobs import ClaimedJob, JobProgress
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
        list[UUID] | None,
        typer.Option("--world", metavar="ID", help="Only this world's jobs; may be given again."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many jobs to make at once.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="Make what is there and end.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Use the server that runs on this data folder.", metavar="D")
    ] = None,
) -> None:
    """Take jobs and make the media. Ctrl-C finishes what is in the works; a second one lets go of it."""
    handlers = local_handlers(provider)
    if asset_type and not set(asset_type) & set(handlers):
        raise CommandError(f"this package makes {_listed(handlers)}, but not {_listed(asset_type)}")
    with connect(data_dir) as client, bars() as progress:
        runtime = Worker(client, concurrency=concurrency, asset_types=asset_type, world_ids=world or None)
        runtime.listener = TerminalListener(progress) if out.is_terminal else JsonListener(on_closed=runtime.stop)
        for kind, handler in handlers.items():
            runtime.add(kind, provider, handler)
        report = runtime.run(once=once)
    _close(report, client, once=once)


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
        parts = [f"{count} {what}" for what, count in {**counts, "let go": report.dropped}.items() if count]
        out.print(", ".join(parts) or f"Nothing to make on {client.url}")
    if once and report.failed:
        raise typer.Exit(1)


def _listed(types: object) -> str:
    return ", ".join(sorted(types)) if isinstance(types, list | dict) else str(types)


class TerminalListener(WorkerListener):
    """Lines to read, and a bar for each job in the works."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[UUID, TaskID] = {}

    def started(self, worker_id: str) -> None:
        """Says who works."""
        self._say(f"Worker [id]{escape(worker_id)}[/] asks for jobs [hint](Ctrl-C stops it)[/]")

    def claimed(self, job: ClaimedJob) -> None:
        """Shows a bar."""
        self._tasks[job.id] = self._progress.add_task(name_of(job), total=100, note="starting")

    def progressed(self, job: ClaimedJob, progress: JobProgress) -> None:
        """Moves the bar."""
        if (task := self._tasks.get(job.id)) is not None:
            note = progress.message or progress.stage or ""
            self._progress.update(task, completed=progress.percent, note=escape(note))

    def succeeded(self, job: ClaimedJob, asset: AssetResponse, seconds: float) -> None:
        """Says what it became."""
        self._end(
            job,
            f"[good]made[/]    {name_of(job)}  {size(asset.size_bytes)} in {seconds:.1f} s, asset …{short(asset.id)}",
        )

    def failed(self, job: ClaimedJob, code: str, message: str, *, will_retry: bool) -> None:
        """Says why."""
        after = "it will be tried again" if will_retry else "for good"
        self._end(job, f"[bad]failed[/]  {name_of(job)}  {escape(code)}: {escape(message)} [hint]({after})[/]")

    def dropped(self, job: ClaimedJob, reason: str) -> None:
        """Says why."""
        self._end(job, f"[hint]let go[/]  {name_of(job)}  {escape(reason)}")

    def unreachable(self, reason: str, wait_seconds: float) -> None:
        """Says that it waits."""
        self._say(f"[hint]{escape(reason)}; asking again in {wait_seconds:.0f} s[/]")

    def draining(self, in_flight: int) -> None:
        """Says what it waits for."""
        self._say(f"Stopping: finishing {in_flight} in the works [hint](Ctrl-C again lets go at once)[/]")

    def _end(self, job: ClaimedJob, line: str) -> None:
        if (task := self._tasks.pop(job.id, None)) is not None:
            self._progress.remove_task(task)
        self._say(line)

    def _say(self, line: str) -> None:
        console = self._progress.console
        console.print(line, soft_wrap=not console.is_terminal)


class JsonListener(WorkerListener):
    """The same as JSON lines: `at`, `event`, `job_id` and what belongs to the event.

    `on_closed` is called when nobody reads them any more.
    """

    def __init__(self, on_closed: Callable[[], None]) -> None:
        self._on_closed = on_closed

    def started(self, worker_id: str) -> None:
        """Event `started`."""
        self._tell("started", worker_id=worker_id)

    def claimed(self, job: ClaimedJob) -> None:
        """Event `claimed`."""
        self._tell("claimed", job, attempt=job.attempt, asset_type=job.asset_type, world_id=job.world_id)

    def progressed(self, job: ClaimedJob, progress: JobProgress) -> None:
        """Event `progress`."""
        self._tell("progress", job, **progress.model_dump(exclude_none=True))

    def succeeded(self, job: ClaimedJob, asset: AssetResponse, seconds: float) -> None:
        """Event `succeeded`."""
        self._tell(
            "succeeded",
            job,
            asset_id=asset.id,
            storage_key=asset.storage_key,
            size_bytes=asset.size_bytes,
            checksum=asset.checksum,
            seconds=round(seconds, 3),
        )

    def failed(self, job: ClaimedJob, code: str, message: str, *, will_retry: bool) -> None:
        """Event `failed`."""
        self._tell("failed", job, error_code=code, error_message=message, will_retry=will_retry)

    def dropped(self, job: ClaimedJob, reason: str) -> None:
        """Event `dropped`."""
        self._tell("dropped", job, reason=reason)

    def unreachable(self, reason: str, wait_seconds: float) -> None:
        """Event `unreachable`."""
        self._tell("unreachable", reason=reason, wait_seconds=round(wait_seconds, 3))

    def draining(self, in_flight: int) -> None:
        """Event `draining`."""
        self._tell("draining", in_flight=in_flight)

    def _tell(self, event: str, job: ClaimedJob | None = None, **fields: object) -> None:
        about = {"job_id": job.id} if job else {}
        try:
            json_line(at=format_time(datetime.now(UTC)), event=event, **about, **fields)
        except BrokenPipeError:
            silence_stdout()
            self._on_closed()


def name_of(job: ClaimedJob) -> str:
    """What is being made, for a person: its type and its title."""
    title = (
        job.prompt_spec.get("title") or job.prompt_spec.get("description") or job.derivation.lore_snapshot.world.name
    )
    text = str(title)
    return f"[name]{job.asset_type:<5}[/] {escape(text[:40])} [hint]{short(job.id)}[/]"
