"""Uploads: a small file in one PUT, a large one in parts that are sent side by side and can be resumed."""

import mimetypes
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from lorekeeper.contracts.assets import MAX_OBJECT_BYTES
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.s3 import (
    MAX_PUT_BYTES,
    MIB,
    AbortMultipartUploadRequest,
    CompleteMultipartUploadRequest,
    PresignedMultipartUploadRequest,
    PresignedMultipartUploadResponse,
    PresignedPart,
    PresignedUploadRequest,
    PresignedUploadResponse,
    part_size_for,
)
from lorekeeper.sdk.calls import assets as calls
from lorekeeper.sdk.errors import FileChangedError, SdkError, TransferError
from lorekeeper.sdk.http import Outgoing
from lorekeeper.sdk.localfile import LocalFile
from lorekeeper.sdk.operations import Line
from lorekeeper.sdk.streaming import OnProgress, no_report
from lorekeeper.sdk.transfer import Place

PARTS_ABOVE_BYTES = 32 * MIB
PARTS_AT_ONCE = 4

OnBegun = Callable[[UUID], None]
"""Called with the id of an upload in parts, before the first part is sent."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file in the store, as it was declared: what an asset's registration asks for."""

    storage_key: str
    content_type: str
    size_bytes: int
    checksum: str


async def upload(
    line: Line[Any],
    file: Path | str | BinaryIO,
    *,
    world_id: UUID,
    asset_type: AssetTypeEnum,
    content_type: str | None = None,
    filename: str | None = None,
    on_progress: OnProgress = no_report,
    on_begun: OnBegun | None = None,
    resume: UUID | None = None,
    parts_above: int = PARTS_ABOVE_BYTES,
    part_size_bytes: int | None = None,
    parts_at_once: int = PARTS_AT_ONCE,
) -> UploadedFile:
    """Puts a file into the store, its size and SHA-256 declared; the answer is what `complete` and `import_file` need.

    A file of up to `parts_above` bytes goes in one PUT; a larger one in parts, `parts_at_once` of them side by side,
    each tried again by itself. The content type is guessed by the file's name where none is given.

    An upload in parts can be finished by anybody who knows its id: `on_begun` hears it, `resume` takes it. Whoever gave
    one of the two finds the parts that arrived still there after a failure; otherwise it is given up at once.

    Raises `TransferError` where the file does not get through, is empty or larger than 5 TiB; `FileChangedError` where
    it changed while it was read, or is not the one that `resume` began with; `OSError` where it cannot be read.
    """
    source = await line.execution.aside(lambda: LocalFile(file, filename))
    try:
        kind = content_type or mimetypes.guess_type(source.name, strict=False)[0] or "application/octet-stream"
        declared = {"world_id": world_id, "asset_type": asset_type, "filename": source.name, "content_type": kind}
        if resume is not None:
            return await _resumed(line, source, resume, declared, on_progress, parts_at_once)
        if source.size_bytes <= min(parts_above, MAX_PUT_BYTES):
            return await _in_one(line, source, declared, on_progress)
        return await _in_parts(line, source, declared, on_progress, on_begun, part_size_bytes, parts_at_once)
    finally:
        await line.execution.aside(source.close)


async def _in_one(
    line: Line[Any], source: LocalFile, declared: dict[str, Any], on_progress: OnProgress
) -> UploadedFile:
    await line.execution.aside(source.measure)
    body = PresignedUploadRequest(**declared, size_bytes=source.size_bytes, checksum=source.checksum)

    async def another() -> tuple[PresignedUploadResponse, datetime]:
        presigned = await line.transport.send(calls.presign_upload(body))
        return presigned, presigned.expires_at

    place = Place(*await another(), another)
    tally = _Tally(source.size_bytes, on_progress)

    async def once(to: PresignedUploadResponse) -> None:
        with tally.one_try() as on_sent:
            outgoing = Outgoing(source.size_bytes, source.reader(1), on_sent)
            await line.store.put(to, to.headers, outgoing, f"the upload of {source.name}")

    await line.store.move(place, once)
    return UploadedFile(place.now.storage_key, body.content_type, source.size_bytes, source.checksum)


async def _in_parts(
    line: Line[Any],
    source: LocalFile,
    declared: dict[str, Any],
    on_progress: OnProgress,
    on_begun: OnBegun | None,
    part_size_bytes: int | None,
    at_once: int,
) -> UploadedFile:
    if source.size_bytes > MAX_OBJECT_BYTES:
        raise TransferError(f"{source.name} is larger than 5 TiB, which is the most that a store takes")
    part_size = part_size_bytes or part_size_for(source.size_bytes)
    await line.execution.aside(partial(source.measure, part_size))
    body = PresignedMultipartUploadRequest(
        **declared, size_bytes=source.size_bytes, checksum=source.checksum, part_size_bytes=part_size
    )
    begun = await line.transport.send(calls.create_multipart_upload(body))
    parts = _Parts(
        line, source, begun.upload_id, range(1, begun.part_count + 1), _Tally(source.size_bytes, on_progress)
    )
    parts.take_urls(begun)
    kept = False
    try:
        if on_begun is not None:
            on_begun(begun.upload_id)
            kept = True
        return await parts.finish(at_once)
    except BaseException:
        if not kept:
            await _give_up(line, begun.upload_id)
        raise


