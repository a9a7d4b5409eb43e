"""The client's group for assets and their files: `client.assets`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.assets import AssetFullResponse, AssetResponse, PaginatedAssetResponse
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.s3 import PresignedDownloadResponse, PresignedUploadRequest, PresignedUploadResponse
from lorekeeper.sdk.calls import assets as calls
from lorekeeper.sdk.calls.core import query
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

    def presign_download(self, asset_id: UUID) -> PresignedDownloadResponse:
        """A URL that whoever holds it can fetch the file from, until it expires."""
        return self._send(calls.presign_download(asset_id))

    def presign_upload(self, body: PresignedUploadRequest) -> PresignedUploadResponse:
        """A URL to put a file to, and the key it will have in the store."""
        return self._send(calls.presign_upload(body))

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

        Raises `TransferError`, and `OSError` where the file cannot be read.
        """
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
