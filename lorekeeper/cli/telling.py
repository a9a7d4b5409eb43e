"""What a worker tells of its work: lines, bars and a standing at a terminal; JSON lines to a program."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import Progress, TaskID
from rich.text import Text

from lorekeeper.cli.describing import span, title_of
from lorekeeper.cli.terminal import bars, json_line, out, short, silence_stdout, size
from lorekeeper.contracts.assets import AssetResponse
from lorekeeper.contracts.base import format_time
from lorekeeper.contracts.jobs import AssetJobFullResponse, ClaimedJob, JobProgress
from lorekeeper.sdk import WorkerListener

REFRESHES_A_SECOND = 8


class TerminalListener(WorkerListener):
    """Lines to read, and a bar for each job in the works."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[UUID, TaskID] = {}
        self._ended = Counter[str]()
        self._began = time.monotonic()
        self._away = ""

    def standing(self) -> Text:
        """How it goes, in one line."""
        works = f"{len(self._tasks)} in the works" if self._tasks else "waits for jobs"
        ended = [f"{count} {what}" for what, count in self._ended.items()]
        since = span(time.monotonic() - self._began)
        return Text("  ".join(filter(None, [self._away or works, *ended, f"since {since}"])), style="hint")

    def started(self, worker_id: str) -> None:
        """Says who works."""
        self._say(f"Worker [id]{escape(worker_id)}[/] asks for jobs [hint](Ctrl-C stops it)[/]")

    def claimed(self, job: ClaimedJob) -> None:
        """Shows a bar."""
        self._away = ""
        self._tasks[job.lease_token] = self._progress.add_task(name_of(job), total=100, note="starting")

    def progressed(self, job: ClaimedJob, progress: JobProgress) -> None:
        """Moves the bar."""
        if (task := self._tasks.get(job.lease_token)) is not None:
            note = progress.message or progress.stage or ""
            self._progress.update(task, completed=progress.percent, note=escape(note))

    def succeeded(self, job: ClaimedJob, asset: AssetResponse, seconds: float) -> None:
        """Says what it became."""
        made = f"{size(asset.size_bytes)} in {seconds:.1f} s, asset [id]{asset.id}[/]"
        self._end(job, "made", f"[good]made[/]    {name_of(job)}  {made}")

    def failed(self, job: ClaimedJob, code: str, message: str, *, will_retry: bool) -> None:
        """Says why."""
        after = "it will be tried again" if will_retry else "for good"
        what = "to be tried again" if will_retry else "failed"
        self._end(job, what, f"[bad]failed[/]  {name_of(job)}  {escape(code)}: {escape(message)} [hint]({after})[/]")

    def dropped(self, job: ClaimedJob, reason: str) -> None:
        """Says why."""
        self._end(job, "let go", f"[hint]let go[/]  {name_of(job)}  {escape(reason)}")

    def slot_lost(self, job: ClaimedJob) -> None:
        """Says that it hangs."""
        self._say(f"[bad]hangs[/]   {name_of(job)}  its handler does not come back: one job less at once")

    def unreachable(self, reason: str, wait_seconds: float) -> None:
        """Says that it waits; again and again only in the standing."""
        if not self._away:
            self._say(f"[hint]{escape(reason)}; trying again in {wait_seconds:.0f} s[/]")
        self._away = "the server does not answer"

    def reachable(self) -> None:
        """Says so."""
        self._away = ""
        self._say("[hint]The server answers again[/]")

    def draining(self, in_flight: int) -> None:
        """Says what it waits for."""
        self._say(f"Stopping: finishing {in_flight} in the works [hint](Ctrl-C again lets go at once)[/]")

    def _end(self, job: ClaimedJob, what: str, line: str) -> None:
        self._ended[what] += 1
        if (task := self._tasks.pop(job.lease_token, None)) is not None:
            self._progress.remove_task(task)
        self._say(line)

    def _say(self, line: str) -> None:
        console = self._progress.console
        console.print(line, soft_wrap=not console.is_terminal)


@contextmanager
def live_view() -> Iterator[TerminalListener]:
    """A listener with its bars, and the standing below them, for as long as the worker runs."""
    progress = bars()
    listener = TerminalListener(progress)

    def picture() -> Group:
        return Group(progress, listener.standing())

    with Live(get_renderable=picture, console=out, refresh_per_second=REFRESHES_A_SECOND, transient=True):
        yield listener


class JsonListener(WorkerListener):
    """The same as JSON lines: `at`, `event`, `job_id` and what belongs to the event.

    `on_closed` is called when nobody reads them any more.
    """

    def __init__(self) -> None:
        self.on_closed: Callable[[], None] = lambda: None

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

    def came_late(self, job: ClaimedJob, ended: AssetJobFullResponse) -> None:
        """Event `late`."""
        kept = ended.late_result.keep_until if ended.late_result else None
        self._tell("late", job, keep_until=kept and format_time(kept))

    def slot_lost(self, job: ClaimedJob) -> None:
        """Event `slot_lost`."""
        self._tell("slot_lost", job)

    def unreachable(self, reason: str, wait_seconds: float) -> None:
        """Event `unreachable`."""
        self._tell("unreachable", reason=reason, wait_seconds=round(wait_seconds, 3))

    def reachable(self) -> None:
        """Event `reachable`."""
        self._tell("reachable")

    def draining(self, in_flight: int) -> None:
        """Event `draining`."""
        self._tell("draining", in_flight=in_flight)

    def _tell(self, event: str, job: ClaimedJob | None = None, **fields: object) -> None:
        about = {"job_id": job.id} if job else {}
        try:
            json_line(at=format_time(datetime.now(UTC)), event=event, **about, **fields)
        except BrokenPipeError:
            silence_stdout()
            self.on_closed()


def name_of(job: ClaimedJob) -> str:
    """What is being made, for a person: its type and its title."""
    text = title_of(job, without=job.derivation.lore_snapshot.world.name)
    return f"[name]{job.asset_type:<5}[/] {escape(text[:40])} [hint]{short(job.id)}[/]"
