"""World bundles over HTTP."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from lorekeeper.access.context import Editor, Reader
from lorekeeper.contracts.base import Name
from lorekeeper.contracts.bundle import MAX_PROBLEMS, BundleError, UnreadableBundleError, WorldBundle, parse_bundle
from lorekeeper.contracts.errors import AssetValidationError, BadRequestError, ConflictError, WorldNotFoundError
from lorekeeper.contracts.imports import ImportReport, WorldImportResponse
from lorekeeper.kit.http import Flag, answer, header, operation_id, responses
from lorekeeper.lore.bundles.exporting import export
from lorekeeper.lore.bundles.importing import import_into, import_world

router = APIRouter(tags=["lore"], generate_unique_id_function=operation_id)

OtherName = Annotated[Name | None, Query(description="Instead of the bundle's.")]
DryRun = Annotated[Flag, Query(description="Say what it would do, and do nothing.")]

BUNDLE_IN: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{WorldBundle.__name__}"}}},
    }
}
"""The body is read here: the framework would hold a large one three times, and let all others wait meanwhile."""


@router.post(
    "/worlds/import",
    status_code=201,
    response_model=WorldImportResponse,
    responses=responses(ConflictError) | {200: {"model": ImportReport, "description": "Of a dry run."}},
    openapi_extra=BUNDLE_IN,
)
async def import_new_world(request: Request, ctx: Editor, name: OtherName = None, dry_run: DryRun = False) -> Response:
    """Make a world of a bundle, all or nothing."""
    report = await import_world(ctx, await _bundle(request), name=name, dry_run=dry_run)
    return answer(report, 200 if dry_run else 201)


@router.post(
    "/worlds/{id:uuid}/import",
    response_model=WorldImportResponse,
    responses=responses(WorldNotFoundError, ConflictError),
    openapi_extra=BUNDLE_IN,
)
async def import_into_world(
    id: UUID, request: Request, ctx: Editor, name: OtherName = None, dry_run: DryRun = False
) -> Response:
    """Bring a bundle into a world, all or nothing: what is there by its id is updated where it differs, what is not is
    made, nothing is deleted. The world's own fields are taken only from a bundle that has the world's id.
    """
    ctx.principal.require_world(id)
    return answer(await import_into(ctx, id, await _bundle(request), name=name, dry_run=dry_run))


@router.get(
    "/worlds/{id:uuid}/export",
    response_model=WorldBundle,
    responses=responses(WorldNotFoundError)
    | {200: {"headers": {"Content-Disposition": header("A file name for it.")}, "description": "The bundle."}},
)
async def export_world(id: UUID, ctx: Reader) -> Response:
    """All that makes the world, as one bundle: entities, sources with their chunks, claims, declared predicates."""
    made = await export(ctx, id)
    headers = {
        "Content-Length": str(made.size_bytes),
        "Content-Disposition": f'attachment; filename="{made.file_name}"',
    }
    return StreamingResponse(made.pieces(), headers=headers, media_type="application/json")


async def _bundle(request: Request) -> WorldBundle:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise AssetValidationError("Content-Type: a bundle is application/json.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
    try:
        return await asyncio.to_thread(parse_bundle, body)
    except UnreadableBundleError as error:
        raise BadRequestError(f"The body is no bundle: {error.problems[0]}.") from None
    except BundleError as error:
        errors = [_told(sentence) for sentence in error.problems[:MAX_PROBLEMS]]
        raise AssetValidationError(error.problems[0], errors=errors) from None


def _told(sentence: str) -> dict[str, str]:
    place, found, message = sentence.partition(": ")
    if not found:
        return {"field": "body", "message": sentence, "type": "bundle"}
    return {"field": f"body.{place}", "message": message, "type": "bundle"}
