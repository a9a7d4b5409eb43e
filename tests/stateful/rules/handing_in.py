"""What a worker says of several jobs at once, and what comes too late."""

from typing import Any
from uuid import uuid4

import httpx
from factories.jobs import JOBS, store
from factories.lore import Made
from harness.wire import PROBLEM
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from lorekeeper.assets.cleanup import sweep
from stateful.model.files import KEPT_DAYS
from stateful.model.records import ABANDONED_AFTER, Job
from stateful.rules.files import WRONG, Files
from stateful.rules.leases import Leases
from stateful.stage import WHOSE, Hold, jobs, leases, step

SOME = st.lists(st.tuples(st.one_of(leases, jobs), WHOSE, WRONG), min_size=1, max_size=4)
there_is_a_late_result = precondition(lambda self: any(job.late for job in self.model.jobs))


class HandingIn(Leases, Files):
    @step(some=SOME)
    def complete_batch(self, some: list[tuple[Hold, str, str | None]]) -> None:
        said = []
        for job, token, wrong in self._each_once(some):
            parcel = self.sent_file(job.world_id, job.fixed["asset_type"], declared=True, is_put=True)
            payload = self._declared(parcel, wrong, f"{job.world_id}/IMAGE")
            said.append((job, token, payload))
        answers, now = self._ask("complete", said)
        for (job, token, payload), answer in zip(said, answers, strict=True):
            self.handed_in(job, token, payload, answer, now)
        self.stage.seen["complete: several"] += len(said) > 1

    @step(some=SOME, retryable=st.booleans())
    def fail_batch(self, some: list[tuple[Hold, str, str | None]], retryable: bool) -> None:
        body = {"error_code": "busy" if retryable else "no_ink", "retryable": retryable}
        said = [(job, token, dict(body)) for job, token, _ in self._each_once(some)]
        answers, now = self._ask("fail", said)
        for (job, token, _), answer in zip(said, answers, strict=True):
            self.moved("fail", job, answer, lambda job=job, token=token: self.model.fail(job, token, body, now))

    @step(some=SOME)
    def heartbeat_batch(self, some: list[tuple[Hold, str, str | None]]) -> None:
        said = [
            (job, token or str(uuid4()), {"lease_seconds": 600, "progress": {"percent": 7.0}})
            for job, token, _ in self._each_once(some)
        ]
        answers, now = self._ask("heartbeat", said)
        for (job, token, body), answer in zip(said, answers, strict=True):
            self.renewed(job, token, body, answer, now)

    def _each_once(self, some: list[tuple[Hold, str, str | None]]) -> list[tuple[Job, str | None, str | None]]:
        named = [(*self.worker(hold, whose), wrong) for hold, whose, wrong in some]
        return list({job.id: (job, token, wrong) for job, token, wrong in named}.values())

    def _ask(self, action: str, said: list[tuple[Job, Any, Made]]) -> tuple[list[httpx.Response], Any]:
        """What is said of each job, as if it had been asked about alone."""
        items = [{"job_id": job.id, "lease_token": token, **body} for job, token, body in said]
        answer, now = self.send(self.stage.worker, "POST", f"{JOBS}/{action}", json={"items": items})
        self.same("the answer", answer.status_code, 200, answer.text)
        told = answer.json()["items"]
        self.same("the jobs answered for", [one["job_id"] for one in told], [job.id for job, _, _ in said])
        return [_alone(one, answer) for one in told], now

    @precondition(lambda self: any(job.token for job in self.model.jobs))
    @step(which=st.integers(0, 5), wrong=WRONG)
    def cancel_and_complete(self, which: int, wrong: str | None) -> None:
        """As a worker does it that has not heard of it."""
        held = [job for job in self.model.jobs if job.token]
        job = held[which % len(held)]
        token = job.token
        answer, now = self.send(self.stage.editor, "POST", f"{JOBS}/{job.id}/cancel")
        self.moved("cancel", job, answer, lambda: self.model.cancel(job, now))
        parcel = self.sent_file(job.world_id, job.fixed["asset_type"], declared=True, is_put=True)
        self.finish(job, token, parcel, wrong, {})

    @there_is_a_late_result
    @step(which=st.integers(0, 5))
    def download_late(self, which: int) -> None:
        late = [job for job in self.model.jobs if job.late is not None]
        job = late[which % len(late)]
        answer, _ = self.send(self.onlooker, "POST", f"{JOBS}/{job.id}/late-result/presign-download")
        assert job.late is not None
        if not job.late.seen["kept"]:
            self.same("the answer", (answer.status_code, answer.json()["code"]), (410, "asset_gone"))
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        self.same("the file", store.get(answer.json()["url"]).content, job.late.upload.holds)
        self.stage.seen["download: late"] += 1

    @there_is_a_late_result
    @step(days=st.sampled_from([0, 0, 0, KEPT_DAYS]))
    def sweep_late(self, days: int) -> None:
        """What was kept for long enough goes, and nothing else."""
        self.later(days * 86_400)
        runtime = self.stage.app.app.state.runtime
        _, now = self.bid(lambda: sweep(runtime, abandoned_after=ABANDONED_AFTER))
        self.judged(lambda: self.model.sweep(now))
        self.uploads_are_as_handed_out()
        for job in self.model.jobs:
            if job.late is not None:
                self.agree_in_full(job, self.read(job))


def _alone(told: Made, answer: httpx.Response) -> httpx.Response:
    is_good = told["status"] == 200
    body = next(told[name] for name in ("job", "lease", "problem") if name in told)
    headers = {
        "content-type": "application/json" if is_good else PROBLEM,
        "x-request-id": answer.headers["x-request-id"],
    }
    return httpx.Response(told["status"], headers=headers, json=body, request=answer.request)
