"""Taking jobs, and holding on to them."""

from typing import Any
from uuid import uuid4

from factories.jobs import JOBS
from factories.lore import Made
from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition

from stateful.looking import Looking
from stateful.stage import WHOSE, Hold, leases, step


class Leases(Looking):
    @precondition(lambda self: any(job.status in ("QUEUED", "RUNNING") for job in self.model.jobs))
    @step(
        target=leases,
        limit=st.sampled_from([1, 1, 2, 10]),
        seconds=st.sampled_from([60, 600, 600]),
        later=st.sampled_from([0, 0, 0, 0, 60, 600]),
    )
    def claim(self, limit: int, seconds: int, later: int) -> Any:
        """Whatever there is."""
        self.later(later)
        return self.take({"worker_id": "w1", "providers": self.providers, "limit": limit, "lease_seconds": seconds})

    @step(
        target=leases,
        providers=st.sampled_from([(0, 1), (0, 1), (0,), (1,)]),
        types=st.sampled_from([None, None, None, ("IMAGE",), ("MAP",)]),
        worlds=st.sampled_from([None, None, None, (0,), (1,)]),
        limit=st.sampled_from([1, 2, 10]),
        later=st.sampled_from([0, 0, 30, 60]),
    )
    def claim_some(
        self,
        providers: tuple[int, ...],
        types: tuple[str, ...] | None,
        worlds: tuple[int, ...] | None,
        limit: int,
        later: int,
    ) -> Any:
        """Of what there is."""
        self.later(later)
        asked: Made = {
            "worker_id": "w2",
            "providers": [self.providers[one] for one in providers],
            "limit": limit,
            "lease_seconds": 60,
        }
        if types is not None:
            asked["asset_types"] = list(types)
        if worlds is not None:
            asked["world_ids"] = [self.worlds[one].id for one in worlds]
        return self.take(asked)

    def take(self, asked: Made) -> Any:
        answer, now = self.send(self.stage.worker, "POST", f"{JOBS}/claim", json=asked)
        self.same("the answer", answer.status_code, 200, answer.text)
        told = answer.json()["jobs"]
        due = self.judged(lambda: self.model.claim(asked, now))
        handed = [self.model.job(job["id"]) for job in told]
        self.same("what a claim hands out", handed, due.handed)
        for job in due.missed:
            self.model.end_missed(job, now)
        for job in due.ended:
            self.model.end_lost(job, now)
        for job, one in zip(handed, told, strict=True):
            self.stage.seen[f"claim: of a {job.status} job"] += 1
            self.same(f"the lease token of {job} is new", one["lease_token"] == job.token, False)
            self.model.grant(job, asked, one["lease_token"], now)
            self.agree(job, one)
            self.agree_in_derivation(job, one["derivation"])
        self.stage.seen["claim: jobs that end"] += len(due.ended)
        self.stage.seen["claim: jobs that were missed"] += len(due.missed)
        return multiple(*[Hold(job, job.token) for job in handed])

    @step(
        hold=leases,
        whose=WHOSE,
        seconds=st.sampled_from([60, 600]),
        said=st.fixed_dictionaries(
            {},
            optional={
                "progress": st.sampled_from([{"percent": 5.0}, {"percent": 50.0, "stage": "inking"}]),
                "provider_job_id": st.sampled_from(["ext-1", "ext-2"]),
            },
        ),
    )
    def heartbeat(self, hold: Hold, whose: str, seconds: int, said: Made) -> None:
        job, token = self.worker(hold, whose)
        token = token or str(uuid4())
        body = {"lease_token": token, "lease_seconds": seconds, **said}
        answer, now = self.send(self.stage.worker, "POST", f"{JOBS}/{job.id}/heartbeat", json=body)
        if "progress" in body:
            body["progress"] = {"percent": None, "stage": None, "message": None} | body["progress"]
        refusal = self.judged(lambda: self.model.heartbeat(job, token, body, now))
        if refusal is not None:
            self.is_refused("heartbeat", answer, refusal)
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        self.agree(job, answer.json(), only=("lease_expires_at",))
        cancelled = job.seen["cancel_requested_at"] is not None
        self.same("cancel_requested", answer.json()["cancel_requested"], cancelled)
        self.stage.seen[f"heartbeat: {'to be cancelled' if cancelled else 'goes on'}"] += 1
