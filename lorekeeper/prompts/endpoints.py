"""Prompt schemas over HTTP: read by anyone, written by the operator."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from lorekeeper.access.context import Admin, Reader
from lorekeeper.access.route import KeyedRoute
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.errors import ConflictError, PromptSchemaInvalidError
from lorekeeper.contracts.jobs import Provider
from lorekeeper.contracts.prompt_schemas import (
    PaginatedPromptSchemaResponse,
    PromptSchemaCreate,
    PromptSchemaInForce,
    PromptSchemaListFilter,
    PromptSchemaResponse,
)
from lorekeeper.kit.http import Flag, answer, header, operation_id, responses
from lorekeeper.kit.pagination import Paging, paging
from lorekeeper.prompts import service

router = APIRouter(
    prefix="/prompt-schemas", tags=["prompt schemas"], route_class=KeyedRoute, generate_unique_id_function=operation_id
)


def _filters(
    asset_type: AssetTypeEnum | None = None, provider: Provider | None = None, in_force: Flag | None = None
) -> PromptSchemaListFilter:
    return PromptSchemaListFilter(asset_type=asset_type, provider=provider, in_force=in_force)


@router.post(
    "",
    status_code=201,
    response_model=PromptSchemaResponse,
    responses=responses(PromptSchemaInvalidError, ConflictError)
    | {
        200: {
            "model": PromptSchemaResponse,
            "description": "The very same schema is in force already.",
            "headers": {"Idempotent-Replayed": header("Always `true`.", enum=["true"])},
        },
        201: {"headers": {"Location": header("The path of the new version.")}},
    },
)
async def create_prompt_schema(body: PromptSchemaCreate, ctx: Admin) -> Response:
    """Put a schema in force for an asset type and a provider, in place of the one that was."""
    created = await service.create_schema(ctx, body)
    if created.replayed:
        return answer(created.schema, headers={"Idempotent-Replayed": "true"})
    return answer(created.schema, 201, {"Location": f"/prompt-schemas/{created.schema.id}"})


@router.get("", response_model=PaginatedPromptSchemaResponse, responses=responses())
async def list_prompt_schemas(
    ctx: Reader,
    page: Annotated[Paging, Depends(paging)],
    filters: Annotated[PromptSchemaListFilter, Depends(_filters)],
) -> Response:
    """The operator's schemas, every version, newest first."""
    return answer(await service.list_schemas(ctx, filters, page))


@router.get("/in-force", response_model=PromptSchemaInForce, responses=responses())
async def get_prompt_schema_in_force(
    ctx: Reader, asset_type: AssetTypeEnum, provider: Provider | None = None
) -> Response:
    """The schema that a job's prompt would be judged by now, the operator's or the built-in one."""
    return answer(await service.schema_in_force(ctx, asset_type, provider))


@router.get("/{id:uuid}", response_model=PromptSchemaResponse, responses=responses())
async def get_prompt_schema(id: UUID, ctx: Reader) -> Response:
    """One version, in force or not."""
    return answer(await service.get_schema(ctx, id))


@router.delete("/{id:uuid}", response_model=PromptSchemaResponse, responses=responses())
async def withdraw_prompt_schema(id: UUID, ctx: Admin) -> Response:
    """Take a schema out of force: the next in line judges from then on. Doing so again changes nothing."""
    return answer(await service.withdraw_schema(ctx, id))
