"""The worker runtime and its leases: one heartbeat for all, what was ordered, handlers that hang, `async def`."""

import asyncio
import json
import tempfile
import threading
from collections.abc import Iterator

import httpx
import pytest
from harness.store_proxy import Answer, StoreProxy, store_proxy
from harness.waiting import until

from lorekeeper.contracts.enums import AssetJobStatusEnum as Status
from lorekeeper.contracts.jobs import AssetJobFail
from lorekeeper.sdk import (
    Client,
    JobCancelled,
    JobError,
    MadeFile,
    SdkError,
    Worker,
    WorkerListener,
    WorkerStuckError,
    making,
)
from lorekeeper.storage.store import StoreAddress

JOBS = "/assets/asset-jobs"


@pytest.fixture
def wire(server) -> Iterator[StoreProxy]:
    """What goes over the wire to the server, to be seen and to be disturbed."""
    with store_proxy(StoreAddress("", "", "", "", endpoint_url=server.client.url)) as proxy:
        yield proxy


@pytest.fixture
def line(server, wire) -> Iterator[Client]:
    with Client(wire.address.endpoint_url, server.key) as client:
        yield client


class Heard(WorkerListener):
    def __init__(self):
        self.failures: list[tuple[str, bool]] = []
        self.drops: list[str] = []
        self.lost_slots = 0

    def failed(self, job, code, message, *, will_retry):
        self.failures.append((code, will_retry))

    def dropped(self, job, reason):
        self.drops.append(reason)

    def slot_lost(self, job):
        self.lost_slots += 1


@pytest.fixture
def heard():
    return Heard()


def paint(job, context):
    path = context.work_dir / "plate.png"
    path.write_bytes(b"\x89PNG of " + str(job.id).encode())
    return MadeFile(path, "png", "image/png")


def running(worker: Worker) -> tuple[threading.Thread, list[object]]:
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(worker.run())
        except (SdkError, ValueError) as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def test_one_request_renews_all_leases_and_each_job_hears_its_own_answer(client, line, wire, world, ask):
    jobs = [ask(str(number)) for number in range(3)]
    renewed = threading.Event()

    def wait(job, context):
        if job.id == jobs[0].id:
            client.jobs.cancel(job.id)
        while not renewed.wait(0.05):
            context.check()
        return paint(job, context)

    worker = Worker(line, world_ids=[world.id], concurrency=3, lease_seconds=3)
    worker.add("IMAGE", "local", wait)
    thread, ended = running(worker)
    until(lambda: client.jobs.get(jobs[0].id).status == Status.CANCELLED)
    until(lambda: client.jobs.get(jobs[2].id).lease_expires_at > client.jobs.get(jobs[2].id).started_at)
    seen = list(wire.seen)
    renewed.set()
    until(lambda: all(client.jobs.get(job.id).status == Status.SUCCEEDED for job in jobs[1:]))
    worker.stop()
    thread.join(20)
    assert (ended[0].succeeded, ended[0].dropped) == (2, 1)
    first_beat = next(json.loads(asked.body) for asked in seen if asked.target == f"{JOBS}/heartbeat")
    assert {item["job_id"] for item in first_beat["items"]} == {str(job.id) for job in jobs}
    assert not [asked for asked in seen if asked.target == f"{JOBS}/{jobs[1].id}/heartbeat"]
    claims = [json.loads(asked.body)["limit"] for asked in seen if asked.target == f"{JOBS}/claim"]
    assert claims[0] == 3


def test_a_server_without_batches_is_asked_for_each_job(client, line, wire, world, ask):
    batch = f"{JOBS}/heartbeat"
    wire.behave = lambda asked, forward: Answer(405, body=b"{}") if asked.target == batch else forward()
    jobs = [ask(str(number)) for number in range(2)]

    def wait(job, context):
        until(lambda: all(client.jobs.get(one.id).lease_expires_at > job.lease_expires_at for one in jobs))
        together.wait()
        return paint(job, context)

    together = threading.Barrier(2, timeout=20)
    worker = Worker(line, world_ids=[world.id], concurrency=2, lease_seconds=3)
    worker.add("IMAGE", "local", wait)
    assert worker.run(once=True).succeeded == 2


def test_a_server_that_does_not_answer_costs_no_file_that_is_made(line, wire, world, ask):
    refusals = []

    def behave(asked, forward):
        if asked.target.endswith("/complete") and len(refusals) < 3:
            refusals.append(asked)
            return Answer(503, {"retry-after": "0"}, b"{}") if len(refusals) == 2 else None
        return forward()

    wire.behave = behave
    ask()
    worker = Worker(line, world_ids=[world.id])
    worker.add("IMAGE", "local", paint)
    assert worker.run(once=True).succeeded == 1
    assert len(refusals) == 3


