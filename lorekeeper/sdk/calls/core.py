"""`Call`: one request to the API, and how to read what comes back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from lorekeeper.contracts.base import format_time
from lorekeeper.contracts.errors import Problem
from lorekeeper.sdk.errors import APIError, UnexpectedAnswerError, api_error

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Params = Mapping[str, str | Sequence[str]]
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read to its end. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. `repeatable` says that sending it twice does no more than sending it once."""

    method: str
    path: str
    read: Callable[[Answer], T]
    params: Params = field(default_factory=dict)
    body: bytes | None = None
    headers: Headers = field(default_factory=dict)
    repeatable: bool = False
    patience: float = 0.0
    """Seconds that the server may take on purpose (a long poll), on top of the usual time."""

    def parse(self, answer: Answer) -> T:
        """The answer as a value. Raises `APIError` for a refusal, `UnexpectedAnswerError` for what is no answer."""
        if answer.status >= 400:
            raise refusal(answer)
        if answer.status >= 300:
            raise UnexpectedAnswerError(f"the server redirects (HTTP {answer.status}): is its URL right?")
        return self.read(answer)


def get(path: str, answer: type[M], params: Params | None = None) -> Call[M]:
    """A read: it can always be repeated."""
    return Call("GET", path, model(answer), params=params or {}, repeatable=True)


def post(
    path: str,
    answer: type[M],
    body: BaseModel | None = None,
    *,
    params: Params | None = None,
    repeatable: bool = False,
    patience: float = 0.0,
) -> Call[M]:
    """A write with a JSON body."""
    return Call("POST", path, model(answer), params or {}, encode(body), repeatable=repeatable, patience=patience)


def patch(path: str, answer: type[M], body: BaseModel, *, headers: Headers | None = None) -> Call[M]:
    """A merge patch (RFC 7396): what was given is sent, null too. Under `If-Match` it can be repeated."""
    given = body.model_dump_json(exclude_unset=True).encode()
    return Call("PATCH", path, model(answer), body=given, headers=headers or {}, repeatable=bool(headers))


def delete(path: str, answer: type[M], params: Params, *, headers: Headers | None = None) -> Call[M]:
    """A deletion."""
    return Call("DELETE", path, model(answer), params, headers=headers or {})


def encode(body: BaseModel | None) -> bytes | None:
    """The body as JSON. Fields that are null are left out, so that an older server takes what a newer SDK sends."""
    return None if body is None else body.model_dump_json(exclude_none=True).encode()


def model(answer: type[M]) -> Callable[[Answer], M]:
    """Reads an answer as a model of the contracts."""

    def read(got: Answer) -> M:
        try:
            return answer.model_validate_json(got.content)
        except ValidationError as error:
            raise UnexpectedAnswerError(
                f"the answer (HTTP {got.status}) is not a {answer.__name__}: is this a LoreKeeper server, "
                f"of a version that fits? {_first_complaint(error)}"
            ) from error

    return read


def query(filters: Mapping[str, object], *, skip: int = 0, limit: int = 50, cursor: str | None = None) -> Params:
    """Filters and the page as query parameters; what is not set is left out."""
    params: dict[str, str | Sequence[str]] = {
        name: [_text(one) for one in value] if isinstance(value, list | tuple) else _text(value)
        for name, value in filters.items()
        if value is not None
    }
    params["limit"] = str(limit)
    if cursor is not None:
        params["cursor"] = cursor
    elif skip:
        params["skip"] = str(skip)
    return params


def refusal(answer: Answer) -> APIError:
    """The exception for an answer of 400 and above, also when it is not one of ours (a proxy's)."""
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        detail = f"the server answered HTTP {answer.status} without saying why"
        problem = Problem(
            type="about:blank",
            title=f"HTTP {answer.status}",
            status=answer.status,
            detail=detail,
            code=f"http_{answer.status}",
            request_id=answer.headers.get("x-request-id"),
        )
    return api_error(problem, retry_after=seconds_to_wait(answer.headers.get("retry-after")))


def seconds_to_wait(value: str | None) -> float | None:
    """`Retry-After` (RFC 9110 section 10.2.3): seconds, or a date. None where it is absent or unreadable."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return format_time(value if value.tzinfo else value.replace(tzinfo=UTC))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
