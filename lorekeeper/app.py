"""The composition root: one app, made of settings and the addresses of its database and its store."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

import lorekeeper.access.endpoints
import lorekeeper.assets.endpoints
import lorekeeper.canon.endpoints
import lorekeeper.jobs.endpoints
import lorekeeper.lore.bundles.endpoints
import lorekeeper.lore.endpoints
import lorekeeper.operations.endpoints
import lorekeeper.prompts.endpoints
import lorekeeper.search.endpoints
from lorekeeper.access.authenticator import Authenticator
from lorekeeper.access.context import Runtime
from lorekeeper.assets.cleanup import keep_clean
from lorekeeper.contracts.assets import AssetMetadata
from lorekeeper.contracts.errors import Problem
from lorekeeper.contracts.prompts import PROMPT_SPECS
from lorekeeper.kit.clock import Clock, SystemClock
from lorekeeper.kit.database import Database
from lorekeeper.kit.http import REQUEST_ID_HEADER, install_error_handlers, operation_id
from lorekeeper.kit.middleware import RequestMiddleware
from lorekeeper.kit.telemetry import Metrics
from lorekeeper.kit.wakeups import Wakeups
from lorekeeper.settings import Settings
from lorekeeper.storage.abilities import learn_abilities
from lorekeeper.storage.store import S3Store, StoreAddress

DESCRIPTION = (
    "The system of record for generated media of fictional worlds, with exact provenance back to the lore. "
    "Send your API key as `Authorization: Bearer lk_…`."
)
_COMPONENT = "#/components/schemas/{model}"
_TAKES_TEXTS = re.compile(
    r"/worlds/(?:[^/]+/)?import|/sources|/(?:worlds|entities|sources|claims)/batch|/sources/[^/]+/(?:chunks|editions)"
)
"""The paths that whole books and worlds come in by."""


@dataclass(frozen=True)
class Backing:
    """Where the app's database and store are: named in the settings, or the embedded engines."""

    database_url: str
    store: StoreAddress


def create_app(settings: Settings, backing: Backing, clock: Clock | None = None) -> FastAPI:
    """The app. `clock` is for tests that move time."""
    metrics = Metrics()
    app = FastAPI(
        title="LoreKeeper",
        version=version("lorekeeper"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=operation_id,
    )
    app.state.settings = settings
    app.state.runtime = _runtime(settings, backing, clock or SystemClock())
    app.state.metrics = metrics
    # The busiest first: a request is held against the routes one after the other. They are put in as they are,
    # because FastAPI looks through an included router twice.
    for domain in (
        lorekeeper.jobs,
        lorekeeper.assets,
        lorekeeper.lore,
        lorekeeper.lore.bundles,
        lorekeeper.canon,
        lorekeeper.search,
        lorekeeper.prompts,
        lorekeeper.access,
        lorekeeper.operations,
    ):
        app.router.routes.extend(domain.endpoints.router.routes)
    install_error_handlers(app)
    app.add_middleware(
        RequestMiddleware,
        metrics=metrics,
        body_limit=lambda path: settings.max_import_bytes if _TAKES_TEXTS.fullmatch(path) else settings.max_body_bytes,
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def _runtime(settings: Settings, backing: Backing, clock: Clock) -> Runtime:
    database = Database(backing.database_url, max_size=settings.database_pool_size)
    return Runtime(
        database=database,
        store=S3Store(backing.store),
        clock=clock,
        authenticator=Authenticator(database, clock),
        new_jobs=Wakeups(),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    runtime: Runtime = app.state.runtime
    await runtime.database.open()
    await runtime.store.open()
    learning = asyncio.create_task(learn_abilities(runtime.store.abilities))
    cleaning = asyncio.create_task(_keep_clean(runtime, app.state.settings))
    yield
    learning.cancel()
    cleaning.cancel()
    await asyncio.wait([cleaning])
    await runtime.store.close()
    await runtime.database.close()


async def _keep_clean(runtime: Runtime, settings: Settings) -> None:
    if settings.cleanup_interval_seconds:
        await keep_clean(
            runtime,
            every_seconds=settings.cleanup_interval_seconds,
            abandoned_after=timedelta(hours=settings.abandoned_upload_hours),
        )


_LOOKS_LIKE: dict[tuple[str, str], list[type[BaseModel]]] = {
    ("AssetJobComplete", "metadata"): [AssetMetadata],
    ("AssetImport", "metadata"): [AssetMetadata],
    ("AssetResponse", "metadata"): [AssetMetadata],
    ("AssetFullResponse", "metadata"): [AssetMetadata],
}
"""What free JSON is checked by beyond its type, which the document has to be told of."""


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(ref_template=_COMPONENT)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with our problem schema, the header that every answer has, and the key for all but three."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        components = document["components"]
        schemas = components["schemas"]
        schemas["Problem"] = _schema(Problem)
        # For clients to make types of. Nothing points at them: an operator's schema may be in force in their place.
        schemas |= {model.__name__: _schema(model) for model in PROMPT_SPECS.values()}
        for (name, field), models in _LOOKS_LIKE.items():
            schemas |= {model.__name__: _schema(model) for model in models}
            described = schemas[name]["properties"][field]
            described["anyOf"] = [{"$ref": _COMPONENT.format(model=model.__name__)} for model in models]
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "lk_…"}}
        for path, operations in document["paths"].items():
            if not path.startswith(("/health", "/metrics")):
                for operation in operations.values():
                    operation["security"] = [{"key": []}]
            for response in (one for operation in operations.values() for one in operation["responses"].values()):
                response["headers"] = REQUEST_ID_HEADER | response.get("headers", {})
        app.openapi_schema = document
    return app.openapi_schema
