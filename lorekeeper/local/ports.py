"""Free TCP ports on the loopback interface."""

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterable

from .errors import LocalEngineError

LOOPBACK = "127.0.0.1"

# Below Linux's ephemeral range (32768 and up), where an outgoing connection could hold a remembered port.
PORT_RANGE = range(20_000, 32_000)
_ATTEMPTS = 500

PortCheck = Callable[[int], bool]


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now. A port in TIME_WAIT counts as free, as it does for the engines."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            probe.listen(1)
            return True
    return False


def choose_ports(
    names: Iterable[str],
    remembered: dict[str, int],
    *,
    usable: PortCheck = is_free,
    avoid: frozenset[int] = frozenset(),
) -> dict[str, int]:
    """A port for each name: the remembered one where it is still usable, else another at random."""
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        if port is None or port in chosen.values() or not usable(port):
            port = _pick(usable, avoid | set(remembered.values()) | set(chosen.values()))
        chosen[name] = port
    return chosen


def _pick(usable: PortCheck, taken: frozenset[int]) -> int:
    # Cryptographic randomness is not needed; a generator that a caller's random.seed() cannot make collide is.
    generator = secrets.SystemRandom()
    for _ in range(_ATTEMPTS):
        port = generator.choice(PORT_RANGE)
        if port not in taken and usable(port):
            return port
    raise LocalEngineError(
        f"No free port was found on {LOOPBACK} between {PORT_RANGE.start} and {PORT_RANGE.stop}; "
        "stop what occupies them."
    )
