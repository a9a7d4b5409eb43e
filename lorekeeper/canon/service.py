"""Predicates and contradictions: what canon may not say twice (docs/canon.md)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.canon import repository
from lorekeeper.contracts.canon import (
    NAMED_PAIRS,
    ContradictingPair,
    PaginatedContradictionResponse,
    PaginatedPredicateResponse,
    PredicateDeclaration,
    PredicateResponse,
)
from lorekeeper.contracts.enums import LoreKind
from lorekeeper.contracts.errors import ContradictionError, NotFoundError
from lorekeeper.kit.pagination import Paging
from lorekeeper.lore import service as lore

QUOTED = 500
"""How many characters of a claim a refusal quotes at the most; a value alone may have 200,000."""


async def declare_predicate(
    ctx: Context, world_id: UUID, predicate: str, body: PredicateDeclaration
) -> PredicateResponse:
    """Say what a predicate is in this world; saying it again changes nothing. Raises `NotFoundError`."""
    await lore.read(ctx, LoreKind.WORLD, world_id)
    async with ctx.database.transaction() as session:
        row = await repository.declare_predicate(
            session, world_id, predicate, single_valued=body.single_valued, origin=ctx.origin
        )
    return PredicateResponse.model_validate(lore.visible(ctx, LoreKind.WORLD, world_id, row))


async def withdraw_predicate(ctx: Context, world_id: UUID, predicate: str) -> PredicateResponse:
    """Take back what was said. Raises `NotFoundError`, also where nothing was."""
    await lore.read(ctx, LoreKind.WORLD, world_id)
    async with ctx.database.transaction() as session:
        row = await repository.withdraw_predicate(session, world_id, predicate, origin=ctx.origin)
    if row is None:
        await lore.read(ctx, LoreKind.WORLD, world_id)  # it may be what is gone
        raise NotFoundError(f"Nothing is declared of the predicate {predicate!r} in world {world_id}.")
    return PredicateResponse.model_validate(row)


async def list_predicates(ctx: Context, world_id: UUID, paging: Paging) -> PaginatedPredicateResponse:
    """The predicates that something was said of. Raises `NotFoundError`."""
    await lore.read(ctx, LoreKind.WORLD, world_id)
    return await repository.list_predicates(ctx.database, world_id, paging)


async def list_contradictions(ctx: Context, world_id: UUID, paging: Paging) -> PaginatedContradictionResponse:
    """A page of what canon contradicts itself in. Raises `NotFoundError`."""
    await lore.read(ctx, LoreKind.WORLD, world_id)
    return await repository.list_contradictions(ctx.database, world_id, paging)


def contradiction_between(pairs: Sequence[Mapping[str, Any]]) -> ContradictionError:
    """The refusal of what is to be made from contradicting claims. `pairs` are rows of `claim` and `other`, one more
    than are named where there are more.
    """
    named = [_named(ContradictingPair.model_validate(pair)) for pair in pairs[:NAMED_PAIRS]]
    told = "; ".join(
        " and ".join(f"“{claim['sentence']}” ({claim['id']})" for claim in pair.values()) for pair in named
    )
    more = "; and more" if len(pairs) > NAMED_PAIRS else ""
    return ContradictionError(
        f"Canon contradicts itself: {told}{more}. Correct it, or say allow_contradictions.",
        contradictions=named,
        has_more=len(pairs) > NAMED_PAIRS,
    )


def _named(pair: ContradictingPair) -> dict[str, dict[str, str]]:
    claims = {"claim": pair.claim, "other": pair.other}
    return {side: {"id": str(claim.id), "sentence": _shortened(claim.sentence)} for side, claim in claims.items()}


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= QUOTED else f"{sentence[: QUOTED - 1]}…"
