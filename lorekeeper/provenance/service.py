"""Taking a lore snapshot: the moment in which a job's inputs are fixed for ever."""

from dataclasses import dataclass
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.errors import AssetValidationError
from lorekeeper.contracts.hashing import CanonicalLore
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
    canonical: CanonicalLore
    """The snapshot and the references as they are hashed."""

    @property
    def content_basis(self) -> str:
        return self.canonical.content_basis


@dataclass(frozen=True)
class EarlierJob:
    """The job that the same idempotency key was answered with before."""

    id: UUID
    fingerprint: str


@dataclass(frozen=True)
class Found:
    """What there is behind a request, read at one moment and not yet checked."""

    lore: Row
    earlier_job: EarlierJob | None
    prompt_schema_id: UUID | None
    """The operator's schema in force for the prompt; None: the built-in one."""

    @property
    def contradictions(self) -> list[Row]:
        """The claims that contradict one another, two by two, of which one at least is referred to."""
        return self.lore["contradictions"] or []


async def look_up(
    ctx: Context,
    world_id: UUID,
    references: AssetJobReferences,
    *,
    asset_type: AssetTypeEnum | None = None,
    provider: str | None = None,
    heeds_canon: bool = False,
    idempotency_key: str | None = None,
) -> Found:
    """Read all that a request refers to, in one round trip. Without an asset type no prompt schema is looked for.

    `heeds_canon`: look for contradictions, too.
    """
    row = await repository.take_snapshot(
        ctx.database,
        world_id,
        references,
        asset_type=asset_type,
        provider=provider,
        heeds_canon=heeds_canon,
        actor=ctx.principal.id,
        idempotency_key=idempotency_key,
    )
    same_key = row["same_key"]
    earlier_job = EarlierJob(UUID(same_key["job_id"]), same_key["fingerprint"]) if same_key else None
    return Found(row, earlier_job, row["prompt_schema_id"])


async def gather(ctx: Context, world_id: UUID, references: AssetJobReferences) -> Inputs:
    """Check every reference and copy what it points at, as of one moment.

    Raises `WorldNotFoundError`, `ReferenceNotFoundError`, `WorldScopeViolationError`.
    """
    found = await look_up(ctx, world_id, references)
    validate_world_exists(world_id, found.lore["world"], ctx.principal)
    validate_references(ctx, world_id, references, found)
    return take(ctx, references, found)


def take(ctx: Context, references: AssetJobReferences, found: Found) -> Inputs:
    """The snapshot of what was found, once it is checked."""
    snapshot = _snapshot(ctx, found.lore)
    return Inputs(snapshot, CanonicalLore.of(references, snapshot))


def validate_references(ctx: Context, world_id: UUID, references: AssetJobReferences, found: Found) -> None:
    """Raises `ReferenceNotFoundError`, `WorldScopeViolationError`; `AssetValidationError` for too much text."""
    row = found.lore
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
    worlds = {UUID(piece["id"]): UUID(piece["world_id"]) for piece in pieces}
    validate_references_exist(wanted, worlds, ctx.principal)
    validate_world_scoping(world_id, wanted, worlds)
    size = sum(len(chunk["content"]) for chunk in row["source_chunks"] or ())
    if size > MAX_SNAPSHOT_CHARACTERS:
        raise AssetValidationError(
            f"references.source_chunk_ids: together they hold {size} characters; "
            f"one job takes {MAX_SNAPSHOT_CHARACTERS} at the most."
        )


def _snapshot(ctx: Context, row: Row) -> LoreSnapshot:
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
