"""Calls for what an operator asks."""

from lorekeeper.sdk.calls.core import Answer, Call


def live() -> Call[bool]:
    """True when the process answers. Raises `ServerUnreachableError` where nothing does."""
    return Call("GET", "/health/live", _yes, repeatable=True)


def ready() -> Call[bool]:
    """True when database, migrations and store are all there; else `UnavailableError`."""
    # Not repeated: "not yet" is an answer here.
    return Call("GET", "/health/ready", _yes)


def metrics() -> Call[str]:
    """The server's metrics in Prometheus' text format."""
    return Call("GET", "/metrics", _text, repeatable=True)


def _yes(_: Answer) -> bool:
    return True


def _text(answer: Answer) -> str:
    return answer.content.decode()
