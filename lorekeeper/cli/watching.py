"""`lorekeeper jobs watch`: jobs on their way, until the last of them is over."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple
from uuid import UUID

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID

from lorekeeper.cli.describing import DataDir, called, state
from lorekeeper.cli.idends import HELP, ids_of
from lorekeeper.cli.terminal import CommandError, bars, connect, json_line, out
from lorekeeper.contracts.enums import AssetJobStatusEnum
from lorekeeper.contracts.jobs import AssetJobFullResponse
from lorekeeper.contracts.state_machine import TERMINAL
from lorekeeper.sdk import Client, SdkError

MOST = 32
"""Jobs watched at once: each is a request that the server holds open."""

SILENCE_SECONDS = 3.0
"""How long a server may be away before that is told: one that is restarted is back sooner."""


class _Silence(NamedTuple):
    """The server does not answer for a job, since so many seconds; None once it does again."""

    job_id: UUID
    seconds: float | None


Seen = AssetJobFullResponse | SdkError | _Silence


def watch(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help=f"Up to {MOST} jobs, each {HELP}.")],
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Give up after so long; the jobs go on.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Follow jobs until they are over. Ends with status 1 where one did not succeed, or is not over in time.

    To a program: a line of JSON for each change of a job, and one with `event` while the server does not answer.
    """
    if len(job_ids) > MOST:
        raise CommandError(f"these are {len(job_ids)} jobs: watch no more than {MOST} at once")
    with connect(data_dir) as client, bars() as progress:
        good = _follow(client, ids_of(job_ids, client.jobs.iterate(), "job"), _Bars(progress), timeout)
    if not good:
        raise typer.Exit(1)


def _follow(client: Client, job_ids: list[UUID], shown: "_Bars", timeout: float | None) -> bool:
    """Whether all of them succeeded in time."""
    give_up = time.monotonic() + timeout if timeout is not None else None
    # One look before anything else: in the order asked for, and also where there is no time to wait.
    latest = {job_id: client.jobs.get(job_id) for job_id in job_ids}
    for job in latest.values():
        shown.show(job)
    if any(job.status not in TERMINAL for job in latest.values()):
        for job in _changes(client, _still_open(latest), shown, give_up):
            if job != latest[job.id]:
                shown.show(job)
            latest[job.id] = job
            if not _still_open(latest):
                break
    if still_open := _still_open(latest):
        raise CommandError(f"{len(still_open)} of {len(job_ids)} jobs are not over after {timeout:g} s")
    return all(job.status is AssetJobStatusEnum.SUCCEEDED for job in latest.values())


def _still_open(jobs: Mapping[UUID, AssetJobFullResponse]) -> list[UUID]:
    return [job_id for job_id, job in jobs.items() if job.status not in TERMINAL]


def _changes(
    client: Client, job_ids: list[UUID], shown: "_Bars", give_up: float | None
) -> Iterator[AssetJobFullResponse]:
    """Each job as it is, and again whenever it changed, until the time is up. Raises what the server refused."""
    news: queue.SimpleQueue[Seen] = queue.SimpleQueue()
    for job_id in job_ids:
        threading.Thread(target=_tell_changes, args=(client, job_id, news), daemon=True).start()
    unheard: set[UUID] = set()
    while True:
        try:
            seen = news.get(timeout=None if give_up is None else max(0.0, give_up - time.monotonic()))
        except queue.Empty:
            return
        if isinstance(seen, SdkError):
            raise seen
        if isinstance(seen, AssetJobFullResponse):
            yield seen
        elif seen.seconds is None:
            unheard.discard(seen.job_id)
        elif seen.seconds >= SILENCE_SECONDS:
            if not unheard:
                shown.say_silent()
            unheard.add(seen.job_id)


def _tell_changes(client: Client, job_id: UUID, news: "queue.SimpleQueue[Seen]") -> None:
    try:
        for job in client.jobs.follow(job_id, on_silence=lambda seconds: news.put(_Silence(job_id, seconds))):
            news.put(job)
    except SdkError as error:
        news.put(error)


class _Bars:
    """A bar for each job at a terminal, a line of JSON for each change in a pipe."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[UUID, TaskID] = {}

    def say_silent(self) -> None:
        """The server does not answer."""
        told = "no answer from the server, trying again"
        if out.is_terminal:
            self._progress.console.print(f"[hint]{told}[/]")
        else:
            json_line(event="unreachable", message=told)

    def show(self, job: AssetJobFullResponse) -> None:
        """The job as it is by now."""
        if not out.is_terminal:
            json_line(**job.model_dump(mode="json", exclude={"derivation"}))
            return
        what = f"[name]{job.asset_type:<5}[/] {escape(called(job)[:40])}"
        if job.status in TERMINAL:
            if (task := self._tasks.pop(job.id, None)) is not None:
                self._progress.remove_task(task)
            self._progress.console.print(f"{state(job.status):<9} {what}  {_outcome(job)}", soft_wrap=True)
            return
        if job.id not in self._tasks:
            self._tasks[job.id] = self._progress.add_task(what, total=100, note="")
        told = job.progress
        note = (told.message or told.stage or "") if told else ""
        waiting = job.status is AssetJobStatusEnum.QUEUED
        self._progress.update(
            self._tasks[job.id],
            completed=told.percent or 0 if told else 0,
            note="waits for a worker" if waiting else escape(note),
        )


def _outcome(job: AssetJobFullResponse) -> str:
    if job.asset is not None:
        return f"[hint]asset[/] [id]{job.asset.id}[/]"
    return escape(": ".join(filter(None, [job.error_code, job.error_message])))
