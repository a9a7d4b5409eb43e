"""What an operator says of predicates, and contradictions, on the wire (docs/canon.md)."""

from uuid import UUID

from pydantic import Field

from lorekeeper.contracts.base import Model, Page, Request, Timestamp, YesNo
from lorekeeper.contracts.lore import ClaimResponse

NAMED_PAIRS = 20
"""How many pairs of claims are named, by one contradiction or one refusal."""


class PredicateDeclaration(Request):
    """What is said of a predicate in one world."""

    single_valued: YesNo = Field(description="True: of each subject it says one thing at a time.")


class PredicateResponse(Model):
    """A predicate that something was said of. `claims` counts the living claims of its world that use it."""

    id: UUID
    world_id: UUID
    predicate: str
    single_valued: bool
    claims: int
    created_by: str
    created_at: Timestamp
    updated_at: Timestamp


class PaginatedPredicateResponse(Page):
    items: list[PredicateResponse]


class ContradictingPair(Model):
    """Two claims that hold at once and disagree; `claim` starts first."""

    claim: ClaimResponse
    other: ClaimResponse


class Contradiction(Model):
    """A question to which canon has several answers at once: one subject, one single-valued predicate.

    `id` follows from the two: it is the same as long as they contradict each other.
    """

    id: UUID
    subject_entity_id: UUID
    subject_name: str
    predicate: str
    pairs: list[ContradictingPair] = Field(max_length=NAMED_PAIRS)
    has_more_pairs: bool = Field(description="True where there are more pairs than are named.")


class PaginatedContradictionResponse(Page):
    items: list[Contradiction]
