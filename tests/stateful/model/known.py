"""What the rules of the model share."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from stateful.model.lore import Piece, referred_to, shown
from stateful.model.records import Asset, Job, Upload
from stateful.model.values import Made, Refusal, Span


class Known:
    """All that was done, and what came of it."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.assets: list[Asset] = []
        self.uploads: dict[str, Upload] = {}
        self.keys: dict[str, tuple[Made, Job]] = {}
        """Idempotency keys: the request that came with each, and the job that was the answer."""
        self.lore: dict[str, Piece] = {}
        self.declared: dict[str, dict[str, bool]] = {}
        """By world, whether a predicate was said to be single-valued."""
        self.hashes: dict[Any, str] = {}
        """Of each content that was told of: another one has another hash."""
        self.events: Counter[tuple[str, str]] = Counter()
        """How often each kind of event was noted of a piece of lore."""

    def job(self, id: str) -> Job:
        return next(job for job in self.jobs if job.id == id)

    @property
    def deadlines(self) -> Iterable[datetime]:
        return (by for one in (*self.jobs, *self.uploads.values()) for by in one.deadlines)

    @property
    def to_refer_to(self) -> dict[str, str]:
        """The world of each thing that a request may refer to now."""
        lore = {piece.id: piece.world_id for piece in self.lore.values() if piece.is_there}
        return lore | {asset.id: asset.world_id for asset in self.assets if asset.is_ready}

    def snapshot_of(self, references: Made, world_id: str) -> Made:
        """By kind, what a snapshot has of all that is referred to; and of the world."""
        told: Made = {"world": {"id": world_id, "name": self.lore[world_id].fields["name"]}}
        for piece in referred_to(self.lore, references):
            told.setdefault(piece.kind, []).append((piece.content, shown(self.lore, piece)))
        return told

    def is_missed(self, job: Job, now: Span) -> bool:
        return job.status == "QUEUED" and job.seen["start_by"] is not None and now.is_past(job.seen["start_by"])

    def end_missed(self, job: Job, now: Span) -> None:
        job.change(status="CANCELLED", error_code="start_by_passed", finished_at=now.not_before(job.seen["started_at"]))

    def not_held(self, job: Job, token: str | None, now: Span) -> Refusal | None:
        """A leased job is written by who has its token and has renewed it; any other by who has none."""
        if token != job.token or (job.token is not None and now.is_past(job.seen["lease_expires_at"])):
            return lease_lost(job)
        return None


def illegal(job: Job, target: str | None = None) -> Refusal:
    says: dict[str, Any] = {"from_status": job.status} | ({"to_status": target} if target else {})
    return Refusal(409, "invalid_transition", says)


def lease_lost(job: Job) -> Refusal:
    return Refusal(409, "lease_lost", {"status_of_job": job.status})
