"""The client's group for API keys: `client.keys`, for admins."""

from lorekeeper.sdk.calls import keys as calls
from lorekeeper.sdk.operations import ExecutionT, Group, Operation, Walk


class Keys(Group[ExecutionT]):
    """`client.keys`: who may use the server. A key that sees some worlds only rules over keys within these."""

    create = Operation(calls.create_key)
    get = Operation(calls.get_key)
    list = Operation(calls.list_keys)
    iterate = Walk(calls.every_key)
    revoke = Operation(calls.revoke_key)
