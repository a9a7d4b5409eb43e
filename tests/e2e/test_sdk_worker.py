"""The SDK's worker runtime against a real server."""

import threading

import pytest
from real_commands import until

from lorekeeper.contracts.enums import AssetJobStatusEnum as Status
from lorekeeper.contracts.jobs import AssetJobFail
from lorekeeper.sdk import ConflictError, JobCancelled, JobError, MadeFile, Worker, WorkerListener

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000000000500"
    "01a5f645400000000049454e44ae426082"
)


class Heard(WorkerListener):
    def __init__(self):
        self.failures: list[tuple[str, str, bool]] = []
        self.drops: list[str] = []

    def failed(self, job, code, message, *, will_retry):
        self.failures.append((code, message, will_retry))

    def dropped(self, job, reason):
        self.drops.append(reason)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def worker(client, world, heard):
    return Worker(client, world_ids=[world.id], lease_seconds=2, grace_seconds=20, listener=heard)


def paint(job, context):
    path = context.work_dir / "plate.png"
    path.write_bytes(PNG)
    return MadeFile(path, "png", "image/png", metadata={"width": 1, "height": 1})


def test_a_handler_is_a_function_from_job_to_file(client, worker, ask, world):
    seen = []

    @worker.handler("IMAGE", provider="local")
    def make(job, context):
        seen.append((job, context.work_dir))
        assert not list(context.work_dir.iterdir())
        return paint(job, context)

    job = ask()
    report = worker.run(once=True)
    assert (report.succeeded, report.failed, report.retried, report.dropped) == (1, 0, 0, 0)
    ((claimed, folder),) = seen
    assert not folder.exists()
    assert claimed.derivation.lore_snapshot.entities[0].summary == "A whale, kept wet."
    asset = client.assets.get(client.jobs.wait_for(job.id, timeout=5).asset.id)
    assert (asset.format, asset.content_type, asset.size_bytes) == ("png", "image/png", len(PNG))
    assert asset.metadata == {"width": 1, "height": 1}
    assert asset.derivations[0].references.entity_ids == job.derivation.references.entity_ids


def test_the_lease_is_renewed_while_the_handler_says_nothing(client, worker, ask, heard):
    renewed = []

    def slow(job, context):
        until(lambda: client.jobs.get(job.id).lease_expires_at > job.lease_expires_at)
        renewed.append(job.id)
        return paint(job, context)

    worker.add("IMAGE", "local", slow)
    job = ask()
    assert worker.run(once=True).succeeded == 1
    assert renewed == [job.id]
    assert client.jobs.get(job.id).attempt == 1


def test_progress_reaches_the_job(client, worker, ask):
    def slow(job, context):
        context.progress(40, "painting", "the whale")
        until(lambda: (progress := client.jobs.get(job.id).progress) and progress.percent == 40)
        return paint(job, context)

    worker.add("IMAGE", "local", slow)
    job = ask()
    assert worker.run(once=True).succeeded == 1
    assert client.jobs.get(job.id).progress.message == "the whale"


def test_a_cancelled_job_stops_its_handler(client, worker, ask, heard):
    stopped = threading.Event()

    def endless(job, context):
        client.jobs.cancel(job.id)
        try:
            until(lambda: context.progress(1))
        except JobCancelled:
            stopped.set()
            raise

    worker.add("IMAGE", "local", endless)
    job = ask()
    assert worker.run(once=True).dropped == 1
    assert stopped.is_set()
    assert heard.drops == ["the job was cancelled"]
    job = client.jobs.get(job.id)
    assert (job.status, job.asset) == (Status.CANCELLED, None)


def test_a_file_that_comes_after_the_cancellation_is_not_taken(client, worker, ask, heard):
    def deaf(job, context):
        made = paint(job, context)
        client.jobs.cancel(job.id)
        return made

    worker.add("IMAGE", "local", deaf)
    job = ask()
    assert worker.run(once=True).dropped == 1
    job = client.jobs.get(job.id)
    assert (job.status, job.asset) == (Status.CANCELLED, None)


def test_a_lost_lease_stops_the_handler_and_nothing_is_written(client, worker, ask, heard):
    def robbed(job, context):
        if job.attempt == 2:
            return paint(job, context)
        taken = AssetJobFail(error_code="taken", retryable=True, lease_token=job.lease_token)
        client.jobs.fail(job.id, taken)
        until(lambda: context.progress(1))
        return None

    worker.add("IMAGE", "local", robbed)
    job = ask()
    assert worker.run(once=True).dropped == 1
    assert client.jobs.get(job.id).status == Status.QUEUED
    until(lambda: worker.run(once=True).succeeded)
    assert client.jobs.get(job.id).attempt == 2


def test_a_crash_is_tried_again_and_then_fails_with_its_last_line(client, worker, ask, heard):
    def crash(job, context):
        raise ZeroDivisionError("first\nlast line")

    worker.add("IMAGE", "local", crash)
    job = ask(max_attempts=2)
    assert worker.run(once=True).retried == 1
    until(lambda: worker.run(once=True).failed)
    assert heard.failures == [("handler_crashed", "last line", True), ("handler_crashed", "last line", False)]
    job = client.jobs.get(job.id)
    assert (job.status, job.error_code, job.error_message) == (Status.FAILED, "handler_crashed", "last line")


