"""Asking for an asset: what is refused, what was asked for before, and what is new."""

from datetime import datetime
from typing import Any

from stateful.model.canon import Canon
from stateful.model.lore import named_in, reference_refusal, written_in
from stateful.model.records import Job
from stateful.model.values import INVALID, Made, Refusal, Span


class Asking(Canon):
    def create(self, body: Made, key: str | None, now: Span) -> Refusal | Job | None:
        """None: a new job. A job: that one is the answer."""
        if key in self.keys:
            asked, answered = self.keys[key]
            return answered if _payload_of(asked) == _payload_of(body) else Refusal(422, "idempotency_key_reused")
        if (refusal := reference_refusal(self.to_refer_to, body["references"], body["world_id"])) is not None:
            return refusal
        if body.get("start_by") and now.is_past(datetime.fromisoformat(body["start_by"])):
            return INVALID
        found = self.in_the_way(self.inputs_of(body))
        if found is not None and self.is_missed(found, now):
            self.end_missed(found, now)
            found = None
        if found is None and (refusal := self.canon_refusal(body)) is not None:
            return refusal
        if found is not None and key is not None:
            self.keys[key] = (body, found)
        return found

    def inputs_of(self, body: Made) -> Any:
        """All that the input hash is of."""
        return _asked_of(body), written_in(self.lore, body["references"])

    def in_the_way(self, inputs: Any) -> Job | None:
        found = [job for job in self.jobs if job.inputs == inputs and job.is_in_the_way]
        assert len(found) <= 1
        return found[0] if found else None

    def add(self, id: str, body: Made, key: str | None, requested_by: str, now: Span) -> Job:
        job = Job(
            number=len(self.jobs) + 1,
            id=id,
            request=body,
            inputs=self.inputs_of(body),
            snapshot=self.snapshot_of(body["references"], body["world_id"]),
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


def _asked_of(body: Made) -> Any:
    """Without what the lore says."""
    asked = tuple(body.get(name) for name in ("world_id", "asset_type", "provider", "model_id"))
    references = frozenset((kind, frozenset(ids)) for kind, ids in named_in(body["references"]).items())
    return (*asked, repr(sorted(body["prompt_spec"].items())), references)


def _payload_of(body: Made) -> Any:
    """What a repeated request has to agree in."""
    defaults = {"priority": 0, "max_attempts": 3, "start_by": None, "allow_contradictions": False}
    return (_asked_of(body), *(body.get(name, default) for name, default in defaults.items()))
