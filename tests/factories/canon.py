"""Canon: what is declared of predicates, claims that count, and the contradictions among them."""

from typing import Any
from urllib.parse import quote

from factories.jobs import JOBS, request_for
from factories.lore import Made, World

Pair = frozenset[str]


def declare(world: World, predicate: str = "rules", *, single: bool = True) -> Made:
    path = f"/worlds/{world.id}/predicates/{quote(predicate, safe='')}"
    made: Made = world.api.put(path, {"single_valued": single})
    return made


def strict(world: World, subject: str, **fields: Any) -> Made:
    return world.claim(**{"subject_entity_id": subject, "predicate": "rules", "canon_state": "STRICT"} | fields)


def span(start: float | None, end: float | None) -> Made:
    ends = {"valid_from": start, "valid_to": end}
    return {name: {"sort": sort} for name, sort in ends.items() if sort is not None}


def contradictions(world: World, **params: Any) -> list[Made]:
    return world.api.walk(f"/worlds/{world.id}/contradictions", **params)


def pairs_of(items: list[Made]) -> set[Pair]:
    return {frozenset((pair["claim"]["id"], pair["other"]["id"])) for item in items for pair in item["pairs"]}


def asking(world: World, *claims: Made, **fields: Any) -> Made:
    return request_for(world, references={"claim_ids": [claim["id"] for claim in claims]}, **fields)


def refused(world: World, request: Made) -> Made:
    made: Made = world.api.refused(409, "contradiction", "POST", JOBS, request)
    return made
