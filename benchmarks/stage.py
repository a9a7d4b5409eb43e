"""What every row is measured on: the embedded engines, migrated, the real server, and a world with lore."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import load, processes
from benchmarks.frame import Effort
from lorekeeper.access.service import create_key
from lorekeeper.contracts.enums import Role
from lorekeeper.db import migrate
from lorekeeper.kit.clock import SystemClock
from lorekeeper.kit.database import Database
from lorekeeper.local import LocalStack, S3Address
from lorekeeper.samples import sample_world
from lorekeeper.sdk import Client


@dataclass(frozen=True)
class Stage:
    """One run's: where everything is, and the lore that its jobs are about."""

    effort: Effort
    folder: Path
    database_url: str
    store: S3Address
    port: int
    """Of the real `lorekeeper serve`."""
    key: str
    world_id: UUID
    entity_ids: tuple[UUID, ...]
    claim_ids: tuple[UUID, ...]

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self.database_url, self.store)

    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", self.key)

    def job(self, description: str) -> dict[str, Any]:
        """A job as it is asked for: a picture derived from three claims and two entities."""
        return {
            "world_id": str(self.world_id),
            "asset_type": "IMAGE",
            "provider": "benchmark",
            "prompt_spec": {"title": "The harbour", "description": description, "aspect_ratio": "3:2"},
            "references": {
                "claim_ids": [str(piece) for piece in self.claim_ids],
                "entity_ids": [str(piece) for piece in self.entity_ids],
            },
        }

    def creation(self) -> load.Load:
        """Jobs that differ in one number each, so that none is the same as one before."""
        mark = "0" * load.SERIAL_DIGITS
        body = json.dumps(self.job(f"A harbour without a sea, number {mark}"))
        before, after = body.split(mark)
        text = load.request("POST", "/assets/asset-jobs", key=self.key, body=before, body_bytes=len(body))
        return load.Load(self.port, text, after, expect=201)

    def reading(self, port: int, job_ids: list[str]) -> load.Load:
        """Reads of these jobs, in turn."""
        before, after = load.request("GET", "/assets/asset-jobs/@", key=self.key).split("@")
        return load.Load(port, before, after, expect=200, values=tuple(job_ids))


@contextmanager
def stage(effort: Effort) -> Iterator[Stage]:
    """Everything runs as long as the block does, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="lorekeeper-bench-") as name:
        folder = Path(name)
        with LocalStack(folder / "data") as engines:
            assert engines.database_url
            assert engines.s3
            migrate.upgrade(engines.database_url)
            key = asyncio.run(_make_key(engines.database_url))
            port = processes.free_port()
            environment = _environment(engines.database_url, engines.s3)
            command = ["lorekeeper", "serve", "--port", str(port)]
            with processes.server("serve", command, port, folder=folder, environment=environment):
                lore = _bring_in_lore(port, key)
                yield Stage(effort, folder, engines.database_url, engines.s3, port, key, *lore)


def _environment(database_url: str, store: S3Address) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "S3_BUCKET_NAME": store.bucket,
        "S3_REGION": store.region,
        "S3_ACCESS_KEY_ID": store.access_key_id,
        "S3_SECRET_ACCESS_KEY": store.secret_access_key,
        "S3_ENDPOINT_URL": store.endpoint_url,
    }


async def _make_key(database_url: str) -> str:
    database = Database(database_url, max_size=1)
    await database.open()
    try:
        _, text = await create_key(
            database,
            name="benchmark",
            role=Role.ADMIN,
            world_ids=None,
            providers=None,
            actor="benchmark",
            now=SystemClock().now(),
        )
    finally:
        await database.close()
    return text


def _bring_in_lore(port: int, key: str) -> tuple[UUID, tuple[UUID, ...], tuple[UUID, ...]]:
    """The sample world (real sentences of real lengths), two of its entities and three of its claims."""
    with Client(f"http://127.0.0.1:{port}", key) as client:
        world = client.worlds.import_bundle(sample_world()).world
        entities = client.entities.list(world_id=world.id, limit=2).items
        claims = client.claims.list(world_id=world.id, limit=3).items
    return world.id, tuple(piece.id for piece in entities), tuple(piece.id for piece in claims)
