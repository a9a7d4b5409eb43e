"""Taking a lore snapshot: the moment in which a job's inputs are fixed for ever."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.errors import AssetValidationError
from lorekeeper.contracts.hashing import compute_content_basis
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.contracts.snapshot import LoreSnapshot, claim_sentence
from lorekeeper.kit.database import Row
from lorekeeper.lore.validation import validate_references_exist, validate_world_exists, validate_world_scoping
from lorekeeper.provenance import repository

MAX_SNAPSHOT_CHARACTERS = 20_000_000
"""The most text that one snapshot holds; PostgreSQL ends at 256 MB of JSON."""


@dataclass(frozen=True)
class Inputs:
    """What a job is to be made from."""

    snapshot: LoreSnapshot
    content_basis: str
    contradictions: list[Row]
    """The claims that contradict one another, two by two, of which one at least is referred to."""


@dataclass(frozen=True)
class EarlierJob:
    """The job that the same idempotency key was answered with before."""

    id: UUID
    fingerprint: str


async def gather(
    ctx: Context,
    world_id: UUID,
    references: AssetJobReferences,
    *,
    heeds_canon: bool,
    idempotency_key: str | None,
) -> Inputs | EarlierJob:
    """Check every reference and copy what it points at, as of one moment. `heeds_canon`: look for contradictions, too.

    A request whose idempotency key was used before is answered with that job instead, whatever the lore is by now.
    Raises `WorldNotFoundError`, `ReferenceNotFoundError`, `WorldScopeViolationError`.
    """
    row = await repository.take_snapshot(
        ctx.database,
        world_id,
        references,
        heeds_canon=heeds_canon,
        actor=ctx.principal.id,
        idempotency_key=idempotency_key,
    )
    validate_world_exists(world_id, row["world"], ctx.principal)
    if row["same_key"]:
        return EarlierJob(UUID(row["same_key"]["job_id"]), row["same_key"]["fingerprint"])
    _validate(ctx, world_id, references, row)
    snapshot = _snapshot(ctx, row)
    return Inputs(snapshot, compute_content_basis(references, snapshot), row["contradictions"] or [])


def _validate(ctx: Context, world_id: UUID, references: AssetJobReferences, row: dict[str, Any]) -> None:
    wanted = {
        "claim_ids": references.claim_ids,
        "entity_ids": references.entity_ids,
        "source_chunk_ids": references.source_chunk_ids,
        "source_id": [references.source_id] if references.source_id else [],
        "asset_ids": references.asset_ids,
    }
    pieces = [piece for kind in ("claims", "entities", "source_chunks", "assets") for piece in row[kind] or ()]
    if row["source"]:
        pieces.append(row["source"])
    found = {UUID(piece["id"]): UUID(piece["world_id"]) for piece in pieces}
    validate_references_exist(wanted, found, ctx.principal)
    validate_world_scoping(world_id, wanted, found)
    size = sum(len(chunk["content"]) for chunk in row["source_chunks"] or ())
    if size > MAX_SNAPSHOT_CHARACTERS:
        raise AssetValidationError(
            f"references.source_chunk_ids: together they hold {size} characters; "
            f"one job takes {MAX_SNAPSHOT_CHARACTERS} at the most."
        )


def _snapshot(ctx: Context, row: dict[str, Any]) -> LoreSnapshot:
    for claim in row["claims"] or ():
        claim["sentence"] = claim_sentence(
            claim["subject_name"], claim["predicate"], claim["object_name"], claim["object_value"]
        )
    return LoreSnapshot.model_validate(
        {
            "taken_at": ctx.now,
            "world": row["world"],
            "source": row["source"],
            **{kind: row[kind] or [] for kind in ("entities", "claims", "source_chunks", "assets")},
        }
    )
