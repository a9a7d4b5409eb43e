"""One job's life as the event log tells it, held against the state machine as it is read."""

from collections.abc import Mapping
from typing import Any

from lorekeeper.contracts.enums import AssetJobStatusEnum as Status
from lorekeeper.contracts.state_machine import TERMINAL, TRANSITIONS

_OF_A_LEASE = {"asset_job.completed", "asset_job.updated", "asset_job.released", "asset_job.late_result"}
"""Writes of whoever holds the job: each must name the attempt, and the worker where it names one, of the last claim."""


class History:
    def __init__(self, max_attempts: int) -> None:
        self.wrong: list[str] = []
        self.status: str | None = None
        self.attempt = 0
        self.worker_id: str | None = None
        self.asset_id: str | None = None
        self.takeovers = 0
        self.releases = 0
        self._max_attempts = max_attempts
        self._over: str | None = None

    def add(self, event: Mapping[str, Any]) -> None:
        """The next event, in the order of the log."""
        kind, after = event["kind"], event["after"] or {}
        if (self.status is None) != (kind == "asset_job.created"):
            self._note(event, "begins" if self.status is None else "is created a second time")
        told_before = (event["before"] or {}).get("status")
        if told_before not in {None, self.status}:
            self._note(event, f"goes on from {told_before}, and was {self.status}: something in between is missing")
        target = after.get("status", self.status)
        self._move(event, target)
        self._count(event, after, target)
        if kind in _OF_A_LEASE:
            self._hold_against_the_claim(event, after)
        if kind == "asset_job.completed":
            if self.asset_id is not None:
                self._note(event, "makes a second asset")
            self.asset_id = after["asset_id"]
        self.status = target

    def _move(self, event: Mapping[str, Any], target: str | None) -> None:
        if target is None or self.status is None:
            return
        if self._over is not None and (
            target != self._over or event["kind"] in {"asset_job.ended", "asset_job.completed"}
        ):
            self._note(event, f"moves a job that had ended {self._over}")
        elif target != self.status and Status(target) not in TRANSITIONS[Status(self.status)]:
            self._note(event, f"goes from {self.status} to {target}")
        if Status(target) in TERMINAL:
            self._over = target

    def _count(self, event: Mapping[str, Any], after: Mapping[str, Any], target: str | None) -> None:
        kind = event["kind"]
        if kind == "asset_job.claimed":
            if self.status != Status.QUEUED:
                self._note(event, f"hands out what is {self.status}")
            self._try(event, after)
            self.worker_id = after["worker_id"]
        elif kind == "asset_job.updated" and (self.status, target) == (Status.QUEUED, Status.RUNNING):
            self._try(event, after)
            self.worker_id = None
        elif kind == "asset_job.lease_expired":
            self.takeovers += 1
        elif kind == "asset_job.released":
            self.releases += 1
            self.attempt -= target == Status.QUEUED  # nothing was tried to its end

    def _try(self, event: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self.attempt += 1
        if after["attempt"] != self.attempt:
            self._note(event, f"is attempt {after['attempt']}, and should be {self.attempt}")
        if self.attempt > self._max_attempts:
            self._note(event, f"is attempt {self.attempt} of {self._max_attempts}")

    def _hold_against_the_claim(self, event: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        if after.get("attempt", self.attempt) != self.attempt:
            self._note(event, f"is written for attempt {after['attempt']}, and the last claim was {self.attempt}")
        if self.worker_id is not None and after.get("worker_id", self.worker_id) != self.worker_id:
            self._note(event, f"is written by {after['worker_id']}, and {self.worker_id} held it")

    def _note(self, event: Mapping[str, Any], what: str) -> None:
        self.wrong.append(f"at event {event['id']}, {event['kind']}, {what}")
