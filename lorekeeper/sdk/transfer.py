"""Files on their way to and from the object store, over presigned URLs. The API key never goes there."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import httpx
import tenacity

from lorekeeper.contracts.s3 import PresignedDownloadResponse, PresignedUploadResponse
from lorekeeper.sdk.errors import IntegrityError, TransferError
from lorekeeper.sdk.retrying import RetryTransfer, Wait, stop_after
from lorekeeper.sdk.streaming import PIECE, OnBytes, no_report
from lorekeeper.sdk.transport import NO_PROXY_HERE, describe, user_agent


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to be uploaded, with what is declared of it."""

    path: Path
    size_bytes: int
    checksum: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Measures the file. The checksum is the SHA-256 in hexadecimal."""
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(path, file.tell(), checksum)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file in the store, as it was declared: what an asset's registration asks for."""

    storage_key: str
    content_type: str
    size_bytes: int
    checksum: str


class Store:
    """Moves whole files; a transfer that breaks off begins anew."""

    def __init__(self, *, timeout: float, attempts: int) -> None:
        self._attempts = attempts
        self._http = httpx.Client(timeout=timeout, headers={"User-Agent": user_agent()}, mounts=NO_PROXY_HERE)

    def upload(self, file: LocalFile, to: PresignedUploadResponse, on_bytes: OnBytes = no_report) -> None:
        """Puts the file where the presigned URL says, with exactly its headers. Raises `TransferError`."""
        self._retrying()(self._put, file, to, on_bytes)

    def download(self, what: PresignedDownloadResponse, path: Path, on_bytes: OnBytes = no_report) -> Path:
        """Fetches to `path`, which appears only once size and SHA-256 are right. Raises `TransferError`."""
        return self._retrying()(self._fetch, what, path, on_bytes)

    def _put(self, file: LocalFile, to: PresignedUploadResponse, on_bytes: OnBytes) -> None:
        headers = {**to.headers, "Content-Length": str(file.size_bytes)}
        try:
            response = self._http.request(to.method, to.url, content=_pieces(file, on_bytes), headers=headers)
        except httpx.TransportError as error:
            raise TransferError(f"the upload of {file.path.name} broke off: {describe(error)}") from error
        # 412: an earlier try of ours arrived after all. The key was handed out to us alone, and completing a job
        # checks what lies there.
        if response.status_code >= 300 and response.status_code != 412:
            raise TransferError(
                f"the store refused the upload of {file.path.name} (HTTP {response.status_code})",
                status=response.status_code,
            )

    def _fetch(self, what: PresignedDownloadResponse, path: Path, on_bytes: OnBytes) -> Path:
        with _new_file_beside(path) as (part, file):
            try:
                with self._http.stream(what.method, what.url) as response:
                    size, checksum = _receive(response, what, file, on_bytes)
            except httpx.TransportError as error:
                raise TransferError(f"the download of asset {what.asset_id} broke off: {describe(error)}") from error
            if (size, checksum) != (what.size_bytes, what.checksum):
                raise IntegrityError(
                    f"the file of asset {what.asset_id} is not the one on record: {size} bytes with SHA-256 "
                    f"{checksum} came, {what.size_bytes} bytes with {what.checksum} were expected",
                    status=200,
                )
            return part.replace(path)

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(retry=RetryTransfer(), wait=Wait(), stop=stop_after(self._attempts), reraise=True)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()


def _receive(
    response: httpx.Response, what: PresignedDownloadResponse, file: BinaryIO, on_bytes: OnBytes
) -> tuple[int, str]:
    """Writes the body to the file, at most one piece beyond the size on record, and measures it."""
    if response.status_code != 200:
        raise TransferError(
            f"the store refused the download of asset {what.asset_id} (HTTP {response.status_code})",
            status=response.status_code,
        )
    digest, size = hashlib.sha256(), 0
    for piece in response.iter_raw(PIECE):
        file.write(piece)
        digest.update(piece)
        size += len(piece)
        on_bytes(size, what.size_bytes)
        if size > what.size_bytes:
            break
    file.flush()
    return size, digest.hexdigest()


@contextmanager
def _new_file_beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file in the folder of `path`; it is gone afterwards unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield part, file
    finally:
        part.unlink(missing_ok=True)


def _pieces(file: LocalFile, on_bytes: OnBytes) -> Iterator[bytes]:
    done = 0
    with file.path.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece
            done += len(piece)
            on_bytes(done, file.size_bytes)
