"""When a request is sent again, and after how long.

A request that cannot have reached the server, or that the server turned away unread (429), is always sent again.
One that may have been carried out is sent again only if doing it twice does no more than doing it once
(`Call.repeatable`).
"""

from tenacity import RetryCallState, stop_after_attempt, wait_random_exponential
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from lorekeeper.sdk.errors import APIError, ServerUnreachableError, TransferError

DEFAULT_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 60.0

_PASSING_STATUSES = frozenset({502, 503, 504})
# An object store's answer to being overloaded, or to a hiccup of its own (S3 `InternalError`).
_PASSING_STORE_STATUSES = frozenset({429, 500, 502, 503, 504})


def worth_another_try(error: BaseException, *, repeatable: bool) -> bool:
    """Whether the same request may be, and is worth being, sent again after this error."""
    if isinstance(error, ServerUnreachableError):
        return repeatable or error.never_sent
    if isinstance(error, APIError):
        return error.status == 429 or (repeatable and error.status in _PASSING_STATUSES)
    return False


def worth_another_transfer(error: BaseException) -> bool:
    """The same for a file on its way to or from the store: moving it again does no harm."""
    return isinstance(error, TransferError) and (error.status is None or error.status in _PASSING_STORE_STATUSES)


class RetryCall(retry_base):
    """tenacity's question, answered by `worth_another_try`."""

    def __init__(self, *, repeatable: bool) -> None:
        self.repeatable = repeatable

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether to go on after the attempt that just ended."""
        error = _error_of(retry_state)
        return error is not None and worth_another_try(error, repeatable=self.repeatable)


class RetryTransfer(retry_base):
    """tenacity's question, answered by `worth_another_transfer`."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether to go on after the attempt that just ended."""
        error = _error_of(retry_state)
        return error is not None and worth_another_transfer(error)


class Wait(wait_base):
    """Exponential back-off with full jitter, up to 10 s; what the server asks for in `Retry-After` goes first."""

    def __init__(self) -> None:
        self._backoff = wait_random_exponential(multiplier=0.2, max=10)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        error = _error_of(retry_state)
        if isinstance(error, APIError) and error.retry_after is not None:
            return min(error.retry_after, LONGEST_WAIT_SECONDS)
        return self._backoff(retry_state)


def stop_after(attempts: int) -> stop_base:
    """How often to try at most."""
    return stop_after_attempt(attempts)


def _error_of(retry_state: RetryCallState) -> BaseException | None:
    return retry_state.outcome.exception() if retry_state.outcome is not None else None
