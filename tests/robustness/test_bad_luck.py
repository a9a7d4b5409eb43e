"""One thing breaks at the worst moment: the line to the database, the store, the disk of a worker, or its lease."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, File, claim, claimed_job, complete, new_job, read, uploaded
from factories.lore import Made, World
from factories.uploads import owner_of
from harness.database_proxy import Breaks, DatabaseProxy, database_proxy
from harness.engines import Engines, database_beside
from harness.server import RunningApp, running_app
from harness.store_proxy import Asked, Forward, StoreProxy, as_it_is, hangs_up, store_proxy
from harness.waiting import until
from harness.wire import problem

from lorekeeper.app import Backing
from lorekeeper.assets.cleanup import sweep
from lorekeeper.cli import serve
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import DatabaseUnavailableError
from lorekeeper.kit.database import Database
from lorekeeper.kit.queries import Query
from lorekeeper.sdk import Client, MadeFile, Worker, WorkerListener
from lorekeeper.settings import Settings
from robustness.audit import examine

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fragile:
    """A server whose lines to its database and its store are the test's to break."""

    app: RunningApp
    database: DatabaseProxy
    store: StoreProxy
    key: str

    def client(self) -> Client:
        return Client(self.app.url, self.key)


@pytest.fixture(scope="module")
def lines(engines: Engines, database_url: str, settings: Settings) -> Iterator[Fragile]:
    with (
        database_proxy(database_url) as database,
        store_proxy(engines.store) as store,
        running_app(settings, Backing(database.url, store.address)) as app,
    ):
        yield Fragile(app, database, store, str(app.as_new_key(Role.ADMIN).key))


@pytest.fixture
def fragile(lines: Fragile) -> Iterator[Fragile]:
    yield lines
    lines.store.behave = as_it_is
    lines.database.come_back()
    lines.app.clock.ahead = timedelta()


@pytest.fixture
def own(fragile: Fragile) -> World:
    return World.made(fragile.app.as_anyone(fragile.key))


def tried_later(answer: httpx.Response, code: str) -> None:
    """Refused for now, in a way that clients know to wait for."""
    problem(answer, 503, code)
    assert int(answer.headers["retry-after"]) >= 1


class TestTheLineToTheDatabase:
    @pytest.mark.parametrize("where", Breaks)
    def test_breaks_during_a_claim(self, fragile: Fragile, own: World, where: Breaks) -> None:
        """Granted or not, the worker cannot know: what it was granted comes back when the lease is over, not before."""
        job = new_job(own)
        fragile.database.break_at("unlucky-worker", where)

        body = {"worker_id": "unlucky-worker", "providers": [own.provider], "lease_seconds": 60}
        tried_later(own.api.ask("POST", f"{JOBS}/claim", json=body), "database_unavailable")

        if where is Breaks.BEFORE:
            assert read(own, job) == job
            assert claim(own)[0]["attempt"] == 1
            return
        granted = read(own, job)
        assert (granted["status"], granted["worker_id"]) == ("RUNNING", "unlucky-worker")
        assert claim(own) == []
        fragile.app.clock.move(timedelta(seconds=61))
        assert [(one["id"], one["attempt"]) for one in claim(own)] == [(job["id"], 2)]

    @pytest.mark.parametrize("where", Breaks)
    def test_breaks_during_a_completion(self, fragile: Fragile, own: World, where: Breaks) -> None:
        """The same request again settles it, whether it was carried out or not."""
        job, file = claimed_job(own), File()
        payload = uploaded(own, file) | {"lease_token": job["lease_token"]}
        before = read(own, job)
        fragile.database.break_at(file.checksum, where)

        tried_later(own.api.ask("POST", f"{JOBS}/{job['id']}/complete", json=payload), "database_unavailable")

        after = read(own, job)
        assert (after == before) is (where is Breaks.BEFORE)
        done = complete(own.api, job, payload)
        assert done["status"] == "SUCCEEDED"
        assert where is Breaks.BEFORE or done == after
        assert own.api.get("/assets/assets", world_id=own.id)["total"] == 1

    def test_breaks_during_a_heartbeat(self, fragile: Fragile, own: World) -> None:
        job = claimed_job(own)
        body = {"lease_token": job["lease_token"], "provider_job_id": f"paid-{own.id}"}
        fragile.database.break_at(f"paid-{own.id}", Breaks.AFTER)

        tried_later(own.api.ask("POST", f"{JOBS}/{job['id']}/heartbeat", json=body), "database_unavailable")

        assert read(own, job)["provider_job_id"] == f"paid-{own.id}"
        assert own.api.post(f"{JOBS}/{job['id']}/heartbeat", body)["cancel_requested"] is False

    def test_is_down_while_the_server_starts(
        self, engines: Engines, settings: Settings, tmp_path: Path, worker_id: str
    ) -> None:
        """As when the embedded PostgreSQL dies just then: it is started again, and the start goes on."""
        embedded = settings.model_copy(update={"database_url": None, "data_dir": tmp_path})
        with database_beside(engines.database_url, f"start_{worker_id}") as url, database_proxy(url) as line:
            line.go_down()
            with ThreadPoolExecutor(1) as pool:
                key = pool.submit(serve._make_ready, embedded, Backing(line.url, engines.store))
                until(lambda: line.refused >= 2 or key.done())
                line.come_back()
                assert str(key.result(30)).startswith("lk_")

    async def test_comes_back_soon_after_the_database_however_long_that_was_away(self, database_url: str) -> None:
        """Not after as long again, as a pool that waits ever longer between its tries would."""
        with database_proxy(database_url) as line:
            database = Database(line.url, timeout=1)
            await database.open()
            try:
                assert await _answers(database)
                line.go_down()
                for _ in range(4):
                    assert not await _answers(database)
                line.come_back()
                assert await _answers(database) or await _answers(database)
            finally:
                await database.close()


