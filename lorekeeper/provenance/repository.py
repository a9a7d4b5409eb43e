"""Derivations and the lore they hold, as rows."""

from uuid import UUID

from lorekeeper.contracts.canon import NAMED_PAIRS
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)


async def take_snapshot(
    database: Database,
    world_id: UUID,
    references: AssetJobReferences,
    *,
    heeds_canon: bool,
    actor: str,
    idempotency_key: str | None,
) -> Row:
    """Everything that a new job has to know, read in one statement. See the query for the shape."""
    row = await database.one(
        QUERIES.take_snapshot,
        world_id=world_id,
        source_id=references.source_id,
        entity_ids=references.entity_ids,
        claim_ids=references.claim_ids,
        source_chunk_ids=references.source_chunk_ids,
        asset_ids=references.asset_ids,
        heeds_canon=heeds_canon,
        named_pairs=NAMED_PAIRS,
        actor=actor,
        idempotency_key=idempotency_key,
    )
    return row or {}


async def get_asset_derivation(database: Database, derivation_id: UUID) -> Row | None:
    return await database.one(QUERIES.get_derivation, id=derivation_id)


async def list_derivations_of_asset(database: Database, asset_id: UUID) -> list[Row]:
    return await database.all(QUERIES.list_derivations_of_asset, asset_id=asset_id)
