"""`lorekeeper assets`: the registry at the keyboard; to a program, as JSON lines."""

from itertools import islice
from pathlib import Path
from typing import Annotated, cast
from uuid import UUID

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID

from lorekeeper.cli.describing import DataDir, Limit, WorldName, ago, print_rows, span, state, world_named
from lorekeeper.cli.filing import place_for, stored_name
from lorekeeper.cli.idends import HELP, id_of, ids_of
from lorekeeper.cli.provenance_table import add_asset, provenance_table
from lorekeeper.cli.terminal import bars, connect, err, json_line, out, require_folder_of, size
from lorekeeper.contracts.assets import AssetFullResponse, AssetResponse
from lorekeeper.contracts.enums import AssetStatusEnum, AssetTypeEnum
from lorekeeper.sdk import Client
from lorekeeper.sdk.filters import AssetFilters

app = typer.Typer(no_args_is_help=True, help="Assets: list, show, download.")

AssetId = Annotated[str, typer.Argument(metavar="ID", help=f"The asset: {HELP}.")]
AssetIds = Annotated[list[str], typer.Argument(metavar="ID...", help=f"One or more assets, each {HELP}.")]


@app.command("list")
def list_assets(
    world: WorldName = None,
    asset_type: Annotated[
        AssetTypeEnum | None, typer.Option("--type", case_sensitive=False, help="Only of this type.", metavar="TYPE")
    ] = None,
    status: Annotated[
        AssetStatusEnum | None, typer.Option(case_sensitive=False, help="Only in this state.", metavar="STATUS")
    ] = None,
    claim: Annotated[UUID | None, typer.Option(metavar="ID", help="Only what was made from this claim.")] = None,
    entity: Annotated[UUID | None, typer.Option(metavar="ID", help="Only what was made from this entity.")] = None,
    chunk: Annotated[UUID | None, typer.Option(metavar="ID", help="Only what was made from this source chunk.")] = None,
    source: Annotated[UUID | None, typer.Option(metavar="ID", help="Only what was made from this source.")] = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
) -> None:
    """List assets, the newest first."""
    made_from = {"related_claim_id": claim, "related_entity_id": entity, "related_source_chunk_id": chunk}
    asked = {"type": asset_type, "status": status, "source_id": source, **made_from}
    filters = cast(AssetFilters, {name: value for name, value in asked.items() if value is not None})
    with connect(data_dir) as client:
        if world is not None:
            filters["world_id"] = world_named(client, world)
        assets = list(islice(client.assets.iterate(**filters), limit))
    if not out.is_terminal:
        for asset in assets:
            json_line(**asset.model_dump(mode="json"))
        return
    if not assets:
        out.print("There are no such assets.")
        return
    print_rows(out, ("id", "type", "state", "age", "size", "file"), map(_row, assets))


@app.command()
def show(asset_id: AssetId, data_dir: DataDir = None) -> None:
    """Show an asset: its file, and all it was made from."""
    with connect(data_dir) as client:
        asset = client.assets.get(id_of(asset_id, client.assets.iterate(), "asset"))
    if not out.is_terminal:
        json_line(**asset.model_dump(mode="json"))
        return
    out.print(f"[name]{asset.type}[/] {_file(asset)}")
    for what, told in _facts(asset):
        out.print(f"  [hint]{what:<10}[/] {told}", soft_wrap=True)
    for derivation in asset.derivations:
        table = provenance_table(out.width)
        title = str(derivation.prompt_spec.get("title") or derivation.prompt_spec.get("description") or "")
        add_asset(table, asset.type, title, asset.id, derivation.lore_snapshot)
        out.print()
        out.print(table)


@app.command()
def download(
    asset_ids: AssetIds,
    to: Annotated[
        Path, typer.Option("--out", "-o", metavar="PATH", help="A folder, or for a single asset a file.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace another file that lies there.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Download files, each checked against the SHA-256 on record. A file appears once it is whole.

    In a folder a file is called by the title that was asked for, else by the name it was uploaded under, with the end
    of the asset's id where another file has that name. A file that is there already stays.
    """
    if len(asset_ids) > 1 and not to.is_dir():
        require_folder_of(to)
        to.mkdir()
    with connect(data_dir) as client, bars(console=err) as progress:
        for asset_id in ids_of(asset_ids, client.assets.iterate(), "asset"):
            asset = client.assets.get(asset_id)
            path, is_there = place_for(asset, to, force=force)
            if not is_there:
                _fetch(client, asset_id, path, progress)
            if out.is_terminal:
                said = "There already" if is_there else "[good]Downloaded[/]"
                out.print(f"{said} {escape(str(path))}  {size(asset.size_bytes)}", soft_wrap=True)
            else:
                json_line(asset_id=asset_id, path=path, size_bytes=asset.size_bytes, already_there=is_there)


def _fetch(client: Client, asset_id: UUID, path: Path, progress: Progress) -> None:
    task = progress.add_task(f"Downloading {escape(path.name)}", total=None, note="")

    def on_bytes(done: int, total: int) -> None:
        _show_bytes(progress, task, done, total)

    client.assets.download(asset_id, path, on_progress=on_bytes)
    progress.remove_task(task)


def _show_bytes(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total, note=f"{size(done)} of {size(total)}")


def _file(asset: AssetResponse) -> str:
    """The name it was uploaded under, and how long it plays."""
    return escape(stored_name(asset)) + (f" [hint]{span(asset.duration_seconds)}[/]" if asset.duration_seconds else "")


def _facts(asset: AssetFullResponse) -> list[tuple[str, str]]:
    known = ", ".join(f"{name} {value}" for name, value in asset.metadata.items() if not isinstance(value, dict | list))
    return [
        ("id", f"[id]{asset.id}[/]"),
        ("state", state(asset.status)),
        ("made", f"{ago(asset.created_at)} ago by {escape(asset.created_by)}"),
        ("file", f"{size(asset.size_bytes)}, {escape(asset.content_type)}"),
        ("SHA-256", asset.checksum),
        *([("known", escape(known))] if known else []),
    ]


def _row(asset: AssetResponse) -> list[str]:
    age = ago(asset.created_at)
    return [str(asset.id), asset.type, state(asset.status), age, size(asset.size_bytes), _file(asset)]