async def _answers(database: Database) -> bool:
    """Within a second, which is as long as it waits for a connection."""
    try:
        return await database.one(Query("one", "SELECT 1 AS one")) == {"one": 1}
    except DatabaseUnavailableError:
        return False


class TestTheStore:
    def test_is_gone_during_a_completion(
        self, fragile: Fragile, own: World, database: psycopg.Connection[Made]
    ) -> None:
        job, file = claimed_job(own), File()
        payload = uploaded(own, file) | {"lease_token": job["lease_token"]}
        before = read(own, job)
        fragile.store.behave = hangs_up

        tried_later(own.api.ask("POST", f"{JOBS}/{job['id']}/complete", json=payload), "storage_unavailable")

        assert read(own, job) == before
        assert _upload_state(database, payload) == "PENDING"
        fragile.store.behave = as_it_is
        assert complete(own.api, job, payload)["status"] == "SUCCEEDED"

    def test_is_so_slow_that_the_lease_runs_out_meanwhile(
        self, fragile: Fragile, own: World, database: psycopg.Connection[Made]
    ) -> None:
        """The lease is judged by the moment of writing: another has the job by now, and nothing is written over it."""
        job = claimed_job(own)
        payload = uploaded(own, File()) | {"lease_token": job["lease_token"]}
        taken: list[Made] = []

        def dawdle(asked: Asked, forward: Forward):
            fragile.store.behave = as_it_is
            fragile.app.clock.move(timedelta(seconds=61))
            taken.extend(claim(own, worker_id="w2"))
            return forward()

        fragile.store.behave = dawdle
        own.api.refused(409, "lease_lost", "POST", f"{JOBS}/{job['id']}/complete", payload)

        (second,) = taken
        assert (second["id"], second["attempt"]) == (job["id"], 2)
        assert _upload_state(database, payload) == "PENDING"
        done = complete(own.api, second, uploaded(own, File()) | {"lease_token": second["lease_token"]})
        assert (done["status"], done["worker_id"]) == ("SUCCEEDED", "w2")


def _upload_state(database: psycopg.Connection[Made], payload: Made) -> str:
    row = database.execute("SELECT state FROM upload WHERE storage_key = %s", [payload["storage_key"]]).fetchone()
    assert row is not None
    return str(row["state"])


class Heard(WorkerListener):
    def __init__(self) -> None:
        self.drops: list[str] = []
        self.failures: list[tuple[str, bool]] = []

    def dropped(self, job, reason):
        self.drops.append(reason)

    def failed(self, job, code, message, *, will_retry):
        self.failures.append((code, will_retry))


def paint(job, context):
    path = context.work_dir / "plate.png"
    path.write_bytes(File().data)
    return MadeFile(path, "png", "image/png", metadata={"worker": job.worker_id})


def worker_of(client: Client, own: World, handler, **options) -> tuple[Worker, Heard]:
    heard = Heard()
    worker = Worker(client, listener=heard, **options)
    worker.add("IMAGE", own.provider, handler)
    return worker, heard


