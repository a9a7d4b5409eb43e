"""Editing lore, deleting it, and bringing back what it was (docs/lore.md)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stateful.model.known import Known
from stateful.model.lore import CONTENT, POINTS_AT, Piece, content_of, living_chunks, reading, reference_refusal
from stateful.model.values import INVALID, Made, Refusal, Span, Unknown

NAMED = 20
NOT_FOUND = Refusal(404, "not_found")


@dataclass(frozen=True)
class Deleted:
    """What went with a piece, and what lost it."""

    claim_ids: list[str]
    edited_source_ids: list[str]
    source_chunks: int


class Editing(Known):
    def edit(self, piece: Piece, changes: Made, if_match: str | None, now: Span) -> Refusal | None:
        if not piece.is_there:
            return NOT_FOUND
        if (refusal := _overtaken(piece, if_match)) is not None:
            return refusal
        fields = self._merged(piece, changes)
        if piece.kind == "claim" and (fields["object_entity_id"] is None) == (fields["object_value"] is None):
            return INVALID
        changed = {name: fields[name] for name in POINTS_AT if name in fields and fields[name] != piece.fields[name]}
        changed.pop("source_id", None)  # follows its chunk
        asked = {name: value for name, value in changed.items() if value}
        if (refusal := reference_refusal(self._alive(asked), asked, piece.world_id)) is not None:
            return refusal
        if "supersedes_claim_id" in changed and not self._regroup(piece, fields, now):
            return INVALID
        self._become(piece, fields, now, "updated")
        return None

    def restore(self, piece: Piece, version: int, if_match: str | None, now: Span) -> Refusal | None:
        if (refusal := _overtaken(piece, if_match)) is not None:
            return refusal
        if version > piece.version:
            return NOT_FOUND
        old = piece.past[version - 1] if version < piece.version else piece.fields
        fields = self._merged(piece, {name: old[name] for name in CONTENT[piece.kind]})
        repointed = any(fields.get(name) != piece.fields.get(name) for name in POINTS_AT)
        if not piece.is_there or repointed:
            gone = {
                name: [id for id in (value if isinstance(value, list) else [value]) if not self.lore[id].is_there]
                for name, value in fields.items()
                if name in POINTS_AT and value
            }
            if missing := {name: ids for name, ids in gone.items() if ids}:
                return Refusal(409, "conflict", {"missing": missing})
        if not piece.is_there and piece.kind == "source_chunk":
            fields["chunk_index"] = self._free_place(piece)
        self._become(piece, fields, now, "restored")
        return None

    def delete_lore(self, piece: Piece, if_match: str | None, now: Span, *, cascade: bool) -> Refusal | Deleted:
        if not piece.is_there:
            return NOT_FOUND
        if (refusal := _overtaken(piece, if_match)) is not None:
            return refusal
        users = self._users(piece)
        if users and not cascade:
            return Refusal(409, "lore_in_use", {"users": {name: ids[:NAMED] for name, ids in users.items()}})
        written = users.pop("author_ids", [])
        for id in written:
            source = self.lore[id]
            authors = [author for author in source.fields["author_ids"] if author != piece.id]
            self._become(source, source.fields | {"author_ids": authors}, now, "updated")
        claims = self._with_those_that_supersede({id for ids in users.values() for id in ids})
        chunks = living_chunks(self.lore, piece.id) if piece.kind == "source" else []
        for one in (piece, *(self.lore[id] for id in claims), *chunks):
            one.gone_at, one.edit = now, one.edit + 1
            self.events[one.id, f"{one.kind}.deleted"] += one not in chunks
        if chunks:
            self.events[piece.id, "source.chunks_deleted"] += 1
        return Deleted(claims, written, len(chunks))

    def made(self, kind: str, told: Made, now: Span) -> Piece:
        """A new piece, as it is told of by the answer that made it; `asked` was held against it."""
        follows = ("etag", "version", "content_hash", "chunk_count", "subject_name", "object_name", "sentence")
        fields = {name: value for name, value in told.items() if name not in (*follows, "created_by", "created_at")}
        fields.pop("updated_at")
        stamps = {"created_by": told["created_by"], "created_at": now, "updated_at": now}
        piece = Piece(kind, fields, stamps)
        self.lore[piece.id] = piece
        if kind != "source_chunk":
            self.events[piece.id, f"{kind}.created"] += 1
            self.events[piece.id, "source.chunks_added"] += told.get("chunk_count", 0) > 0
        return piece

    def of(self, world_id: str, kind: str, *, there: bool | None = True) -> list[Piece]:
        """In the order they were made. `there` None: tombstones, too."""
        return [
            piece
            for piece in self.lore.values()
            if piece.world_id == world_id and piece.kind == kind and there in (None, piece.is_there)
        ]

    # --- new editions ---

    def edition_refusal(self, source: Piece, if_match: str | None) -> Refusal | None:
        return _overtaken(source, if_match) if source.is_there else NOT_FOUND

    def take_edition(self, source: Piece, texts: Sequence[str], told: Sequence[Made], now: Span) -> Made:
        """The chunks as they are told of after it, and the report that this must have been. Which chunk is which of a
        changed text is the app's to say, but one whose text did not change stays the chunk that it was.
        """
        before = {chunk.id: chunk for chunk in living_chunks(self.lore, source.id)}
        same = {id for id, text in zip([one["id"] for one in told], texts, strict=True) if _says(before.get(id), text)}
        report: Made = {"changed_ids": [], "added_ids": [], "kept and moved": len(same)}
        wanted = Counter(texts) & Counter(chunk.fields["content"] for chunk in before.values())
        assert len(same) == wanted.total(), "a chunk whose text did not change is not the one that it was"
        written = False
        for place, (text, one) in enumerate(zip(texts, told, strict=True)):
            labels = {"chunk_index": place, "char_start": None, "char_end": None}
            if one["id"] in before:
                chunk, edit = before.pop(one["id"]), self.lore[one["id"]].edit
                self._become(chunk, chunk.fields | labels | {"content": text}, now, "")
                report["changed_ids"] += [] if chunk.id in same else [chunk.id]
                written = written or chunk.edit > edit
            else:
                report["added_ids"].append(one["id"])
                assert one["id"] not in self.lore
                fields = labels | {"id": one["id"], "world_id": source.world_id, "source_id": source.id, "metadata": {}}
                self.made("source_chunk", one | fields | {"content": text}, now)
        for chunk in before.values():
            chunk.gone_at, chunk.edit = now, chunk.edit + 1
        report["removed_ids"] = list(before)
        report["unchanged"] = not (written or before or report["added_ids"])
        citing = [one.id for id in before for one in self._pointing("source_chunk_id", id)]
        report["claim_ids_citing_removed"] = sorted(citing)
        if not report["unchanged"]:
            source.edit += 1
            self.events[source.id, "source.new_edition"] += 1
        return report

    # --- within ---

    def _merged(self, piece: Piece, changes: Made) -> Made:
        fields = piece.fields | changes
        if piece.kind == "source_chunk" and fields["char_start"] is not None:
            is_as_long = fields["char_end"] - fields["char_start"] == len(fields["content"])
            fields |= {} if is_as_long else {"char_start": None, "char_end": None}
        if piece.kind == "claim" and changes.get("source_chunk_id") is not None:
            fields["source_id"] = self.lore[changes["source_chunk_id"]].fields["source_id"]
        return fields

    def _become(self, piece: Piece, fields: Made, now: Span, event: str, *, with_parts: bool = True) -> None:
        """`event`: what is noted of it; nothing where somebody else notes it. A source comes back with its parts."""
        if fields == piece.fields and piece.is_there:
            return
        was = piece.gone_at
        if was is not None or content_of(piece.kind, fields) != piece.content:
            piece.past.append(reading(self.lore, piece))
            piece.version += 1
            piece.stamps = piece.stamps | {"updated_at": now}
        piece.fields, piece.edit, piece.gone_at = fields, piece.edit + 1, None
        if event:
            self.events[piece.id, f"{piece.kind}.{event}"] += 1
        if was is not None and piece.kind == "source" and with_parts:
            for chunk in self.lore.values():
                if chunk.fields.get("source_id") == piece.id and chunk.gone_at == was and chunk.kind == "source_chunk":
                    chunk.gone_at, chunk.edit = None, chunk.edit + 1

    def _alive(self, asked: Made) -> dict[str, str]:
        """The world of each thing that lives and is of a kind that it may be pointed at as."""
        kinds = {POINTS_AT[name] for name in asked}
        return {one.id: one.world_id for one in self.lore.values() if one.is_there and one.kind in kinds}

    def _regroup(self, claim: Piece, fields: Made, now: Span) -> bool:
        """Put a claim, and all that supersede it, into the version group that it belongs to now; False for a ring."""
        target = fields["supersedes_claim_id"]
        here = target
        while here is not None:
            if here == claim.id:
                return False
            here = self.lore[here].fields["supersedes_claim_id"]
        group = Unknown() if target is None else self.lore[target].fields["version_group_id"]
        fields["version_group_id"] = group
        self._follow(claim, group)
        return True

    def _follow(self, claim: Piece, group: str | Unknown) -> None:
        """All that supersede a claim, dead ones too, follow it into its version group."""
        for id in self._with_those_that_supersede({claim.id}, dead_too=True):
            one = self.lore[id]
            if id != claim.id and one.fields["version_group_id"] != group:
                one.edit += 1
                self.events[id, "claim.updated"] += 1
                one.fields = one.fields | {"version_group_id": group}

    def _users(self, piece: Piece) -> dict[str, list[str]]:
        names = (name for name, kind in POINTS_AT.items() if kind == piece.kind)
        users = {name: sorted(one.id for one in self._pointing(name, piece.id)) for name in names}
        return {name: ids for name, ids in users.items() if ids}

    def _pointing(self, name: str, id: str) -> Iterable[Piece]:
        kinds = ("source",) if name == "author_ids" else ("claim",)
        return (one for one in self.lore.values() if one.is_there and one.kind in kinds and id in one.points_at(name))

    def _with_those_that_supersede(self, ids: set[str], *, dead_too: bool = False) -> list[str]:
        found = set(ids)
        while (
            more := {
                one.id
                for one in self.lore.values()
                if one.fields.get("supersedes_claim_id") in found and (one.is_there or dead_too)
            }
            - found
        ):
            found |= more
        return sorted(found)

    def _free_place(self, chunk: Piece) -> int:
        places = [one.fields["chunk_index"] for one in living_chunks(self.lore, chunk.fields["source_id"])]
        here: int = chunk.fields["chunk_index"]
        return max(places) + 1 if here in places else here


def _says(chunk: Piece | None, text: str) -> bool:
    return chunk is not None and chunk.fields["content"] == text


def _overtaken(piece: Piece, if_match: str | None) -> Refusal | None:
    if if_match is None or if_match == "*" or piece.etag in if_match.split(", "):
        return None
    return Refusal(412, "precondition_failed", {"etag": piece.etag})
