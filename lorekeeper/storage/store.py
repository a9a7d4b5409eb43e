"""The object store behind the port: any S3 (specification section 5)."""

import asyncio
import base64
import hashlib
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any
from urllib.parse import urlsplit

import aiobotocore.session
import aiohttp
import httpx
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import get_environ_proxies

from lorekeeper.contracts.errors import StorageUnavailableError
from lorekeeper.storage.abilities import Abilities, checksum_header, probe
from lorekeeper.storage.port import ObjectStore, SignedRequest, StoreAddress, StoredObject, StoredPart
from lorekeeper.storage.signing import Signer

__all__ = ["Abilities", "ObjectStore", "S3Store", "SignedRequest", "StoreAddress", "StoredObject", "StoredPart"]

MAX_DELETED_AT_ONCE = 1000
"""Keys in one DeleteObjects, https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html."""

_UNAVAILABLE = "The object store does not answer; try again in a moment."
_PROBE_URL_SECONDS = 300


class S3Store:
    """Any S3-compatible service, through aiobotocore; URLs are signed without asking it, see `signing`."""

    def __init__(self, address: StoreAddress, *, page_size: int = 1000) -> None:
        """`page_size` is of the store's lists; 1,000 is the most that S3 gives."""
        self._address = address
        self._bucket = address.bucket
        self._page_size = page_size
        self._exit = AsyncExitStack()
        self._client: Any = None
        self._endpoint = address.endpoint_url or f"https://s3.{address.region}.amazonaws.com"
        self._signer = Signer(
            f"{self._endpoint.rstrip('/')}/{address.bucket}",
            region=address.region,
            access_key_id=address.access_key_id,
            secret_access_key=address.secret_access_key,
        )
        self._abilities: Abilities | None = None
        self._probing: asyncio.Task[Abilities] | None = None
        self._reads: dict[str, asyncio.Task[str]] = {}

    async def open(self) -> None:
        address = self._address
        session = aiobotocore.session.get_session()
        self._client = await self._exit.enter_async_context(
            session.create_client(
                "s3",
                region_name=address.region,
                endpoint_url=address.endpoint_url,
                aws_access_key_id=address.access_key_id,
                aws_secret_access_key=address.secret_access_key,
                config=AioConfig(
                    signature_version="s3v4",
                    s3={"addressing_style": "path"},
                    connect_timeout=5,
                    read_timeout=30,
                    retries={"max_attempts": 2, "mode": "standard"},
                    max_pool_connections=32,
                ),
            )
        )
        self._client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)

    async def close(self) -> None:
        for task in [*self._reads.values(), *([self._probing] if self._probing else [])]:
            task.cancel()
            await asyncio.wait([task])
        await self._exit.aclose()

    async def check(self) -> None:
        try:
            await self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            raise StorageUnavailableError(f"The bucket {self._bucket} answers {_status(error)}.") from error
        except BotoCoreError as error:
            raise StorageUnavailableError(_UNAVAILABLE) from error

    @property
    def known_abilities(self) -> Abilities | None:
        return self._abilities

    async def abilities(self) -> Abilities:
        if self._abilities is None:
            if self._probing is None or self._probing.done():
                self._probing = asyncio.create_task(self._probe())
                self._probing.add_done_callback(_look_at)
            # Shielded: one caller that gives up does not end it for the others.
            return await asyncio.shield(self._probing)
        return self._abilities

    async def head_object(self, key: str) -> StoredObject | None:
        head = await self._head(key)
        if head is None:
            return None
        # A store that keeps what it was told, unchecked, would vouch for anything.
        vouched = self._abilities is not None and self._abilities.stored_checksums
        return StoredObject(
            head["ContentLength"], head.get("ContentType", ""), _whole_checksum(head) if vouched else None
        )

    async def checksum_of(self, key: str) -> str:
        read = self._reads.get(key)
        if read is None:
            read = self._reads[key] = asyncio.create_task(self._read_checksum(key))
            read.add_done_callback(_look_at)
            read.add_done_callback(lambda _: self._reads.pop(key))
        # Shielded: a caller that gives up does not end it for the others, nor for itself when it asks again.
        return await asyncio.shield(read)

    async def _read_checksum(self, key: str) -> str:
        digest = hashlib.sha256()
        with _asking():
            answer = await self._client.get_object(Bucket=self._bucket, Key=key)
            async with answer["Body"] as body:
                async for piece in body.iter_chunks(1024 * 1024):
                    digest.update(piece)
        return digest.hexdigest()

    async def delete_object(self, key: str) -> None:
        with _asking():
            await self._client.delete_object(Bucket=self._bucket, Key=key)

    async def delete_objects(self, keys: Sequence[str]) -> list[str]:
        if len(keys) > MAX_DELETED_AT_ONCE:
            raise ValueError(f"at most {MAX_DELETED_AT_ONCE} keys at once, not {len(keys)}")
        if not keys:
            return []
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with _asking():
            answer = await self._client.delete_objects(Bucket=self._bucket, Delete=wanted)
        return [failure["Key"] for failure in answer.get("Errors", ())]

    def generate_upload_presigned_url(
        self,
        key: str,
        *,
        content_type: str,
        size_bytes: int | None,
        checksum: str | None,
        expires_seconds: int,
        abilities: Abilities,
    ) -> SignedRequest:
        """The headers are part of the signature: another type, size or other bytes than declared are refused.

        `If-None-Match: *` lets the URL be used once: nothing that was uploaded is ever overwritten. A header that the
        store does not act on is left out, because some stores refuse what they do not know.
        """
        headers = {"Content-Type": content_type}
        if abilities.conditional_writes:
            headers["If-None-Match"] = "*"
        if size_bytes is not None and abilities.signed_sizes:
            headers["Content-Length"] = str(size_bytes)
        if checksum is not None and abilities.upload_checksums:
            headers["x-amz-checksum-sha256"] = checksum_header(checksum)
        return SignedRequest(self._sign("PUT", key, expires_seconds, headers=headers), headers)

    def generate_download_presigned_url(
        self, key: str, *, disposition: str, content_type: str, expires_seconds: int
    ) -> SignedRequest:
        query = {"response-content-disposition": disposition, "response-content-type": content_type}
        return SignedRequest(self._sign("GET", key, expires_seconds, query=query), {})

    async def create_multipart_upload(self, key: str, *, content_type: str) -> str:
        with _asking():
            answer = await self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        return str(answer["UploadId"])

    def generate_multipart_upload_presigned_urls(
        self, key: str, multipart_id: str, *, parts: Sequence[tuple[int, int]], expires_seconds: int
    ) -> list[SignedRequest]:
        sized = self._abilities is not None and self._abilities.signed_sizes
        requests = []
        for number, size_bytes in parts:
            headers = {"Content-Length": str(size_bytes)} if sized else {}
            query = {"partNumber": str(number), "uploadId": multipart_id}
            url = self._sign("PUT", key, expires_seconds, headers=headers, query=query)
            requests.append(SignedRequest(url, headers))
        return requests

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart] | None:
        listed: dict[tuple[int, str], Any] = {}
        marker: int | None = 0
        with _asking(may_lack="NoSuchUpload") as asked:
            while marker is not None:
                page = await self._client.list_parts(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=multipart_id,
                    MaxParts=self._page_size,
                    PartNumberMarker=marker,
                )
                parts = page.get("Parts", [])
                listed |= {(part["PartNumber"], part["ETag"]): part for part in parts}
                marker = _next_marker(parts, marker) if page.get("IsTruncated") else None
        return None if asked.lacking else _each_number_once(listed.values())

    async def complete_multipart_upload(self, key: str, multipart_id: str, parts: Sequence[StoredPart]) -> bool:
        named = [
            {"PartNumber": part.number, "ETag": etag}
            for part in sorted(parts, key=attrgetter("number"))
            for etag in (part.etag, *part.others)
        ]
        with _asking(may_lack="NoSuchUpload") as asked:
            await self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=multipart_id, MultipartUpload={"Parts": named}
            )
        return not asked.lacking

    async def abort_multipart_upload(self, key: str, multipart_id: str) -> None:
        with _asking(may_lack="NoSuchUpload"):
            await self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=multipart_id)

    async def list_multipart_uploads(self, key: str) -> list[str]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=key, PaginationConfig={"PageSize": self._page_size}
        )
        with _asking():
            return [
                upload["UploadId"] async for page in pages for upload in page.get("Uploads", ()) if upload["Key"] == key
            ]

    async def _head(self, key: str) -> Any:
        """The store's whole answer; None where nothing lies at the key."""
        with _asking(may_lack="404"):  # HEAD has no body, so no other code
            return await self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        return None

    def _sign(
        self,
        method: str,
        key: str,
        expires_seconds: int,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        # The machine's own time, whatever a test makes of the app's clock: the store goes by it too.
        moment = datetime.now(UTC)
        return self._signer.presign(
            method, key, moment=moment, expires_seconds=expires_seconds, headers=headers, query=query
        )

    async def _probe(self) -> Abilities:
        async with self._as_anyone() as http:

            async def put(key: str, data: bytes, headers: Mapping[str, str]) -> int | None:
                url = self._sign("PUT", key, _PROBE_URL_SECONDS, headers=headers)
                try:
                    answer = await http.put(url, content=data, headers={**headers, "Content-Length": str(len(data))})
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    return None
                except httpx.HTTPError as error:
                    raise StorageUnavailableError(_UNAVAILABLE) from error
                return answer.status_code

            async def checksum_at(key: str) -> str | None:
                head = await self._head(key)
                return None if head is None else _whole_checksum(head)

            self._abilities = await probe(put, checksum_at, self.delete_objects)
        return self._abilities

    def _as_anyone(self) -> httpx.AsyncClient:
        """A client that has URLs and no keys, as an uploader has; by the proxy and with the certificates of our own."""
        proxy = get_environ_proxies(self._endpoint).get(urlsplit(self._endpoint).scheme)
        session = aiobotocore.session.get_session()
        bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        verify = ssl.create_default_context(cafile=bundle) if bundle else True
        return httpx.AsyncClient(timeout=5, proxy=proxy, trust_env=False, verify=verify)


class _Asked:
    """How a call to the store went."""

    lacking = False


@contextmanager
def _asking(may_lack: str | None = None) -> Iterator[_Asked]:
    """What the store's client raises becomes `StorageUnavailableError`; but the code `may_lack` is an answer."""
    asked = _Asked()
    try:
        yield asked
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code is None or code != may_lack:
            raise StorageUnavailableError(_refusal(error)) from error
        asked.lacking = True
    except (BotoCoreError, aiohttp.ClientError) as error:  # the latter where an answer breaks off half-way
        raise StorageUnavailableError(_UNAVAILABLE) from error


def _next_marker(parts: Sequence[dict[str, Any]], marker: int) -> int | None:
    """Where the next page is to begin: at the last number again, which may be listed more than once."""
    if not parts:
        return None
    last: int = parts[-1]["PartNumber"]
    return last - 1 if last - 1 > marker else last


def _each_number_once(listed: Iterable[dict[str, Any]]) -> list[StoredPart]:
    parts = []
    in_order = sorted(listed, key=itemgetter("PartNumber"))
    for number, same in groupby(in_order, key=itemgetter("PartNumber")):
        newest, *others = sorted(same, key=itemgetter("LastModified"), reverse=True)
        parts.append(StoredPart(number, newest["Size"], newest["ETag"], tuple(part["ETag"] for part in others)))
    return parts


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _refusal(error: ClientError) -> str:
    """What to say of it: trying again is no help against a missing right."""
    status = _status(error)
    if status >= 500 or status == 429:
        return _UNAVAILABLE
    return f"The object store refuses this with {status} {error.response.get('Error', {}).get('Code', '')}."


def _add_md5(params: dict[str, Any], **_: Any) -> None:
    """DeleteObjects must carry a digest. botocore sends a CRC-32, which some stores do not know; all know this one."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


def _look_at(task: asyncio.Task[Any]) -> None:
    """Whoever waited is told of a failure; where nobody waits any more, it is not to be complained of."""
    if not task.cancelled():
        task.exception()


def _whole_checksum(head: dict[str, Any]) -> str | None:
    encoded = head.get("ChecksumSHA256")
    # A multipart upload's checksum is one of its parts' checksums (`…-3`), not of the bytes.
    if not encoded or "-" in encoded:
        return None
    return base64.b64decode(encoded).hex()
