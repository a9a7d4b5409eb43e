"""The client's group for what an operator asks: `client.system`."""

from lorekeeper.sdk.calls import system as calls
from lorekeeper.sdk.errors import UnavailableError
from lorekeeper.sdk.transport import Transport


class System:
    """`client.system`: health and metrics."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport.send

    def is_live(self) -> bool:
        """True when the process answers. Raises `ServerUnreachableError` where nothing does."""
        return self._send(calls.live())

    def is_ready(self) -> bool:
        """True when database, migrations and store are all there."""
        try:
            return self._send(calls.ready())
        except UnavailableError:
            return False

    def metrics(self) -> str:
        """The server's metrics in Prometheus' text format."""
        return self._send(calls.metrics())
