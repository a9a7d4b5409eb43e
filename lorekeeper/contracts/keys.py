"""API keys on the wire (design section 5, Access). Who may do what is in docs/access.md."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from lorekeeper.contracts.base import IdList, Model, Name, Page, Request, Timestamp
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.jobs import Provider


def _each_once(providers: list[str]) -> list[str]:
    return list(dict.fromkeys(providers))


Providers = Annotated[list[Provider], Field(min_length=1, max_length=100), AfterValidator(_each_once)]


class KeyCreate(Request):
    """A key to be made. What it is granted never changes, but for the worlds that it makes itself."""

    name: Name = Field(description="Whose key it is, for people.")
    role: Role
    world_ids: IdList | None = Field(None, description="The worlds it may see; null: all.")
    providers: Providers | None = Field(
        None, description="With the role worker: the providers whose jobs it may touch; null: all."
    )

    @model_validator(mode="after")
    def _providers_are_a_workers(self) -> Self:
        if self.providers is not None and self.role is not Role.WORKER:
            raise ValueError("providers go with the role worker")
        return self


class KeyResponse(Model):
    """A key without its secret."""

    id: str
    name: str
    role: Role
    world_ids: list[UUID] | None = Field(description="Those of its worlds that the asker sees; null: all worlds.")
    providers: list[str] | None
    created_by: str
    created_at: Timestamp
    last_used_at: Timestamp | None = Field(description="To the minute; null: never.")
    revoked_at: Timestamp | None = Field(description="Null: it is alive.")


class KeyCreated(KeyResponse):
    """A new key. `key` is what to send as `Authorization: Bearer …`; it is shown now and never again."""

    key: str


class PaginatedKeyResponse(Page):
    items: list[KeyResponse]