@pytest.mark.parametrize("retryable", [False, True])
def test_a_handlers_own_failure_says_whether_another_try_can_help(client, worker, ask, heard, retryable):
    def refuse(job, context):
        raise JobError("too_dark", "There is no light.", retryable=retryable)

    worker.add("IMAGE", "local", refuse)
    job = ask(max_attempts=2)
    assert worker.run(once=True).retried == int(retryable)
    assert heard.failures == [("too_dark", "There is no light.", retryable)]
    job = client.jobs.get(job.id)
    assert (job.status, job.error_code) == (Status.QUEUED if retryable else Status.FAILED, "too_dark")


@pytest.mark.parametrize("content", [None, b""])
def test_a_handler_that_leaves_no_file_failed(client, worker, ask, heard, content):
    def forget(job, context):
        path = context.work_dir / "plate.png"
        if content is not None:
            path.write_bytes(content)
        return MadeFile(path, "png", "image/png")

    worker.add("IMAGE", "local", forget)
    ask(max_attempts=1)
    worker.run(once=True)
    assert [failure[0] for failure in heard.failures] == ["handler_made_nothing"]


def test_as_many_at_once_as_asked_for(client, world, ask):
    together = threading.Barrier(3, timeout=20)

    def make(job, context):
        together.wait()
        return paint(job, context)

    worker = Worker(client, world_ids=[world.id], concurrency=3)
    worker.add("IMAGE", "local", make)
    for number in range(6):
        ask(f"Auntie {number}")
    assert worker.run(once=True).succeeded == 6


def test_several_providers_are_each_asked_for_what_they_make(client, world, ask, heard):
    worker = Worker(client, world_ids=[world.id], listener=heard)
    worker.add("IMAGE", "brush", paint)
    worker.add("MAP", "pen", paint)
    jobs = [ask(asset_type=kind, provider=provider) for kind in ("IMAGE", "MAP") for provider in ("brush", "pen")]
    assert worker.run(once=True).succeeded == 2
    done = [client.jobs.get(job.id).status == Status.SUCCEEDED for job in jobs]
    assert done == [True, False, False, True]


def run_beside(worker):
    reports = []
    thread = threading.Thread(target=lambda: reports.append(worker.run()))
    thread.start()
    return thread, reports


def test_a_stop_finishes_what_is_in_the_works(client, worker, ask):
    begun, go_on = threading.Event(), threading.Event()

    def wait(job, context):
        begun.set()
        assert go_on.wait(20)
        return paint(job, context)

    worker.add("IMAGE", "local", wait)
    first = ask("first")
    thread, reports = run_beside(worker)
    assert begun.wait(20)
    second = ask("second")
    worker.stop()
    go_on.set()
    thread.join(20)
    assert not thread.is_alive()
    assert reports[0].succeeded == 1
    assert client.jobs.get(first.id).status == Status.SUCCEEDED
    assert client.jobs.get(second.id).status == Status.QUEUED


def test_a_stop_that_comes_first_counts(client, worker, ask):
    worker.add("IMAGE", "local", paint)
    job = ask()
    worker.stop()
    assert worker.run().succeeded == 0
    assert client.jobs.get(job.id).status == Status.QUEUED


def test_a_second_stop_gives_the_job_back_at_once(client, worker, ask):
    begun, ended = threading.Event(), threading.Event()

    def endless(job, context):
        begun.set()
        try:
            until(lambda: context.progress(1))
        finally:
            ended.set()

    worker.add("IMAGE", "local", endless)
    job = ask()
    thread, reports = run_beside(worker)
    assert begun.wait(20)
    worker.stop()
    worker.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert reports[0].dropped == 1
    job = client.jobs.get(job.id)
    assert (job.status, job.error_code) == (Status.QUEUED, "worker_stopped")
    assert ended.wait(20)


def test_a_stale_token_is_refused(client, worker, ask):
    tokens = []

    def make(job, context):
        tokens.append(job.lease_token)
        return paint(job, context)

    worker.add("IMAGE", "local", make)
    job = ask()
    worker.run(once=True)
    with pytest.raises(ConflictError):
        client.jobs.fail(job.id, AssetJobFail(error_code="late", lease_token=tokens[0], retryable=True))


def test_a_worker_without_handlers_says_so(client):
    with pytest.raises(ValueError, match="no handler"):
        Worker(client).run(once=True)


def test_the_downloaded_name_is_the_assets_own(client, worker, ask, tmp_path):
    worker.add("IMAGE", "local", paint)
    job = ask()
    worker.run(once=True)
    path = client.assets.download(client.jobs.get(job.id).asset.id, tmp_path)
    assert path.parent == tmp_path
    assert path.suffix == ".png"
    assert path.read_bytes() == PNG


def test_a_listener_that_fails_costs_no_job(client, world, ask, caplog):
    class Clumsy(WorkerListener):
        def claimed(self, job):
            raise RuntimeError("dropped my pen")

        def succeeded(self, job, asset, seconds):
            raise RuntimeError("again")

    worker = Worker(client, world_ids=[world.id], listener=Clumsy())
    worker.add("IMAGE", "local", paint)
    job = ask()
    assert worker.run(once=True).succeeded == 1
    assert client.jobs.get(job.id).status == Status.SUCCEEDED
    assert "dropped my pen" in caplog.text
