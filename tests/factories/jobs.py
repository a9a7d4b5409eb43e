"""Jobs, the workers that take them, and the files they hand in."""

import hashlib
import ssl
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from harness.wire import Api

from factories.lore import Made, World, fresh_name

JOBS = "/assets/asset-jobs"

store = httpx.Client(timeout=30, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
"""Whoever uploads and downloads: it has no key of ours, only URLs."""


def request_for(world: World, **fields: Any) -> Made:
    """A job request that nobody has made before, unless its prompt is given."""
    return {
        "world_id": world.id,
        "asset_type": "IMAGE",
        "provider": world.provider,
        "prompt_spec": {"title": fresh_name("Plate")},
        "references": {},
        **fields,
    }


def new_job(world: World, **fields: Any) -> Made:
    return world.api.post(JOBS, request_for(world, **fields))


def read(world: World, job: Made) -> Made:
    return world.api.get(f"{JOBS}/{job['id']}")


def claim(world: World, **fields: Any) -> list[Made]:
    """What a worker is handed that asks for this world's provider."""
    asked = {"worker_id": "w1", "providers": [world.provider], **fields}
    return world.api.post(f"{JOBS}/claim", asked)["jobs"]


def claimed_job(world: World, *, lease_seconds: int = 60, **fields: Any) -> Made:
    """A new job, handed to a worker."""
    job = new_job(world, **fields)
    (claimed,) = claim(world, lease_seconds=lease_seconds)
    assert claimed["id"] == job["id"]
    return claimed


def running_job(world: World, **fields: Any) -> Made:
    """A new job set RUNNING in the specification's way, without a lease."""
    job = new_job(world, **fields)
    return world.api.patch(f"{JOBS}/{job['id']}", {"status": "RUNNING"})


@dataclass(frozen=True)
class File:
    """Bytes like no others, and what is said of them."""

    data: bytes = field(default_factory=lambda: uuid.uuid4().bytes * 64)
    filename: str = "plate.png"
    content_type: str = "image/png"
    format: str = "png"

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def declared(self, storage_key: str) -> Made:
        return {
            "storage_key": storage_key,
            "format": self.format,
            "content_type": self.content_type,
            "size_bytes": len(self.data),
            "checksum": self.checksum,
        }


def issued(world: World, file: File, *, asset_type: str = "IMAGE", **fields: Any) -> Made:
    """A place to upload to, with nothing declared but the name and the type."""
    return world.api.post(
        "/assets/assets/presign-upload",
        {
            "world_id": world.id,
            "asset_type": asset_type,
            "filename": file.filename,
            "content_type": file.content_type,
            **fields,
        },
    )


def put(upload: Made, data: bytes, **headers: str) -> httpx.Response:
    return store.request(upload["method"], upload["url"], content=data, headers=upload["headers"] | headers)


def uploaded(world: World, file: File, *, asset_type: str = "IMAGE") -> Made:
    """What a worker declares of a file that it has uploaded."""
    upload = issued(world, file, asset_type=asset_type, size_bytes=len(file.data), checksum=file.checksum)
    assert put(upload, file.data).is_success
    return file.declared(upload["storage_key"])


def complete(api: Api, job: Made, payload: Made) -> Made:
    return api.post(f"{JOBS}/{job['id']}/complete", payload)


def finished_job(world: World, file: File | None = None, **fields: Any) -> Made:
    """A job taken all the way: created, claimed, uploaded, completed."""
    job = claimed_job(world, **fields)
    payload = uploaded(world, file or File(), asset_type=job["asset_type"])
    return complete(world.api, job, payload | {"lease_token": job["lease_token"]})
