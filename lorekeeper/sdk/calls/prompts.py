"""Calls for prompt schemas."""

from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.prompt_schemas import (
    PaginatedPromptSchemaResponse,
    PromptSchemaCreate,
    PromptSchemaInForce,
    PromptSchemaResponse,
)
from lorekeeper.sdk.calls.core import Call, get, model, post, query
from lorekeeper.sdk.filters import PromptSchemaFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, Pages

PROMPT_SCHEMAS = "/prompt-schemas"


def create_prompt_schema(body: PromptSchemaCreate) -> Call[PromptSchemaResponse]:
    """Puts a schema in force; the very same one is not put in force twice. Raises `PromptSchemaInvalidError`."""
    return post(PROMPT_SCHEMAS, PromptSchemaResponse, body, repeatable=True)


def get_prompt_schema(schema_id: UUID) -> Call[PromptSchemaResponse]:
    """One version, in force or not. Raises `NotFoundError`."""
    return get(f"{PROMPT_SCHEMAS}/{schema_id}", PromptSchemaResponse)


def get_prompt_schema_in_force(asset_type: AssetTypeEnum, provider: str | None = None) -> Call[PromptSchemaInForce]:
    """The schema that a job's prompt would be judged by now, the operator's or the built-in one."""
    given = {"asset_type": asset_type.value} | ({} if provider is None else {"provider": provider})
    return get(f"{PROMPT_SCHEMAS}/in-force", PromptSchemaInForce, given)


def list_prompt_schemas(
    *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None, **filters: Unpack[PromptSchemaFilters]
) -> Call[PaginatedPromptSchemaResponse]:
    """One page of the operator's schemas, newest first; every version, unless `in_force` is given."""
    page = query(filters, skip=skip, limit=limit, cursor=cursor)
    return get(PROMPT_SCHEMAS, PaginatedPromptSchemaResponse, page)


def every_prompt_schema(**filters: Unpack[PromptSchemaFilters]) -> Pages[PromptSchemaResponse]:
    """All of them, newest first, fetched page by page."""
    return Pages(lambda cursor: list_prompt_schemas(limit=WALKING_PAGE, cursor=cursor, **filters))


def withdraw_prompt_schema(schema_id: UUID) -> Call[PromptSchemaResponse]:
    """Takes a schema out of force. The one for any provider judges in its place, else the built-in one."""
    return Call("DELETE", f"{PROMPT_SCHEMAS}/{schema_id}", model(PromptSchemaResponse), repeatable=True)
