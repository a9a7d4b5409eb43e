"""A real server on a fresh data folder, one for each test process."""

from collections.abc import Iterator

import pytest
from real_commands import Served

from lorekeeper.cli.ownserver import own_server
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.lore import EntityCreate, WorldCreate
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.sdk import Client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data_dir = tmp_path_factory.mktemp("e2e") / "data"
    with own_server(data_dir) as client:
        yield Served(data_dir, client)


@pytest.fixture
def client(server: Served) -> Client:
    return server.client


@pytest.fixture
def world(client, request):
    return client.worlds.create(WorldCreate(name=request.node.name))


@pytest.fixture
def entity(client, world):
    return client.entities.create(EntityCreate(world_id=world.id, name="Auntie", summary="A whale, kept wet."))


@pytest.fixture
def ask(client, world, entity):
    """Asks for an asset of the world; each call for another one."""

    def ask(title="Auntie", asset_type="IMAGE", provider="local", **more):
        return client.jobs.create(
            AssetJobCreate(
                world_id=world.id,
                asset_type=asset_type,
                provider=provider,
                prompt_spec={"title": title},
                references=AssetJobReferences(entity_ids=[entity.id]),
                **more,
            )
        )

    return ask
