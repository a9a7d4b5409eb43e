"""The client's group for prompt schemas: `client.prompt_schemas`."""

from collections.abc import Iterator
from typing import Unpack
from uuid import UUID

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.prompt_schemas import (
    PaginatedPromptSchemaResponse,
    PromptSchemaCreate,
    PromptSchemaInForce,
    PromptSchemaResponse,
)
from lorekeeper.sdk.calls import prompts as calls
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.filters import PromptSchemaFilters
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.transport import Transport


class PromptSchemas:
    """`client.prompt_schemas`: what prompts are judged by. Admins write them, everybody may read them."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport.send

    def create(self, body: PromptSchemaCreate) -> PromptSchemaResponse:
        """Puts a schema in force; the very same one is not put in force twice. Raises `PromptSchemaInvalidError`."""
        return self._send(calls.create_prompt_schema(body))

    def get(self, schema_id: UUID) -> PromptSchemaResponse:
        """One version, in force or not. Raises `NotFoundError`."""
        return self._send(calls.get_prompt_schema(schema_id))

    def in_force(self, asset_type: AssetTypeEnum, provider: str | None = None) -> PromptSchemaInForce:
        """The schema that a job's prompt would be judged by now, the operator's or the built-in one."""
        given = {"asset_type": asset_type.value} | ({} if provider is None else {"provider": provider})
        return self._send(calls.get_prompt_schema_in_force(given))

    def list(
        self,
        *,
        skip: int = 0,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        **filters: Unpack[PromptSchemaFilters],
    ) -> PaginatedPromptSchemaResponse:
        """One page of the operator's schemas, newest first; every version, unless `in_force` is given."""
        return self._send(calls.list_prompt_schemas(query(filters, skip=skip, limit=limit, cursor=cursor)))

    def iterate(self, **filters: Unpack[PromptSchemaFilters]) -> Iterator[PromptSchemaResponse]:
        """All of them, newest first, fetched page by page."""
        return walk(lambda cursor: self.list(limit=WALKING_PAGE, cursor=cursor, **filters))

    def withdraw(self, schema_id: UUID) -> PromptSchemaResponse:
        """Takes a schema out of force. The one for any provider judges in its place, else the built-in one."""
        return self._send(calls.withdraw_prompt_schema(schema_id))
