"""What workers make of their jobs, and who asked for them."""

from datetime import timedelta

from factories.jobs import JOBS
from factories.lore import Made
from hypothesis import strategies as st

from stateful.looking import Looking
from stateful.stage import WHOSE, Hold, jobs, leases, step

STATES = ("QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED")


class Moves(Looking):
    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        status=st.sampled_from([None, *STATES, "RUNNING", "RUNNING"]),
        started=st.sampled_from([None, None, None, -3600, 240, 1200]),
        finished=st.sampled_from([None, None, None, -7200, -60, 240, 1200]),
        said=st.fixed_dictionaries({}, optional={"error_code": st.just("odd"), "error_message": st.just("Odd.")}),
    )
    def patch(
        self, hold: Hold, whose: str, status: str | None, started: int | None, finished: int | None, said: Made
    ) -> None:
        job, token = self.worker(hold, whose)
        body: Made = {"status": status, **said}
        for name, seconds in (("started_at", started), ("finished_at", finished)):
            if seconds is not None:
                body[name] = (self.stage.clock.now() + timedelta(seconds=seconds)).isoformat()
        body = {name: value for name, value in body.items() if value is not None} or {"status": "RUNNING"}
        answer, now = self.send(self.stage.worker, "PATCH", f"{JOBS}/{job.id}", json=body | {"lease_token": token})
        self.moved("patch", job, answer, lambda: self.model.patch(job, token, body, now))

    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        retryable=st.booleans(),
        said=st.sampled_from([{}, {"error_message": "No ink."}]),
    )
    def fail(self, hold: Hold, whose: str, retryable: bool, said: Made) -> None:
        job, token = self.worker(hold, whose)
        body = {"error_code": "busy" if retryable else "no_ink", "retryable": retryable, **said}
        sent = body | {"lease_token": token}
        answer, now = self.send(self.stage.worker, "POST", f"{JOBS}/{job.id}/fail", json=sent)
        self.moved("fail", job, answer, lambda: self.model.fail(job, token, body, now))

    @step(hold=jobs, by_worker=st.booleans())
    def cancel(self, hold: Hold, by_worker: bool) -> None:
        job, api = hold.job, self.stage.worker if by_worker else self.stage.editor
        answer, now = self.send(api, "POST", f"{JOBS}/{job.id}/cancel")
        self.moved("cancel", job, answer, lambda: self.model.cancel(job, now))
