"""The client's group for what an operator asks: `client.system`."""

from typing import Any

from lorekeeper.sdk.calls import system as calls
from lorekeeper.sdk.errors import UnavailableError
from lorekeeper.sdk.operations import ExecutionT, Group, Line, Operation, Steps


async def is_ready(line: Line[Any]) -> bool:
    """True when database, migrations and store are all there."""
    try:
        return await line.transport.send(calls.ready())
    except UnavailableError:
        return False


class System(Group[ExecutionT]):
    """`client.system`: health and metrics."""

    is_live = Operation(calls.live)
    is_ready = Steps(is_ready)
    metrics = Operation(calls.metrics)
