"""Prompt schemas on the wire (design section 5, Prompt specs)."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from lorekeeper.contracts.base import Model, Page, Request, StoredJson, Text, Timestamp
from lorekeeper.contracts.enums import AssetTypeEnum, PromptSchemaOrigin
from lorekeeper.contracts.jobs import Provider

MAX_SCHEMA_BYTES = 65_536

_BY_ALIAS = ConfigDict(serialize_by_alias=True)
"""The wire's word `schema` is taken: pydantic's own models have a method of that name."""


class PromptSchemaCreate(Request):
    """A new version of what the prompts of an asset type are judged by."""

    model_config = _BY_ALIAS

    asset_type: AssetTypeEnum
    provider: Provider | None = Field(None, description="Null: all providers that have no schema of their own.")
    json_schema: dict[str, Any] = Field(
        alias="schema", description="JSON Schema, draft 2020-12, of 64 KiB at the most."
    )
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None


class PromptSchemaResponse(Model):
    """One version. It never changes, because jobs name it; it is in force until `retired_at`."""

    model_config = _BY_ALIAS

    id: UUID
    asset_type: AssetTypeEnum
    provider: str | None = Field(description="Null: all providers that have no schema of their own.")
    version: int = Field(description="1, 2, … for this asset type and provider.")
    json_schema: StoredJson = Field(alias="schema")
    description: str | None
    created_by: str
    created_at: Timestamp
    retired_at: Timestamp | None = Field(description="When another took its place or it was withdrawn; null: in force.")


class PaginatedPromptSchemaResponse(Page):
    items: list[PromptSchemaResponse]


class PromptSchemaListFilter(Request):
    """The filters of `GET /prompt-schemas`; any combination."""

    asset_type: AssetTypeEnum | None = None
    provider: Provider | None = None
    in_force: bool | None = None


class PromptSchemaInForce(Model):
    """The schema that a prompt would be judged by now."""

    model_config = _BY_ALIAS

    asset_type: AssetTypeEnum = Field(description="As asked for.")
    provider: str | None = Field(description="As asked for.")
    origin: PromptSchemaOrigin
    prompt_schema_id: UUID | None = Field(description="The operator's schema; null: the built-in one.")
    json_schema: StoredJson = Field(alias="schema")
