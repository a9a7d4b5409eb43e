"""Leases: who is handed which job, and what becomes of those that ran out."""

from dataclasses import dataclass

from stateful.model.known import Known, lease_lost
from stateful.model.records import Job
from stateful.model.values import Containing, Made, Refusal, Span


@dataclass(frozen=True)
class Claimed:
    """What a claim does: the jobs to hand out, in order, and those that end by it."""

    handed: list[Job]
    ended: list[Job]
    missed: list[Job]


class Leases(Known):
    def claim(self, asked: Made, now: Span) -> Claimed:
        of_provider = [job for job in self.jobs if job.fixed["provider"] in asked["providers"]]
        missed = [job for job in of_provider if self.is_missed(job, now)]
        fitting = [
            job
            for job in of_provider
            if job.fixed["asset_type"] in (asked.get("asset_types") or [job.fixed["asset_type"]])
            and job.fixed["world_id"] in (asked.get("world_ids") or [job.fixed["world_id"]])
        ]
        waiting = [
            job
            for job in fitting
            if job.status == "QUEUED" and job not in missed and now.is_past(job.seen["available_at"])
        ]
        lost = [job for job in fitting if job.token is not None and now.is_past(job.seen["lease_expires_at"])]
        ended = [
            job for job in lost if job.seen["cancel_requested_at"] or job.seen["attempt"] >= job.fixed["max_attempts"]
        ]
        late = [job for job in lost if job not in ended and job.seen["start_by"] and now.is_past(job.seen["start_by"])]
        missed = [*missed, *late]
        again = [job for job in lost if job not in ended and job not in late]
        ready = sorted(waiting + again, key=lambda job: (-job.fixed["priority"], job.number))
        return Claimed(ready[: asked["limit"]], ended, missed)

    def grant(self, job: Job, asked: Made, token: str, now: Span) -> None:
        job.change(
            status="RUNNING",
            attempt=job.seen["attempt"] + 1,
            started_at=now,
            worker_id=asked["worker_id"],
            lease_expires_at=now.plus(seconds=asked["lease_seconds"]),
            progress=None,
            error_code=None,
            error_message=None,
        )
        job.token = token

    def end_lost(self, job: Job, now: Span) -> None:
        cancelled = job.seen["cancel_requested_at"] is not None
        job.change(
            status="CANCELLED" if cancelled else "FAILED",
            error_code=None if cancelled else "lease_expired",
            error_message=None if cancelled else Containing(job.seen["worker_id"]),
            finished_at=now.not_before(job.seen["started_at"]),
        )

    def heartbeat(self, job: Job, token: str, body: Made, now: Span) -> Refusal | None:
        if token != job.token or now.is_past(job.seen["lease_expires_at"]):
            return lease_lost(job)
        job.change(
            lease_expires_at=now.plus(seconds=body["lease_seconds"]),
            progress=body.get("progress") or job.seen["progress"],
            provider_job_id=body.get("provider_job_id") or job.seen["provider_job_id"],
        )
        return None
