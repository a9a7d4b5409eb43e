"""Prompt schemas: which one judges, and how the operator changes it (design section 5, Prompt specs)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import AssetTypeEnum, PromptSchemaOrigin
from lorekeeper.contracts.errors import AssetValidationError, ConflictError, ForbiddenError, NotFoundError
from lorekeeper.contracts.prompt_schemas import (
    PaginatedPromptSchemaResponse,
    PromptSchemaCreate,
    PromptSchemaInForce,
    PromptSchemaListFilter,
    PromptSchemaResponse,
)
from lorekeeper.contracts.prompts import PROMPT_SPECS
from lorekeeper.kit.fielderrors import summary
from lorekeeper.kit.ids import new_id
from lorekeeper.kit.pagination import Paging
from lorekeeper.prompts import repository
from lorekeeper.prompts.acceptance import validate_prompt_schema
from lorekeeper.prompts.judging import Judge, built_in_complaints

TRIES = 20
"""Each failed try means that somebody else's version was made meanwhile."""

REMEMBER_JUDGES = 256
_judges: dict[UUID, Judge] = {}
"""Compiled schemas by id. A schema never changes, so nothing here is ever out of date."""


@dataclass(frozen=True)
class Created:
    """`replayed`: the very same schema was in force already."""

    schema: PromptSchemaResponse
    replayed: bool


async def create_schema(ctx: Context, body: PromptSchemaCreate) -> Created:
    """Put a schema in force, in place of the former version for its asset type and provider.

    Raises `PromptSchemaInvalidError`; `ForbiddenError` for a key that is granted single worlds, because a schema
    judges the prompts of all.
    """
    _require_operator(ctx)
    validate_prompt_schema(body.json_schema)
    for _ in range(TRIES):
        row = await repository.create_prompt_schema(ctx.database, new_id(), body, origin=ctx.origin)
        if row is not None:
            return Created(PromptSchemaResponse.model_validate(row), replayed=not row["created"])
    raise ConflictError("Too many versions of this schema are being made at once; try again in a moment.")


async def withdraw_schema(ctx: Context, schema_id: UUID) -> PromptSchemaResponse:
    """Take a schema out of force; one that is out of force already stays as it is."""
    _require_operator(ctx)
    row = await repository.withdraw_prompt_schema(ctx.database, schema_id, origin=ctx.origin)
    return PromptSchemaResponse.model_validate(row) if row else await get_schema(ctx, schema_id)


async def get_schema(ctx: Context, schema_id: UUID) -> PromptSchemaResponse:
    """Raises `NotFoundError`."""
    row = await repository.get_prompt_schema(ctx.database, schema_id)
    if row is None:
        raise NotFoundError(f"There is no prompt schema {schema_id}.")
    return PromptSchemaResponse.model_validate(row)


async def list_schemas(ctx: Context, filters: PromptSchemaListFilter, paging: Paging) -> PaginatedPromptSchemaResponse:
    return await repository.list_prompt_schemas(ctx.database, filters, paging)


async def schema_in_force(ctx: Context, asset_type: AssetTypeEnum, provider: str | None) -> PromptSchemaInForce:
    """The schema that would judge a prompt now: of this provider, of any, or the built-in one."""
    row = await repository.get_prompt_schema_in_force(ctx.database, asset_type.value, provider)
    return PromptSchemaInForce.model_validate(
        {
            "asset_type": asset_type,
            "provider": provider,
            "origin": PromptSchemaOrigin.OPERATOR if row else PromptSchemaOrigin.BUILT_IN,
            "prompt_schema_id": row["id"] if row else None,
            "schema": row["schema"] if row else PROMPT_SPECS[asset_type].model_json_schema(),
        }
    )


async def validate_prompt_spec(
    ctx: Context, asset_type: AssetTypeEnum, prompt_spec: dict[str, Any], prompt_schema_id: UUID | None
) -> None:
    """Judge a prompt by the operator's schema of this id; None: by the built-in one. Raises `AssetValidationError`."""
    if prompt_schema_id is None:
        errors = built_in_complaints(asset_type, prompt_spec)
    else:
        judge = _judges.get(prompt_schema_id) or await _judge(ctx, prompt_schema_id)
        errors = judge.complaints(prompt_spec)
    if errors:
        raise AssetValidationError(summary(errors), errors=errors)


async def _judge(ctx: Context, prompt_schema_id: UUID) -> Judge:
    schema = await get_schema(ctx, prompt_schema_id)
    if len(_judges) >= REMEMBER_JUDGES:
        _judges.clear()
    judge = _judges[prompt_schema_id] = Judge.of(schema.json_schema)
    return judge


def _require_operator(ctx: Context) -> None:
    if ctx.principal.world_ids is not None:
        raise ForbiddenError(
            "A prompt schema judges the prompts of all worlds; this needs a key that sees all of them."
        )
