"""The client's group for canon: what is declared of predicates, and where canon contradicts itself."""

from collections.abc import Iterator
from uuid import UUID

from lorekeeper.contracts.canon import (
    Contradiction,
    PaginatedContradictionResponse,
    PaginatedPredicateResponse,
    PredicateDeclaration,
    PredicateResponse,
)
from lorekeeper.sdk.calls import canon as calls
from lorekeeper.sdk.calls.core import query
from lorekeeper.sdk.paging import DEFAULT_PAGE, WALKING_PAGE, walk
from lorekeeper.sdk.transport import Transport


class Canon:
    """`client.canon`."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport.send

    def declare(self, world_id: UUID, predicate: str, *, single_valued: bool) -> PredicateResponse:
        """Says whether a predicate is single-valued in a world: of each subject it says one thing at a time then."""
        body = PredicateDeclaration(single_valued=single_valued)
        return self._send(calls.declare_predicate(world_id, predicate, body))

    def withdraw(self, world_id: UUID, predicate: str) -> PredicateResponse:
        """Takes back what was declared, and answers it. Raises `NotFoundError`."""
        return self._send(calls.withdraw_predicate(world_id, predicate))

    def list_predicates(
        self, world_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> PaginatedPredicateResponse:
        """One page of the predicates that something was declared of, newest first."""
        return self._send(calls.list_predicates(world_id, query({}, skip=skip, limit=limit, cursor=cursor)))

    def iterate_predicates(self, world_id: UUID) -> Iterator[PredicateResponse]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.list_predicates(world_id, limit=WALKING_PAGE, cursor=cursor))

    def list_contradictions(
        self, world_id: UUID, *, skip: int = 0, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> PaginatedContradictionResponse:
        """One page of what canon contradicts itself in, with the claims that disagree."""
        return self._send(calls.list_contradictions(world_id, query({}, skip=skip, limit=limit, cursor=cursor)))

    def iterate_contradictions(self, world_id: UUID) -> Iterator[Contradiction]:
        """All of them, fetched page by page."""
        return walk(lambda cursor: self.list_contradictions(world_id, limit=WALKING_PAGE, cursor=cursor))