async def _resumed(
    line: Line[Any],
    source: LocalFile,
    upload_id: UUID,
    declared: dict[str, Any],
    on_progress: OnProgress,
    at_once: int,
) -> UploadedFile:
    there = await line.transport.send(calls.list_parts(upload_id))
    if (there.world_id, there.asset_type) != (declared["world_id"], declared["asset_type"]):
        raise TransferError(f"upload {upload_id} was begun for another world or type of asset")
    if there.checksum is None:
        raise TransferError(f"upload {upload_id} was begun without a SHA-256: nobody can tell whether it is this file")
    if source.size_bytes == there.size_bytes:
        await line.execution.aside(partial(source.measure, there.part_size_bytes))
    if source.checksum != there.checksum:
        raise FileChangedError(f"{source.name} is not the file that upload {upload_id} was begun with")
    missing = there.missing_part_numbers
    to_come = sum(source.length(number) for number in missing)
    tally = _Tally(source.size_bytes, on_progress, done=source.size_bytes - to_come)
    return await _Parts(line, source, upload_id, missing, tally).finish(at_once)


class _Parts:
    """The parts of an upload that are still to be sent."""

    def __init__(
        self, line: Line[Any], source: LocalFile, upload_id: UUID, numbers: Iterable[int], tally: "_Tally"
    ) -> None:
        self._line = line
        self._source = source
        self._upload_id = upload_id
        self._to_send = deque(numbers)
        self._tally = tally
        self._urls: dict[int, tuple[PresignedPart, datetime]] = {}
        self._stopped = threading.Event()

    async def finish(self, at_once: int) -> UploadedFile:
        """Sends the parts, and has the store put all of them together."""
        try:
            if self._to_send:
                times = max(1, min(at_once, len(self._to_send)))
                await self._line.execution.together(self._send_some, times, self._stopped.set)
            body = CompleteMultipartUploadRequest(upload_id=self._upload_id)
            whole = await self._line.transport.send(calls.complete_multipart_upload(body))
        except TransferError as error:
            error.upload_id = self._upload_id
            raise
        return UploadedFile(whole.storage_key, whole.content_type, whole.size_bytes, self._source.checksum)

    def take_urls(self, page: PresignedMultipartUploadResponse) -> None:
        """Notes where these parts go."""
        self._urls.update((part.part_number, (part, page.expires_at)) for part in page.parts)

    async def _send_some(self) -> None:
        while not self._stopped.is_set():
            try:
                number = self._to_send.popleft()
            except IndexError:
                return
            await self._send(number)

    async def _send(self, number: int) -> None:
        async def once(to: PresignedPart) -> None:
            with self._tally.one_try() as on_sent:
                body = Outgoing(self._source.length(number), self._unless_stopped(self._source.reader(number)), on_sent)
                what = f"part {number} of the upload of {self._source.name}"
                await self._line.store.put(to, to.headers, body, what)

        if number not in self._urls:
            await self._ask_for_urls(number)
        part, expires_at = self._urls.pop(number)
        await self._line.store.move(Place(part, expires_at, partial(self._another, number)), once)

    async def _another(self, number: int) -> tuple[PresignedPart, datetime]:
        await self._ask_for_urls(number)
        return self._urls.pop(number)

    async def _ask_for_urls(self, first: int) -> None:
        self.take_urls(await self._line.transport.send(calls.list_part_urls(self._upload_id, first=first)))

    def _unless_stopped(self, next_piece: Callable[[], bytes]) -> Callable[[], bytes]:
        def checked() -> bytes:
            if self._stopped.is_set():
                raise _Stopped
            return next_piece()

        return checked


class _Stopped(Exception):  # noqa: N818 - nothing is wrong with this part; another one failed, and nobody sees this
    """Another part failed: this one need not be finished."""


class _Tally:
    """How far a file is on its way, over all its parts and tries. What is told never goes back."""

    def __init__(self, total: int, on_progress: OnProgress, done: int = 0) -> None:
        self._total = total
        self._on_progress = on_progress
        self._done = self._told = done
        self._lock = threading.Lock()

    @contextmanager
    def one_try(self) -> Iterator[Callable[[int], None]]:
        """A function to call with each length that was sent; what a failed try has sent counts no more."""
        sent = 0

        def on_sent(length: int) -> None:
            nonlocal sent
            sent += length
            self._count(length)

        try:
            yield on_sent
        except BaseException:
            self._count(-sent)
            raise

    def _count(self, length: int) -> None:
        with self._lock:
            self._done += length
            if self._done > self._told:
                self._told = self._done
                self._on_progress(self._done, self._total)


async def _give_up(line: Line[Any], upload_id: UUID) -> None:
    """Once only: where it does not get through, the server gives the upload up by itself in time."""
    abort = calls.abort_multipart_upload(AbortMultipartUploadRequest(upload_id=upload_id))
    with suppress(SdkError):
        await line.transport.send(replace(abort, repeatable=False))
