"""Several of the other rules in a row, as they mostly come: else few sequences get far."""

from typing import Any

from factories.lore import Made
from hypothesis import strategies as st
from hypothesis.stateful import initialize, multiple

from stateful.rules.asking import Asking
from stateful.rules.files import Files
from stateful.rules.leases import Leases
from stateful.stage import Hold, jobs, leases, step


class Working(Asking, Leases, Files):
    @initialize(
        targets=(jobs, leases),
        some=st.lists(
            st.fixed_dictionaries(
                {"priority": st.sampled_from([0, 0, 5]), "max_attempts": st.integers(1, 3)},
                optional={"start_by": st.sampled_from([60, 600])},
            ),
            min_size=1,
            max_size=4,
        ),
        taken=st.integers(0, 3),
        finished=st.integers(0, 2),
    )
    def begin(self, some: list[Made], taken: int, finished: int) -> Any:
        """With some jobs: Hypothesis leaves some rules out of each run, and without jobs nothing happens."""
        for place, fields in enumerate(some):
            limits = {name: fields[name] for name in ("priority", "max_attempts")}
            body = self.body_for(0, place % 2, "IMAGE", f"begun {place}", {}, fields.get("start_by"))
            self.put_in(body | limits, None)
        holds = self._taken(taken, 600) if taken else []
        for hold in holds[:finished]:
            self._finish_as_asked(hold)
        if self.model.assets:
            fed = self.body_for(0, 0, "IMAGE", "fed", self.references(0, "an asset", ""), None)
            self.put_in(fed | {"priority": 9}, None)
            holds += self._taken(taken - finished, 600) if taken > finished else []
        held = [hold.job for hold in holds]
        return multiple(*holds, *[Hold(job) for job in self.model.jobs if job not in held])

    @step(
        targets=(jobs, leases),
        limit=st.sampled_from([1, 2]),
        finished=st.sampled_from([0, 1, 2]),
        references=st.sampled_from(["none", "one of each", "an asset"]),
    )
    def work(self, limit: int, finished: int, references: str) -> Any:
        """Ask for something, take what there is, and finish some of it."""
        title = f"worked {len(self.model.jobs)}"
        self.put_in(self.body_for(0, 0, "MAP", title, self.references(0, references, "claim_ids"), None), None)
        holds = self._taken(limit, 600)
        for hold in holds[:finished]:
            self._finish_as_asked(hold)
        return multiple(*holds)

    def _taken(self, limit: int, seconds: int) -> list[Hold]:
        asked = {"worker_id": "w3", "providers": self.providers, "limit": limit, "lease_seconds": seconds}
        return list(self.take(asked).values)

    def _finish_as_asked(self, hold: Hold) -> None:
        job = hold.job
        parcel = self.sent_file(job.world_id, job.fixed["asset_type"], declared=True, is_put=True)
        self.finish(job, hold.token, parcel, None, {})
