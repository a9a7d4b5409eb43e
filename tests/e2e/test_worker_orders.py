"""What was ordered from a provider is on record before the job goes to the next worker, however this one ends it."""

import threading

import pytest
from harness.store_proxy import store_proxy

from lorekeeper.contracts.enums import AssetJobStatusEnum as Status
from lorekeeper.sdk import Client, Worker
from lorekeeper.storage.store import StoreAddress


@pytest.mark.parametrize("end", ["its time is up", "the worker is stopped"])
def test_an_order_that_is_being_put_on_record_gets_there_first(server, client, world, ask, end):
    given_up = threading.Event()

    def behave(asked, forward):
        if b"order-1" in asked.body:
            if end == "the worker is stopped":
                worker.stop()
            given_up.wait(1)  # in vain: nothing gives the job up before this is answered
            return forward()
        answer = forward()
        if asked.target.endswith(("/fail", "/release")):
            given_up.set()
        return answer

    def make(job, context):
        context.remember_provider_job("order-1")
        assert given_up.wait(20)
        context.check()

    job = ask()
    behind = StoreAddress("", "", "", "", endpoint_url=server.client.url)
    with store_proxy(behind, behave) as wire, Client(wire.address.endpoint_url, server.key) as line:
        worker = Worker(line, world_ids=[world.id], grace_seconds=0.1 if "stopped" in end else 20)
        worker.add("IMAGE", "local", make, timeout_seconds=0.2 if "time" in end else None)
        report = worker.run(once=True)

    assert (report.dropped, report.retried) == ((1, 0) if "stopped" in end else (0, 1))
    job = client.jobs.get(job.id)
    assert (job.status, job.provider_job_id) == (Status.QUEUED, "order-1")
