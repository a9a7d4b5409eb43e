"""Pieces of lore, word for word: what each is now, what it was in every version before, and how it is shown."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stateful.model.values import Made, Refusal

CONTENT: dict[str, tuple[str, ...]] = {
    "world": ("name", "description"),
    "entity": ("type", "name", "aliases", "summary", "description"),
    "source": ("type", "title", "author_ids", "origin"),
    "source_chunk": ("content",),
    "claim": (
        *("subject_entity_id", "predicate", "object_entity_id", "object_value", "canon_state", "confidence"),
        *("asserted_by_entity_id", "source_id", "source_chunk_id", "valid_from", "valid_to"),
    ),
}
"""What can be depicted of each kind. All else is a label, which makes no new version."""

POINTS_AT = {
    "subject_entity_id": "entity",
    "object_entity_id": "entity",
    "asserted_by_entity_id": "entity",
    "author_ids": "entity",
    "source_id": "source",
    "source_chunk_id": "source_chunk",
    "supersedes_claim_id": "claim",
}
STAMPS = ("created_by", "created_at", "updated_at")


@dataclass(eq=False)
class Piece:
    kind: str
    fields: Made
    """All that is read of it, but for the stamps and the names that follow from others."""
    stamps: Made
    version: int = 1
    edit: int = 1
    gone_at: Any = None
    past: list[Made] = field(default_factory=list)
    """Each earlier version as it was read last, oldest first."""

    def __repr__(self) -> str:
        return f"{self.kind} {self.id} (version {self.version}, edit {self.edit})"

    @property
    def id(self) -> str:
        return str(self.fields["id"])

    @property
    def world_id(self) -> str:
        return str(self.fields["id" if self.kind == "world" else "world_id"])

    @property
    def is_there(self) -> bool:
        return self.gone_at is None

    @property
    def etag(self) -> str:
        return f'"{self.edit}"'

    @property
    def content(self) -> Any:
        return content_of(self.kind, self.fields)

    def points_at(self, name: str) -> list[str]:
        value = self.fields.get(name)
        return value if isinstance(value, list) else [value] if value else []


def content_of(kind: str, fields: Made) -> Any:
    """What its content hash is of, as something to compare and to look up."""
    return kind, *(frozen(fields[name]) for name in CONTENT[kind])


def frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((name, frozen(one)) for name, one in value.items()))
    return tuple(map(frozen, value)) if isinstance(value, list) else value


Pieces = Mapping[str, Piece]


def name_of(lore: Pieces, id: str | None) -> str | None:
    return None if id is None else str(lore[id].fields.get("name") or lore[id].fields["title"])


def reading(lore: Pieces, piece: Piece) -> Made:
    """As a read shows it at this moment, without its content hash."""
    fields = piece.fields
    told = fields | piece.stamps | {"version": piece.version, "etag": piece.etag}
    if piece.kind == "source":
        told["chunk_count"] = len(living_chunks(lore, piece.id))
    if piece.kind == "claim":
        told["subject_name"] = name_of(lore, fields["subject_entity_id"])
        told["object_name"] = name_of(lore, fields["object_entity_id"])
        told["sentence"] = sentence(lore, piece)
    return told


def sentence(lore: Pieces, claim: Piece) -> str:
    fields = claim.fields
    what = fields["object_value"] or name_of(lore, fields["object_entity_id"])
    return f"{name_of(lore, fields['subject_entity_id'])} — {fields['predicate']} — {what}"


def living_chunks(lore: Pieces, source_id: str) -> list[Piece]:
    """In the order of the text."""
    chunks = [one for one in lore.values() if one.is_there and one.fields.get("source_id") == source_id]
    return sorted((one for one in chunks if one.kind == "source_chunk"), key=lambda one: one.fields["chunk_index"])


# --- what jobs and assets have of it ---


def shown(lore: Pieces, piece: Piece) -> Made:
    """As a snapshot has it, without its content hash."""
    fields = piece.fields
    told = {"id": piece.id, "version": piece.version, "updated_at": piece.stamps["updated_at"]}
    told |= {name: fields[name] for name in CONTENT[piece.kind] if name != "author_ids"}
    if piece.kind == "claim":
        named = ("subject", "object", "asserted_by")
        told |= {f"{name}_name": name_of(lore, fields[f"{name}_entity_id"]) for name in named}
        told["sentence"] = sentence(lore, piece)
    if piece.kind == "source_chunk":
        told |= {name: fields[name] for name in ("source_id", "chunk_index", "char_start", "char_end")}
        told |= {"source_title": name_of(lore, fields["source_id"]), "heading": fields["metadata"].get("heading")}
    return told


def named_in(references: Made) -> dict[str, list[str]]:
    """The ids by kind, each once, in the order of the request."""
    lists = {
        kind: [ids.lower()] if isinstance(ids, str) else list(dict.fromkeys(ids)) for kind, ids in references.items()
    }
    return {kind: ids for kind, ids in lists.items() if ids}


def referred_to(lore: Pieces, references: Made) -> list[Piece]:
    """Assets are none of it."""
    return [lore[id] for ids in named_in(references).values() for id in ids if id in lore]


def written_in(lore: Pieces, references: Made) -> frozenset[Any]:
    """What the pieces that are referred to say at this moment, and the names that a worker is handed with them."""
    told: set[Any] = set()
    for piece in referred_to(lore, references):
        told.add((piece.id, piece.content))
        named = ("subject_entity_id", "object_entity_id", "asserted_by_entity_id") if piece.kind == "claim" else ()
        for field_name in (*named, "source_id") if piece.kind == "source_chunk" else named:
            told |= {(id, name_of(lore, id)) for id in piece.points_at(field_name)}
        if piece.kind == "source_chunk" and piece.fields["metadata"].get("heading"):
            told.add((piece.id, piece.fields["metadata"]["heading"]))
    return frozenset(told)


def reference_refusal(worlds: Mapping[str, str], references: Made, world_id: str) -> Refusal | None:
    """`worlds`: of all that there is to refer to, by id."""
    missing = _those(references, lambda id: id not in worlds)
    if missing:
        return Refusal(404, "reference_not_found", {"missing": missing})
    foreign = _those(references, lambda id: worlds[id] != world_id)
    if foreign:
        return Refusal(422, "world_scope_violation", {"foreign": foreign})
    return None


def _those(references: Made, wrong: Callable[[str], bool]) -> dict[str, list[str]]:
    of_kinds: Iterable[tuple[str, list[str]]] = (
        (kind, [id for id in ids if wrong(id)]) for kind, ids in named_in(references).items()
    )
    return {kind: ids for kind, ids in of_kinds if ids}
