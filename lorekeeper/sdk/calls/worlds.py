"""Calls for worlds, one at a time and whole, as bundles."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.bundle import WorldBundle
from lorekeeper.contracts.editing import WorldBatchCreate, WorldBatchResponse, WorldDeleted
from lorekeeper.contracts.imports import ImportReport, WorldImportResponse
from lorekeeper.contracts.lore import PaginatedWorldResponse, WorldCreate, WorldResponse
from lorekeeper.sdk.calls.core import Call, M, delete, encode, get, items_of, model, post, query
from lorekeeper.sdk.calls.editing import if_match
from lorekeeper.sdk.filters import WorldFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages
from lorekeeper.sdk.streaming import OnProgress


def create_world(body: WorldCreate) -> Call[WorldResponse]:
    """Makes a world."""
    return post("/worlds", WorldResponse, body)


def create_worlds(items: Sequence[WorldCreate]) -> Call[Sequence[WorldResponse]]:
    """Makes up to 1,000 worlds in one request, all or none, in this order."""
    body = WorldBatchCreate(items=list(items))
    return Call("POST", "/worlds/batch", items_of(model(WorldBatchResponse)), body=encode(body), patience=60)


def get_world(world_id: UUID) -> Call[WorldResponse]:
    """One world. Raises `NotFoundError`."""
    return get(f"/worlds/{world_id}", WorldResponse)


def list_worlds(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[WorldFilters]
) -> Call[PaginatedWorldResponse]:
    """One page of the worlds that this key may see."""
    return get("/worlds", PaginatedWorldResponse, query(filters, skip=skip, limit=limit, cursor=cursor))


def every_world(**filters: Unpack[WorldFilters]) -> Pages[WorldResponse]:
    """All of them, fetched page by page."""
    return Pages(lambda cursor: list_worlds(limit=WALKING_PAGE, cursor=cursor, **filters))


def delete_world(world_id: UUID, *, name: str, etag: str | None = None) -> Call[WorldDeleted]:
    """Deletes a world, all lore in it and its files; `name` is its name, for safety. Raises `ConflictError`."""
    return delete(f"/worlds/{world_id}", WorldDeleted, {"name": name}, headers=if_match(etag))


def import_world(
    bundle: WorldBundle | bytes, *, name: str | None = None, on_progress: OnProgress | None = None
) -> Call[WorldImportResponse]:
    """Makes a whole world from a bundle, under another name if one is given. Ids are kept where none is taken.

    A bundle in bytes is sent as it is. `on_progress` hears how many bytes were sent, of how many.
    """
    return _importing("/worlds/import", WorldImportResponse, bundle, name, on_progress, dry_run=False)


def preview_import(
    bundle: WorldBundle | bytes, *, name: str | None = None, on_progress: OnProgress | None = None
) -> Call[ImportReport]:
    """What `import_bundle` would make. Nothing is written."""
    return _importing("/worlds/import", ImportReport, bundle, name, on_progress, dry_run=True)


def import_into_world(
    world_id: UUID,
    bundle: WorldBundle | bytes,
    *,
    name: str | None = None,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Call[WorldImportResponse]:
    """Brings a bundle into a world that is there: what it has by id is updated, what it lacks is made."""
    return _importing(f"/worlds/{world_id}/import", WorldImportResponse, bundle, name, on_progress, dry_run=dry_run)


def export_world(world_id: UUID) -> Call[WorldBundle]:
    """A whole world as a bundle, in memory."""
    return Call("GET", f"/worlds/{world_id}/export", model(WorldBundle), repeatable=True, patience=300)


def _importing(
    path: str,
    answer: type[M],
    bundle: WorldBundle | bytes,
    name: str | None,
    on_progress: OnProgress | None,
    *,
    dry_run: bool,
) -> Call[M]:
    params = {} if name is None else {"name": name}
    if dry_run:
        params["dry_run"] = "true"
    body = bundle if isinstance(bundle, bytes) else encode(bundle)
    # Not repeated: a second time there would be a second world, or a report that nothing changed.
    return Call("POST", path, model(answer), params, body, repeatable=dry_run, patience=300, on_progress=on_progress)
