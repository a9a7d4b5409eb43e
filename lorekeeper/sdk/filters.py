"""What the lists can be filtered by, as keyword arguments. A test holds them to the contracts' filter models."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from lorekeeper.contracts.enums import (
    AssetJobStatusEnum,
    AssetStatusEnum,
    AssetTypeEnum,
    CanonState,
    EntityType,
    Role,
    SourceType,
)
from lorekeeper.contracts.search import SearchKind


class WorldFilters(TypedDict, total=False):
    """`GET /worlds`."""

    name: str


class EntityFilters(TypedDict, total=False):
    """`GET /entities`."""

    world_id: UUID
    type: EntityType
    name: str
    tag: Sequence[str]


class SourceFilters(TypedDict, total=False):
    """`GET /sources`."""

    world_id: UUID
    type: SourceType
    title: str


class ClaimFilters(TypedDict, total=False):
    """`GET /claims`."""

    world_id: UUID
    canon_state: CanonState
    subject_entity_id: UUID
    object_entity_id: UUID
    source_id: UUID
    version_group_id: UUID
    predicate: str
    tag: Sequence[str]


class SearchFilters(TypedDict, total=False):
    """`GET /search`."""

    world_id: UUID
    kind: Sequence[SearchKind]
    type: EntityType | SourceType
    canon_state: CanonState
    tag: Sequence[str]


class JobFilters(TypedDict, total=False):
    """`GET /assets/asset-jobs`."""

    world_id: UUID
    status: AssetJobStatusEnum
    asset_type: AssetTypeEnum
    provider: str
    requested_by: str
    created_after: datetime
    created_before: datetime


class AssetFilters(TypedDict, total=False):
    """`GET /assets/assets`."""

    world_id: UUID
    type: AssetTypeEnum
    status: AssetStatusEnum
    created_by: str
    related_claim_id: UUID
    related_entity_id: UUID
    related_source_chunk_id: UUID
    source_id: UUID


class KeyFilters(TypedDict, total=False):
    """`GET /keys`."""

    role: Role
    alive: bool


class PromptSchemaFilters(TypedDict, total=False):
    """`GET /prompt-schemas`."""

    asset_type: AssetTypeEnum
    provider: str
    in_force: bool
