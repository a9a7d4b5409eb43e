"""Health and metrics. They need no key and tell nothing of anybody's lore."""

import asyncio
from collections.abc import Awaitable
from typing import Literal, TypeVar

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import Field

from lorekeeper.access.context import Runtime
from lorekeeper.contracts.base import Model
from lorekeeper.contracts.errors import LoreKeeperError
from lorekeeper.db.migrate import head
from lorekeeper.kit.http import answer, operation_id
from lorekeeper.kit.telemetry import Metrics
from lorekeeper.operations import service
from lorekeeper.storage.abilities import Abilities
from lorekeeper.storage.port import ObjectStore

router = APIRouter(tags=["operation"], generate_unique_id_function=operation_id)

CHECK_SECONDS = 3.0

T = TypeVar("T")


class Liveness(Model):
    status: Literal["ok"] = "ok"


class Readiness(Model):
    """Each check says `ok`, or in a sentence what is wrong."""

    status: Literal["ok", "unavailable"]
    database: str
    migrations: str
    store: str
    abilities: Abilities | None = Field(description="What the store refuses by itself; null until that is known.")


@router.get("/health/live", response_model=Liveness)
async def live() -> Response:
    """The process answers."""
    return answer(Liveness())


@router.get(
    "/health/ready",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something that LoreKeeper needs is not there."}},
)
async def ready(request: Request) -> Response:
    """Database, migrations and store are as they must be for work to be taken."""
    runtime: Runtime = request.app.state.runtime
    (database, revision), store = await asyncio.gather(
        _try(service.schema_revision(runtime.database)), _try(_takes_uploads(runtime.store))
    )
    migrations = "unknown" if database != "ok" else "ok"
    if database == "ok" and revision != head():
        migrations = (
            f"The database has schema {revision or 'none'}, this version needs {head()}: run lorekeeper migrate."
        )
    fine = database == migrations == store[0] == "ok"
    health = Readiness(
        status="ok" if fine else "unavailable",
        database=database,
        migrations=migrations,
        store=store[0],
        abilities=runtime.store.known_abilities,
    )
    return answer(health, 200 if fine else 503)


async def _takes_uploads(store: ObjectStore) -> None:
    """That the bucket is there, and that what the store can do is known: before, no upload can be handed out."""
    await store.check()
    await store.abilities()


async def _try(check: Awaitable[T]) -> tuple[str, T | None]:
    try:
        return "ok", await asyncio.wait_for(check, CHECK_SECONDS)
    except LoreKeeperError as error:
        return error.detail, None
    except TimeoutError:
        return f"No answer within {CHECK_SECONDS:.0f} seconds.", None


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
)
async def metrics(request: Request) -> Response:
    """Prometheus text: requests, jobs by state, lease ages, pool."""
    runtime: Runtime = request.app.state.runtime
    registry: Metrics = request.app.state.metrics
    return Response(await service.exposition(runtime, registry), media_type=CONTENT_TYPE_LATEST)