def test_what_comes_of_a_claim_after_the_stop_is_given_back_at_once(client, line, wire, world, ask):
    go_on = threading.Event()

    def behave(asked, forward):
        if asked.target == f"{JOBS}/claim":
            assert go_on.wait(20)
        return forward()

    wire.behave = behave
    job = ask()
    worker = Worker(line, world_ids=[world.id])
    worker.add("IMAGE", "local", paint)
    thread, ended = running(worker)
    until(lambda: wire.seen)
    worker.stop()
    thread.join(5)
    assert not thread.is_alive(), "a stop need not wait for a long poll"
    assert ended[0].dropped == 0
    go_on.set()
    until(lambda: [asked for asked in wire.seen if asked.target == f"{JOBS}/{job.id}/release"])
    until(lambda: client.jobs.get(job.id).status == Status.QUEUED)
    assert client.jobs.get(job.id).attempt == 0


def test_what_was_ordered_is_on_record_before_it_is_polled_and_the_next_try_goes_on_with_it(client, world, ask, heard):
    found = []

    def make(job, context):
        found.append(context.provider_job_id)
        if len(found) == 1:
            context.remember_provider_job("order-1")
            found.append(client.jobs.get(job.id).provider_job_id)
            raise JobError("busy", "Busy.", retryable=True, retry_after_seconds=0)
        if len(found) == 3:
            raise JobError("gone", "Gone.", retryable=True, retry_after_seconds=0, provider_job_over=True)
        return paint(job, context)

    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "local", make)
    ask()
    report = worker.run(once=True)
    assert found == [None, "order-1", "order-1", None]
    assert (report.retried, report.succeeded) == (2, 1)


def test_a_handler_that_is_cancelled_hears_of_it_when_it_remembers_its_order(client, world, ask, heard):
    def make(job, context):
        client.jobs.cancel(job.id)
        context.remember_provider_job("order-1")
        return paint(job, context)

    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "local", make)
    job = ask()
    assert worker.run(once=True).dropped == 1
    job = client.jobs.get(job.id)
    assert (job.status, job.provider_job_id) == (Status.CANCELLED, "order-1")


def test_an_order_that_cannot_be_put_on_record_is_told_of_in_the_log(client, world, ask, heard, caplog):
    lost = []

    def make(job, context):
        client.jobs.fail(job.id, AssetJobFail(error_code="taken", lease_token=job.lease_token))
        try:
            context.remember_provider_job("order-1")
        except JobCancelled as stop:
            lost.append(stop.lease_lost)
            raise

    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "local", make)
    ask()
    assert worker.run(once=True).dropped == 1
    assert lost == [True]
    assert "'order-1'" in caplog.text


def test_an_asset_that_the_job_refers_to_is_at_hand(client, world, ask, heard):
    def make(job, context):
        if not job.derivation.references.asset_ids:
            return paint(job, context)
        (asset_id,) = job.derivation.references.asset_ids
        with pytest.raises(JobError, match="does not refer"):
            context.input_asset(job.id)
        path = context.input_asset(asset_id)
        assert context.input_asset(asset_id) == path
        assert path.is_relative_to(context.work_dir)
        assert path.suffix == ".png"
        again = context.work_dir / "again.png"
        again.write_bytes(path.read_bytes() * 2)
        return MadeFile(again, "png", "image/png")

    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "local", make)
    first = client.jobs.get(ask().id)
    assert worker.run(once=True).succeeded == 1
    plate = client.jobs.get(first.id).asset
    second = ask("again", asset_ids=[plate.id])
    assert worker.run(once=True).succeeded == 1
    assert client.jobs.get(second.id).asset.size_bytes == 2 * plate.size_bytes


def test_a_handler_that_hangs_is_given_up_and_keeps_its_slot(client, world, ask, heard, monkeypatch):
    monkeypatch.setattr(making, "COMING_BACK_SECONDS", 0.05)
    wake = threading.Event()

    def hang(job, context):
        assert wake.wait(30)
        context.check()

    worker = Worker(client, world_ids=[world.id], grace_seconds=0.3, listener=heard)
    worker.add("IMAGE", "local", hang, timeout_seconds=0.2)
    job = ask()
    with pytest.raises(WorkerStuckError):
        worker.run()
    wake.set()
    assert (heard.failures, heard.lost_slots) == ([("handler_timed_out", True)], 1)
    assert client.jobs.get(job.id).error_code == "handler_timed_out"