class TestAWorker:
    def test_whose_lease_runs_out_while_it_uploads_completes_nothing(
        self, fragile: Fragile, own: World, engines: Engines, database: psycopg.Connection[Made]
    ) -> None:
        """What it has uploaded is swept away in time."""
        job = new_job(own)
        taken: list[Made] = []

        def dawdle(asked: Asked, forward: Forward):
            # Not what the server itself tries at the store now and then.
            if asked.method == "PUT" and own.id in asked.target and not taken:
                fragile.app.clock.move(timedelta(seconds=61))
                taken.extend(claim(own, worker_id="w2"))
            return forward()

        fragile.store.behave = dawdle
        with fragile.client() as client:
            worker, heard = worker_of(client, own, paint, worker_id="w1")
            report = worker.run(once=True, handle_signals=False)

        assert (report.dropped, report.succeeded, len(heard.drops)) == (1, 0, 1)
        assert (read(own, job)["status"], read(own, job)["worker_id"]) == ("RUNNING", "w2")
        (left_over,) = database.execute("SELECT storage_key, state FROM upload WHERE world_id = %s", [own.id])
        assert left_over["state"] == "PENDING"
        done = complete(own.api, taken[0], uploaded(own, File()) | {"lease_token": taken[0]["lease_token"]})
        assert done["worker_id"] == "w2"

        fragile.app.clock.move(3 * DAY)
        fragile.app.run(lambda: sweep(fragile.app.app.state.runtime, abandoned_after=DAY))
        with owner_of(engines) as bucket:
            assert not bucket.holds(left_over["storage_key"])
            assert bucket.holds(done["asset"]["storage_key"])

    def test_has_a_name_that_another_has_too(
        self, fragile: Fragile, own: World, database: psycopg.Connection[Made]
    ) -> None:
        jobs = [new_job(own)["id"] for _ in range(12)]
        with fragile.client() as one, fragile.client() as two:
            reports = []
            threads = [
                threading.Thread(target=lambda w=worker: reports.append(w.run(once=True, handle_signals=False)))
                for worker in (
                    worker_of(client, own, paint, worker_id="twin", concurrency=3)[0] for client in (one, two)
                )
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)

        assert sum(report.succeeded for report in reports) == 12
        with database.transaction():
            found = examine(database, only=jobs)
        assert (found.wrong, found.jobs, found.tries) == ([], {"SUCCEEDED": 12}, {1: 12})

    @pytest.mark.parametrize("move", ["heartbeat", "complete", "fail", "release"])
    def test_of_the_same_name_has_not_the_same_lease(self, fragile: Fragile, own: World, move: str) -> None:
        """It is the token that counts."""
        first = claimed_job(own)
        fragile.app.clock.move(timedelta(seconds=61))
        (second,) = claim(own)
        assert first["worker_id"] == second["worker_id"]
        body = {
            "complete": uploaded(own, File()),
            "fail": {"error_code": "e"},
        }.get(move, {})

        path = f"{JOBS}/{first['id']}/{move}"
        own.api.refused(409, "lease_lost", "POST", path, body | {"lease_token": first["lease_token"]})
        assert own.api.ask("POST", path, json=body | {"lease_token": second["lease_token"]}).is_success

    def test_whose_disk_is_full_gives_the_job_back_and_lives_on(self, fragile: Fragile, own: World) -> None:
        def fill(job, context):
            if job.attempt == 1:
                full = context.work_dir / "plate.png"
                full.symlink_to("/dev/full")
                full.write_bytes(b"No space is left for this.")
            return paint(job, context)

        job = new_job(own)
        with fragile.client() as client:
            worker, heard = worker_of(client, own, fill)
            assert worker.run(once=True, handle_signals=False).retried == 1
            assert [will_retry for _, will_retry in heard.failures] == [True]
            fragile.app.clock.move(timedelta(minutes=10))
            assert worker.run(once=True, handle_signals=False).succeeded == 1
        assert read(own, job)["attempt"] == 2

    def test_without_a_place_to_work_in_gives_the_job_back_and_lives_on(
        self, fragile: Fragile, own: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Its own folder cannot even be made: the disk is full, or somebody has cleaned up."""
        job = new_job(own)
        with fragile.client() as client:
            worker, _ = worker_of(client, own, paint)
            with monkeypatch.context() as gone:
                gone.setattr("tempfile.tempdir", str(tmp_path / "gone"))
                runs = threading.Thread(target=lambda: worker.run(once=True, handle_signals=False), daemon=True)
                runs.start()
                until(lambda: read(own, job)["status"] == "QUEUED" and read(own, job)["worker_id"], 10)
                worker.stop()
                worker.stop()
                runs.join(15)
                assert not runs.is_alive()
            fragile.app.clock.move(timedelta(minutes=10))
            again, _ = worker_of(client, own, paint)
            assert again.run(once=True, handle_signals=False).succeeded == 1
