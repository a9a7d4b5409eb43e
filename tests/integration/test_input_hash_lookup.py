"""`get_asset_job_by_input_hash` of the specification: the job that stands in the way of another one like it."""

from uuid import UUID

import pytest
from factories.jobs import JOBS, finished_job, new_job
from factories.lore import World

from lorekeeper.jobs.repository import get_asset_job_by_input_hash
from lorekeeper.kit.database import Database


@pytest.fixture
async def found_by(database_url: str):
    database = Database(database_url, max_size=1)
    await database.open()

    async def look_up(world: World, input_hash: str):
        return await get_asset_job_by_input_hash(database, UUID(world.id), input_hash)

    yield look_up
    await database.close()


async def test_finds_the_live_or_finished_job_with_its_asset(world: World, found_by) -> None:
    done, queued = finished_job(world), new_job(world)

    assert str((await found_by(world, queued["input_hash"]))["id"]) == queued["id"]
    row = await found_by(world, done["input_hash"])
    assert (str(row["id"]), row["asset"]["id"]) == (done["id"], done["asset"]["id"])


async def test_finds_none_that_stands_in_nobodys_way(world: World, other_world: World, found_by) -> None:
    cancelled, elsewhere = new_job(world), new_job(other_world)
    world.api.post(f"{JOBS}/{cancelled['id']}/cancel")

    assert await found_by(world, cancelled["input_hash"]) is None
    assert await found_by(world, elsewhere["input_hash"]) is None
