"""An asset without a job: a file that is there already, brought in with what it was made from (design section 5)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets import repository
from lorekeeper.assets.service import get_asset
from lorekeeper.assets.uploads import require_pending, verify_upload
from lorekeeper.contracts.assets import AssetCreate, AssetFullResponse, AssetImport
from lorekeeper.contracts.enums import DerivationOrigin, UploadState
from lorekeeper.contracts.errors import UploadMismatchError
from lorekeeper.contracts.hashing import canonicalize_prompt_spec, canonicalize_references, compute_input_hash
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.kit.database import Row
from lorekeeper.kit.ids import new_id
from lorekeeper.provenance import repository as provenance
from lorekeeper.provenance.service import Inputs, gather

PROVIDER = "import"
"""Stands in the input hash where a job has its provider."""


@dataclass(frozen=True)
class Imported:
    """`replayed`: the asset was there already, and nothing was made."""

    asset: AssetFullResponse
    replayed: bool


async def import_asset(ctx: Context, body: AssetImport) -> Imported:
    """Make an asset of an upload, with a derivation that says it was brought in. Again: the same asset.

    Raises `WorldNotFoundError`, `ReferenceNotFoundError`, `WorldScopeViolationError`, `UploadMismatchError`.
    """
    ctx.principal.require_world(body.world_id)
    found = await repository.get_upload_and_asset(ctx.database, body.storage_key)
    if _is_used(body, found["upload"]):
        return await _imported_before(ctx, body, found["asset_id"])
    inputs = await gather(ctx, body.world_id, body.references)
    await verify_upload(ctx, found["upload"], body.world_id, body.type, body)
    asset_id = await _write(ctx, body, inputs)
    if asset_id is not None:
        return Imported(await get_asset(ctx, asset_id), replayed=False)
    found = await repository.get_upload_and_asset(ctx.database, body.storage_key)
    if _is_used(body, found["upload"]):  # by the same request, sent twice at once
        return await _imported_before(ctx, body, found["asset_id"])
    require_pending(found["upload"])
    raise UploadMismatchError("upload_already_used", "storage_key is being used by another request.")


def stored_prompt_spec(body: AssetImport) -> dict[str, Any]:
    """What was said of how it was made, with the file's own checksum: other bytes are another import."""
    return body.prompt_spec | {"checksum": body.checksum}


async def _write(ctx: Context, body: AssetImport, inputs: Inputs) -> UUID | None:
    """Asset, derivation and links, all or none of them; None where the upload is not to be had any more."""
    asset_id, derivation_id = new_id(), new_id()
    references = body.references
    async with ctx.database.transaction() as session:
        asset = await repository.create_asset(
            session, asset_id, body, world_id=body.world_id, type=body.type, origin=ctx.origin
        )
        if asset is None:
            return None
        await provenance.create_asset_derivation(session, _derivation(ctx, body, inputs, derivation_id, asset_id))
        for add, ids in (
            (provenance.add_derivation_claims, references.claim_ids),
            (provenance.add_derivation_entities, references.entity_ids),
            (provenance.add_derivation_source_chunks, references.source_chunk_ids),
            (provenance.add_derivation_assets, references.asset_ids),
        ):
            if ids:
                await add(session, derivation_id, ids)
    return asset_id


def _derivation(ctx: Context, body: AssetImport, inputs: Inputs, derivation_id: UUID, asset_id: UUID) -> Row:
    prompt_spec = stored_prompt_spec(body)
    return {
        "id": derivation_id,
        "world_id": body.world_id,
        "origin": DerivationOrigin.IMPORT,
        "asset_job_id": None,
        "asset_id": asset_id,
        "source_id": body.references.source_id,
        "prompt_spec": prompt_spec,
        "input_hash": compute_input_hash(
            world_id=body.world_id,
            asset_type=body.type,
            provider=PROVIDER,
            model_id=None,
            prompt_spec=prompt_spec,
            references=body.references,
            lore_snapshot=inputs.snapshot,
        ),
        "content_basis": inputs.content_basis,
        "lore_snapshot": inputs.snapshot,
        "created_at": ctx.now,
    }


def _is_used(body: AssetImport, upload: Row | None) -> bool:
    """Whether an asset was made of this very upload; of one for another place, nothing is told."""
    return (
        upload is not None
        and (upload["world_id"], upload["asset_type"]) == (str(body.world_id), body.type)
        and upload["state"] in {UploadState.USED, UploadState.RELEASED}
    )


async def _imported_before(ctx: Context, body: AssetImport, asset_id: UUID) -> Imported:
    asset = await get_asset(ctx, asset_id)
    if not _is_of(asset, body):
        raise UploadMismatchError("upload_already_used", f"storage_key belongs to asset {asset_id} already.")
    return Imported(asset, replayed=True)


def _is_of(asset: AssetFullResponse, body: AssetImport) -> bool:
    """Whether this request would have made this asset. The lore may have changed since: that makes no other request."""
    if len(asset.derivations) != 1 or asset.derivations[0].origin is not DerivationOrigin.IMPORT:
        return False
    derivation = asset.derivations[0]
    references = AssetJobReferences.model_validate(derivation.references.model_dump())
    return (
        all(
            getattr(asset, name) == value
            for name, value in body.model_dump(include=set(AssetCreate.model_fields)).items()
        )
        and canonicalize_references(references) == canonicalize_references(body.references)
        and canonicalize_prompt_spec(derivation.prompt_spec) == canonicalize_prompt_spec(stored_prompt_spec(body))
    )
