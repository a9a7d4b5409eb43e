"""The app itself, on a real socket, in a thread of this process."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

import uvicorn
from fastapi import FastAPI

from harness.waiting import until
from harness.wire import Api
from lorekeeper.access.service import create_key, revoke_key
from lorekeeper.app import Backing, create_app
from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock
from lorekeeper.kit.database import Database
from lorekeeper.kit.protocol import bounded_protocol
from lorekeeper.kit.telemetry import configure_logging
from lorekeeper.settings import Settings

T = TypeVar("T")


class RunningApp:
    """An app that serves, its clock, and the keys to it."""

    def __init__(self, app: FastAPI, url: str, loop: asyncio.AbstractEventLoop, clock: MovableClock) -> None:
        self.app = app
        self.url = url
        self.clock = clock
        self._loop = loop
        self._clients: list[Api] = []

    @property
    def database(self) -> Database:
        database: Database = self.app.state.runtime.database
        return database

    def as_anyone(self, key: str | None = None) -> Api:
        """With this key, whatever it is worth."""
        api = Api(self.url, key)
        self._clients.append(api)
        return api

    def as_new_key(
        self, role: Role, *, worlds: list[str] | None = None, providers: list[str] | None = None, name: str = "a test"
    ) -> Api:
        """With a key made for the purpose. No worlds, no providers: all of them."""
        _, text = self.run(
            lambda: create_key(
                self.database,
                name=name,
                role=role,
                world_ids=None if worlds is None else [UUID(world) for world in worlds],
                providers=providers,
                actor="the tests",
                now=self.clock.now(),
            )
        )
        return self.as_anyone(text)

    def revoke(self, api: Api) -> None:
        assert self.run(lambda: revoke_key(self.database, api.key_id, actor="the tests", now=self.clock.now()))

    def close(self) -> None:
        for api in self._clients:
            api.client.close()

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What no request does, in the app's own loop."""

        async def awaited() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(30)


class _Server(uvicorn.Server):
    loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().serve(sockets)


@contextmanager
def running_app(settings: Settings, backing: Backing) -> Iterator[RunningApp]:
    configure_logging("json", "info")  # pytest shows it where a test fails
    clock = MovableClock()
    app = create_app(settings, backing, clock=clock)
    server = _Server(
        uvicorn.Config(
            app,
            http=bounded_protocol(),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="the app", daemon=True)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert server.started, "the app did not start"
        assert server.loop is not None
        running = RunningApp(app, f"http://127.0.0.1:{listener.getsockname()[1]}", server.loop, clock)
        yield running
        running.close()
    finally:
        app.state.runtime.new_jobs.close()
        server.should_exit = True
        thread.join(30)
        listener.close()
    assert not thread.is_alive(), "the app did not stop"
