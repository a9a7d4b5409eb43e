"""Assets and presigned URLs over HTTP (specification section 7)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from lorekeeper.access.context import EditorOrWorker, Reader
from lorekeeper.assets import service
from lorekeeper.contracts.assets import AssetFullResponse, AssetListFilter, PaginatedAssetResponse
from lorekeeper.contracts.base import Text
from lorekeeper.contracts.enums import AssetStatusEnum, AssetTypeEnum
from lorekeeper.contracts.errors import AssetGoneError, WorldNotFoundError
from lorekeeper.contracts.s3 import PresignedDownloadResponse, PresignedUploadRequest, PresignedUploadResponse
from lorekeeper.kit.http import answer, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging

router = APIRouter(prefix="/assets/assets", tags=["assets"], generate_unique_id_function=operation_id)


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


@router.post("/presign-upload", response_model=PresignedUploadResponse, responses=responses(WorldNotFoundError))
async def presign_upload(body: PresignedUploadRequest, ctx: EditorOrWorker, request: Request) -> Response:
    """A URL to upload one file to. Give `checksum` and the store itself refuses other bytes."""
    expires: int = request.app.state.settings.s3_presigned_url_expiry_seconds
    return answer(await service.presign_upload(ctx, body, expires_seconds=expires))


@router.get("/{id:uuid}", response_model=AssetFullResponse, responses=responses())
async def get_asset(id: UUID, ctx: Reader) -> Response:
    """One asset with its derivations."""
    return answer(await service.get_asset(ctx, id))


@router.post(
    "/{asset_id:uuid}/presign-download", response_model=PresignedDownloadResponse, responses=responses(AssetGoneError)
)
async def presign_download(asset_id: UUID, ctx: Reader, request: Request) -> Response:
    """A URL to download the file from, with a file name to save it under."""
    expires: int = request.app.state.settings.s3_presigned_url_expiry_seconds
    return answer(await service.presign_download(ctx, asset_id, expires_seconds=expires))
