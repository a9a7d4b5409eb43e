"""Downloads: to a path, where the file appears only once it is whole and right."""

import hashlib
import re
from datetime import datetime
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO
from uuid import UUID

from lorekeeper.contracts.s3 import PresignedDownloadResponse
from lorekeeper.sdk.calls import assets as calls
from lorekeeper.sdk.errors import IntegrityError, TransferError
from lorekeeper.sdk.http import Incoming
from lorekeeper.sdk.newfile import new_file_beside
from lorekeeper.sdk.operations import Line
from lorekeeper.sdk.streaming import OnProgress, no_report
from lorekeeper.sdk.transfer import Place


async def download(line: Line[Any], asset_id: UUID, path: Path | str, *, on_progress: OnProgress = no_report) -> Path:
    """Fetches the file to `path` (in a folder: under the asset's own file name) and answers where it lies.

    It appears there only once its size and SHA-256 are those on record, and takes the place of a file of that name. A
    connection that breaks off is taken up where it ended.
    Raises `IntegrityError`, `TransferError`, `NotFoundError`, `AssetGoneError`.
    """

    async def another() -> tuple[PresignedDownloadResponse, datetime]:
        presigned = await line.transport.send(calls.presign_download(asset_id))
        return presigned, presigned.expires_at

    place = Place(*await another(), another)
    target: Path = await line.execution.aside(partial(_target, Path(path), place.now))
    await line.execution.aside(partial(target.parent.mkdir, parents=True, exist_ok=True))
    with new_file_beside(target) as (part, file):
        received = _Received(line, file, place.now, on_progress)
        while not received.whole:
            await line.store.move(place, received.go_on)
        file.close()  # Windows renames no open file
        await line.execution.aside(partial(part.replace, target))
    return target


def _target(path: Path, what: PresignedDownloadResponse) -> Path:
    """In a folder, the server's name for it, reduced to its last part: that never leads out of the folder."""
    if not path.is_dir():
        return path
    name = PureWindowsPath(what.filename.replace("\x00", "")).name  # which parts names at both kinds of slash
    return path / (name if name.strip(". ") else str(what.asset_id))


class _Received:
    """What has come of a file, over all connections."""

    def __init__(
        self, line: Line[Any], file: BinaryIO, what: PresignedDownloadResponse, on_progress: OnProgress
    ) -> None:
        self._line = line
        self._file = file
        self._what = what
        self._on_progress = on_progress
        self._size = 0
        self._digest = hashlib.sha256()
        self.whole = False

    async def go_on(self, at: PresignedDownloadResponse) -> None:
        """Fetches what is missing, once. Raises `TransferError` where nothing came, `IntegrityError`."""
        name = f"the download of asset {at.asset_id}"
        # Compressed on the way, it could not be taken up in the middle.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={self._size}-"} if self._size else {})
        before = self._size
        try:
            async with self._line.store.get(at, headers, name) as incoming:
                await self._line.execution.aside(partial(self._place, incoming, name))
                async for piece in incoming.raw:
                    await self._line.execution.aside(partial(self._take, piece))
                    self._on_progress(self._size, self._what.size_bytes)
                    if self._size > self._what.size_bytes:
                        break
        except TransferError as error:
            # Where something came, it is worth as many tries again; where all of it came, there is no more to ask for.
            if error.status is not None or self._size <= before:
                raise
            if self._size < self._what.size_bytes:
                return
        self._check()

    def _place(self, incoming: Incoming, name: str) -> None:
        """Sees to it that what comes is written where it belongs."""
        if incoming.status == 200 and self._size:  # the whole file again, from a store that knows no ranges
            self._file.seek(0)
            self._file.truncate()
            self._digest, self._size = hashlib.sha256(), 0
        elif incoming.status == 206:
            begins = re.match(r"bytes (\d+)-", incoming.headers.get("content-range", ""))
            if begins is None or int(begins[1]) != self._size:
                raise TransferError(f"the store answered {name} with another range than was asked for", status=206)
        elif incoming.status != 200:
            raise TransferError(f"the store refused {name} (HTTP {incoming.status})", status=incoming.status)

    def _take(self, piece: bytes) -> None:
        self._file.write(piece)
        self._digest.update(piece)
        self._size += len(piece)

    def _check(self) -> None:
        self._file.flush()
        came, expected = (self._size, self._digest.hexdigest()), (self._what.size_bytes, self._what.checksum)
        if came != expected:
            raise IntegrityError(
                f"the file of asset {self._what.asset_id} is not the one on record: {came[0]} bytes with SHA-256 "
                f"{came[1]} came, {expected[0]} bytes with {expected[1]} were expected",
                status=200,
            )
        self.whole = True
