"""Waiting for something to be so, never for a time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 20.0, every: float = 0.01) -> T:
    """What the condition gave once it gave something true; fails when it has not in time."""
    deadline = time.monotonic() + seconds
    while not (given := condition()):
        assert time.monotonic() < deadline, f"not so within {seconds:.0f} s"
        time.sleep(every)
    return given
