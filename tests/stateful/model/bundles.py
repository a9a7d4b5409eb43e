"""A world as it was taken out of the app once, and brought in again later (docs/world-bundle.md)."""

from collections import Counter
from dataclasses import dataclass

from stateful.model.editing import Editing
from stateful.model.lore import Piece, living_chunks
from stateful.model.values import Made, Span, Unknown

COUNTED = {
    "world": "world",
    "entity": "entities",
    "source": "sources",
    "source_chunk": "source_chunks",
    "claim": "claims",
}
"""In the order in which they come in."""


@dataclass(frozen=True)
class Kept:
    """What lived of a world, word for word; `removed`: chunks that a later edition lacked, but claims cited."""

    pieces: list[tuple[Piece, Made]]
    removed: list[tuple[Piece, Made]]
    declared: dict[str, bool]


class Bundles(Editing):
    def keep(self, world_id: str) -> Kept:
        own = [piece for piece in self.lore.values() if piece.world_id == world_id]
        cited = {piece.fields.get("source_chunk_id") for piece in own if piece.is_there}
        removed = [
            piece
            for piece in own
            if not piece.is_there and piece.id in cited and self.lore[piece.fields["source_id"]].is_there
        ]
        return Kept(
            [(piece, piece.fields) for kind in COUNTED for piece in own if piece.is_there and piece.kind == kind],
            [(piece, piece.fields) for piece in sorted(removed, key=lambda one: (one.fields["chunk_index"], one.id))],
            dict(self.declared.get(world_id, {})),
        )

    def bring_back(self, world_id: str, kept: Kept, now: Span) -> dict[str, Counter[str]]:
        """What lived then is again as it was; what came since stays. The counts of the report, but for zeros."""
        counts: dict[str, Counter[str]] = {name: Counter() for name in (*COUNTED.values(), "predicates")}
        places = self._places(kept, now)
        groups = self._groups(kept)
        regrouped = []
        for piece, was in kept.pieces:
            fields = was | places.get(piece.id, {}) | groups.get(piece.id, {})
            if fields.get("version_group_id") != piece.fields.get("version_group_id"):
                regrouped.append((piece, fields["version_group_id"]))
            counts[COUNTED[piece.kind]][self._bring_in(piece, fields, now)] += 1
        for place, (chunk, was) in enumerate(kept.removed, start=len(places)):
            what = "unchanged"
            if chunk.is_there:
                what = self._bring_in(chunk, was | {"chunk_index": place}, now)
                chunk.gone_at, chunk.edit = now, chunk.edit + 1
                self.events[chunk.id, "source_chunk.deleted"] += 1
                counts["source_chunks"]["removed"] += 1
            counts["source_chunks"][what] += 1
        for claim, group in regrouped:
            self._follow(claim, group)
        declared = self.declared.setdefault(world_id, {})
        for predicate, single_valued in kept.declared.items():
            present = declared.get(predicate)
            counts["predicates"][
                "created" if present is None else ("updated", "unchanged")[present == single_valued]
            ] += 1
            declared[predicate] = single_valued
        return counts

    def _bring_in(self, piece: Piece, fields: Made, now: Span) -> str:
        what = "restored" if not piece.is_there else "unchanged" if fields == piece.fields else "updated"
        self._become(piece, fields, now, what, with_parts=False)
        return what

    def _places(self, kept: Kept, now: Span) -> dict[str, Made]:
        """Where each chunk comes to stand: those of the bundle in its order, the others behind them. (A world has one
        source here.)
        """
        in_order = sorted(
            ((chunk, was) for chunk, was in kept.pieces if chunk.kind == "source_chunk"),
            key=lambda one: one[1]["chunk_index"],
        )
        if not in_order:
            return {}
        ids = [chunk.id for chunk, _ in in_order]
        here = living_chunks(self.lore, in_order[0][1]["source_id"])
        if ids == [chunk.id for chunk in here]:
            return {chunk.id: {"chunk_index": chunk.fields["chunk_index"]} for chunk in here}
        gone = [chunk for chunk, _ in kept.removed]
        others = [chunk for chunk in here if chunk.id not in ids and chunk not in gone]
        for place, other in enumerate(others, start=len(ids)):
            self._become(other, other.fields | {"chunk_index": place}, now, "updated")
        return {id: {"chunk_index": place} for place, id in enumerate(ids)}

    def _groups(self, kept: Kept) -> dict[str, Made]:
        """The version group of each claim: that of the first of its chain, if it is the first still."""
        was = {piece.id: fields for piece, fields in kept.pieces if piece.kind == "claim"}
        groups: dict[str, Made] = {}
        settled: dict[str, str | Unknown] = {}
        for id in was:
            first = id
            while was[first]["supersedes_claim_id"] is not None:
                first = was[first]["supersedes_claim_id"]
            if first not in settled:
                present = self.lore[first].fields
                settled[first] = present["version_group_id"] if present["supersedes_claim_id"] is None else Unknown()
            groups[id] = {"version_group_id": settled[first]}
        return groups
