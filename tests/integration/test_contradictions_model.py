"""Contradictions against a plain model of them: random claims, random spans of time, and a job that refers to some."""

import math
from dataclasses import dataclass
from itertools import combinations

from factories.canon import asking, contradictions, declare, pairs_of, span
from factories.editing import deleted
from factories.jobs import JOBS
from factories.lore import Made, World
from harness.wire import Api
from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Told:
    """One claim as it is drawn: which of two subjects, two predicates and three objects it has, and when it holds."""

    subject: int
    single: bool
    object: int
    strict: bool
    start: float | None
    length: float | None
    fate: str

    @property
    def ends(self) -> tuple[float | None, float | None]:
        if self.start is None:
            return None, self.length
        return self.start, None if self.length is None else self.start + self.length

    def holds(self, moment: float) -> bool:
        start, end = self.ends
        begins = -math.inf if start is None else start
        return begins <= moment < (math.inf if end is None else end) or moment == begins

    def contradicts(self, other: "Told") -> bool:
        """At the later of the two starts both hold, or never."""
        same = (self.subject, self.single) == (other.subject, other.single) == (other.subject, True)
        counts = all(claim.strict and claim.fate == "lives" for claim in (self, other))
        moment = max(-math.inf if claim.start is None else claim.start for claim in (self, other))
        return same and counts and self.object != other.object and self.holds(moment) and other.holds(moment)


moments = st.none() | st.integers(0, 6) | st.sampled_from([0.5, 1.5])
told = st.builds(
    Told,
    subject=st.sampled_from([0, 0, 0, 0, 0, 1]),
    single=st.sampled_from([True, True, True, True, True, False]),
    object=st.integers(0, 2),
    strict=st.sampled_from([True, True, True, True, True, False]),
    start=moments,
    length=moments,
    fate=st.sampled_from(["lives", "lives", "lives", "lives", "lives", "superseded", "deleted"]),
)


def made(world: World, claims: list[Told]) -> list[Made]:
    """The claims as they are drawn, in one batch; then what becomes of them."""
    declare(world)
    declare(world, "knows", single=False)
    people = [world.entity()["id"] for _ in range(3)]
    items = [
        {
            "world_id": world.id,
            "subject_entity_id": people[claim.subject],
            "predicate": "rules" if claim.single else "knows",
            "canon_state": "STRICT" if claim.strict else "MYTHIC",
            **({"object_value": f"v{claim.object}"} if claim.object else {"object_entity_id": people[2]}),
            **span(*claim.ends),
        }
        for claim in claims
    ]
    rows: list[Made] = world.api.post("/claims/batch", {"items": items})["items"]
    for row, claim in zip(rows, claims, strict=True):
        if claim.fate == "superseded":
            world.claim(supersedes_claim_id=row["id"])
        elif claim.fate == "deleted":
            deleted(world.api, f"/claims/{row['id']}")
    return rows


@settings(max_examples=80)
@given(claims=st.lists(told, min_size=2, max_size=6), chosen=st.sets(st.integers(0, 5)))
def test_contradictions_are_what_a_model_of_them_says(admin: Api, claims: list[Told], chosen: set[int]) -> None:
    world = World.made(admin)
    rows = made(world, claims)
    wanted = {
        frozenset((rows[a]["id"], rows[b]["id"]))
        for a, b in combinations(range(len(claims)), 2)
        if claims[a].contradicts(claims[b])
    }

    items = contradictions(world)
    assert pairs_of(items) == wanted
    assert sum(len(item["pairs"]) for item in items) == len(wanted)

    asked = [row for n, row in enumerate(rows) if n in chosen and claims[n].fate != "deleted"]
    touched = {pair for pair in wanted if pair & {row["id"] for row in asked}}
    answer = world.api.ask("POST", JOBS, json=asking(world, *asked))
    named = [frozenset(side["id"] for side in pair.values()) for pair in answer.json().get("contradictions", ())]
    assert (answer.status_code, set(named), len(named)) == (409 if touched else 201, touched, len(touched))
