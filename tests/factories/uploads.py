"""Large files, and how they are sent in parts; and the store as whoever owns it sees it."""

import hashlib
import http.client
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import httpx
from botocore.client import Config
from harness.engines import Engines

from factories.jobs import store
from factories.lore import Made, World

MULTIPART = "/assets/assets/multipart-upload"
MIB = 1024**2


@dataclass(frozen=True)
class LargeFile:
    """Bytes like no others, made as they are asked for: never more than one part of them is in memory."""

    size: int
    part_size: int
    seed: bytes = field(default_factory=lambda: uuid.uuid4().bytes)

    def part(self, number: int) -> bytes:
        length = min(self.part_size, self.size - (number - 1) * self.part_size)
        block = hashlib.sha512(self.seed + number.to_bytes(4, "big")).digest() * 512
        return (block * (length // len(block) + 1))[:length]

    @property
    def part_count(self) -> int:
        return -(-self.size // self.part_size)

    @property
    def checksum(self) -> str:
        digest = hashlib.sha256()
        for number in range(1, self.part_count + 1):
            digest.update(self.part(number))
        return digest.hexdigest()

    def declared(self, storage_key: str) -> Made:
        return {
            "storage_key": storage_key,
            "format": "tiff",
            "content_type": "image/tiff",
            "size_bytes": self.size,
            "checksum": self.checksum,
        }


def small_file() -> LargeFile:
    """Of three parts, the last one short: as little as S3 lets one send in parts."""
    return LargeFile(size=10 * MIB + 17, part_size=5 * MIB)


def multipart_request(world: World, file: LargeFile, **fields: Any) -> Made:
    return {
        "world_id": world.id,
        "asset_type": "MAP",
        "filename": "chart.tiff",
        "content_type": "image/tiff",
        "size_bytes": file.size,
        "part_size_bytes": file.part_size,
        **fields,
    }


def begun(world: World, file: LargeFile, **fields: Any) -> Made:
    return world.api.post(MULTIPART, multipart_request(world, file, **fields))


def put_part(part: Made, data: bytes) -> httpx.Response:
    return store.request(part["method"], part["url"], content=data, headers=part["headers"])


def sent(world: World, file: LargeFile, *, without: int | None = None, **fields: Any) -> Made:
    """An upload all of whose parts are there, but perhaps one."""
    upload = begun(world, file, **fields)
    for part in upload["parts"]:
        assert part["part_number"] == without or put_part(part, file.part(part["part_number"])).is_success
    return upload


def completed(world: World, file: LargeFile, **fields: Any) -> Made:
    upload = sent(world, file, **fields)
    world.api.post(f"{MULTIPART}/complete", {"upload_id": upload["upload_id"]})
    return upload


def break_off(part: Made, data: bytes) -> None:
    """Send half of a part, and hang up."""
    to = urlsplit(part["url"])
    connection = http.client.HTTPConnection(to.netloc, timeout=30)
    connection.putrequest(part["method"], f"{to.path}?{to.query}", skip_accept_encoding=True)
    for name, value in ({"Content-Length": str(len(data))} | part["headers"]).items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(data[: len(data) // 2])
    connection.close()


@contextmanager
def owner_of(engines: Engines) -> Iterator[Any]:
    """A client of the store with its own keys, bound to the bucket: what no user of ours has."""
    address = engines.store
    client = botocore.session.get_session().create_client(
        "s3",
        region_name=address.region,
        endpoint_url=address.endpoint_url,
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    try:
        yield Bucket(client, address.bucket)
    finally:
        client.close()


@dataclass(frozen=True)
class Bucket:
    client: Any
    name: str

    def holds(self, key: str) -> bool:
        listed = self.client.list_objects_v2(Bucket=self.name, Prefix=key)
        return any(item["Key"] == key for item in listed.get("Contents", ()))

    def under(self, prefix: str) -> set[str]:
        """The keys of all files that begin so, and of all unfinished uploads."""
        files = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", ())
        uploads = self.client.list_multipart_uploads(Bucket=self.name, Prefix=prefix).get("Uploads", ())
        return {item["Key"] for item in (*files, *uploads) if item["Key"].startswith(prefix)}

    def unfinished(self, key: str) -> list[str]:
        listed = self.client.list_multipart_uploads(Bucket=self.name, Prefix=key)
        return [item["UploadId"] for item in listed.get("Uploads", ()) if item["Key"] == key]

    def put_part(self, key: str, multipart_id: str, number: int, data: bytes) -> None:
        self.client.upload_part(Bucket=self.name, Key=key, UploadId=multipart_id, PartNumber=number, Body=data)

    def assemble(self, key: str, multipart_id: str) -> None:
        parts = self.client.list_parts(Bucket=self.name, Key=key, UploadId=multipart_id)["Parts"]
        named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
        self.client.complete_multipart_upload(
            Bucket=self.name, Key=key, UploadId=multipart_id, MultipartUpload={"Parts": named}
        )

    def forget(self, key: str, multipart_id: str) -> None:
        self.client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=multipart_id)

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)
