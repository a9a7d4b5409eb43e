"""When a worker believes in its lease: from when it was asked for, by a clock that nobody sets; not once it is lost."""

import queue

import pytest
from harness.misbehaving import Reply

from lorekeeper.contracts.jobs import AssetJobHeartbeatResponse, ClaimedJob, JobProgressUpdate
from lorekeeper.sdk import Client, JobCancelled, WorkerListener
from lorekeeper.sdk.keeping import LeaseKeeper
from lorekeeper.sdk.lease import Lease, steady_seconds
from lorekeeper.sdk.testing import try_handler


@pytest.fixture(scope="module")
def job() -> ClaimedJob:
    return try_handler(lambda job, context: None, asset_type="IMAGE", prompt_spec={}).job


def lease_asked_for(job: ClaimedJob, seconds_ago: float) -> Lease:
    return Lease(job, lease_seconds=30, asked_at=steady_seconds() - seconds_ago)


def answer(job: ClaimedJob, *, cancel: bool = False) -> AssetJobHeartbeatResponse:
    return AssetJobHeartbeatResponse(job_id=job.id, lease_expires_at=job.created_at, cancel_requested=cancel)


def test_a_lease_whose_answer_was_long_on_its_way_is_no_younger_than_its_request(job):
    late = lease_asked_for(job, 31)
    with pytest.raises(JobCancelled) as lost:
        late.check_held()
    assert lost.value.lease_lost
    assert late.ended.done()


def test_a_lost_lease_is_not_renewed_by_an_answer_that_comes_later(job):
    lease = lease_asked_for(job, 31)
    assert lease.lost_because
    lease.renewed(steady_seconds(), answer(job))
    assert lease.lost_because


def test_a_renewal_counts_from_when_it_was_sent(job):
    lease = lease_asked_for(job, 29)
    lease.renewed(steady_seconds() - 20, answer(job))
    assert lease.lost_because is None
    assert lease.due_at <= steady_seconds() + 10
    # An older answer that comes after a newer one takes nothing back.
    lease.renewed(steady_seconds() - 29.9, answer(job))
    assert lease.due_at <= steady_seconds()
    assert lease_asked_for(job, 0).due_at > steady_seconds()


def test_a_cancelled_job_is_held_on_to_until_its_handler_has_cleaned_up(job):
    lease = lease_asked_for(job, 0)
    lease.renewed(steady_seconds(), answer(job, cancel=True))
    lease.check_held()
    with pytest.raises(JobCancelled) as stop:
        lease.check()
    assert (lease.cancel_reason, stop.value.lease_lost) == ("requested", False)


def test_news_make_a_heartbeat_due_and_what_was_not_answered_is_said_again(job):
    lease = lease_asked_for(job, 0)
    lease.note(JobProgressUpdate(percent=10))
    assert lease.due_at <= steady_seconds() + 1
    said = lease.begin_beat()
    assert said is not None
    assert lease.begin_beat() is None
    lease.unanswered(said)
    assert lease.due_at < steady_seconds() + 5
    lease.unanswered(None)
    assert lease.begin_beat() == said


def test_a_server_that_answers_no_heartbeat_is_told_of_once_until_it_does(server, job):
    class Heard(WorkerListener):
        def unreachable(self, reason, wait_seconds):
            told.put(("unreachable", wait_seconds))

        def reachable(self):
            told.put("reachable")

    told = queue.SimpleQueue()
    server.replies = [Reply(503), Reply(hang_up=True), Reply(200, answer(job).model_dump(mode="json"))]
    with Client(server.url, "lk_key", attempts=1) as client:
        keeper = LeaseKeeper(client.jobs, Heard())
        keeper.keep(Lease(job, lease_seconds=6, asked_at=steady_seconds() - 2))
        assert told.get(timeout=5) == ("unreachable", 0.5)
        assert told.get(timeout=5) == "reachable"
        keeper.close()
    assert len(server.asked) == 3
