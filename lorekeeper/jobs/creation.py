"""Asking for an asset: the same request twice is one job (design section 5, Creating a job)."""

from dataclasses import dataclass
from typing import Any

from lorekeeper.access.context import Context
from lorekeeper.canon.service import contradiction_between
from lorekeeper.contracts.enums import AssetJobStatusEnum, DerivationOrigin
from lorekeeper.contracts.errors import ConflictError, IdempotencyKeyReusedError
from lorekeeper.contracts.hashing import canonicalize_references, compute_input_hash, content_hash
from lorekeeper.contracts.jobs import AssetJobCreate, AssetJobFullResponse
from lorekeeper.jobs import repository
from lorekeeper.jobs.validation import validate_asset_job_create_request
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.lore.validation import validate_world_exists
from lorekeeper.provenance.service import EarlierJob, Found, Inputs, look_up, take

TRIES = 5


@dataclass(frozen=True)
class Created:
    """`replayed`: the job was there already, and nothing was made."""

    job: AssetJobFullResponse
    replayed: bool


async def create_job(ctx: Context, body: AssetJobCreate) -> Created:
    """Check, snapshot, hash and insert; or find the job that this request made, or would make again.

    Two round trips: what is read is of one moment, and what is written is one statement. Raises `WorldNotFoundError`,
    `ReferenceNotFoundError`, `WorldScopeViolationError`, `IdempotencyKeyReusedError`, `AssetValidationError`,
    `ContradictionError`.
    """
    fingerprint = _fingerprint(body) if body.idempotency_key else None
    for _ in range(TRIES):
        found = await look_up(
            ctx,
            body.world_id,
            body.references,
            asset_type=body.asset_type,
            provider=body.provider,
            heeds_canon=not body.allow_contradictions,
            idempotency_key=body.idempotency_key,
        )
        if found.earlier_job is not None:
            validate_world_exists(body.world_id, found.lore["world"], ctx.principal)
            return await _replay(ctx, found.earlier_job, fingerprint)
        await validate_asset_job_create_request(ctx, body, found)
        if (created := await _insert(ctx, body, found, fingerprint)) is not None:
            return created
    raise ConflictError("The same job is being created and ended over and over; try again in a moment.")


async def _replay(ctx: Context, earlier: EarlierJob, fingerprint: str | None) -> Created:
    """The answer that the same key had before, whatever the lore and the prompt schemas are by now."""
    if fingerprint != earlier.fingerprint:
        raise IdempotencyKeyReusedError("This idempotency key came with another request before; use a new one.")
    row = ctx.principal.require_visible("job", earlier.id, await repository.get_asset_job(ctx.database, earlier.id))
    return Created(AssetJobFullResponse.model_validate(row), replayed=True)


async def _insert(ctx: Context, body: AssetJobCreate, found: Found, fingerprint: str | None) -> Created | None:
    """The new job, or the one in its way; None where that came or went at this very moment: all is to be asked anew.

    What is made from contradicting claims is not made anew, but where it is there already, nothing new is asked for.
    """
    inputs = take(ctx, body.references, found)
    job = _new_job(body, inputs, fingerprint) | {"prompt_schema_id": found.prompt_schema_id}
    refused = bool(found.contradictions)
    row = await repository.create_asset_job(ctx.database, job, only_replayed=refused, origin=ctx.origin)
    if row is not None and refused and row["id"] is None:
        raise contradiction_between(found.contradictions)
    if row is None or (not row["created"] and row["id"] is None):
        return None
    if row["created"]:
        ctx.runtime.new_jobs.notify()
        return Created(_response(ctx, body, inputs, job), replayed=False)
    if row["status"] == AssetJobStatusEnum.QUEUED and row["start_by"] is not None and row["start_by"] <= ctx.now:
        await repository.end_missed_job(ctx.database, row["id"], origin=ctx.origin)
        return None
    return Created(AssetJobFullResponse.model_validate(row), replayed=True)


def _fingerprint(body: AssetJobCreate) -> str:
    """Of what was asked for. Defaults are left out: a field added later changes no old request's fingerprint."""
    request = body.model_dump(mode="json", exclude={"idempotency_key", "references"}, exclude_defaults=True)
    return content_hash(request | {"references": canonicalize_references(body.references)})


def _new_job(body: AssetJobCreate, inputs: Inputs, fingerprint: str | None) -> Row:
    return {
        "id": new_id(),
        "derivation_id": new_id(),
        "world_id": body.world_id,
        "asset_type": body.asset_type.value,
        "provider": body.provider,
        "model_id": body.model_id,
        "priority": body.priority,
        "prompt_spec": body.prompt_spec,
        "idempotency_key": body.idempotency_key,
        "fingerprint": fingerprint,
        "max_attempts": body.max_attempts,
        "start_by": body.start_by,
        "finish_by": body.finish_by,
        "input_hash": compute_input_hash(
            world_id=body.world_id,
            asset_type=body.asset_type,
            provider=body.provider,
            model_id=body.model_id,
            prompt_spec=body.prompt_spec,
            references=body.references,
            lore_snapshot=inputs.snapshot,
            lore=inputs.canonical,
        ),
        "content_basis": inputs.content_basis,
        "lore_snapshot": inputs.snapshot,
        "source_id": body.references.source_id,
        "claim_ids": body.references.claim_ids,
        "entity_ids": body.references.entity_ids,
        "source_chunk_ids": body.references.source_chunk_ids,
        "asset_ids": body.references.asset_ids,
    }


def _response(ctx: Context, body: AssetJobCreate, inputs: Inputs, job: Row) -> AssetJobFullResponse:
    """What a read of the new job would answer, without reading it: every value in it was just written."""
    shared: dict[str, Any] = {name: job[name] for name in ("world_id", "prompt_spec", "input_hash")}
    references = {
        name: sorted(ids) if isinstance(ids, list) else ids for name, ids in body.references.model_dump().items()
    }
    derivation = {
        **shared,
        "id": job["derivation_id"],
        "origin": DerivationOrigin.JOB,
        "asset_job_id": job["id"],
        "source_id": job["source_id"],
        "content_basis": job["content_basis"],
        "references": references,
        "lore_snapshot": inputs.snapshot,
        "created_at": ctx.now,
    }
    asked = (
        "asset_type",
        "provider",
        "model_id",
        "priority",
        "prompt_schema_id",
        "idempotency_key",
        "max_attempts",
        "start_by",
        "finish_by",
    )
    return AssetJobFullResponse.model_validate(
        {
            **shared,
            **{name: job[name] for name in asked},
            "id": job["id"],
            "status": AssetJobStatusEnum.QUEUED,
            "requested_by": ctx.principal.id,
            "attempt": 0,
            "available_at": ctx.now,
            "created_at": ctx.now,
            "derivation": derivation,
        }
    )
