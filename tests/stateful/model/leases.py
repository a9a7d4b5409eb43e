"""Leases: who is handed which job, and what becomes of those that ran out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stateful.model.known import Known, lease_lost
from stateful.model.records import Job
from stateful.model.values import Made, Refusal, Span


@dataclass(frozen=True)
class Claimed:
    """What a claim does: the jobs to hand out, in order; those that are back in the queue by it, and those that end."""

    handed: list[Job]
    back: list[Job]
    ended: list[Job]
    missed: list[Job]


class Leases(Known):
    def claim(self, asked: Made, now: Span) -> Claimed:
        of_provider = [job for job in self.jobs if job.fixed["provider"] in asked["providers"]]
        missed = [job for job in of_provider if self.is_missed(job, now)]
        lost = [job for job in of_provider if self.is_lost(job, now)]
        ended = [job for job in lost if self.is_over(job, now)]
        back = [job for job in lost if job not in ended]
        waiting = [
            job
            for job in of_provider
            if job.status == "QUEUED" and job not in missed and now.is_past(job.seen["available_at"])
        ]
        fitting = [
            job
            for job in waiting + back
            if job.fixed["asset_type"] in (asked.get("asset_types") or [job.fixed["asset_type"]])
            and job.fixed["world_id"] in (asked.get("world_ids") or [job.fixed["world_id"]])
        ]
        return Claimed(sorted(fitting, key=_rank)[: asked["limit"]], back, ended, missed)

    def settle(self, due: Claimed, now: Span) -> None:
        for job in due.missed:
            self.end_missed(job, now)
        for job in due.ended:
            self.end_lost(job, now)
        for job in due.back:
            job.change(status="QUEUED")

    def claim_by_id(self, job: Job, now: Span) -> Refusal | None:
        if self.is_missed(job, now):
            self.end_missed(job, now)
        elif self.is_lost(job, now) and self.is_over(job, now):
            self.end_lost(job, now)
        elif self.is_lost(job, now):
            job.change(status="QUEUED")
        if job.status == "QUEUED" and now.is_past(job.seen["available_at"]):
            return None
        return Refusal(409, "not_claimable", {"status_of_job": job.status})

    def release(self, job: Job, token: str, now: Span) -> Refusal | None:
        if (refusal := self.not_held(job, token, now)) is not None:
            return refusal
        if job.seen["cancel_requested_at"] or self.is_late(job, "finish_by", now):
            why = job.seen["error_code"] if job.seen["cancel_requested_at"] else "finish_by_passed"
            job.change(status="CANCELLED", error_code=why, finished_at=now.not_before(job.seen["started_at"]))
        else:
            job.change(status="QUEUED", attempt=job.seen["attempt"] - 1, available_at=now)
        return None

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

    def heartbeat(self, job: Job, token: str, body: Made, now: Span) -> Refusal | None:
        if token != job.token or now.is_past(job.seen["lease_expires_at"]):
            return lease_lost(job)
        job.change(
            lease_expires_at=now.plus(seconds=body["lease_seconds"]),
            progress=body.get("progress") or job.seen["progress"],
            provider_job_id=body.get("provider_job_id") or job.seen["provider_job_id"],
        )
        return None


def _rank(job: Job) -> tuple[datetime, int]:
    """A point of priority is worth a minute."""
    return job.seen["created_at"] - timedelta(minutes=job.fixed["priority"]), job.number
