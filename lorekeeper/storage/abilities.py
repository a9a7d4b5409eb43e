"""What a store really does with the headers that are signed into a URL: stores differ, so it is tried at start.

AWS S3, MinIO, SeaweedFS, Ceph, R2 and B2 all speak S3. Some refuse a header that they do not know, others take it and
do nothing about it. An ability is there where the right upload is taken *and* the wrong one is refused.
"""

import asyncio
import base64
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import tenacity

from lorekeeper.contracts.errors import LoreKeeperError, StorageUnavailableError

PREFIX = "lorekeeper-probe/"
"""Where the probe's objects are for the moment. No world's id looks like it."""

_PROBE_SECONDS = 20.0
_CLEAN_UP_SECONDS = 2.0
"""Counts against the time that a server has to stop in."""

_LONGEST_PAUSE_SECONDS = 30.0
"""Between two tries while the store is down; a request that needs to know tries at once."""

_DATA = b"what does this store do?"
_TRANSIENT = frozenset({408, 429})
_NOT_IMPLEMENTED = 501

Put = Callable[[str, bytes, Mapping[str, str]], Awaitable[int | None]]
"""Uploads bytes to a key by a presigned URL with these headers; the answer is the HTTP status, None where nobody could
be reached to upload to."""
ChecksumAt = Callable[[str], Awaitable[str | None]]
"""The SHA-256 that HEAD of a key gives, in hexadecimal."""
Delete = Callable[[Sequence[str]], Awaitable[list[str]]]
"""Deletes keys; the answer is those that the store failed on."""

logger = logging.getLogger("lorekeeper.storage")


@dataclass(frozen=True)
class Abilities:
    """What the store refuses by itself. What it does not refuse is found out when the upload is completed."""

    conditional_writes: bool
    """Refuses a second PUT under `If-None-Match: *`."""
    upload_checksums: bool
    """Refuses a PUT whose bytes do not have the signed `x-amz-checksum-sha256`."""
    stored_checksums: bool
    """Gives the SHA-256 that it has checked back on HEAD. Else the whole object is read to learn it."""
    signed_sizes: bool
    """Refuses a PUT of another length than the signed `Content-Length`."""


async def probe(put: Put, checksum_at: ChecksumAt, delete: Delete) -> Abilities:
    """Try all four, with a few objects of some bytes that are gone afterwards.

    Raises `StorageUnavailableError` where the store does not answer, or takes no upload at all.
    """
    trial = _Trial(put)
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            await trial.require_uploads()
            checked = await trial.refuses_other_bytes()
            return Abilities(
                conditional_writes=await trial.refuses_to_overwrite(),
                upload_checksums=checked,
                # What a store keeps without having checked it is only what somebody said.
                stored_checksums=checked and await trial.keeps_checksum(checksum_at),
                signed_sizes=await trial.refuses_other_sizes(),
            )
    except TimeoutError as error:
        raise StorageUnavailableError(
            f"The object store took more than {_PROBE_SECONDS:.0f} seconds to show what it can do."
        ) from error
    finally:
        await trial.clean_up(delete)


async def learn_abilities(ask: Callable[[], Awaitable[Abilities]]) -> None:
    """In the background of a server's start: asks until there is an answer."""
    asking = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(StorageUnavailableError),
        wait=tenacity.wait_exponential(multiplier=0.5, max=_LONGEST_PAUSE_SECONDS),
        before_sleep=_say_not_yet,
    )
    known = asdict(await asking(ask))
    logger.info("the object store: %s", ", ".join(f"{name} {'yes' if has else 'no'}" for name, has in known.items()))


def _say_not_yet(state: tenacity.RetryCallState) -> None:
    logger.warning("what the object store does is not known yet: %s", state.outcome and state.outcome.exception())


class _Trial:
    """One probe's uploads. Its keys are its own: servers that start at once must not meet."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._prefix = f"{PREFIX}{secrets.token_hex(8)}/"
        self._sent: list[str] = []

    async def require_uploads(self) -> None:
        status = await self._status("plain", _DATA, {})
        if not _is_taken(status):
            raise StorageUnavailableError(f"The bucket answers {status} to an upload.")

    async def refuses_to_overwrite(self) -> bool:
        headers = {"If-None-Match": "*"}
        return await self._takes("once", _DATA, headers) and not await self._takes("once", _DATA, headers)

    async def refuses_other_bytes(self) -> bool:
        headers = {"x-amz-checksum-sha256": checksum_header(hashlib.sha256(_DATA).hexdigest())}
        right = await self._takes("checksum", _DATA, headers)
        return right and not await self._takes("other-bytes", _DATA[::-1], headers)

    async def keeps_checksum(self, checksum_at: ChecksumAt) -> bool:
        """Of the object that was uploaded with one."""
        return await checksum_at(f"{self._prefix}checksum") == hashlib.sha256(_DATA).hexdigest()

    async def refuses_other_sizes(self) -> bool:
        headers = {"Content-Length": str(len(_DATA))}
        right = await self._takes("size", _DATA, headers)
        return right and not await self._takes("other-size", _DATA + b"!", headers)

    async def clean_up(self, delete: Delete) -> None:
        """What cannot be removed is some bytes to pay for, and no reason to fail."""
        keys = sorted(set(self._sent))
        if not keys:
            return
        try:
            async with asyncio.timeout(_CLEAN_UP_SECONDS):
                left = await delete(keys)
        except (LoreKeeperError, TimeoutError):
            left = keys
        if left:
            logger.warning("the probe's objects could not be removed from the store: %s", ", ".join(left))

    async def _takes(self, name: str, data: bytes, headers: Mapping[str, str]) -> bool:
        return _is_taken(await self._status(name, data, headers))

    async def _status(self, name: str, data: bytes, headers: Mapping[str, str]) -> int:
        key = self._prefix + name
        # Written down first: an upload whose answer is lost may still have arrived.
        self._sent.append(key)
        status = await self._put(key, data, headers)
        if status is None:
            self._sent.pop()
            raise StorageUnavailableError("The object store does not answer; try again in a moment.")
        return status


def checksum_header(checksum: str) -> str:
    """A hexadecimal SHA-256 as `x-amz-checksum-sha256` has it."""
    return base64.b64encode(bytes.fromhex(checksum)).decode()


def _is_taken(status: int) -> bool:
    """Whether an upload was taken. Raises `StorageUnavailableError` where the answer tells nothing of abilities."""
    if 200 <= status < 300:
        return True
    if (400 <= status < 500 and status not in _TRANSIENT) or status == _NOT_IMPLEMENTED:
        return False
    raise StorageUnavailableError(f"The object store answers {status} to an upload.")
