"""A real server on a fresh data folder, one for each test process."""

from collections.abc import Iterator

import pytest
from real_commands import Served

from lorekeeper.cli.ownserver import own_server
from lorekeeper.sdk import Client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data_dir = tmp_path_factory.mktemp("e2e") / "data"
    with own_server(data_dir) as client:
        yield Served(data_dir, client)


@pytest.fixture
def client(server: Served) -> Client:
    return server.client
