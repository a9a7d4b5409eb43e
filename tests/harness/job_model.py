"""What jobs, leases, assets and idempotency keys ought to do, in plain Python, to hold the running app against.

Written from the design (sections 4 and 5), docs/state-machine.md and docs/worker-protocol.md, and not from the code: it
imports nothing of it. The model judges a request as of a span of time, because the moment in which the app looked at
its clock lies between sending and answering; a time it cannot know exactly is such a span until the app has told it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Made = dict[str, Any]

OVER = ("SUCCEEDED", "FAILED", "CANCELLED")
CLOCK_TOLERANCE = timedelta(minutes=5)
LONGEST_PAUSE = 300


class Unclear(Exception):
    """The machine was so slow that a deadline passed while the app was asked: this run says nothing."""


class Span(NamedTuple):
    """A moment between these two."""

    earliest: datetime
    latest: datetime

    def plus(self, **time: float) -> "Span":
        return Span(self.earliest + timedelta(**time), self.latest + timedelta(**time))

    def not_before(self, time: datetime | None) -> "Span":
        return self if time is None else Span(max(self.earliest, time), max(self.latest, time))

    def is_past(self, deadline: datetime) -> bool:
        """Whether this deadline has come."""
        if (deadline <= self.earliest) != (deadline <= self.latest):
            raise Unclear
        return deadline <= self.earliest


@dataclass(frozen=True)
class Containing:
    """Some text with this in it."""

    part: str


@dataclass(frozen=True)
class Refusal:
    status: int
    code: str
    says: Made = field(default_factory=dict)
    """Members of the problem that must be just so."""


INVALID = Refusal(422, "validation_failed")


@dataclass(eq=False)
class Upload:
    """A place to upload to that was handed out, what was said of the file then, and what lies there."""

    key: str
    world_id: str
    asset_type: str
    content_type: str
    size_bytes: int | None
    checksum: str | None
    stored: bool = False
    used: bool = False


@dataclass(eq=False)
class Job:
    """`seen` has the fields that a read shows and that change; `fixed` those that never do."""

    number: int
    id: str
    request: Made
    fixed: Made
    seen: Made
    derivation: Made | None = None
    asset: Made | None = None
    token: str | None = None

    @property
    def inputs(self) -> Any:
        return inputs_of(self.request)

    def __repr__(self) -> str:
        return f"job {self.number} ({self.seen['status']})"

    @property
    def status(self) -> str:
        return str(self.seen["status"])

    @property
    def is_in_the_way(self) -> bool:
        """Of another one with the same inputs."""
        return self.status in ("QUEUED", "RUNNING", "SUCCEEDED")

    @property
    def deadlines(self) -> Iterable[datetime]:
        if self.status not in OVER:
            names = ("available_at", "lease_expires_at", "start_by")
            yield from (self.seen[name] for name in names if self.seen[name] is not None)

    def change(self, **fields: Any) -> None:
        self.seen.update(fields)
        if self.status != "RUNNING":
            self.token = None
            self.seen["lease_expires_at"] = None


@dataclass(frozen=True)
class Claimed:
    """What a claim does: the jobs to hand out, in order, and those that end by it."""

    handed: list[Job]
    ended: list[Job]
    missed: list[Job]


class Model:
    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.uploads: dict[str, Upload] = {}
        self.keys: dict[str, tuple[Made, Job]] = {}
        """Idempotency keys: the request that came with each, and the job that was the answer."""
        self.lore: dict[str, str] = {}
        """The world of each thing that can be referred to."""

    def by_id(self, id: str) -> Job:
        return next(job for job in self.jobs if job.id == id)

    @property
    def deadlines(self) -> Iterable[datetime]:
        return (deadline for job in self.jobs for deadline in job.deadlines)

    # --- asking for an asset ---

    def create(self, body: Made, key: str | None, now: Span) -> Refusal | Job | None:
        """None: a new job. A job: that one is the answer."""
        if key in self.keys:
            asked, answered = self.keys[key]
            return answered if payload_of(asked) == payload_of(body) else Refusal(422, "idempotency_key_reused")
        named = _named(body["references"])
        missing = {kind: ids for kind, all_ids in named.items() if (ids := [i for i in all_ids if i not in self.lore])}
        if missing:
            return Refusal(404, "reference_not_found", {"missing": missing})
        foreign = {
            kind: ids
            for kind, all_ids in named.items()
            if (ids := [i for i in all_ids if self.lore[i] != body["world_id"]])
        }
        if foreign:
            return Refusal(422, "world_scope_violation", {"foreign": foreign})
        if body.get("start_by") and now.is_past(datetime.fromisoformat(body["start_by"])):
            return INVALID
        found = self.in_the_way(inputs_of(body))
        if found is not None and self._is_missed(found, now):
            self.end_missed(found, now)
            found = None
        if found is not None and key is not None:
            self.keys[key] = (body, found)
        return found

    def in_the_way(self, inputs: Any) -> Job | None:
        found = [job for job in self.jobs if job.inputs == inputs and job.is_in_the_way]
        assert len(found) <= 1
        return found[0] if found else None

    def add(self, id: str, body: Made, key: str | None, requested_by: str, now: Span) -> Job:
        job = Job(
            number=len(self.jobs) + 1,
            id=id,
            request=body,
            fixed={
                "id": id,
                "requested_by": requested_by,
                "idempotency_key": key,
                "finish_by": None,
                "model_id": body.get("model_id"),
                "priority": body.get("priority", 0),
                "max_attempts": body.get("max_attempts", 3),
                **{name: body[name] for name in ("world_id", "asset_type", "provider", "prompt_spec")},
            },
            seen={
                "status": "QUEUED",
                "attempt": 0,
                "available_at": now,
                "created_at": now,
                "start_by": body.get("start_by") and datetime.fromisoformat(body["start_by"]),
                **dict.fromkeys(
                    (
                        "error_code",
                        "error_message",
                        "lease_expires_at",
                        "worker_id",
                        "progress",
                        "provider_job_id",
                        "cancel_requested_at",
                        "started_at",
                        "finished_at",
                    )
                ),
            },
        )
        self.jobs.append(job)
        if key is not None:
            self.keys[key] = (body, job)
        return job

    # --- leases ---

    def claim(self, asked: Made, now: Span) -> Claimed:
        of_provider = [job for job in self.jobs if job.fixed["provider"] in asked["providers"]]
        missed = [job for job in of_provider if self._is_missed(job, now)]
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

    def end_missed(self, job: Job, now: Span) -> None:
        job.change(status="CANCELLED", error_code="start_by_passed", finished_at=now.not_before(job.seen["started_at"]))

    def heartbeat(self, job: Job, token: str, body: Made, now: Span) -> Refusal | None:
        if token != job.token or now.is_past(job.seen["lease_expires_at"]):
            return _lease_lost(job)
        job.change(
            lease_expires_at=now.plus(seconds=body["lease_seconds"]),
            progress=body.get("progress") or job.seen["progress"],
            provider_job_id=body.get("provider_job_id") or job.seen["provider_job_id"],
        )
        return None

    # --- the moves of a worker, and of who asked ---

    def patch(self, job: Job, token: str | None, body: Made, now: Span) -> Refusal | None:
        target = body.get("status")
        given = {name: datetime.fromisoformat(body[name]) for name in ("started_at", "finished_at") if body.get(name)}
        if len(given) == 2 and given["finished_at"] < given["started_at"]:
            return INVALID  # whatever the job may be
        if (refusal := self._not_held(job, token, now)) is not None:
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
            return _illegal(job, target or job.status)
        if job.status == "QUEUED":
            if target is None:
                return INVALID
            return None if target in ("RUNNING", "CANCELLED") else _illegal(job, target)
        if target == "SUCCEEDED":
            return INVALID
        if target == "QUEUED" or (target == "RUNNING" and token is None):
            return _illegal(job, target)
        return None

    def fail(self, job: Job, token: str | None, body: Made, now: Span) -> Refusal | None:
        if (refusal := self._not_held(job, token, now)) is not None:
            return refusal
        if job.status != "RUNNING":
            return _illegal(job)
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
            return _illegal(job, "CANCELLED")
        if job.status == "CANCELLED":
            return None
        held = job.token is not None and not now.is_past(job.seen["lease_expires_at"])
        job.change(cancel_requested_at=job.seen["cancel_requested_at"] or now)
        if not held:
            job.change(status="CANCELLED", finished_at=now.not_before(job.seen["started_at"]))
        return None

    def complete(self, job: Job, token: str | None, file: Made, stored: Made | None, now: Span) -> Refusal | None:
        """`file` is what is declared, `stored` what lies in the store."""
        if job.asset is not None:
            same = all(job.asset[name] == value for name, value in file.items())
            return None if same else Refusal(409, "already_completed")
        if (refusal := self._not_held(job, token, now)) is not None:
            return refusal
        if job.status != "RUNNING" or job.seen["cancel_requested_at"] is not None:
            return _illegal(job, "SUCCEEDED")
        upload = self.uploads.get(file["storage_key"])
        place = (job.fixed["world_id"], job.fixed["asset_type"])
        if upload is None or (upload.world_id, upload.asset_type) != place:
            return Refusal(422, "upload_not_issued")
        if upload.used:
            return Refusal(422, "upload_already_used")
        issued = {name: getattr(upload, name) for name in ("size_bytes", "content_type", "checksum")}
        wrong = _disagreeing(file, {name: value for name, value in issued.items() if value is not None})
        if wrong is None and stored is None:
            return Refusal(422, "object_missing")
        wrong = wrong or _disagreeing(file, stored or {})
        if wrong is not None:
            return Refusal(422, f"{wrong.removesuffix('_bytes')}_mismatch")
        upload.used = True
        job.change(
            status="SUCCEEDED",
            error_code=None,
            error_message=None,
            finished_at=now.not_before(job.seen["started_at"]),
        )
        job.asset = {
            "duration_seconds": None,
            "metadata": {},
            **file,
            "world_id": job.fixed["world_id"],
            "type": job.fixed["asset_type"],
            "status": "READY",
            "created_at": now,
        }
        return None

    def _is_missed(self, job: Job, now: Span) -> bool:
        return job.status == "QUEUED" and job.seen["start_by"] is not None and now.is_past(job.seen["start_by"])

    def _not_held(self, job: Job, token: str | None, now: Span) -> Refusal | None:
        """A leased job is written by who has its token and has renewed it; any other by who has none."""
        if token != job.token or (job.token is not None and now.is_past(job.seen["lease_expires_at"])):
            return _lease_lost(job)
        return None


def _named(references: Made) -> dict[str, list[str]]:
    """The ids by kind, each once, in the order of the request."""
    lists = {
        kind: [ids.lower()] if isinstance(ids, str) else list(dict.fromkeys(ids)) for kind, ids in references.items()
    }
    return {kind: ids for kind, ids in lists.items() if ids}


def _references_of(body: Made) -> frozenset[tuple[str, frozenset[str]]]:
    return frozenset((kind, frozenset(ids)) for kind, ids in _named(body["references"]).items())


def inputs_of(body: Made) -> Any:
    """All that the input hash is of, but for the lore itself, which does not change here."""
    asked = tuple(body.get(name) for name in ("world_id", "asset_type", "provider", "model_id"))
    return (*asked, repr(sorted(body["prompt_spec"].items())), _references_of(body))


def payload_of(body: Made) -> Any:
    """What a repeated request has to agree in."""
    defaults = {"priority": 0, "max_attempts": 3, "start_by": None}
    return (inputs_of(body), *(body.get(name, default) for name, default in defaults.items()))


def _disagreeing(file: Made, known: Mapping[str, Any]) -> str | None:
    """The first of the three that is declared otherwise."""
    names = ("size_bytes", "content_type", "checksum")
    return next((name for name in names if name in known and file[name] != known[name]), None)


def _illegal(job: Job, target: str | None = None) -> Refusal:
    says = {"from_status": job.status} | ({"to_status": target} if target else {})
    return Refusal(409, "invalid_transition", says)


def _lease_lost(job: Job) -> Refusal:
    return Refusal(409, "lease_lost", {"status_of_job": job.status})
