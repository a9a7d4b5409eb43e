"""The input hash: when two requests are one and the same (specification section 4, design section 5).

Canonical form is RFC 8785, the JSON Canonicalization Scheme, so that any language can compute the same value.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import rfc8785

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.contracts.snapshot import LoreSnapshot

HASH_VERSION = 1


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value. Raises `rfc8785.CanonicalizationError` for what canonical JSON cannot carry."""
    return rfc8785.dumps(value)


def content_hash(content: dict[str, Any]) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON of what can be depicted of a piece of lore."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def canonicalize_prompt_spec(prompt_spec: dict[str, Any]) -> bytes:
    """The prompt spec in canonical form: key order, Unicode escapes and `1.0` against `1` make no difference."""
    return canonical_json(prompt_spec)


def canonicalize_references(references: AssetJobReferences) -> dict[str, Any]:
    """The references with each list sorted and without repetitions."""
    return {
        "asset_ids": _sorted_ids(references.asset_ids),
        "claim_ids": _sorted_ids(references.claim_ids),
        "entity_ids": _sorted_ids(references.entity_ids),
        "source_chunk_ids": _sorted_ids(references.source_chunk_ids),
        "source_id": str(references.source_id) if references.source_id else None,
    }


def canonicalize_lore_snapshot(snapshot: LoreSnapshot) -> dict[str, Any]:
    """What of a snapshot decides whether the lore is the same: the content hash of each piece.

    A claim is handed to the worker with the names of the entities it speaks of, a chunk with its heading and its
    source's title. Those can be depicted too, so they count (`names`), though they are no part of the piece's own hash.
    """
    names = {str(chunk.source_id): chunk.source_title for chunk in snapshot.source_chunks}
    names |= {str(chunk.id): chunk.heading for chunk in snapshot.source_chunks if chunk.heading is not None}
    for claim in snapshot.claims:
        for entity_id, name in (
            (claim.subject_entity_id, claim.subject_name),
            (claim.object_entity_id, claim.object_name),
            (claim.asserted_by_entity_id, claim.asserted_by_name),
        ):
            if entity_id is not None and name is not None:
                names[str(entity_id)] = name
    return {
        "assets": {str(asset.id): asset.checksum for asset in snapshot.assets},
        "claims": {str(claim.id): claim.content_hash for claim in snapshot.claims},
        "entities": {str(entity.id): entity.content_hash for entity in snapshot.entities},
        "names": names,
        "source": {str(snapshot.source.id): snapshot.source.content_hash} if snapshot.source else {},
        "source_chunks": {str(chunk.id): chunk.content_hash for chunk in snapshot.source_chunks},
    }


@dataclass(frozen=True)
class CanonicalLore:
    """What both hashes have in common, in canonical form: it is most of the work, so it is done once for the two."""

    references: bytes
    lore_snapshot: bytes

    @classmethod
    def of(cls, references: AssetJobReferences, lore_snapshot: LoreSnapshot) -> Self:
        return cls(
            canonical_json(canonicalize_references(references)),
            canonical_json(canonicalize_lore_snapshot(lore_snapshot)),
        )

    @property
    def content_basis(self) -> str:
        """SHA-256 over the lore alone. Freshness is judged by it, so switching models makes no paid work look stale."""
        return _hash_of_members(
            {
                "v": canonical_json(HASH_VERSION),
                "references": self.references,
                "lore_snapshot": self.lore_snapshot,
            }
        )


def compute_input_hash(
    *,
    world_id: UUID,
    asset_type: AssetTypeEnum,
    provider: str,
    model_id: str | None,
    prompt_spec: dict[str, Any],
    references: AssetJobReferences,
    lore_snapshot: LoreSnapshot,
    lore: CanonicalLore | None = None,
) -> str:
    """SHA-256 (hexadecimal) over everything that decides what a job makes. Equal hash, equal job.

    `lore` is the canonical form of the references and the snapshot, for a caller that has it already.
    """
    lore = lore or CanonicalLore.of(references, lore_snapshot)
    return _hash_of_members(
        {
            "v": canonical_json(HASH_VERSION),
            "world_id": canonical_json(str(world_id)),
            "asset_type": canonical_json(asset_type.value),
            "provider": canonical_json(provider),
            "model_id": canonical_json(model_id),
            "prompt_spec": canonicalize_prompt_spec(prompt_spec),
            "references": lore.references,
            "lore_snapshot": lore.lore_snapshot,
        }
    )


def compute_content_basis(references: AssetJobReferences, lore_snapshot: LoreSnapshot) -> str:
    """SHA-256 over the lore alone. Freshness is judged by it, so switching models never makes paid work look stale."""
    return CanonicalLore.of(references, lore_snapshot).content_basis


def _hash_of_members(members: dict[str, bytes]) -> str:
    """The hash of an object by its members' canonical forms. Their names are of ASCII, which sorts alike everywhere."""
    listed = b",".join(b'"%b":%b' % (name.encode(), members[name]) for name in sorted(members))
    return hashlib.sha256(b"{" + listed + b"}").hexdigest()


def _sorted_ids(ids: list[UUID]) -> list[str]:
    return sorted({str(item) for item in ids})
