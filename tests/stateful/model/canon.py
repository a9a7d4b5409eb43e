"""Where canon contradicts itself (docs/canon.md)."""

from itertools import combinations

from stateful.model.known import Known
from stateful.model.lore import Piece, sentence
from stateful.model.values import Made, Refusal

Pair = tuple[Piece, Piece]
ALWAYS = float("inf")


class Canon(Known):
    def contradictions(self, world_id: str) -> list[Pair]:
        """Two by two, the one that starts first before the other."""
        valued = {name for name, single in self.declared.get(world_id, {}).items() if single}
        claims = [
            one for one in self.lore.values() if one.world_id == world_id and one.kind == "claim" and one.is_there
        ]
        superseded = {one.fields["supersedes_claim_id"] for one in claims}
        in_canon = [
            one
            for one in claims
            if one.fields["canon_state"] == "STRICT" and one.fields["predicate"] in valued and one.id not in superseded
        ]
        in_canon.sort(key=lambda one: (_held(one)[0], one.id))
        found = [(one, other) for one, other in combinations(in_canon, 2) if _contradict(one, other)]
        return sorted(found, key=lambda pair: (pair[0].id, pair[1].id))

    def canon_refusal(self, body: Made) -> Refusal | None:
        """Why no job is made of these claims; the other side of a contradiction need not be referred to."""
        claims = body["references"].get("claim_ids", [])
        pairs = [pair for pair in self.contradictions(body["world_id"]) if any(claim.id in claims for claim in pair)]
        if not pairs or body.get("allow_contradictions"):
            return None
        told = [
            {
                side: {"id": claim.id, "sentence": sentence(self.lore, claim)}
                for side, claim in zip(("claim", "other"), pair, strict=True)
            }
            for pair in pairs[:20]
        ]
        return Refusal(409, "contradiction", {"contradictions": told, "has_more": len(pairs) > 20})


def _held(claim: Piece) -> tuple[float, float]:
    start, end = (claim.fields[name] and claim.fields[name]["sort"] for name in ("valid_from", "valid_to"))
    return -ALWAYS if start is None else start, ALWAYS if end is None else end


def _holds_at(claim: Piece, time: float) -> bool:
    start, end = _held(claim)
    return start <= time < end or start == time == end


def _contradict(one: Piece, other: Piece) -> bool:
    said = [(claim.fields["subject_entity_id"], claim.fields["predicate"]) for claim in (one, other)]
    what = [(claim.fields["object_entity_id"], claim.fields["object_value"]) for claim in (one, other)]
    time = max(_held(one)[0], _held(other)[0])
    return said[0] == said[1] and what[0] != what[1] and _holds_at(one, time) and _holds_at(other, time)
