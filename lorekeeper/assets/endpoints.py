"""Assets and presigned URLs over HTTP (specification section 7)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from lorekeeper.access.context import Editor, EditorOrWorker, Reader
from lorekeeper.access.route import KeyedRoute
from lorekeeper.assets import deletion, downloads, multipart, service, uploads
from lorekeeper.assets.importing import import_asset
from lorekeeper.contracts.assets import AssetFullResponse, AssetImport, AssetListFilter, PaginatedAssetResponse
from lorekeeper.contracts.base import Text
from lorekeeper.contracts.enums import AssetStatusEnum, AssetTypeEnum
from lorekeeper.contracts.errors import (
    AssetGoneError,
    AssetInUseError,
    ReferenceNotFoundError,
    StorageUnavailableError,
    UploadClosedError,
    UploadMismatchError,
    WorldNotFoundError,
    WorldScopeViolationError,
)
from lorekeeper.contracts.s3 import (
    MAX_PARTS,
    MAX_PARTS_A_PAGE,
    AbortedMultipartUploadResponse,
    AbortMultipartUploadRequest,
    CompletedMultipartUploadResponse,
    CompleteMultipartUploadRequest,
    MultipartUploadPartsResponse,
    PresignedDownloadRequest,
    PresignedDownloadResponse,
    PresignedMultipartUploadRequest,
    PresignedMultipartUploadResponse,
    PresignedUploadRequest,
    PresignedUploadResponse,
)
from lorekeeper.kit.http import answer, header, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging

router = APIRouter(
    prefix="/assets/assets", tags=["assets"], route_class=KeyedRoute, generate_unique_id_function=operation_id
)


PARTS_A_PAGE = 100
"""So many part URLs a page has, unless another number is asked for."""


def _filters(
    world_id: UUID | None = None,
    type: AssetTypeEnum | None = None,
    status: AssetStatusEnum | None = None,
    created_by: Annotated[Text | None, Query(max_length=200)] = None,
    related_claim_id: UUID | None = None,
    related_entity_id: UUID | None = None,
    related_source_chunk_id: UUID | None = None,
    source_id: UUID | None = None,
) -> AssetListFilter:
    return AssetListFilter(
        world_id=world_id,
        type=type,
        status=status,
        created_by=created_by,
        related_claim_id=related_claim_id,
        related_entity_id=related_entity_id,
        related_source_chunk_id=related_source_chunk_id,
        source_id=source_id,
    )


@router.get("", response_model=PaginatedAssetResponse, responses=responses(WorldNotFoundError))
async def list_assets(
    ctx: Reader,
    page: Annotated[Paging, Depends(paging)],
    filters: Annotated[AssetListFilter, Depends(_filters)],
) -> Response:
    """Assets, newest first; any combination of filters."""
    return answer(await service.list_assets(ctx, filters, page))


@router.post(
    "",
    status_code=201,
    response_model=AssetFullResponse,
    responses=responses(
        WorldNotFoundError,
        ReferenceNotFoundError,
        WorldScopeViolationError,
        UploadMismatchError,
        StorageUnavailableError,
    )
    | {
        200: {
            "model": AssetFullResponse,
            "description": "The asset was there already.",
            "headers": {"Idempotent-Replayed": header("Always `true`.", enum=["true"])},
        },
        201: {"headers": {"Location": header("The path of the new asset.")}},
    },
)
async def create_asset(body: AssetImport, ctx: Editor) -> Response:
    """Bring in a file that no job made. It is checked against the store as at the completion of a job."""
    imported = await import_asset(ctx, body)
    if imported.replayed:
        return answer(imported.asset, headers={"Idempotent-Replayed": "true"})
    return answer(imported.asset, 201, {"Location": f"/assets/assets/{imported.asset.id}"})


@router.post(
    "/presign-upload",
    response_model=PresignedUploadResponse,
    responses=responses(WorldNotFoundError, StorageUnavailableError),
)
async def presign_upload(body: PresignedUploadRequest, ctx: EditorOrWorker, request: Request) -> Response:
    """A URL to upload one file to, of up to 5 GiB. Give `size_bytes` and `checksum`: then the store itself refuses
    other bytes, where it is able to."""
    return answer(await uploads.presign_upload(ctx, body, expires_seconds=_expiry(request)))


@router.post(
    "/multipart-upload",
    status_code=201,
    response_model=PresignedMultipartUploadResponse,
    responses=responses(WorldNotFoundError, UploadMismatchError, StorageUnavailableError),
)
async def create_multipart_upload(
    body: PresignedMultipartUploadRequest, ctx: EditorOrWorker, request: Request
) -> Response:
    """Begin the upload of a large file in parts, with URLs for the first of them."""
    return answer(await multipart.initiate(ctx, body, limit=PARTS_A_PAGE, expires_seconds=_expiry(request)), 201)


@router.post(
    "/multipart-upload/complete",
    response_model=CompletedMultipartUploadResponse,
    responses=responses(UploadMismatchError, StorageUnavailableError),
)
async def complete_multipart_upload(body: CompleteMultipartUploadRequest, ctx: EditorOrWorker) -> Response:
    """Have the store put the parts together, once all are there. Again: the same answer."""
    return answer(await multipart.complete(ctx, body))


@router.post(
    "/multipart-upload/abort", response_model=AbortedMultipartUploadResponse, responses=responses(UploadClosedError)
)
async def abort_multipart_upload(body: AbortMultipartUploadRequest, ctx: EditorOrWorker) -> Response:
    """Give an upload up; its parts are removed from the store. Again: the same answer."""
    return answer(await multipart.abort(ctx, body))


@router.get(
    "/multipart-upload/{upload_id:uuid}/part-urls",
    response_model=PresignedMultipartUploadResponse,
    responses=responses(UploadMismatchError, UploadClosedError),
)
async def list_part_urls(
    upload_id: UUID,
    ctx: EditorOrWorker,
    request: Request,
    first: Annotated[int, Query(ge=1, le=MAX_PARTS, description="The number of the first part.")] = 1,
    limit: Annotated[int, Query(ge=1, le=MAX_PARTS_A_PAGE, description="URLs a page.")] = PARTS_A_PAGE,
) -> Response:
    """URLs for further parts, or new ones for the same; the upload is good for as long as they are."""
    return answer(await multipart.part_urls(ctx, upload_id, first=first, limit=limit, expires_seconds=_expiry(request)))


@router.get(
    "/multipart-upload/{upload_id:uuid}/parts",
    response_model=MultipartUploadPartsResponse,
    responses=responses(UploadMismatchError, StorageUnavailableError),
)
async def list_parts(upload_id: UUID, ctx: EditorOrWorker) -> Response:
    """What of an upload the store has, and what is still to be sent."""
    return answer(await multipart.list_parts(ctx, upload_id))


@router.get("/{id:uuid}", response_model=AssetFullResponse, responses=responses())
async def get_asset(id: UUID, ctx: Reader) -> Response:
    """One asset with its derivations."""
    return answer(await service.get_asset(ctx, id))


@router.delete("/{id:uuid}", response_model=AssetFullResponse, responses=responses(AssetInUseError))
async def delete_asset(id: UUID, ctx: Editor) -> Response:
    """Delete an asset: its file goes, what it was made from stays on record. Again: the same answer."""
    return answer(await deletion.delete_asset(ctx, id))


@router.post(
    "/{asset_id:uuid}/presign-download", response_model=PresignedDownloadResponse, responses=responses(AssetGoneError)
)
async def presign_download(
    asset_id: UUID, ctx: Reader, request: Request, body: PresignedDownloadRequest | None = None
) -> Response:
    """A URL to download the file from, or byte ranges of it, with a file name to save it under."""
    asked = body or PresignedDownloadRequest()
    return answer(await downloads.presign_download(ctx, asset_id, asked, expires_seconds=_expiry(request)))


def _expiry(request: Request) -> int:
    seconds: int = request.app.state.settings.s3_presigned_url_expiry_seconds
    return seconds
