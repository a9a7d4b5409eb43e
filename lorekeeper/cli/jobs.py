"""`lorekeeper jobs`: what was asked for and what became of it; to a program, as JSON lines."""

from itertools import islice
from typing import Annotated

import typer
from rich.markup import escape

from lorekeeper.cli.describing import DataDir, Limit, WorldName, ago, called, print_rows, state, title_of, world_named
from lorekeeper.cli.idends import HELP, id_of, ids_of
from lorekeeper.cli.provenance_table import add_asset, provenance_table
from lorekeeper.cli.terminal import connect, json_line, out, size
from lorekeeper.cli.watching import watch
from lorekeeper.contracts.enums import AssetJobStatusEnum, AssetTypeEnum
from lorekeeper.contracts.jobs import AssetJobFullResponse, AssetJobResponse
from lorekeeper.contracts.state_machine import TERMINAL
from lorekeeper.sdk.filters import JobFilters

app = typer.Typer(no_args_is_help=True, help="Jobs: list, show, watch, cancel, retry.")
app.command("watch")(watch)

JobId = Annotated[str, typer.Argument(metavar="ID", help=f"The job: {HELP}.")]
JobIds = Annotated[list[str], typer.Argument(metavar="ID...", help=f"One or more jobs, each {HELP}.")]


@app.command("list")
def list_jobs(
    world: WorldName = None,
    status: Annotated[
        AssetJobStatusEnum | None, typer.Option(case_sensitive=False, help="Only in this state.", metavar="STATUS")
    ] = None,
    asset_type: Annotated[
        AssetTypeEnum | None, typer.Option("--type", case_sensitive=False, help="Only of this type.", metavar="TYPE")
    ] = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Only this provider's.")] = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
) -> None:
    """List jobs, the newest first."""
    filters: JobFilters = {}
    if status is not None:
        filters["status"] = status
    if asset_type is not None:
        filters["asset_type"] = asset_type
    if provider is not None:
        filters["provider"] = provider
    with connect(data_dir) as client:
        if world is not None:
            filters["world_id"] = world_named(client, world)
        jobs = list(islice(client.jobs.iterate(**filters), limit))
    if not out.is_terminal:
        for job in jobs:
            json_line(**job.model_dump(mode="json"))
        return
    if not jobs:
        out.print("There are no such jobs.")
        return
    rows = [
        (str(job.id), job.asset_type, escape(job.provider), _standing(job), ago(job.created_at), _what(job))
        for job in jobs
    ]
    print_rows(out, ("id", "type", "provider", "state", "age", "what"), rows)


@app.command()
def show(job_id: JobId, data_dir: DataDir = None) -> None:
    """Show a job: how it stands, what it is made from, and its asset."""
    with connect(data_dir) as client:
        job = client.jobs.get(id_of(job_id, client.jobs.iterate(), "job"))
    if not out.is_terminal:
        json_line(**job.model_dump(mode="json"))
        return
    out.print(f"[name]{job.asset_type}[/] {_what(job)}")
    for what, told in _facts(job):
        out.print(f"  [hint]{what:<10}[/] {told}", soft_wrap=True)
    if job.derivation is not None:
        table = provenance_table(out.width)
        made = job.asset.id if job.asset else job.id
        add_asset(table, job.asset_type, title_of(job), made, job.derivation.lore_snapshot)
        out.print()
        out.print(table)


@app.command()
def cancel(job_ids: JobIds, data_dir: DataDir = None) -> None:
    """Cancel jobs. A worker that runs one hears of it with its next heartbeat."""
    with connect(data_dir) as client:
        for job_id in ids_of(job_ids, client.jobs.iterate(), "job"):
            job = client.jobs.cancel(job_id)
            if not out.is_terminal:
                json_line(**job.model_dump(mode="json"))
            elif job.status is AssetJobStatusEnum.CANCELLED:
                out.print(f"[good]Cancelled[/] [id]{job.id}[/]  {_what(job)}")
            else:
                out.print(f"Its worker is asked to stop: [id]{job.id}[/]  {_what(job)}")


@app.command()
def retry(job_ids: JobIds, data_dir: DataDir = None) -> None:
    """Ask again for what FAILED or was CANCELLED, from the lore as it is now. Shows the new jobs."""
    with connect(data_dir) as client:
        for job_id in ids_of(job_ids, client.jobs.iterate(), "job"):
            job = client.jobs.retry(job_id)
            if not out.is_terminal:
                json_line(**job.model_dump(mode="json"))
                continue
            head = "Asked for already" if job.replayed else "[good]Asked again[/]"
            out.print(f"{head} [id]{job.id}[/]  {state(job.status)}  {_what(job)}")


def _what(job: AssetJobResponse) -> str:
    return escape(called(job)[:60])


def _standing(job: AssetJobResponse) -> str:
    percent = job.progress.percent if job.progress else None
    if job.status is AssetJobStatusEnum.RUNNING and percent is not None:
        return f"{state(job.status)} {percent:.0f} %"
    return state(job.status)


def _facts(job: AssetJobFullResponse) -> list[tuple[str, str]]:
    """What there is to say, in the order in which it came about."""
    progress = job.progress if job.status not in TERMINAL else None  # a report from its midst
    told = [
        ("id", f"[id]{job.id}[/]"),
        ("state", f"{_standing(job)}, attempt {job.attempt} of {job.max_attempts}"),
        ("asked", f"{ago(job.created_at)} ago by {escape(job.requested_by)}, priority {job.priority}"),
        ("provider", escape(" ".join(filter(None, [job.provider, job.model_id, job.provider_job_id])))),
        ("worker", escape(job.worker_id or "")),
        ("stage", escape(" ".join(filter(None, [progress.stage, progress.message]))) if progress else ""),
        ("error", escape(": ".join(filter(None, [job.error_code, job.error_message])))),
    ]
    if job.asset is not None:
        file = f"{size(job.asset.size_bytes)}, {escape(job.asset.content_type)}"
        told.append(("asset", f"[id]{job.asset.id}[/]  {state(job.asset.status)}, {file}"))
    return [(what, text) for what, text in told if text]
