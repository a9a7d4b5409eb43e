"""The object store: a port, and S3 behind it (specification section 5)."""

import base64
import hashlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import aiobotocore.session
from aiobotocore.config import AioConfig
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from lorekeeper.contracts.errors import StorageUnavailableError


@dataclass(frozen=True)
class StoreAddress:
    """Where the bucket is and who we are there. No endpoint: AWS itself."""

    bucket: str
    region: str
    access_key_id: str
    secret_access_key: str
    endpoint_url: str | None = None


@dataclass(frozen=True)
class StoredObject:
    """What the store knows of an object. `checksum` is None where it keeps no SHA-256 of the whole."""

    size_bytes: int
    content_type: str
    checksum: str | None


@dataclass(frozen=True)
class SignedRequest:
    """A URL that is good for a while, and the headers that must go with it."""

    url: str
    headers: dict[str, str]


class ObjectStore(Protocol):
    """What LoreKeeper needs of a store. Every call may raise `StorageUnavailableError`."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None:
        """That the bucket is there and answers to us."""
        ...

    async def head_object(self, key: str) -> StoredObject | None:
        """What lies at a key, without fetching it; None where nothing does."""
        ...

    async def checksum_of(self, key: str) -> str:
        """SHA-256 (hexadecimal), worked out by reading the whole object."""
        ...

    def generate_upload_presigned_url(
        self, key: str, *, content_type: str, checksum: str | None, expires_seconds: int
    ) -> SignedRequest: ...

    def generate_download_presigned_url(
        self, key: str, *, filename: str, content_type: str, expires_seconds: int
    ) -> SignedRequest: ...


_UNAVAILABLE = "The object store does not answer; try again in a moment."


class S3Store:
    """Any S3-compatible service, through aiobotocore; URLs are signed by botocore's signer without a client."""

    def __init__(self, address: StoreAddress) -> None:
        self._address = address
        self._credentials = Credentials(address.access_key_id, address.secret_access_key)
        self._exit = AsyncExitStack()
        self._client: Any = None
        endpoint = (address.endpoint_url or f"https://s3.{address.region}.amazonaws.com").rstrip("/")
        self._base_url = f"{endpoint}/{address.bucket}"

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

    async def close(self) -> None:
        await self._exit.aclose()

    async def check(self) -> None:
        try:
            await self._client.head_bucket(Bucket=self._address.bucket)
        except ClientError as error:
            code = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise StorageUnavailableError(f"The bucket {self._address.bucket} answers {code}.") from error
        except BotoCoreError as error:
            raise StorageUnavailableError(_UNAVAILABLE) from error

    async def head_object(self, key: str) -> StoredObject | None:
        try:
            head = await self._client.head_object(Bucket=self._address.bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise StorageUnavailableError(_UNAVAILABLE) from error
        except BotoCoreError as error:
            raise StorageUnavailableError(_UNAVAILABLE) from error
        return StoredObject(head["ContentLength"], head.get("ContentType", ""), _whole_checksum(head))

    async def checksum_of(self, key: str) -> str:
        digest = hashlib.sha256()
        try:
            answer = await self._client.get_object(Bucket=self._address.bucket, Key=key)
            async with answer["Body"] as body:
                async for piece in body.iter_chunks(1024 * 1024):
                    digest.update(piece)
        except (ClientError, BotoCoreError) as error:
            raise StorageUnavailableError(_UNAVAILABLE) from error
        return digest.hexdigest()

    def generate_upload_presigned_url(
        self, key: str, *, content_type: str, checksum: str | None, expires_seconds: int
    ) -> SignedRequest:
        """The headers are part of the signature: another type, or other bytes than declared, are refused.

        `If-None-Match: *` lets the URL be used once: nothing that was uploaded is ever overwritten.
        """
        headers = {"Content-Type": content_type, "If-None-Match": "*"}
        if checksum is not None:
            headers["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(checksum)).decode()
        return SignedRequest(self._sign("PUT", key, headers, {}, expires_seconds), headers)

    def generate_download_presigned_url(
        self, key: str, *, filename: str, content_type: str, expires_seconds: int
    ) -> SignedRequest:
        query = {
            "response-content-disposition": f'attachment; filename="{filename}"',
            "response-content-type": content_type,
        }
        return SignedRequest(self._sign("GET", key, {}, query, expires_seconds), {})

    def _sign(self, method: str, key: str, headers: dict[str, str], query: dict[str, str], expires: int) -> str:
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        url = f"{self._base_url}/{quote(key, safe='/~')}" + (f"?{text}" if text else "")
        request = AWSRequest(method=method, url=url, headers=headers)
        S3SigV4QueryAuth(self._credentials, "s3", self._address.region, expires).add_auth(request)
        return str(request.url)


def _whole_checksum(head: dict[str, Any]) -> str | None:
    encoded = head.get("ChecksumSHA256")
    # A multipart upload's checksum is one of its parts' checksums (`…-3`), not of the bytes.
    if not encoded or "-" in encoded:
        return None
    return base64.b64decode(encoded).hex()
