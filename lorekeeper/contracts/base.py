"""The base model and the field types that every request and response is made of."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

MAX_SAFE_INTEGER = 2**53 - 1
MAX_JSON_DEPTH = 32


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside of the years 1 to 9999") from error


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always of the same length, so that texts sort as times do."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


Timestamp = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(format_time, when_used="json")]

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _refuse_seconds(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise ValueError("must be a time in the form of RFC 3339, such as 2026-11-22T06:04:00Z")


GivenTime = Annotated[Timestamp, BeforeValidator(_refuse_seconds)]
"""A time as a client sends it. A number is none: whether seconds or milliseconds are meant is a guess."""


def _refuse_no_number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueError only
    return value


A_NUMBER = BeforeValidator(_refuse_no_number)
"""Stands last in the annotation of an integer that a client sends: 3.0 is 3, but neither `true` nor `"1"` is 1."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
YesNo = Annotated[bool, Field(strict=True)]


def _refuse_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain the NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("must not contain a lone surrogate: it is not Unicode text") from error
    return value


Text = Annotated[str, AfterValidator(_refuse_nul)]
"""Text that PostgreSQL can store: no NUL, no lone surrogate."""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_refuse_nul)
]
Offset = Annotated[int, Field(ge=0, le=2_000_000_000), A_NUMBER]
"""A place in a text, in Unicode code points."""

Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_refuse_nul)
]
LongText = Annotated[str, StringConstraints(max_length=200_000), AfterValidator(_refuse_nul)]
Checksum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hexadecimal."""


def _check_json(value: Any, depth: int = 0) -> None:
    if depth > MAX_JSON_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_JSON_DEPTH} levels")
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, str):
        _refuse_nul(value)
    elif isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError("holds an integer beyond 2^53 - 1, which canonical JSON (RFC 8785) cannot carry")
    elif isinstance(value, float):
        if not math.isfinite(value) or (value.is_integer() and abs(value) > MAX_SAFE_INTEGER):
            raise ValueError("holds NaN, an infinity or a number beyond 2^53 - 1, which canonical JSON cannot carry")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key)
            _check_json(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(item, depth + 1)
    else:
        raise ValueError(f"holds a {type(value).__name__}, which is not JSON")  # noqa: TRY004 - pydantic reports ValueError only


def _json_object(value: dict[str, Any]) -> dict[str, Any]:
    _check_json(value)
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_json_object)]
"""A JSON object that has a canonical form (RFC 8785): finite numbers within 2^53, at most 32 levels deep."""


def _parse_json_text(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str | bytes) else value


StoredJson = Annotated[dict[str, Any], BeforeValidator(_parse_json_text)]
"""JSON out of the database: what was checked on its way in is not checked again."""

Metadata = Annotated[JsonObject, Field(description="Free JSON of the caller's. It is a label: it changes no version.")]


def _unique(ids: list[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))


IdList = Annotated[list[UUID], Field(max_length=1000), AfterValidator(_unique)]
"""Up to 1,000 ids; a repeated id counts once."""


class Model(BaseModel):
    """What the server answers: unknown fields are ignored, so that an older SDK reads a newer server."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)


class Request(BaseModel):
    """What a client sends: an unknown field is refused, because it is nearly always a typing error."""

    model_config = ConfigDict(extra="forbid")


class Page(Model):
    """The part of a list answer that every list has (design section 5, Lists)."""

    total: int = Field(description="How many rows match the filters.")
    total_is_estimate: bool = Field(False, description="True where counting exactly would cost more than the page.")
    skip: int = 0
    limit: int
    next_cursor: str | None = Field(None, description="Pass it as `cursor` for the next page; null on the last one.")


class TimePoint(Model):
    """A moment in the world's own calendar: how it is written, and a number to sort by."""

    label: str | None = None
    sort: float | None = None


class TimePointCreate(TimePoint, Request):
    """The same as a client sends it: one of the two at least."""

    label: Label | None = None
    sort: Number | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.label is None and self.sort is None:
            raise ValueError("give a label, a sortable number, or both")
        return self

    def is_after(self, other: Self) -> bool:
        """True when both carry a sortable number and this one is larger."""
        return self.sort is not None and other.sort is not None and self.sort > other.sort
