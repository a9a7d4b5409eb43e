"""Derivations and the lore they hold, as rows."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from lorekeeper.contracts.canon import NAMED_PAIRS
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.kit.database import Database, Row, Session
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)


async def take_snapshot(
    database: Database,
    world_id: UUID,
    references: AssetJobReferences,
    *,
    heeds_canon: bool,
    asset_type: str | None,
    provider: str | None,
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
        asset_type=asset_type,
        provider=provider,
        actor=actor,
        idempotency_key=idempotency_key,
    )
    return row or {}


async def get_asset_derivation(database: Database, derivation_id: UUID) -> Row | None:
    return await database.one(QUERIES.get_derivation, id=derivation_id)


async def list_derivations_of_asset(database: Database, asset_id: UUID) -> list[Row]:
    return await database.all(QUERIES.list_derivations_of_asset, asset_id=asset_id)


async def create_asset_derivation(session: Session, derivation: Row) -> None:
    """Write down what an asset was made from; the references follow by the functions below, in the same transaction."""
    as_json = {
        "prompt_spec": Jsonb(derivation["prompt_spec"]),
        "lore_snapshot": Jsonb(derivation["lore_snapshot"], LoreSnapshot.model_dump_json),
    }
    await session.run(QUERIES.create_asset_derivation, **derivation | as_json)


async def add_derivation_claims(session: Session, derivation_id: UUID, claim_ids: Sequence[UUID]) -> None:
    await session.run(QUERIES.add_derivation_claims, derivation_id=derivation_id, ids=list(claim_ids))


async def add_derivation_entities(session: Session, derivation_id: UUID, entity_ids: Sequence[UUID]) -> None:
    await session.run(QUERIES.add_derivation_entities, derivation_id=derivation_id, ids=list(entity_ids))


async def add_derivation_source_chunks(session: Session, derivation_id: UUID, chunk_ids: Sequence[UUID]) -> None:
    await session.run(QUERIES.add_derivation_source_chunks, derivation_id=derivation_id, ids=list(chunk_ids))


async def add_derivation_assets(session: Session, derivation_id: UUID, asset_ids: Sequence[UUID]) -> None:
    await session.run(QUERIES.add_derivation_assets, derivation_id=derivation_id, ids=list(asset_ids))


async def update_derivation_asset_id(session: Session, derivation_id: UUID, asset_id: UUID) -> bool:
    """Link a derivation to the asset that came of it; False when it has one. A completion does so by itself."""
    return await session.one(QUERIES.update_derivation_asset_id, id=derivation_id, asset_id=asset_id) is not None
