"""The groups of a client (`client.jobs`), written once for both kinds of client.

A group is a list of operations, one line each; what an operation takes, gives, raises and may be sent again is said by
the function it is made of. Read off a group of the synchronous client it is a method, off one of the asynchronous
client the same method to be awaited. The types follow, so that editors and mypy know both.
"""

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast, overload

from lorekeeper.sdk.calls.core import Call
from lorekeeper.sdk.execution import Async, Execution, Sync
from lorekeeper.sdk.paging import Pages
from lorekeeper.sdk.transfer import Store
from lorekeeper.sdk.transport import Transport

P = ParamSpec("P")
T = TypeVar("T")
ExecutionT = TypeVar("ExecutionT", bound=Execution)


@dataclass(frozen=True)
class Line(Generic[ExecutionT]):
    """What the groups of one client share."""

    transport: Transport
    store: Store
    execution: ExecutionT


class Group(Generic[ExecutionT]):
    """Operations that belong together."""

    def __init__(self, line: Line[ExecutionT]) -> None:
        self._line = line


class _Described:
    """Looks like the function it is made of, as documentation and editors ask."""

    def __init__(self, function: Callable[..., Any], *, given_here: int = 0) -> None:
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        taken = inspect.signature(function)
        self.__signature__ = taken.replace(parameters=list(taken.parameters.values())[given_here:])

    def method(self, called: Callable[..., Any]) -> Callable[..., Any]:
        """`called`, looking like the function."""
        like: Callable[..., Any] = cast(Any, self)
        return functools.update_wrapper(called, like, assigned=("__name__", "__doc__"), updated=())


class _Answering(_Described, Generic[P, T], ABC):
    """An operation that answers once."""

    @abstractmethod
    def work(self, line: Line[Any], *args: Any, **given: Any) -> Coroutine[Any, Any, T]:
        """What it does."""

    @overload
    def __get__(self, group: None, owner: type) -> Self: ...
    @overload
    def __get__(self, group: Group[Sync], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, group: Group[Async], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, group: Group[Any] | None, owner: type) -> Any:
        """The method of this group."""
        if group is None:
            return self
        line = group._line
        return self.method(lambda *args, **given: line.execution.run(self.work(line, *args, **given)))


class _Streaming(_Described, Generic[P, T], ABC):
    """An operation that answers many times."""

    @abstractmethod
    def rows(self, line: Line[Any], *args: Any, **given: Any) -> AsyncGenerator[T, None]:
        """What it answers."""

    @overload
    def __get__(self, group: None, owner: type) -> Self: ...
    @overload
    def __get__(self, group: Group[Sync], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, group: Group[Async], owner: type) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, group: Group[Any] | None, owner: type) -> Any:
        """The method of this group."""
        if group is None:
            return self
        line = group._line
        return self.method(lambda *args, **given: line.execution.walk(self.rows(line, *args, **given)))


class Operation(_Answering[P, T]):
    """One call to the API."""

    def __init__(self, function: Callable[P, Call[T]]) -> None:
        super().__init__(function)

    def work(self, line: Line[Any], *args: Any, **given: Any) -> Coroutine[Any, Any, T]:
        """Sends it. What is wrong with the arguments is told at once, not when the answer is awaited."""
        return line.transport.send(self.function(*args, **given))


class Steps(_Answering[P, T]):
    """Several calls, files, waiting: a coroutine function that takes the client's line first."""

    def __init__(self, function: Callable[Concatenate[Line[Any], P], Coroutine[Any, Any, T]]) -> None:
        super().__init__(function, given_here=1)

    def work(self, line: Line[Any], *args: Any, **given: Any) -> Coroutine[Any, Any, T]:
        """Takes them."""
        steps: Coroutine[Any, Any, T] = self.function(line, *args, **given)
        return steps


class Walk(_Streaming[P, T]):
    """All rows of a list, fetched page by page."""

    def __init__(self, function: Callable[P, Pages[T]]) -> None:
        super().__init__(function)

    def rows(self, line: Line[Any], *args: Any, **given: Any) -> AsyncGenerator[T, None]:
        """The rows."""
        return _rows(line, self.function(*args, **given))


class Stream(_Streaming[P, T]):
    """What comes by and by: an asynchronous generator function that takes the client's line first."""

    def __init__(self, function: Callable[Concatenate[Line[Any], P], AsyncGenerator[T, None]]) -> None:
        super().__init__(function, given_here=1)

    def rows(self, line: Line[Any], *args: Any, **given: Any) -> AsyncGenerator[T, None]:
        """The rows."""
        stream: AsyncGenerator[T, None] = self.function(line, *args, **given)
        return stream


async def _rows(line: Line[Any], pages: Pages[T]) -> AsyncGenerator[T, None]:
    cursor: str | None = None
    while True:
        page = await line.transport.send(pages.fetch(cursor))
        for row in page.items:
            yield row
        cursor = page.next_cursor
        if cursor is None:
            return
