"""What the model's judgements are made of.

It judges a request as of a span of time, because the moment in which the app looked at its clock lies between sending
and answering; a time it cannot know exactly is such a span until the app has told it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Made = dict[str, Any]


class Unclear(Exception):
    """The machine was so slow that a deadline passed while the app was asked: this run says nothing."""


class Span(NamedTuple):
    """A moment between these two."""

    earliest: datetime
    latest: datetime

    def plus(self, **time: float) -> "Span":
        return Span(self.earliest + timedelta(**time), self.latest + timedelta(**time))

    def not_before(self, time: datetime | None) -> "Span":
        return self if time is None else Span(max(self.earliest, time), max(self.latest, time))

    def is_past(self, deadline: datetime) -> bool:
        """Whether this deadline has come."""
        if (deadline <= self.earliest) != (deadline <= self.latest):
            raise Unclear
        return deadline <= self.earliest


class Unknown:
    """An id that nobody had before, until the app has told it."""


@dataclass(frozen=True)
class Containing:
    """Some text with this in it."""

    part: str


@dataclass(frozen=True)
class Refusal:
    status: int
    code: str
    says: Made = field(default_factory=dict)
    """Members of the problem that must be just so."""


INVALID = Refusal(422, "validation_failed")
