"""Calling a handler: a function in a thread of its own, an `async def` on the worker's event loop."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.sdk.context import AsyncWorkerContext
from lorekeeper.sdk.handling import AsyncHandler, Handler, JobContext, MadeFile

THREADS = 128
"""How much of what waits for the server, or blocks, `async def` handlers can have done at once."""


class EventLoopThread:
    """One event loop in a thread of its own, started when it is first wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # The usual handful of threads would have an order wait for the downloads of others to be put on record.
                self._loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="lorekeeper-aside"))
                threading.Thread(target=self._run, args=(self._loop,), name="lorekeeper-handlers", daemon=True).start()
            return self._loop

    def close(self) -> None:
        """Cancels what still runs on it, and ends it once that has ended."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(_wind_up(), loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


async def _wind_up() -> None:
    loop = asyncio.get_running_loop()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await loop.shutdown_asyncgens()
    loop.call_soon(loop.stop)


class HandlerCall:
    """A handler at work. `done` is what it returned or raised, whatever that is."""

    def __init__(self, interrupt: Callable[[], None] | None = None) -> None:
        self.done: Future[MadeFile] = Future()
        self.interrupt: Callable[[], None] = interrupt or (lambda: None)
        """Cancels an `async def` handler. Nothing stops a function: it hears of it when it next speaks."""


@dataclass(frozen=True)
class Registered:
    """A handler as it was registered, with how long it may take."""

    function: Handler | AsyncHandler
    timeout_seconds: float | None = None

    def start(self, job: ClaimedJob, context: JobContext, loop: EventLoopThread) -> HandlerCall:
        """Calls it for a job; answers at once."""
        if is_async(self.function):
            return _on_loop(cast(AsyncHandler, self.function), job, AsyncWorkerContext(context), loop.loop())
        return _in_thread(cast(Handler, self.function), job, context)


def is_async(function: Handler | AsyncHandler) -> bool:
    """Whether it is an `async def`, or an object whose call is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _in_thread(function: Handler, job: ClaimedJob, context: JobContext) -> HandlerCall:
    call = HandlerCall()

    def run() -> None:
        try:
            call.done.set_result(function(job, context))
        except BaseException as error:  # noqa: BLE001 - somebody else's code; even SystemExit ends only this job
            call.done.set_exception(error)

    threading.Thread(target=run, name=f"job-{job.id}", daemon=True).start()
    return call


def _on_loop(
    function: AsyncHandler, job: ClaimedJob, context: AsyncWorkerContext, loop: asyncio.AbstractEventLoop
) -> HandlerCall:
    async def run() -> MadeFile:
        try:
            return await function(job, context)
        except (SystemExit, KeyboardInterrupt) as error:
            # It would end the loop, and with it the other handlers.
            raise RuntimeError(f"the handler raised {type(error).__name__}") from error

    call = HandlerCall()
    tasks: list[asyncio.Task[MadeFile]] = []

    def begin() -> None:
        task = loop.create_task(run(), name=f"job-{job.id}")
        tasks.append(task)
        task.add_done_callback(lambda done: _settle(done, call.done))

    call.interrupt = lambda: _cancel(loop, tasks)
    loop.call_soon_threadsafe(begin)
    return call


def _settle(task: asyncio.Task[MadeFile], done: Future[MadeFile]) -> None:
    if task.cancelled():
        done.set_exception(asyncio.CancelledError())
    elif error := task.exception():
        done.set_exception(error)
    else:
        done.set_result(task.result())


def _cancel(loop: asyncio.AbstractEventLoop, tasks: list[asyncio.Task[MadeFile]]) -> None:
    # A loop that is closed has cancelled them already.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
