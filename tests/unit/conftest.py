"""The SDK's clients, and a server that misbehaves on purpose."""

import asyncio

import pytest
from harness.awaited import Awaited
from harness.misbehaving import misbehaving

from lorekeeper.sdk import AsyncClient, Client
from lorekeeper.sdk.execution import Async, Sync


@pytest.fixture
def server():
    with misbehaving() as server:
        yield server


@pytest.fixture
def quick(monkeypatch):
    """Without the pauses between tries."""

    async def no_pause(self, seconds):
        pass

    monkeypatch.setattr(Sync, "sleep", no_pause)
    monkeypatch.setattr(Async, "sleep", no_pause)


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
def client(server, quick, request):
    if request.param is Client:
        with Client(server.url, "lk_key", attempts=4, timeout=5) as client:
            yield client
    else:
        with asyncio.Runner() as runner:
            client = Awaited(AsyncClient(server.url, "lk_key", attempts=4, timeout=5), runner)
            yield client
            client.close()
