"""What can be depicted of each kind of lore: the part that the content hash covers (design section 4).

Tags, metadata and where a chunk stands in its source are labels; they are no part of it.
"""

from collections.abc import Mapping
from typing import Any

from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.hashing import content_hash

DEPICTABLE: dict[LoreKind, tuple[str, ...]] = {
    LoreKind.WORLD: ("name", "description"),
    LoreKind.ENTITY: ("type", "name", "aliases", "summary", "description"),
    LoreKind.SOURCE: ("type", "title", "author_ids", "origin"),
    LoreKind.SOURCE_CHUNK: ("content",),
    LoreKind.CLAIM: (
        "subject_entity_id",
        "predicate",
        "object_entity_id",
        "object_value",
        "canon_state",
        "confidence",
        "asserted_by_entity_id",
        "source_id",
        "source_chunk_id",
        "valid_from",
        "valid_to",
    ),
}


def hash_of(kind: LoreKind, row: Mapping[str, Any]) -> str:
    """The content hash of a piece of lore in its JSON form (ids as text, times as objects)."""
    return content_hash({name: row[name] for name in DEPICTABLE[kind]})