def test_async_handlers_share_one_loop_and_are_cancelled_when_their_time_is_up(client, world, ask, heard):
    loops, cancelled = set(), []
    here = asyncio.Event()

    async def make(job, context):
        loops.add((asyncio.get_running_loop(), threading.get_ident()))
        await context.remember_provider_job(f"order of {job.id}")
        context.progress(10)
        if job.prompt_spec["title"] == "hang":
            try:
                await asyncio.sleep(60)
            finally:
                cancelled.append(job.id)
        if len(loops) == 1 and job.prompt_spec["title"] == "first":
            await asyncio.wait_for(here.wait(), 20)
        here.set()
        return paint(job, context)

    worker = Worker(client, world_ids=[world.id], concurrency=3, listener=heard)
    worker.add("IMAGE", "local", make, timeout_seconds=2)
    jobs = [ask(title, max_attempts=1) for title in ("hang", "first", "second")]
    report = worker.run(once=True)
    assert (report.succeeded, report.failed) == (2, 1)
    assert heard.failures == [("handler_timed_out", False)]
    assert len(loops) == 1
    until(lambda: cancelled == [jobs[0].id])
    assert client.jobs.get(jobs[1].id).provider_job_id == f"order of {jobs[1].id}"


def test_an_async_handler_is_cancelled_when_its_lease_is_lost(client, world, ask, heard):
    cancelled = []

    async def make(job, context):
        client.jobs.fail(job.id, AssetJobFail(error_code="taken", lease_token=job.lease_token))
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(job.id)
            raise

    worker = Worker(client, world_ids=[world.id], lease_seconds=2, listener=heard)
    worker.add("IMAGE", "local", make)
    job = ask()
    assert worker.run(once=True).dropped == 1
    assert (cancelled, client.jobs.get(job.id).error_code) == ([job.id], "taken")


def test_what_a_provider_refuses_is_mapped(client, world, ask, heard, server):
    """A real answer of a real server, with the API key of nobody."""

    def make(job, context):
        httpx.get(f"{server.client.url}/worlds", trust_env=False).raise_for_status()

    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "local", make)
    job = ask()
    worker.run(once=True)
    assert heard.failures == [("provider_refused", False)]
    assert client.jobs.get(job.id).error_message == "The provider answered HTTP 401 Unauthorized."


def test_two_workers_of_one_name_do_each_other_no_harm(client, world, ask):
    made, held = [], threading.Event()
    jobs = [ask(str(number)) for number in range(6)]

    def make(job, context):
        made.append(job.id)
        if job.id == jobs[0].id and made.count(job.id) == 1:
            held.set()
            until(context.check)
        return paint(job, context)

    workers = [Worker(client, worker_id="one-name", world_ids=[world.id]) for _ in range(2)]
    for worker in workers:
        worker.add("IMAGE", "local", make)
    thread, ended = running(workers[0])
    assert held.wait(20)
    other, others_end = running(workers[1])
    until(lambda: len(made) == 6)
    workers[0].stop()
    workers[0].stop()
    thread.join(20)
    until(lambda: client.jobs.get(jobs[0].id).status == Status.SUCCEEDED)
    workers[1].stop()
    other.join(20)
    assert (ended[0].dropped, others_end[0].succeeded) == (1, 6)
    assert sorted(made) == sorted([job.id for job in jobs] + [jobs[0].id])


def test_a_worker_without_room_for_the_job_gives_it_up_and_renews_it_no_more(
    client, line, wire, world, ask, heard, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    worker = Worker(line, world_ids=[world.id], lease_seconds=1, listener=heard)
    worker.add("IMAGE", "local", paint)
    ask(max_attempts=1)
    assert worker.run(once=True).failed == 1
    assert heard.failures == [("worker_broken", False)]
    assert [asked.target.rpartition("/")[2] for asked in wire.seen] == ["claim", "fail", "claim"]


def test_a_listener_that_knows_of_no_late_results_hears_that_the_job_was_dropped(client, world, ask, heard):
    def deaf(job, context):
        client.jobs.cancel(job.id)
        return paint(job, context)

    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "local", deaf)
    ask()
    assert worker.run(once=True).late == 1
    assert heard.drops[0].startswith("the job was cancelled; its file came late, and is kept until 20")


def test_what_a_handler_says_of_its_file_must_be_valid(client, world, ask, heard):
    def make(job, context):
        return MadeFile(paint(job, context).path, "PNG!", "image/png", duration_seconds=-1)

    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "local", make)
    job = ask()
    worker.run(once=True)
    assert heard.failures == [("handler_made_invalid_file", False)]
    assert "duration_seconds" in client.jobs.get(job.id).error_message
