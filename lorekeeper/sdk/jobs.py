"""The client's group for asset jobs: `client.jobs`."""

from lorekeeper.sdk.calls import jobs as calls
from lorekeeper.sdk.operations import ExecutionT, Group, Operation, Steps, Stream, Walk
from lorekeeper.sdk.waiting import follow, wait_for


class Jobs(Group[ExecutionT]):
    """`client.jobs`: asking for media, and the worker's side of making it."""

    create = Operation(calls.create_job)
    retry = Operation(calls.retry_job)
    get = Operation(calls.get_job)
    look = Operation(calls.look_at_job)
    list = Operation(calls.list_jobs)
    iterate = Walk(calls.every_job)
    follow = Stream(follow)
    wait_for = Steps(wait_for)
    cancel = Operation(calls.cancel_job)
    update = Operation(calls.update_job)

    claim = Operation(calls.claim_jobs)
    claim_by_id = Operation(calls.claim_job)
    heartbeat = Operation(calls.heartbeat_job)
    complete = Operation(calls.complete_job)
    fail = Operation(calls.fail_job)
    release = Operation(calls.release_job)
    heartbeat_batch = Operation(calls.heartbeat_batch)
    complete_batch = Operation(calls.complete_batch)
    fail_batch = Operation(calls.fail_batch)
    presign_late_result = Operation(calls.presign_late_result)
