"""Deleting an asset: DELETED first, the file afterwards, provenance stays (issue 3, Deliver 5)."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, File, claimed_job, finished_job, new_job, read, request_for, store
from factories.lore import Made, World
from factories.uploads import Bucket, owner_of
from harness.engines import Engines
from harness.server import RunningApp, running_app
from harness.wire import Api

from lorekeeper.app import Backing
from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock
from lorekeeper.settings import Settings

ASSETS = "/assets/assets"
Database = psycopg.Connection[Made]


@pytest.fixture(scope="module")
def bucket(engines: Engines) -> Iterator[Bucket]:
    with owner_of(engines) as owned:
        yield owned


def delete(api: Api, asset: Made) -> Made:
    answer = api.ask("DELETE", f"{ASSETS}/{asset['id']}")
    assert answer.status_code == 200, answer.text
    body: Made = answer.json()
    return body


class TestADeletedAsset:
    def test_has_no_file_any_more_and_all_of_its_provenance(self, world: World, bucket: Bucket) -> None:
        file = File()
        job = finished_job(world, file, references=world.one_of_each())
        before = world.api.get(f"{ASSETS}/{job['asset']['id']}")
        url = world.api.post(f"{ASSETS}/{before['id']}/presign-download")["url"]

        gone = delete(world.api, before)

        assert gone["deleted_at"]
        assert gone == before | {"status": "DELETED", "deleted_at": gone["deleted_at"]}
        assert gone["derivations"] == before["derivations"] != []
        assert world.api.get(f"{ASSETS}/{before['id']}") == gone
        assert read(world, job)["asset"]["status"] == "DELETED"
        world.api.refused(410, "asset_gone", "POST", f"{ASSETS}/{before['id']}/presign-download")
        assert not bucket.holds(before["storage_key"])
        assert store.get(url).status_code == 404, "nor do URLs help that were handed out before"

    def test_is_the_same_when_it_is_deleted_again(self, world: World, database: Database) -> None:
        asset = finished_job(world)["asset"]
        gone = delete(world.api, asset)

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda _: delete(world.api, asset), range(4))) == [gone] * 4
        events = database.execute("SELECT kind FROM event WHERE subject_id = %s", [asset["id"]]).fetchall()
        assert events == [{"kind": "asset.deleted"}]

    def test_leaves_its_upload_released_and_its_job_marked(self, world: World, database: Database) -> None:
        job = finished_job(world)
        gone = delete(world.api, job["asset"])

        upload = database.execute("SELECT * FROM upload WHERE storage_key = %s", [gone["storage_key"]]).fetchone()
        row = database.execute("SELECT status, asset_deleted_at FROM asset_job WHERE id = %s", [job["id"]]).fetchone()

        assert upload is not None
        assert row is not None
        assert (upload["state"], row["status"]) == ("RELEASED", "SUCCEEDED")
        assert row["asset_deleted_at"] is not None

    def test_whose_url_has_expired_is_gone_for_good_at_once(
        self, world: World, database: Database, clock: MovableClock
    ) -> None:
        asset = finished_job(world)["asset"]
        clock.move(timedelta(hours=2))
        delete(world.api, asset)

        row = database.execute("SELECT * FROM upload WHERE storage_key = %s", [asset["storage_key"]]).fetchone()

        assert row is not None
        assert row["removed_at"] is not None

    def test_stands_in_the_way_of_no_new_job(self, world: World) -> None:
        request = request_for(world, references=world.one_of_each())
        job = finished_job(world, **{name: request[name] for name in ("prompt_spec", "references")})
        assert world.api.ask("POST", JOBS, json=request).headers["idempotent-replayed"] == "true"

        delete(world.api, job["asset"])
        again = world.api.ask("POST", JOBS, json=request)

        assert again.status_code == 201
        assert (again.json()["input_hash"], again.json()["asset"]) == (job["input_hash"], None)

    def test_is_no_input_of_a_new_job(self, world: World) -> None:
        gone = delete(world.api, finished_job(world)["asset"])

        request = request_for(world, references={"asset_ids": [gone["id"]]})
        told = world.api.refused(404, "reference_not_found", "POST", JOBS, request)
        assert told["missing"] == {"asset_ids": [gone["id"]]}

    def test_is_listed_by_its_status(self, world: World) -> None:
        gone = delete(world.api, finished_job(world)["asset"])
        kept = finished_job(world)["asset"]

        assert [item["id"] for item in world.api.get(ASSETS, world_id=world.id, status="DELETED")["items"]] == [
            gone["id"]
        ]
        assert [item["id"] for item in world.api.get(ASSETS, world_id=world.id, status="READY")["items"]] == [
            kept["id"]
        ]


class TestAnAssetInUse:
    def test_is_kept_until_the_jobs_that_need_it_are_over(self, world: World, bucket: Bucket) -> None:
        asset = finished_job(world)["asset"]
        references = {"asset_ids": [asset["id"]]}
        running, queued = claimed_job(world, references=references), new_job(world, references=references)

        told = world.api.refused(409, "asset_in_use", "DELETE", f"{ASSETS}/{asset['id']}")

        assert told["job_count"] == 2
        assert sorted(told["job_ids"]) == sorted([running["id"], queued["id"]])
        assert world.api.get(f"{ASSETS}/{asset['id']}")["status"] == "READY"
        assert bucket.holds(asset["storage_key"])
        world.api.post(f"{JOBS}/{queued['id']}/cancel")
        world.api.post(f"{JOBS}/{running['id']}/fail", {"error_code": "e", "lease_token": running["lease_token"]})
        assert delete(world.api, asset)["status"] == "DELETED"

    def test_names_ten_jobs_at_the_most(self, world: World) -> None:
        asset = finished_job(world)["asset"]
        for _ in range(12):
            new_job(world, references={"asset_ids": [asset["id"]]})

        told = world.api.refused(409, "asset_in_use", "DELETE", f"{ASSETS}/{asset['id']}")

        assert (told["job_count"], len(told["job_ids"])) == (12, 10)

    def test_once_it_has_served_is_not_in_use_any_more(self, world: World) -> None:
        asset = finished_job(world)["asset"]
        made = finished_job(world, references={"asset_ids": [asset["id"]]})

        assert delete(world.api, asset)["status"] == "DELETED"
        assert read(world, made)["derivation"]["lore_snapshot"]["assets"][0]["checksum"] == asset["checksum"]

    @pytest.mark.parametrize("attempt", range(6))
    def test_is_deleted_or_used_by_a_job_made_at_the_same_time_and_never_both(self, world: World, attempt: int) -> None:
        asset = finished_job(world)["asset"]
        request = request_for(world, references={"asset_ids": [asset["id"]]})
        calls = [("DELETE", f"{ASSETS}/{asset['id']}", None), *[("POST", JOBS, request)] * 3]

        with ThreadPoolExecutor(4) as pool:
            order = calls if attempt % 2 else calls[::-1]
            answers = list(pool.map(lambda call: (call[0], world.api.ask(call[0], call[1], json=call[2])), order))

        (deleted,) = (answer for method, answer in answers if method == "DELETE")
        created = {answer.status_code for method, answer in answers if method == "POST"}
        if deleted.status_code == 200:
            assert created == {404}
        else:
            assert (deleted.status_code, deleted.json()["code"]) == (409, "asset_in_use")
            assert created == {200, 201}

    async def test_is_no_input_of_a_job_that_was_asked_for_while_it_was_being_deleted(
        self, world: World, database: Database, database_url: str
    ) -> None:
        """The very moment: the job's lore is read, and the asset READY in it, when the deletion is committed."""
        asset = finished_job(world)["asset"]
        request = request_for(world, references={"asset_ids": [asset["id"]]})
        async with await psycopg.AsyncConnection.connect(database_url) as other:
            await other.execute("UPDATE asset SET status = 'DELETED', deleted_at = now() WHERE id = %s", [asset["id"]])
            creating = asyncio.create_task(asyncio.to_thread(world.api.ask, "POST", JOBS, json=request))
            await _somebody_waits(database, creating)
            await other.commit()
        answer = await creating

        assert (answer.status_code, answer.json()["code"]) == (404, "reference_not_found")

    async def test_held_by_a_job_that_is_being_made_is_waited_for(
        self, world: World, database: Database, database_url: str
    ) -> None:
        """The very moment: the job's links are written, but not committed, when the deletion comes."""
        asset = finished_job(world)["asset"]
        job = new_job(world)
        async with await psycopg.AsyncConnection.connect(database_url) as other:
            await other.execute("SELECT FROM asset WHERE id = %s AND status = 'READY' FOR SHARE", [asset["id"]])
            await other.execute(
                "INSERT INTO asset_derivation_asset (world_id, derivation_id, asset_id) VALUES (%s, %s, %s)",
                [world.id, job["derivation"]["id"], asset["id"]],
            )
            deleting = asyncio.create_task(asyncio.to_thread(world.api.ask, "DELETE", f"{ASSETS}/{asset['id']}"))
            await _somebody_waits(database, deleting)
            await other.commit()
        answer = await deleting

        assert (answer.status_code, answer.json()["code"]) == (409, "asset_in_use")


