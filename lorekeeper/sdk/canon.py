"""The client's group for canon: what is declared of predicates, and where canon contradicts itself."""

from lorekeeper.sdk.calls import canon as calls
from lorekeeper.sdk.operations import ExecutionT, Group, Operation, Walk


class Canon(Group[ExecutionT]):
    """`client.canon`."""

    declare = Operation(calls.declare_predicate)
    withdraw = Operation(calls.withdraw_predicate)
    list_predicates = Operation(calls.list_predicates)
    iterate_predicates = Walk(calls.every_predicate)
    list_contradictions = Operation(calls.list_contradictions)
    iterate_contradictions = Walk(calls.every_contradiction)
