"""Uploads in parts. The row is written before the store hears of it, and the store's id noted afterwards: whatever dies
in between, the sweep (`cleanup.py`) finds the unfinished upload by its key.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets import repository
from lorekeeper.assets.cleanup import remove_now
from lorekeeper.assets.uploads import abandoned, issue
from lorekeeper.contracts.enums import UploadState
from lorekeeper.contracts.errors import UploadClosedError, UploadMismatchError
from lorekeeper.contracts.s3 import (
    DEFAULT_PART_BYTES,
    MAX_PARTS,
    MIB,
    AbortedMultipartUploadResponse,
    AbortMultipartUploadRequest,
    CompletedMultipartUploadResponse,
    CompletedPart,
    CompleteMultipartUploadRequest,
    MultipartUploadPartsResponse,
    PresignedMultipartUploadRequest,
    PresignedMultipartUploadResponse,
    PresignedPart,
    UploadedPart,
)
from lorekeeper.kit.database import Row
from lorekeeper.storage.store import StoredPart

PARTS_NAMED = 100
"""So many part numbers a refusal names at the most."""


async def initiate(
    ctx: Context, body: PresignedMultipartUploadRequest, *, limit: int, expires_seconds: int
) -> PresignedMultipartUploadResponse:
    """Begin an upload in parts, and hand out URLs for the first `limit`. Raises `WorldNotFoundError`."""
    part_size = body.part_size_bytes or part_size_for(body.size_bytes)
    expires_at = ctx.now + timedelta(seconds=expires_seconds)
    upload_id, key = await issue(ctx, body, part_size_bytes=part_size, expires_at=expires_at)
    multipart_id = await ctx.store.create_multipart_upload(key, content_type=body.content_type)
    if not await repository.begin_multipart_upload(ctx.database, upload_id, multipart_id):
        raise abandoned()
    upload = {
        "id": upload_id,
        "storage_key": key,
        "size_bytes": body.size_bytes,
        "part_size_bytes": part_size,
        "multipart_id": multipart_id,
        "expires_at": expires_at,
    }
    return _page(ctx, upload, first=1, limit=limit, expires_seconds=expires_seconds)


async def part_urls(
    ctx: Context, upload_id: UUID, *, first: int, limit: int, expires_seconds: int
) -> PresignedMultipartUploadResponse:
    """URLs for further parts, or for the same again. Raises `NotFoundError`, `UploadClosedError`."""
    await _visible(ctx, upload_id)
    expires_at = ctx.now + timedelta(seconds=expires_seconds)
    upload = await repository.issue_parts(ctx.database, upload_id, expires_at=expires_at, origin=ctx.origin)
    if upload is None:
        upload = await _visible(ctx, upload_id)
        if upload["state"] == UploadState.ABANDONED or upload["multipart_id"] is None:
            raise abandoned()
        raise UploadClosedError("The upload is completed: it takes no part any more.")
    return _page(ctx, upload | {"expires_at": expires_at}, first=first, limit=limit, expires_seconds=expires_seconds)


async def list_parts(ctx: Context, upload_id: UUID) -> MultipartUploadPartsResponse:
    """What has arrived, and what is still to be sent. Raises `NotFoundError`, `UploadMismatchError`."""
    upload = await _visible(ctx, upload_id)
    if upload["state"] == UploadState.ABANDONED:
        raise abandoned()
    stored: list[StoredPart] = []
    missing: list[int] = []
    if upload["assembled_at"] is None:
        stored = await _parts_of(ctx, upload) or []
        missing, wrong = _judge(upload, stored)
        missing = sorted({*missing, *wrong})
    return MultipartUploadPartsResponse(
        upload_id=upload_id,
        storage_key=upload["storage_key"],
        part_size_bytes=upload["part_size_bytes"],
        part_count=_part_count(upload),
        parts=[UploadedPart(part_number=one.number, size_bytes=one.size_bytes, etag=one.etag) for one in stored],
        missing_part_numbers=missing,
        assembled_at=upload["assembled_at"],
        expires_at=upload["expires_at"],
    )


async def complete(ctx: Context, body: CompleteMultipartUploadRequest) -> CompletedMultipartUploadResponse:
    """Have the store put the parts together. Again: the same answer.

    Raises `NotFoundError`, and `UploadMismatchError` (`upload_incomplete`, `upload_abandoned`, `size_mismatch`).
    """
    upload = await _visible(ctx, body.upload_id)
    if upload["state"] == UploadState.ABANDONED:
        raise abandoned()
    if upload["assembled_at"] is None:
        await _assemble(ctx, upload, body.parts)
        assembled = await repository.assemble_upload(ctx.database, body.upload_id, origin=ctx.origin)
        upload = assembled or await _visible(ctx, body.upload_id)
        if upload["assembled_at"] is None:  # given up meanwhile, and maybe swept before the store had made the file
            await remove_now(ctx, body.upload_id, upload["storage_key"], in_parts=True)
            raise abandoned()
    return CompletedMultipartUploadResponse(
        upload_id=body.upload_id,
        storage_key=upload["storage_key"],
        content_type=upload["content_type"],
        size_bytes=upload["size_bytes"],
        assembled_at=upload["assembled_at"],
    )


async def abort(ctx: Context, body: AbortMultipartUploadRequest) -> AbortedMultipartUploadResponse:
    """Give an upload up: no asset is made of it any more, and the store is rid of its parts. Again: the same answer.

    Raises `NotFoundError`, `UploadClosedError`.
    """
    upload = await _visible(ctx, body.upload_id)
    given_up = await repository.abandon_upload(ctx.database, body.upload_id, origin=ctx.origin)
    if given_up is not None:
        await remove_now(ctx, body.upload_id, upload["storage_key"], in_parts=True)
    elif (await _visible(ctx, body.upload_id))["state"] != UploadState.ABANDONED:
        raise UploadClosedError("An asset was made of the upload: delete that instead.")
    return AbortedMultipartUploadResponse(
        upload_id=body.upload_id, storage_key=upload["storage_key"], state=UploadState.ABANDONED
    )


def part_size_for(size_bytes: int) -> int:
    """16 MiB, or as many whole MiB as make no more than 10,000 parts."""
    return max(DEFAULT_PART_BYTES, -(-size_bytes // (MAX_PARTS * MIB)) * MIB)


async def _assemble(ctx: Context, upload: Row, given: list[CompletedPart] | None) -> None:
    stored = await _parts_of(ctx, upload)
    if stored is not None:
        parts = _all_of(upload, stored, given)
        await ctx.store.complete_multipart_upload(upload["storage_key"], upload["multipart_id"], parts)
    # Looked at in any case: where the store knows no such upload, an earlier request had it put together and died, or
    # it was aborted by hand; and of a part that came in two sizes, only the store knows which was last.
    found = await ctx.store.head_object(upload["storage_key"])
    if found is None:
        raise UploadMismatchError("upload_abandoned", "The store has given the upload up; ask for another one.")
    if found.size_bytes != upload["size_bytes"]:
        raise UploadMismatchError(
            "size_mismatch",
            f"The file is {found.size_bytes} bytes long, not {upload['size_bytes']}; ask for another upload.",
            declared=upload["size_bytes"],
            found=found.size_bytes,
        )


async def _parts_of(ctx: Context, upload: Row) -> list[StoredPart] | None:
    """What the store has of it, by number; None where it knows no such upload (any more)."""
    if upload["multipart_id"] is None:
        return None
    stored = await ctx.store.list_parts(upload["storage_key"], upload["multipart_id"])
    return None if stored is None else sorted(stored, key=lambda part: part.number)


def _all_of(upload: Row, stored: list[StoredPart], given: list[CompletedPart] | None) -> list[StoredPart]:
    """The parts to be put together: every one there, as long as it must be, and none other than the caller says."""
    missing, wrong = _judge(upload, stored)
    said = {part.part_number: part.etag for part in given or ()}
    chosen: list[StoredPart] = []
    for part in stored:
        # Where nobody says which, all that was sent under a number goes to the store, which takes the last.
        one = part.sent_as(said[part.number]) if part.number in said else part
        if one is None:
            wrong.append(part.number)
        else:
            chosen.append(one)
    never_sent = set(said) - {part.number for part in stored} - set(missing)
    wrong = sorted({*wrong, *never_sent})
    if missing or wrong:
        told = [f"{name} {_named(numbers)}" for name, numbers in (("missing", missing), ("wrong", wrong)) if numbers]
        raise UploadMismatchError(
            "upload_incomplete",
            f"Not every part is there as it must be: {'; '.join(told)}.",
            missing=missing[:PARTS_NAMED],
            wrong=wrong[:PARTS_NAMED],
        )
    return chosen


def _judge(upload: Row, stored: list[StoredPart]) -> tuple[list[int], list[int]]:
    """The numbers of the parts that are not there, and of those that are of another size or beyond the last one."""
    sizes = {part.number: part.size_bytes for part in stored}
    numbers = range(1, _part_count(upload) + 1)
    missing = sorted(set(numbers) - set(sizes))
    wrong = [number for number, size in sizes.items() if number not in numbers or size != _size_of(upload, number)]
    return missing, wrong


def _page(
    ctx: Context, upload: Row, *, first: int, limit: int, expires_seconds: int
) -> PresignedMultipartUploadResponse:
    count = _part_count(upload)
    parts = [(number, _size_of(upload, number)) for number in range(first, min(first + limit, count + 1))]
    signed = ctx.store.generate_multipart_upload_presigned_urls(
        upload["storage_key"], upload["multipart_id"], parts=parts, expires_seconds=expires_seconds
    )
    return PresignedMultipartUploadResponse(
        upload_id=upload["id"],
        storage_key=upload["storage_key"],
        part_size_bytes=upload["part_size_bytes"],
        part_count=count,
        parts=[
            PresignedPart(part_number=number, url=one.url, headers=one.headers, size_bytes=size)
            for (number, size), one in zip(parts, signed, strict=True)
        ],
        next_part_number=first + limit if first + limit <= count else None,
        expires_at=upload["expires_at"],
    )


def _part_count(upload: Row) -> int:
    return int(-(-upload["size_bytes"] // upload["part_size_bytes"]))


def _size_of(upload: Row, number: int) -> int:
    """Of a part: all are alike but the last."""
    begins = (number - 1) * upload["part_size_bytes"]
    return int(min(upload["part_size_bytes"], upload["size_bytes"] - begins))


def _named(numbers: Iterable[int]) -> str:
    listed = list(numbers)
    more = f" and {len(listed) - PARTS_NAMED} more" if len(listed) > PARTS_NAMED else ""
    return ", ".join(map(str, listed[:PARTS_NAMED])) + more


async def _visible(ctx: Context, upload_id: UUID) -> Row:
    row = await repository.get_upload(ctx.database, upload_id)
    if row is not None and row["part_size_bytes"] is None:
        row = None  # it comes in one piece, so it has no parts to speak of
    return ctx.principal.require_visible("multipart upload", upload_id, row)
