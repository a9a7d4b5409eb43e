"""Calls for assets and presigned URLs."""

from uuid import UUID

from lorekeeper.contracts.assets import AssetFullResponse, PaginatedAssetResponse
from lorekeeper.contracts.s3 import PresignedDownloadResponse, PresignedUploadRequest, PresignedUploadResponse
from lorekeeper.sdk.calls.core import Call, Params, get, post

ASSETS = "/assets/assets"


def get_asset(asset_id: UUID) -> Call[AssetFullResponse]:
    return get(f"{ASSETS}/{asset_id}", AssetFullResponse)


def list_assets(params: Params) -> Call[PaginatedAssetResponse]:
    return get(ASSETS, PaginatedAssetResponse, params)


def presign_download(asset_id: UUID) -> Call[PresignedDownloadResponse]:
    return post(f"{ASSETS}/{asset_id}/presign-download", PresignedDownloadResponse, repeatable=True)


def presign_upload(body: PresignedUploadRequest) -> Call[PresignedUploadResponse]:
    # A repetition leaves one unused upload behind, which the server forgets by itself.
    return post(f"{ASSETS}/presign-upload", PresignedUploadResponse, body, repeatable=True)
