"""Claims, several at once, and what canon may not say twice."""

from typing import Any

from factories.lore import Made
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from stateful.model.lore import reference_refusal
from stateful.rules.asking import Asking
from stateful.rules.lore import FIVE, WHICH, WORLD, Lore
from stateful.stage import jobs, step

PREDICATES = st.sampled_from(["keeps", "keeps", "slew/slain"])
FEW_CLAIMS = precondition(lambda self: sum(one.kind == "claim" for one in self.model.lore.values()) < 10)


class Canon(Lore, Asking):
    @FEW_CLAIMS
    @step(
        world=WORLD,
        claims=st.lists(
            st.fixed_dictionaries(
                {
                    "subject_entity_id": st.just("entity"),
                    "predicate": PREDICATES,
                    "object_value": st.sampled_from(["Ash.", "Salt."]),
                    "canon_state": st.sampled_from(["STRICT", "STRICT", "MYTHIC"]),
                },
                optional={
                    "valid_from": st.just(FIVE),
                    "valid_to": st.just(FIVE),
                    "supersedes_claim_id": st.just("claim"),
                    "source_chunk_id": st.just("source_chunk"),
                },
            ),
            min_size=1,
            max_size=2,
        ),
        places=st.tuples(WHICH, WHICH),
    )
    def claim_lore(self, world: int, claims: list[Made], places: tuple[int, int]) -> None:
        """All or none of them."""
        world_id = self.worlds[world].id
        items = [
            {name: self.filled(value, world_id, at) for name, value in claim.items()}
            for claim, at in zip(claims, places, strict=False)
        ]
        self._claim(world_id, items)

    def _claim(self, world_id: str, items: list[Made]) -> None:
        body = {"items": [item | {"world_id": world_id} for item in items]}
        answer, now = self.send(self.stage.editor, "POST", "/claims/batch", json=body)
        asked = {
            f"items[{number}].{name}": [value]
            for number, item in enumerate(items)
            for name, value in item.items()
            if name.endswith("_id")
        }
        alive = {piece.id: piece.world_id for piece in self.model.lore.values() if piece.is_there}
        if (refusal := reference_refusal(alive, asked, world_id)) is not None:
            self.is_refused("claim lore", answer, refusal)
            return
        self.same("the answer", answer.status_code, 201, answer.text)
        told = answer.json()["items"]
        self.same("how many were made", len(told), len(items))
        for one, item in zip(told, items, strict=True):
            self.same("what was asked for", {name: one[name] for name in item}, item)
            self.same("a new id", one["id"] in self.model.lore, False)
            if (superseded := item.get("supersedes_claim_id")) is not None:
                group = self.model.lore[superseded].fields["version_group_id"]
                self.same("the version group", one["version_group_id"], group)
            self.agree_in_piece(self.model.made("claim", one, now), one)
        self.stage.seen["claim lore: done"] += 1

    @FEW_CLAIMS
    @step(
        target=jobs,
        since=st.sampled_from([None, FIVE]),
        state=st.sampled_from(["STRICT", "STRICT", "STRICT", "MYTHIC"]),
        references=st.sampled_from(["one of each", "all claims"]),
        allow=st.sampled_from([None, None, True]),
    )
    def dispute(self, since: Made | None, state: str, references: str, allow: bool | None) -> Any:
        """Say otherwise what is said already, and ask for something of it."""
        world_id = self.worlds[0].id
        (disputed,) = self.lore[0]["claim_ids"]
        subject = self.model.lore[disputed].fields["subject_entity_id"]
        self.declare_as(world_id, "keeps", says=True)
        claim = {"subject_entity_id": subject, "predicate": "keeps", "object_value": "Salt.", "canon_state": state}
        self._claim(world_id, [claim | ({} if since is None else {"valid_from": since})])
        title = f"disputed {len(self.model.jobs)}"
        body = self.body_for(0, 0, "MAP", title, self.references(0, references, "claim_ids"), None)
        return self.put_in(body | ({} if allow is None else {"allow_contradictions": allow}), None)

    @step(world=WORLD, predicate=PREDICATES, says=st.sampled_from([True, True, True, False, None]))
    def declare(self, world: int, predicate: str, says: bool | None) -> None:
        """None: what was declared is taken back."""
        self.declare_as(self.worlds[world].id, predicate, says=says)

    def declare_as(self, world_id: str, predicate: str, *, says: bool | None) -> None:
        path, declared = f"/worlds/{world_id}/predicates/{predicate}", self.model.declared.setdefault(world_id, {})
        if says is None and predicate not in declared:
            answer, _ = self.send(self.stage.editor, "DELETE", path)
            self.same("nothing to take back", answer.status_code, 404, answer.text)
            return
        method, body = ("DELETE", None) if says is None else ("PUT", {"single_valued": says})
        answer, _ = self.send(self.stage.editor, method, path, json=body)
        self.same("the answer", answer.status_code, 200, answer.text)
        if says is None:
            says = declared.pop(predicate)
        else:
            declared[predicate] = says
        claims = [one for one in self.model.of(world_id, "claim") if one.fields["predicate"] == predicate]
        told = answer.json()
        wanted = {"world_id": world_id, "predicate": predicate, "single_valued": says, "claims": len(claims)}
        self.same("the predicate", {name: told[name] for name in wanted}, wanted)
        self.canon_is_as_written(world_id)
        found = "contradictions" if self.model.contradictions(world_id) else "none"
        self.stage.seen[f"declare: {found}"] += 1
