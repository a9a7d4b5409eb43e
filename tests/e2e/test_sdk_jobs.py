"""Asking for media and waiting for it, as the users of both clients do."""

import threading
import time

import pytest

from lorekeeper.contracts.jobs import AssetJobClaim, AssetJobFail, AssetJobHeartbeat, JobProgressUpdate
from lorekeeper.sdk import NotFoundError, WaitTimeoutError


@pytest.fixture
def client(either_client):
    return either_client


@pytest.fixture
def claimed(server, ask, world):
    """A job that runs, claimed by somebody else."""
    job = ask(provider=f"p-{world.id}")
    claim = AssetJobClaim(worker_id="w", providers=[job.provider], lease_seconds=60)
    return server.client.jobs.claim(claim).jobs[0]


def fail(server, job):
    body = AssetJobFail(error_code="no", error_message="It cannot be drawn.", lease_token=job.lease_token)
    server.client.jobs.fail(job.id, body)


def test_waiting_ends_with_the_job(client, server, claimed):
    threading.Thread(target=fail, args=[server, claimed]).start()

    began = time.monotonic()
    over = client.jobs.wait_for(claimed, timeout=30)

    assert (over.id, over.status, over.error_code) == (claimed.id, "FAILED", "no")
    assert time.monotonic() - began < 10
    assert client.jobs.wait_for(claimed.id, timeout=0) == over


def test_waiting_ends_with_the_time(client, claimed):
    with pytest.raises(WaitTimeoutError, match="still RUNNING after") as late:
        client.jobs.wait_for(claimed.id, timeout=1.2)
    assert late.value.job_id == claimed.id


def test_who_waits_for_what_is_not_there_hears_it_at_once(client, world):
    with pytest.raises(NotFoundError):
        client.jobs.wait_for(world.id, timeout=30)


def test_a_job_is_followed_through_its_changes(client, server, claimed):
    seen = []
    for job in client.jobs.follow(claimed):
        seen.append((job.status, job.progress.percent if job.progress else None))
        if len(seen) == 1:
            progress = JobProgressUpdate(percent=40, stage="inking")
            beat = AssetJobHeartbeat(lease_token=claimed.lease_token, lease_seconds=60, progress=progress)
            server.client.jobs.heartbeat(claimed.id, beat)
        elif len(seen) == 2:
            fail(server, claimed)

    assert seen == [("RUNNING", None), ("RUNNING", 40), ("FAILED", 40)]


def test_a_look_with_a_tag_tells_whether_there_is_news(client, server, claimed):
    first = client.jobs.look(claimed.id)
    assert first.job.id == claimed.id

    same = client.jobs.look(claimed.id, etag=first.etag)
    assert (same.job, same.etag) == (None, first.etag)
    fail(server, claimed)
    assert client.jobs.look(claimed.id, etag=first.etag, wait=30).job.status == "FAILED"
