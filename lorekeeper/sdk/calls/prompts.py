"""Calls for prompt schemas."""

from uuid import UUID

from lorekeeper.contracts.prompt_schemas import (
    PaginatedPromptSchemaResponse,
    PromptSchemaCreate,
    PromptSchemaInForce,
    PromptSchemaResponse,
)
from lorekeeper.sdk.calls.core import Call, Params, get, model, post

PROMPT_SCHEMAS = "/prompt-schemas"


def create_prompt_schema(body: PromptSchemaCreate) -> Call[PromptSchemaResponse]:
    # What is in force already is not made again.
    return post(PROMPT_SCHEMAS, PromptSchemaResponse, body, repeatable=True)


def get_prompt_schema(schema_id: UUID) -> Call[PromptSchemaResponse]:
    return get(f"{PROMPT_SCHEMAS}/{schema_id}", PromptSchemaResponse)


def get_prompt_schema_in_force(params: Params) -> Call[PromptSchemaInForce]:
    return get(f"{PROMPT_SCHEMAS}/in-force", PromptSchemaInForce, params)


def list_prompt_schemas(params: Params) -> Call[PaginatedPromptSchemaResponse]:
    return get(PROMPT_SCHEMAS, PaginatedPromptSchemaResponse, params)


def withdraw_prompt_schema(schema_id: UUID) -> Call[PromptSchemaResponse]:
    return Call("DELETE", f"{PROMPT_SCHEMAS}/{schema_id}", model(PromptSchemaResponse), repeatable=True)
