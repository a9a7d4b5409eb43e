"""Single deaths, each at a chosen moment: of the API, of PostgreSQL, and of a worker that only seems dead."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from factories.jobs import JOBS, File, claim, claimed_job, complete, new_job, read, uploaded
from factories.lore import Made, World
from harness.locks import waiting
from harness.waiting import until
from harness.wire import Api, problem
from psycopg.rows import dict_row

from robustness.audit import audit
from robustness.served import Serving, environment, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("deaths")) as server:
        yield server


@pytest.fixture
def own(server: Serving) -> Iterator[World]:
    api = Api(server.url, server.key)
    yield World.made(api)
    api.client.close()


def test_the_api_dies_between_the_upload_and_the_completion(server: Serving, own: World) -> None:
    job = claimed_job(own, lease_seconds=600)
    payload = uploaded(own, File()) | {"lease_token": job["lease_token"]}

    server.kill()
    server.start()

    done = complete(own.api, job, payload)
    assert (done["status"], done["attempt"]) == ("SUCCEEDED", 1)
    assert audit(server.database_url, server.store).wrong == []


@contextmanager
def _connected(server: Serving) -> Iterator[psycopg.Connection[Made]]:
    """A connection that may die."""
    connection = psycopg.connect(server.database_url, row_factory=dict_row, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize("during", ["claim", "complete"])
def test_postgres_dies_in_the_middle_of_a_statement(server: Serving, own: World, during: str) -> None:
    """It is as if the statement had never been; the API comes back to the database by itself."""
    job = new_job(own) if during == "claim" else claimed_job(own, lease_seconds=600)
    body = {"worker_id": "w1", "providers": [own.provider], "lease_seconds": 600}
    path = f"{JOBS}/claim"
    if during == "complete":
        body, path = uploaded(own, File()) | {"lease_token": job["lease_token"]}, f"{JOBS}/{job['id']}/complete"
    before = read(own, job)

    with ThreadPoolExecutor(1) as pool, _connected(server) as holding, _connected(server) as looking:
        holding.execute("BEGIN")
        holding.execute("LOCK TABLE event IN SHARE MODE")  # the statement has written all but its event
        asking = pool.submit(own.api.ask, "POST", path, json=body)
        until(lambda: waiting(looking) == 1)
        assert server.kill_postgres()
        answer = asking.result(30)

    problem(answer, 503, "database_unavailable")
    assert answer.headers["retry-after"] == "1"
    began = time.monotonic()
    until(lambda: own.api.ask("GET", f"{JOBS}/{job['id']}").is_success, 30)
    print(f"the API was back {time.monotonic() - began:.2f} s after the answer")
    assert read(own, job) == before
    after = own.api.post(path, body)
    assert [one["attempt"] for one in after["jobs"]] == [1] if during == "claim" else after["status"] == "SUCCEEDED"
    assert audit(server.database_url, server.store).wrong == []


def test_the_audit_is_a_command(server: Serving, own: World) -> None:
    """For any data folder, here one that is served. It ends with 1 where something is wrong."""
    job = new_job(own)
    command = [sys.executable, "-m", "robustness.audit", "--data-dir", str(server.data_dir), "--drained"]

    audited = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)

    assert audited.returncode == 1, audited.stderr
    assert f"job {job['id']} is QUEUED still" in audited.stdout


def test_a_waiting_claim_outlives_postgres_or_says_so(server: Serving, own: World) -> None:
    """A long poll is either answered 503, so that the worker asks again, or goes on and brings the job."""
    body = {"worker_id": "w1", "providers": [own.provider], "wait_seconds": 20}
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(own.api.ask, "POST", f"{JOBS}/claim", json=body)
        until(lambda: own.api.ask("GET", "/metrics").is_success)
        assert server.kill_postgres()
        job = until(lambda: _made(own), 30)
        answer = waits.result(30)

    granted = answer.json()["jobs"] if answer.is_success else claim(own)
    assert answer.is_success or answer.status_code == 503
    assert [one["id"] for one in granted] == [job["id"]]


def _made(own: World):
    request = {"world_id": own.id, "asset_type": "IMAGE", "provider": own.provider, "prompt_spec": {"title": "After"}}
    answer = own.api.ask("POST", JOBS, json=request)
    return answer.json() if answer.is_success else None


def test_a_worker_that_only_slept_finds_its_job_another_s(app, world: World, tmp_path: Path, database) -> None:
    """Stopped in the middle of its work (SIGSTOP) until its lease was over, it writes nothing when it goes on."""
    job = new_job(world)
    begun, go_on = tmp_path / "begun", tmp_path / "go on"
    arguments = [world.api.url, str(world.api.key), world.provider, str(begun), str(go_on), str(tmp_path / "heard")]
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "robustness.sleepyworker", *arguments]
        sleepy = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
    try:
        until(begun.exists, 30)
        sleepy.send_signal(signal.SIGSTOP)
        second = until(lambda: next(iter(claim(world, worker_id="awake", lease_seconds=600)), None), 10)
        assert (second["id"], second["attempt"]) == (job["id"], 2)
        sleepy.send_signal(signal.SIGCONT)
        go_on.touch()
        heard = until(lambda: (tmp_path / "heard").exists() and (tmp_path / "heard").read_text().split("\n")[0], 20)
        assert heard == "dropped"
        assert read(world, job)["worker_id"] == "awake"

        done = complete(world.api, second, uploaded(world, File()) | {"lease_token": second["lease_token"]})
        other = new_job(world)
        until(lambda: read(world, other)["status"] == "SUCCEEDED", 20)  # it lives on
    finally:
        sleepy.kill()
        sleepy.wait()
    assert (done["status"], done["worker_id"]) == ("SUCCEEDED", "awake")
