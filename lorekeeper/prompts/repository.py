"""Prompt schemas, as rows."""

from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from lorekeeper.contracts.prompt_schemas import (
    PaginatedPromptSchemaResponse,
    PromptSchemaCreate,
    PromptSchemaListFilter,
)
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)


async def create_prompt_schema(
    database: Database, schema_id: UUID, body: PromptSchemaCreate, *, origin: dict[str, Any]
) -> Row | None:
    """The new version, or the one in force where it is the same; `created` tells. None: another came at this moment."""
    try:
        return await database.one(
            QUERIES.create_prompt_schema,
            id=schema_id,
            asset_type=body.asset_type.value,
            provider=body.provider,
            schema=Jsonb(body.json_schema),
            description=body.description,
            **origin,
        )
    except UniqueViolation:
        return None


async def withdraw_prompt_schema(database: Database, schema_id: UUID, *, origin: dict[str, Any]) -> Row | None:
    """Take a schema out of force; None where it was not in force."""
    return await database.one(QUERIES.withdraw_prompt_schema, id=schema_id, **origin)


async def get_prompt_schema(database: Database, schema_id: UUID) -> Row | None:
    return await database.one(QUERIES.get_prompt_schema, id=schema_id)


async def get_prompt_schema_in_force(database: Database, asset_type: str, provider: str | None) -> Row | None:
    return await database.one(QUERIES.get_prompt_schema_in_force, asset_type=asset_type, provider=provider)


async def list_prompt_schemas(
    database: Database, filters: PromptSchemaListFilter, paging: Paging
) -> PaginatedPromptSchemaResponse:
    return await fetch_page(
        PaginatedPromptSchemaResponse,
        database,
        QUERIES.list_prompt_schemas,
        paging,
        visible_worlds=None,
        **filters.model_dump(),
    )
