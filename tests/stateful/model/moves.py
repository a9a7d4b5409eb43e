"""The moves that a worker makes with a job, and who asked for it."""

from datetime import datetime, timedelta

from stateful.model.known import Known, illegal
from stateful.model.records import OVER, Job
from stateful.model.values import INVALID, Made, Refusal, Span

CLOCK_TOLERANCE = timedelta(minutes=5)
LONGEST_PAUSE = 300


class Moves(Known):
    def patch(self, job: Job, token: str | None, body: Made, now: Span) -> Refusal | None:
        target = body.get("status")
        given = {name: datetime.fromisoformat(body[name]) for name in ("started_at", "finished_at") if body.get(name)}
        if len(given) == 2 and given["finished_at"] < given["started_at"]:
            return INVALID  # whatever the job may be
        if (refusal := self.not_held(job, token, now)) is not None:
            return refusal
        if (refusal := self._no_patch(job, token, target)) is not None:
            return refusal
        begins, ends = job.status == "QUEUED" and target == "RUNNING", target in OVER
        if any(now.is_past(time - CLOCK_TOLERANCE) is False for time in given.values()):
            return INVALID
        started = given.get("started_at", now if begins else job.seen["started_at"])
        at_least = started.earliest if isinstance(started, Span) else started
        if "finished_at" in given and at_least is not None and given["finished_at"] < at_least:
            return INVALID
        fields = {name: body[name] for name in ("error_code", "error_message") if body.get(name)}
        if ends:
            fields["finished_at"] = given.get("finished_at", now.not_before(started))
        job.change(status=target or job.status, attempt=job.seen["attempt"] + int(begins), started_at=started, **fields)
        return None

    def _no_patch(self, job: Job, token: str | None, target: str | None) -> Refusal | None:
        """Why this move is not for `PATCH`."""
        if job.status in OVER:
            return illegal(job, target or job.status)
        if job.status == "QUEUED":
            if target is None:
                return INVALID
            return None if target in ("RUNNING", "CANCELLED") else illegal(job, target)
        if target == "SUCCEEDED":
            return INVALID
        if target == "QUEUED" or (target == "RUNNING" and token is None):
            return illegal(job, target)
        return None

    def fail(self, job: Job, token: str | None, body: Made, now: Span) -> Refusal | None:
        if (refusal := self.not_held(job, token, now)) is not None:
            return refusal
        if job.status != "RUNNING":
            return illegal(job)
        said = {"error_code": body["error_code"], "error_message": body.get("error_message")}
        if said["error_message"] is None:
            said["error_message"] = job.seen["error_message"]
        attempt = job.seen["attempt"]
        if job.seen["cancel_requested_at"] is None and body["retryable"] and attempt < job.fixed["max_attempts"]:
            pause = min(LONGEST_PAUSE, 2**attempt)
            job.change(status="QUEUED", available_at=now.plus(seconds=pause), **said)
        else:
            status = "FAILED" if job.seen["cancel_requested_at"] is None else "CANCELLED"
            job.change(status=status, finished_at=now.not_before(job.seen["started_at"]), **said)
        return None

    def cancel(self, job: Job, now: Span) -> Refusal | None:
        if job.status in ("SUCCEEDED", "FAILED"):
            return illegal(job, "CANCELLED")
        if job.status == "CANCELLED":
            return None
        held = job.token is not None and not now.is_past(job.seen["lease_expires_at"])
        job.change(cancel_requested_at=job.seen["cancel_requested_at"] or now)
        if not held:
            job.change(status="CANCELLED", finished_at=now.not_before(job.seen["started_at"]))
        return None
