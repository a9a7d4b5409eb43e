"""Calls for what an operator asks."""

from lorekeeper.sdk.calls.core import Answer, Call


def live() -> Call[bool]:
    return Call("GET", "/health/live", _yes, repeatable=True)


def ready() -> Call[bool]:
    # Not repeated: "not yet" is an answer here.
    return Call("GET", "/health/ready", _yes)


def metrics() -> Call[str]:
    return Call("GET", "/metrics", _text, repeatable=True)


def _yes(_: Answer) -> bool:
    return True


def _text(answer: Answer) -> str:
    return answer.content.decode()
