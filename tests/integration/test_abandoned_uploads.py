"""What nobody came for is given up, and the store rid of it (issue 3, Deliver 5)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from factories.editing import deleted
from factories.jobs import JOBS, File, claimed_job, complete, finished_job, issued, put, read, running_job, uploaded
from factories.lore import Made, World
from factories.uploads import MULTIPART, Bucket, begun, completed, owner_of, put_part, sent, small_file
from harness.engines import Engines
from harness.server import RunningApp, running_app
from harness.waiting import until

from lorekeeper.access.context import Runtime
from lorekeeper.app import Backing, create_app
from lorekeeper.assets.cleanup import BATCH, Swept, sweep
from lorekeeper.assets.repository import QUERIES
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import StorageUnavailableError
from lorekeeper.kit.clock import MovableClock
from lorekeeper.kit.queries import Query
from lorekeeper.settings import Settings

ASSETS = "/assets/assets"
A_DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
Database = psycopg.Connection[Made]


@pytest.fixture(scope="module")
def bucket(engines: Engines) -> Iterator[Bucket]:
    with owner_of(engines) as owned:
        yield owned


@pytest.fixture
async def runtime(settings: Settings, backing: Backing, clock: MovableClock) -> AsyncIterator[Runtime]:
    """What a server works with, in this test's own loop, by the app's clock."""
    runtime: Runtime = create_app(settings, backing, clock).state.runtime
    await runtime.database.open()
    await runtime.store.open()
    far_ahead = MovableClock()
    far_ahead.move(timedelta(days=1000))
    await sweep(replace(runtime, clock=far_ahead), abandoned_after=A_DAY)  # of all that other tests left
    yield runtime
    await runtime.store.close()
    await runtime.database.close()


def row_of(database: Database, key: str) -> Made:
    row = database.execute("SELECT * FROM upload WHERE storage_key = %s", [key]).fetchone()
    assert row is not None
    return row


class TestASweep:
    async def test_gives_up_what_nobody_came_for_a_day_after_its_url_expired(
        self, world: World, runtime: Runtime, clock: MovableClock, database: Database, bucket: Bucket
    ) -> None:
        file = File()
        key = uploaded(world, file)["storage_key"]
        clock.move(A_DAY + HOUR - timedelta(minutes=1))
        await sweep(runtime, abandoned_after=A_DAY)
        assert row_of(database, key)["state"] == "PENDING"
        assert bucket.holds(key)

        clock.move(timedelta(minutes=2))
        swept = await sweep(runtime, abandoned_after=A_DAY)

        assert swept == Swept(abandoned=1, removed=1)
        row = row_of(database, key)
        assert (row["state"], row["removed_at"] is not None) == ("ABANDONED", True)
        assert not bucket.holds(key)
        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(0, 0)
        told = database.execute(
            "SELECT kind, actor FROM event WHERE subject_id = %s ORDER BY id", [str(row["id"])]
        ).fetchall()
        assert [(event["kind"], event["actor"]) for event in told[1:]] == [
            ("upload.abandoned", "lorekeeper"),
            ("upload.removed", "lorekeeper"),
        ]

    async def test_aborts_what_came_in_parts_also_where_its_name_was_never_noted(
        self, world: World, runtime: Runtime, clock: MovableClock, database: Database, bucket: Bucket
    ) -> None:
        noted, unnoted = sent(world, small_file()), sent(world, small_file())
        # As a server leaves it that dies before it can note what the store called the upload.
        database.execute("UPDATE upload SET multipart_id = NULL WHERE id = %s", [unnoted["upload_id"]])
        whole = completed(world, small_file())
        clock.move(A_DAY + HOUR * 2)

        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(abandoned=3, removed=3)

        for upload in (noted, unnoted, whole):
            assert bucket.unfinished(upload["storage_key"]) == []
            assert not bucket.holds(upload["storage_key"])

    async def test_leaves_alone_what_is_still_worked_on(
        self, world: World, runtime: Runtime, clock: MovableClock, database: Database
    ) -> None:
        file = small_file()
        upload = begun(world, file)
        for _ in range(3):
            clock.move(timedelta(hours=20))
            page = world.api.get(f"{MULTIPART}/{upload['upload_id']}/part-urls")
            assert await sweep(runtime, abandoned_after=A_DAY) == Swept(0, 0)

        for part in page["parts"]:
            assert put_part(part, file.part(part["part_number"])).is_success
        world.api.post(f"{MULTIPART}/complete", {"upload_id": upload["upload_id"]})
        payload = file.declared(upload["storage_key"])
        assert complete(world.api, running_job(world, asset_type="MAP"), payload)["status"] == "SUCCEEDED"

    async def test_leaves_alone_what_an_asset_is_made_of(
        self, world: World, runtime: Runtime, clock: MovableClock, bucket: Bucket
    ) -> None:
        asset = finished_job(world)["asset"]
        clock.move(timedelta(days=400))

        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(0, 0)
        assert bucket.holds(asset["storage_key"])

    async def test_passes_over_what_a_completion_is_using_at_this_moment(
        self, world: World, runtime: Runtime, clock: MovableClock, database: Database, database_url: str
    ) -> None:
        keys = [uploaded(world, File())["storage_key"] for _ in range(2)]
        clock.move(A_DAY + HOUR * 2)
        with psycopg.connect(database_url) as completing:
            completing.execute("SELECT FROM upload WHERE storage_key = %s FOR UPDATE", [keys[0]])

            assert await sweep(runtime, abandoned_after=A_DAY) == Swept(abandoned=1, removed=1)

            assert [row_of(database, key)["state"] for key in keys] == ["PENDING", "ABANDONED"]
        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(abandoned=1, removed=1)

    async def test_takes_as_many_batches_as_there_are(
        self, world: World, runtime: Runtime, clock: MovableClock, database: Database
    ) -> None:
        database.execute(
            """INSERT INTO upload (id, world_id, asset_type, storage_key, filename, content_type, created_by,
                                   created_at, expires_at)
               SELECT gen_random_uuid(), world.id, 'IMAGE', world.id || '/IMAGE/' || n, 'f', 'a/b', 't', now(), now()
               FROM world, generate_series(1, %(many)s) AS n WHERE world.id = %(world)s""",
            {"world": world.id, "many": 2 * BATCH + 3},
        )
        clock.move(A_DAY + HOUR)

        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(2 * BATCH + 3, 2 * BATCH + 3)

    async def test_beside_others_does_no_harm(
        self, world: World, runtime: Runtime, clock: MovableClock, database: Database
    ) -> None:
        keys = [uploaded(world, File())["storage_key"] for _ in range(5)]
        clock.move(A_DAY + HOUR * 2)

        swept = await asyncio.gather(*(sweep(runtime, abandoned_after=A_DAY) for _ in range(4)))

        assert sum(one.abandoned for one in swept) == sum(one.removed for one in swept) == 5
        assert all(row_of(database, key)["removed_at"] for key in keys)
        assert all(row_of(database, key)["state"] == "ABANDONED" for key in keys)

    async def test_comes_back_to_a_deleted_asset_once_nothing_can_be_put_in_its_place(
        self, world: World, runtime: Runtime, clock: MovableClock, database: Database, bucket: Bucket
    ) -> None:
        file, job = File(), running_job(world)
        upload = issued(world, file)
        assert put(upload, file.data).is_success
        asset = complete(world.api, job, file.declared(upload["storage_key"]))["asset"]
        assert world.api.ask("DELETE", f"{ASSETS}/{asset['id']}").status_code == 200
        assert not bucket.holds(asset["storage_key"])
        assert put(upload, b"the URL is still good").is_success
        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(0, 0)

        clock.move(HOUR + timedelta(minutes=1))

        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(abandoned=0, removed=1)
        assert not bucket.holds(asset["storage_key"])
        assert row_of(database, asset["storage_key"])["removed_at"] is not None

    async def test_leaves_nothing_of_a_deleted_world(
        self,
        world: World,
        other_world: World,
        runtime: Runtime,
        clock: MovableClock,
        database: Database,
        bucket: Bucket,
    ) -> None:
        """Neither assets, made or imported, nor uploads, in one piece or in parts, in whatever state they are."""
        finished_job(world)
        imported = uploaded(world, File())
        world.api.post(ASSETS, {"world_id": world.id, "type": "IMAGE", **imported})
        uploaded(world, File())
        for make in (begun, sent, completed):
            make(world, small_file())
        unnoted = sent(world, small_file())
        database.execute("UPDATE upload SET multipart_id = NULL WHERE id = %s", [unnoted["upload_id"]])
        kept = finished_job(other_world)["asset"]["storage_key"]
        assert len(bucket.under(f"{world.id}/")) == 7

        deleted(world.api, f"/worlds/{world.id}", name=world.name)
        clock.move(HOUR * 2)

        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(abandoned=0, removed=7)
        assert bucket.under(f"{world.id}/") == set()
        assert bucket.under(f"{other_world.id}/") == {kept}
        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(0, 0)

    async def test_without_a_store_gives_up_and_the_next_one_removes(
        self,
        world: World,
        runtime: Runtime,
        settings: Settings,
        backing: Backing,
        clock: MovableClock,
        database: Database,
        bucket: Bucket,
    ) -> None:
        keys = [uploaded(world, File())["storage_key"], sent(world, small_file())["storage_key"]]
        clock.move(A_DAY + HOUR * 2)
        nowhere = replace(backing, store=replace(backing.store, endpoint_url="http://127.0.0.1:9"))
        storeless = replace(runtime, store=create_app(settings, nowhere, clock).state.runtime.store)
        await storeless.store.open()
        try:
            with pytest.raises(StorageUnavailableError):
                await sweep(storeless, abandoned_after=A_DAY)
        finally:
            await storeless.store.close()
        assert [row_of(database, key)["state"] for key in keys] == ["ABANDONED"] * 2
        assert [row_of(database, key)["removed_at"] for key in keys] == [None] * 2

        assert await sweep(runtime, abandoned_after=A_DAY) == Swept(abandoned=0, removed=2)
        assert not bucket.holds(keys[0])
        assert bucket.unfinished(keys[1]) == []


@pytest.mark.parametrize(
    ("query", "index"),
    [(QUERIES.abandon_uploads, "upload_pending"), (QUERIES.list_uploads_to_remove, "upload_to_remove")],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
def test_a_sweep_reads_what_is_due_from_an_index(world: World, database: Database, query: Query, index: str) -> None:
    """However many uploads there are that it has nothing to do with."""
    now = datetime.now(UTC)
    parameters = {"before": now, "after": UUID(int=0), "now": now, "limit": BATCH, "actor": "a", "request_id": None}
    with database.transaction(force_rollback=True):
        database.execute(
            """INSERT INTO upload (id, world_id, asset_type, storage_key, filename, content_type, created_by, state,
                                   created_at, expires_at, removed_at)
               SELECT gen_random_uuid(), world.id, 'IMAGE', n::text, 'f', 'a/b', 't',
                      CASE n %% 2 WHEN 0 THEN 'USED' ELSE 'ABANDONED' END, now(), now(),
                      CASE n %% 2 WHEN 1 THEN now() END
               FROM world, generate_series(1, 20000) AS n WHERE world.id = %s""",
            [world.id],
        )
        database.execute("ANALYZE upload")
        plan = database.execute(b"EXPLAIN (FORMAT JSON) " + query.sql(parameters), parameters).fetchone()

    assert f'"Index Name": "{index}"' in json.dumps(plan)


class TestAnAbandonedUpload:
    async def test_is_none_to_make_an_asset_of(self, world: World, runtime: Runtime, clock: MovableClock) -> None:
        file = File()
        payload = uploaded(world, file)
        clock.move(A_DAY + HOUR * 2)
        await sweep(runtime, abandoned_after=A_DAY)
        job = claimed_job(world)
        before = read(world, job)

        world.api.refused(
            422,
            "upload_abandoned",
            "POST",
            f"{JOBS}/{job['id']}/complete",
            payload | {"lease_token": job["lease_token"]},
        )
        world.api.refused(422, "upload_abandoned", "POST", ASSETS, {"world_id": world.id, "type": "IMAGE", **payload})

        assert read(world, job) == before
        again = uploaded(world, file) | {"lease_token": job["lease_token"]}
        assert complete(world.api, job, again)["status"] == "SUCCEEDED"

    @pytest.mark.parametrize("way", ["complete a job", "import"])
    async def test_given_up_while_the_file_was_looked_at_is_none_either(
        self, world: World, database: Database, database_url: str, way: str
    ) -> None:
        """The very moment: the request has found it PENDING, and waits for its row."""
        job, payload = running_job(world), uploaded(world, File())
        path, body = (
            (f"{JOBS}/{job['id']}/complete", payload)
            if way == "complete a job"
            else (ASSETS, {"world_id": world.id, "type": "IMAGE", **payload})
        )
        async with await psycopg.AsyncConnection.connect(database_url) as sweeping:
            await sweeping.execute(
                "UPDATE upload SET state = 'ABANDONED' WHERE storage_key = %s", [payload["storage_key"]]
            )
            request = asyncio.create_task(asyncio.to_thread(world.api.ask, "POST", path, json=body))
            waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
            while database.execute(waiting, [database.info.dbname]).fetchone() != {"n": 1}:
                assert not request.done(), request.result().text
                await asyncio.sleep(0.01)
            await sweeping.commit()
        answer = await request

        assert (answer.status_code, answer.json()["code"]) == (422, "upload_abandoned")
        assert read(world, job)["status"] == "RUNNING"
        assert world.api.get(ASSETS, world_id=world.id)["total"] == 0

    @pytest.mark.parametrize("attempt", range(4))
    async def test_or_used_it_is_never_both(
        self, world: World, runtime: Runtime, clock: MovableClock, bucket: Bucket, attempt: int
    ) -> None:
        payloads = [uploaded(world, File()) for _ in range(6)]
        jobs = [running_job(world) for _ in payloads]
        clock.move(A_DAY + HOUR * 2)
        with ThreadPoolExecutor(6) as pool:
            loop = asyncio.get_running_loop()
            requests = [
                loop.run_in_executor(
                    pool, lambda job, body: world.api.ask("POST", f"{JOBS}/{job['id']}/complete", json=body), job, body
                )
                for job, body in zip(jobs, payloads, strict=True)
            ]
            await sweep(runtime, abandoned_after=A_DAY)
            answers = await asyncio.gather(*requests)

        for answer, job, payload in zip(answers, jobs, payloads, strict=True):
            done = answer.status_code == 200
            assert done or answer.status_code in {422, 503}, answer.text
            assert (read(world, job)["status"] == "SUCCEEDED") is done
            assert bucket.holds(payload["storage_key"]) is done


class TestTheServer:
    @pytest.fixture
    def storeless(self, settings: Settings, backing: Backing) -> Iterator[RunningApp]:
        """A server that sweeps each second, and whose store does not answer."""
        busy = settings.model_copy(update={"cleanup_interval_seconds": 1})
        nowhere = replace(backing.store, endpoint_url="http://127.0.0.1:9")
        with running_app(busy, replace(backing, store=nowhere)) as running:
            yield running

    def test_sweeps_now_and_then_whatever_happens(
        self, storeless: RunningApp, world: World, database: Database
    ) -> None:
        """Each sweep gives up what is due before it fails at the store: so a second one shows that the first did not
        end them."""
        for _ in range(2):
            key = uploaded(world, File())["storage_key"]
            database.execute("UPDATE upload SET expires_at = now() - interval '25 hours' WHERE storage_key = %s", [key])
            until(lambda key=key: row_of(database, key)["state"] == "ABANDONED", seconds=30)
            assert row_of(database, key)["removed_at"] is None
        assert storeless.as_anyone().ask("GET", "/health/live").status_code == 200

    def test_that_was_down_for_days_leaves_workers_time_to_come_back(
        self, settings: Settings, backing: Backing, world: World, database: Database
    ) -> None:
        payload, job = uploaded(world, File()), running_job(world)
        expired = "UPDATE upload SET expires_at = now() - interval '3 days' WHERE storage_key = %s"
        database.execute(expired, [payload["storage_key"]])

        with running_app(settings.model_copy(update={"cleanup_interval_seconds": 600}), backing) as back:
            done = back.as_new_key(Role.ADMIN).ask("POST", f"{JOBS}/{job['id']}/complete", json=payload)

        assert done.status_code == 200, done.text
