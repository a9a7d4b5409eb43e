"""The client's group for looking into a world."""

from lorekeeper.sdk.calls import search as calls
from lorekeeper.sdk.operations import ExecutionT, Group, Operation, Walk


class Search(Group[ExecutionT]):
    """`client.search`: calling it searches; its methods count and follow names."""

    __call__ = Operation(calls.search)
    summary = Operation(calls.summarize_world)
    tags = Operation(calls.list_tags)
    claims_of = Operation(calls.list_entity_claims)
    iterate_claims_of = Walk(calls.every_entity_claim)
    mentions_of = Operation(calls.list_entity_mentions)
    iterate_mentions_of = Walk(calls.every_entity_mention)
