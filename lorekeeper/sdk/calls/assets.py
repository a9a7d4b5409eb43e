"""Calls for assets and presigned URLs."""

from uuid import UUID

from lorekeeper.contracts.assets import AssetFullResponse, AssetImport, PaginatedAssetResponse
from lorekeeper.contracts.s3 import (
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
from lorekeeper.sdk.calls.core import Call, Params, get, model, post

ASSETS = "/assets/assets"
MULTIPART = f"{ASSETS}/multipart-upload"


def get_asset(asset_id: UUID) -> Call[AssetFullResponse]:
    return get(f"{ASSETS}/{asset_id}", AssetFullResponse)


def list_assets(params: Params) -> Call[PaginatedAssetResponse]:
    return get(ASSETS, PaginatedAssetResponse, params)


def import_asset(body: AssetImport) -> Call[AssetFullResponse]:
    # The server may have to read the whole file to know its checksum. Sent again, it answers with the same asset.
    return post(ASSETS, AssetFullResponse, body, repeatable=True, patience=300)


def delete_asset(asset_id: UUID) -> Call[AssetFullResponse]:
    return Call("DELETE", f"{ASSETS}/{asset_id}", model(AssetFullResponse), repeatable=True)


def presign_download(asset_id: UUID, body: PresignedDownloadRequest | None = None) -> Call[PresignedDownloadResponse]:
    return post(f"{ASSETS}/{asset_id}/presign-download", PresignedDownloadResponse, body, repeatable=True)


def presign_upload(body: PresignedUploadRequest) -> Call[PresignedUploadResponse]:
    # A repetition leaves one unused upload behind, which the server gives up by itself. So does one of the next.
    return post(f"{ASSETS}/presign-upload", PresignedUploadResponse, body, repeatable=True)


def create_multipart_upload(body: PresignedMultipartUploadRequest) -> Call[PresignedMultipartUploadResponse]:
    return post(MULTIPART, PresignedMultipartUploadResponse, body, repeatable=True)


def list_part_urls(upload_id: UUID, params: Params) -> Call[PresignedMultipartUploadResponse]:
    return get(f"{MULTIPART}/{upload_id}/part-urls", PresignedMultipartUploadResponse, params)


def list_parts(upload_id: UUID) -> Call[MultipartUploadPartsResponse]:
    return get(f"{MULTIPART}/{upload_id}/parts", MultipartUploadPartsResponse)


def complete_multipart_upload(body: CompleteMultipartUploadRequest) -> Call[CompletedMultipartUploadResponse]:
    # A store may take minutes to put many parts together.
    return post(f"{MULTIPART}/complete", CompletedMultipartUploadResponse, body, repeatable=True, patience=300)


def abort_multipart_upload(body: AbortMultipartUploadRequest) -> Call[AbortedMultipartUploadResponse]:
    return post(f"{MULTIPART}/abort", AbortedMultipartUploadResponse, body, repeatable=True)
