"""Calls for assets and presigned URLs."""

from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.assets import AssetFullResponse, AssetImport, AssetResponse, PaginatedAssetResponse
from lorekeeper.contracts.s3 import (
    AbortedMultipartUploadResponse,
    AbortMultipartUploadRequest,
    CompletedMultipartUploadResponse,
    CompleteMultipartUploadRequest,
    Disposition,
    MultipartUploadPartsResponse,
    PresignedDownloadRequest,
    PresignedDownloadResponse,
    PresignedMultipartUploadRequest,
    PresignedMultipartUploadResponse,
    PresignedUploadRequest,
    PresignedUploadResponse,
)
from lorekeeper.sdk.calls.core import Call, get, model, post, query
from lorekeeper.sdk.filters import AssetFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages

ASSETS = "/assets/assets"
MULTIPART = f"{ASSETS}/multipart-upload"


def get_asset(asset_id: UUID) -> Call[AssetFullResponse]:
    """An asset with what it was derived from. Raises `NotFoundError`."""
    return get(f"{ASSETS}/{asset_id}", AssetFullResponse)


def list_assets(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[AssetFilters]
) -> Call[PaginatedAssetResponse]:
    """One page, newest first; also of all that was made from a claim, an entity, a chunk or a source."""
    return get(ASSETS, PaginatedAssetResponse, query(filters, skip=skip, limit=limit, cursor=cursor))


def every_asset(**filters: Unpack[AssetFilters]) -> Pages[AssetResponse]:
    """All of them, newest first, fetched page by page."""
    return Pages(lambda cursor: list_assets(limit=WALKING_PAGE, cursor=cursor, **filters))


def import_asset(body: AssetImport) -> Call[AssetFullResponse]:
    """Makes an asset of an uploaded file that no job made. Sent again, it is the same asset.

    Raises `UploadMismatchError` where the store holds something else than was declared.
    """
    # The server may have to read the whole file to know its checksum.
    return post(ASSETS, AssetFullResponse, body, repeatable=True, patience=300)


def delete_asset(asset_id: UUID) -> Call[AssetFullResponse]:
    """Deletes the file; the asset stays on record, with what it was made from. Raises `AssetInUseError`."""
    return Call("DELETE", f"{ASSETS}/{asset_id}", model(AssetFullResponse), repeatable=True)


def presign_download(
    asset_id: UUID, *, disposition: Disposition = "attachment", filename: str | None = None
) -> Call[PresignedDownloadResponse]:
    """A URL that whoever holds it can fetch the file from, until it expires.

    A browser saves it under `filename`, or the name it was uploaded under; `inline` asks it to show the file.
    """
    body = PresignedDownloadRequest(disposition=disposition, filename=filename)
    return post(f"{ASSETS}/{asset_id}/presign-download", PresignedDownloadResponse, body, repeatable=True)


def presign_upload(body: PresignedUploadRequest) -> Call[PresignedUploadResponse]:
    """A URL to put a file of up to 5 GiB to, and the key it will have in the store. `upload` does all of it."""
    # A repetition leaves one unused upload behind, which the server gives up by itself. So does one of the next.
    return post(f"{ASSETS}/presign-upload", PresignedUploadResponse, body, repeatable=True)


def create_multipart_upload(body: PresignedMultipartUploadRequest) -> Call[PresignedMultipartUploadResponse]:
    """Begins an upload in parts, of up to 5 TiB; with URLs for the first parts. `upload` does all of it."""
    return post(MULTIPART, PresignedMultipartUploadResponse, body, repeatable=True)


def list_part_urls(upload_id: UUID, *, first: int = 1, limit: int = 100) -> Call[PresignedMultipartUploadResponse]:
    """URLs for up to 1,000 parts from `first` on. Raises `UploadClosedError` once the upload is completed."""
    page = {"first": str(first), "limit": str(limit)}
    return get(f"{MULTIPART}/{upload_id}/part-urls", PresignedMultipartUploadResponse, page)


def list_parts(upload_id: UUID) -> Call[MultipartUploadPartsResponse]:
    """What was declared of an upload, what of it has arrived, and which parts are still to be sent."""
    return get(f"{MULTIPART}/{upload_id}/parts", MultipartUploadPartsResponse)


def complete_multipart_upload(body: CompleteMultipartUploadRequest) -> Call[CompletedMultipartUploadResponse]:
    """Has the store put the parts together. Raises `UploadMismatchError` (`upload_incomplete`)."""
    # A store may take minutes to put many parts together.
    return post(f"{MULTIPART}/complete", CompletedMultipartUploadResponse, body, repeatable=True, patience=300)


def abort_multipart_upload(body: AbortMultipartUploadRequest) -> Call[AbortedMultipartUploadResponse]:
    """Gives an upload up; its parts are removed. Raises `UploadClosedError` once an asset was made of it."""
    return post(f"{MULTIPART}/abort", AbortedMultipartUploadResponse, body, repeatable=True)
