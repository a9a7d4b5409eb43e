"""What is wrong with single fields of a request, in the one form that `errors` of a problem has."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

MOST_ERRORS = 50
LONGEST_MESSAGE = 500

FieldError = dict[str, str]


def field_error(path: Sequence[str | int], message: str, kind: str) -> FieldError:
    """One of them. `kind` is a word for programs."""
    shown = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"
    return {"field": ".".join(str(part) for part in path), "message": shown, "type": kind}


def field_errors(errors: Iterable[Any], *within: str | int) -> list[FieldError]:
    """Pydantic's errors; `within` is the place of what was validated."""
    return [
        field_error((*within, *error["loc"]), error["msg"].removeprefix("Value error, "), error["type"])
        for error in islice(errors, MOST_ERRORS)
    ]


def summary(errors: Sequence[FieldError]) -> str:
    """The sentence for people: the first of them."""
    first = errors[0] if errors else {"field": "request", "message": "is not valid"}
    return f"{first['field']}: {first['message']}"