async def _somebody_waits(database: Database, request: "asyncio.Task[httpx.Response]") -> None:
    """For a lock: the request is as far as it gets."""
    waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
    while database.execute(waiting, [database.info.dbname]).fetchone() != {"n": 1}:
        assert not request.done(), request.result().text
        await asyncio.sleep(0.01)


class TestWithoutTheStore:
    @pytest.fixture
    def storeless(self, settings: Settings, backing: Backing) -> Iterator[RunningApp]:
        """A second server on the same database, whose store does not answer."""
        nowhere = replace(backing.store, endpoint_url="http://127.0.0.1:9")
        with running_app(settings, replace(backing, store=nowhere)) as running:
            yield running

    def test_it_is_deleted_all_the_same_and_the_file_is_left_for_later(
        self, storeless: RunningApp, world: World, database: Database, bucket: Bucket
    ) -> None:
        asset = finished_job(world)["asset"]

        gone = delete(storeless.as_new_key(Role.EDITOR), asset)

        assert gone["status"] == "DELETED"
        assert bucket.holds(asset["storage_key"])
        row = database.execute("SELECT * FROM upload WHERE storage_key = %s", [asset["storage_key"]]).fetchone()
        assert row is not None
        assert (row["state"], row["removed_at"]) == ("RELEASED", None)


class TestWhoMay:
    @pytest.mark.parametrize("role", [Role.READER, Role.WORKER])
    def test_not_who_is_no_editor(self, app: RunningApp, world: World, role: Role) -> None:
        asset = finished_job(world)["asset"]

        app.as_new_key(role).refused(403, "forbidden", "DELETE", f"{ASSETS}/{asset['id']}")

        assert delete(app.as_new_key(Role.EDITOR), asset)["status"] == "DELETED"

    def test_not_who_does_not_see_the_world(self, app: RunningApp, world: World, other_world: World) -> None:
        narrow = app.as_new_key(Role.EDITOR, worlds=[other_world.id])
        asset = finished_job(world)["asset"]

        for asset_id in (asset["id"], str(uuid4())):
            narrow.refused(404, "not_found", "DELETE", f"{ASSETS}/{asset_id}")
        assert world.api.get(f"{ASSETS}/{asset['id']}") == asset | {
            "derivations": world.api.get(f"{ASSETS}/{asset['id']}")["derivations"]
        }
