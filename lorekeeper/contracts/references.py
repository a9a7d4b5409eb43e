"""What a job points at."""

from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import IdList, Request


class AssetJobReferences(Request):
    """The pieces of lore, and earlier assets, that a job is derived from. All must belong to the job's world."""

    claim_ids: IdList = Field(default_factory=list)
    entity_ids: IdList = Field(default_factory=list)
    source_chunk_ids: IdList = Field(default_factory=list)
    source_id: UUID | None = None
    asset_ids: IdList = Field(default_factory=list)
