"""The client's group for assets and their files: `client.assets`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.assets import AssetFullResponse, AssetImport, AssetResponse, PaginatedAssetResponse
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.s3 import (
    MAX_PUT_BYTES,
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
from lorekeeper.sdk.calls import assets as calls
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.errors import TransferError
from lorekeeper.sdk.filters import AssetFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.streaming import OnBytes, no_report
from lorekeeper.sdk.transfer import LocalFile, Store, UploadedFile
from lorekeeper.sdk.transport import Transport


class Assets:
    """`client.assets`: the registry, and the files over presigned URLs."""

    def __init__(self, transport: Transport, store: Store) -> None:
        self._send = transport.send
        self._store = store

    def get(self, asset_id: UUID) -> AssetFullResponse:
        """An asset with what it was derived from. Raises `NotFoundError`."""
        return self._send(calls.get_asset(asset_id))

    def list(
        self, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[AssetFilters]
    ) -> PaginatedAssetResponse:
        """One page, newest first; also of all that was made from a claim, an entity, a chunk or a source."""
        return self._send(calls.list_assets(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[AssetFilters]) -> Iterator[AssetResponse]:
        """All of them, newest first, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))

    def import_file(self, body: AssetImport) -> AssetFullResponse:
        """Makes an asset of an uploaded file that no job made. Sent again, it is the same asset.

        Raises `UploadMismatchError` where the store holds something else than was declared.
        """
        return self._send(calls.import_asset(body))

    def delete(self, asset_id: UUID) -> AssetFullResponse:
        """Deletes the file; the asset stays on record, with what it was made from. Raises `AssetInUseError`."""
        return self._send(calls.delete_asset(asset_id))

    def presign_download(
        self, asset_id: UUID, *, disposition: Disposition = "attachment", filename: str | None = None
    ) -> PresignedDownloadResponse:
        """A URL that whoever holds it can fetch the file from, until it expires.

        A browser saves it under `filename`, or the name it was uploaded under; `inline` asks it to show the file.
        """
        body = PresignedDownloadRequest(disposition=disposition, filename=filename)
        return self._send(calls.presign_download(asset_id, body))

    def presign_upload(self, body: PresignedUploadRequest) -> PresignedUploadResponse:
        """A URL to put a file of up to 5 GiB to, and the key it will have in the store."""
        return self._send(calls.presign_upload(body))

    def create_multipart_upload(self, body: PresignedMultipartUploadRequest) -> PresignedMultipartUploadResponse:
        """Begins an upload in parts, of up to 5 TiB; with URLs for the first parts."""
        return self._send(calls.create_multipart_upload(body))

    def part_urls(self, upload_id: UUID, *, first: int = 1, limit: int = 100) -> PresignedMultipartUploadResponse:
        """URLs for up to 1,000 parts from `first` on. Raises `UploadClosedError` once the upload is completed."""
        return self._send(calls.list_part_urls(upload_id, {"first": str(first), "limit": str(limit)}))

    def parts(self, upload_id: UUID) -> MultipartUploadPartsResponse:
        """What of an upload has arrived, and which parts are still to be sent."""
        return self._send(calls.list_parts(upload_id))

    def complete_multipart_upload(self, body: CompleteMultipartUploadRequest) -> CompletedMultipartUploadResponse:
        """Has the store put the parts together. Raises `UploadMismatchError` (`upload_incomplete`)."""
        return self._send(calls.complete_multipart_upload(body))

    def abort_multipart_upload(self, body: AbortMultipartUploadRequest) -> AbortedMultipartUploadResponse:
        """Gives an upload up; its parts are removed. Raises `UploadClosedError` once an asset was made of it."""
        return self._send(calls.abort_multipart_upload(body))

    def download(self, asset_id: UUID, path: Path | str, *, on_bytes: OnBytes = no_report) -> Path:
        """Fetches the file to `path` (in a folder: under the asset's own file name) and answers where it lies.

        It appears there only once its size and SHA-256 are those on record, and takes the place of a file of that name.
        Raises `IntegrityError`, `TransferError`, `NotFoundError`.
        """
        what = self.presign_download(asset_id)
        target = Path(path)
        # The server's name is reduced to its last part: it never leads out of the folder.
        return self._store.download(what, target / Path(what.filename).name if target.is_dir() else target, on_bytes)

    def upload(
        self,
        path: Path | str,
        *,
        world_id: UUID,
        asset_type: AssetTypeEnum,
        content_type: str,
        filename: str | None = None,
        on_bytes: OnBytes = no_report,
    ) -> UploadedFile:
        """Puts a file into the store with its size and SHA-256 declared; the answer is what `complete` asks for.

        Raises `TransferError`, also for a file of more than 5 GiB, and `OSError` where the file cannot be read.
        """
        if Path(path).stat().st_size > MAX_PUT_BYTES:
            raise TransferError(f"{Path(path).name} is larger than 5 GiB: send it in parts (create_multipart_upload)")
        file = LocalFile.read(Path(path))
        to = self.presign_upload(
            PresignedUploadRequest(
                world_id=world_id,
                asset_type=asset_type,
                filename=filename or file.path.name,
                content_type=content_type,
                size_bytes=file.size_bytes,
                checksum=file.checksum,
            )
        )
        self._store.upload(file, to, on_bytes)
        return UploadedFile(to.storage_key, content_type, file.size_bytes, file.checksum)
