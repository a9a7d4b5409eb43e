"""Asking for an asset: the same request twice is one job (design section 5, Creating a job)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.contracts.enums import AssetJobStatusEnum
from lorekeeper.contracts.errors import ConflictError, IdempotencyKeyReusedError
from lorekeeper.contracts.hashing import canonicalize_references, compute_input_hash, content_hash
from lorekeeper.contracts.jobs import AssetJobCreate, AssetJobFullResponse
from lorekeeper.jobs import repository
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.provenance.service import EarlierJob, Inputs, gather

TRIES = 5


@dataclass(frozen=True)
class Created:
    """`replayed`: the job was there already, and nothing was made."""

    job: AssetJobFullResponse
    replayed: bool


async def create_job(ctx: Context, body: AssetJobCreate) -> Created:
    """Check, snapshot, hash and insert; or find the job that this request made, or would make again.

    Two round trips: what is read is of one moment, and what is written is one statement. Raises `WorldNotFoundError`,
    `ReferenceNotFoundError`, `WorldScopeViolationError`, `IdempotencyKeyReusedError`.
    """
    fingerprint = _fingerprint(body) if body.idempotency_key else None
    inputs = await gather(ctx, body.world_id, body.references, idempotency_key=body.idempotency_key)
    if isinstance(inputs, EarlierJob):
        _same_request(fingerprint, inputs.request_fingerprint)
        return await _earlier(ctx, inputs.id)
    job = _new_job(body, inputs, fingerprint)
    for _ in range(TRIES):
        row = await repository.create_asset_job(ctx.database, job, origin=ctx.origin)
        if row["created"]:
            ctx.runtime.new_jobs.notify()
            return Created(_response(ctx, body, inputs, job), replayed=False)
        if row["id"] is not None:
            if body.idempotency_key and row["idempotency_key"] == body.idempotency_key:
                _same_request(fingerprint, row["request_fingerprint"])
            return Created(AssetJobFullResponse.model_validate(row), replayed=True)
        # The job in our way was inserted after this statement's snapshot was taken: a new statement sees it.
    raise ConflictError("The same job is being created and ended over and over; try again in a moment.")


async def _earlier(ctx: Context, job_id: UUID) -> Created:
    row = ctx.principal.require_visible("job", job_id, await repository.get_asset_job(ctx.database, job_id))
    return Created(AssetJobFullResponse.model_validate(row), replayed=True)


def _fingerprint(body: AssetJobCreate) -> str:
    request = body.model_dump(mode="json", exclude={"idempotency_key", "references"})
    return content_hash(request | {"references": canonicalize_references(body.references)})


def _same_request(fingerprint: str | None, earlier: str) -> None:
    if fingerprint != earlier:
        raise IdempotencyKeyReusedError("This idempotency key came with another request before; use a new one.")


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
        "request_fingerprint": fingerprint,
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
        ),
        "content_basis": inputs.content_basis,
        "lore_snapshot": inputs.snapshot.model_dump(mode="json"),
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
