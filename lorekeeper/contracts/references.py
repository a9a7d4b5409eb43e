"""What a job points at."""

from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import IdList, Model, Request


class References(Model):
    """The pieces of lore, and earlier assets, that something is derived from."""

    claim_ids: list[UUID] = Field(default_factory=list)
    entity_ids: list[UUID] = Field(default_factory=list)
    source_chunk_ids: list[UUID] = Field(default_factory=list)
    source_id: UUID | None = None
    asset_ids: list[UUID] = Field(default_factory=list)


class AssetJobReferences(References, Request):
    """What a job is to be derived from. All must belong to the job's world."""

    claim_ids: IdList = Field(default_factory=list)
    entity_ids: IdList = Field(default_factory=list)
    source_chunk_ids: IdList = Field(default_factory=list)
    asset_ids: IdList = Field(default_factory=list)
