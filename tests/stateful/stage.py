"""What all runs share, and what the rules stand on: sending, comparing, and the passing of time."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from factories.jobs import File
from factories.lore import Made, World
from harness.server import RunningApp
from harness.wire import problem
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock
from stateful.model import Model
from stateful.model.bundles import Kept
from stateful.model.records import Job, Upload
from stateful.model.values import Containing, Refusal, Span, Unclear
from stateful.wire import QuickApi

ASSETS = "/assets/assets"
TYPES = ("IMAGE", "MAP")
WHOSE = st.sampled_from(["the holder's", "the holder's", "the holder's", "the holder's", "its own", "none", "another"])
"""Which token a worker writes with: that of the job's present lease, or the one it was handed, which may be stale."""
TICK = timedelta(seconds=0.25)
"""How much later by the app's clock each request is than the one before."""


@dataclass
class Stage:
    """What all runs share: the app, the keys to it, and a count of what was seen."""

    app: RunningApp
    database: psycopg.Connection
    admin: QuickApi
    editor: QuickApi
    worker: QuickApi
    clock: MovableClock
    steps: int = 0
    """Rules that were carried out, with no difference found after them."""
    seen: Counter[str] = field(default_factory=Counter)

    def onlooker_of(self, worlds: list[World]) -> QuickApi:
        """Sees these worlds and nothing else."""
        return QuickApi(self.app.as_new_key(Role.READER, worlds=[world.id for world in worlds]))


@dataclass(frozen=True, eq=False)
class Hold:
    """A job as a worker has it: under a lease, which may be lost by now, or without one."""

    job: Job
    token: str | None = None


@dataclass(frozen=True, eq=False)
class Parcel:
    """A file on its way to the store."""

    file: File
    issued: Made
    upload: Upload


jobs: Bundle[Hold] = Bundle("jobs")
leases: Bundle[Hold] = Bundle("leases")
parcels: Bundle[Parcel] = Bundle("parcels")
parts: Bundle[Parcel] = Bundle("parts")


def expiry_of(issued: Made) -> datetime:
    return datetime.fromisoformat(issued["expires_at"])


def step(**drawn: Any) -> Any:
    """A rule after which everything is looked at. As an `invariant`, it would stand between all lines of a failure."""

    def of(work: Callable[..., Any]) -> Any:
        @wraps(work)
        def looked_after(self: "Grounds", **values: Any) -> Any:
            self.sound = False
            made = work(self, **values)
            self.look_around()
            self.sound = True
            self.stage.steps += 1
            return made

        return rule(**drawn)(looked_after)

    return of


class Grounds(RuleBasedStateMachine):
    """Two worlds with a piece of lore of every kind in each, and the model of what is done in them."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.model = Model()
        self.began = stage.clock.now()
        self.worlds = [World.made(stage.admin), World.made(stage.admin)]
        self.providers = [world.provider for world in self.worlds]
        self.onlooker = stage.onlooker_of(self.worlds)
        self.run = uuid4().hex[:8]
        self.lore = [self._furnished(world) for world in self.worlds]
        self.kept: dict[str, tuple[Kept, Made]] = {}
        """By world, what was taken out of it as a bundle last: as the model knows it, and the bundle."""
        self.turn = 0
        self.time = stage.clock.now()
        self.sound = True
        """No step was broken off by a difference."""

    def look_around(self) -> None:
        raise NotImplementedError

    def _furnished(self, world: World) -> Made:
        """References to a piece of lore of every kind; the model knows from now on all that there is."""
        subject, entity = world.entity(), world.entity()
        whole = "The sea went out."
        chunks = [{"content": whole, "char_start": 0, "char_end": len(whole)}, {"content": "Salt everywhere."}]
        source = world.source(chunks=chunks, author_ids=[entity["id"]])
        chunks = world.chunks_of(source)
        claim = world.claim(
            subject_entity_id=subject["id"],
            canon_state="STRICT",
            source_chunk_id=chunks[0]["id"],
            asserted_by_entity_id=entity["id"],
        )
        made = [("entity", subject), ("entity", entity), ("source", source), ("claim", claim)]
        made += [("world", self.stage.admin.get(f"/worlds/{world.id}")), *(("source_chunk", chunk) for chunk in chunks)]
        for kind, told in made:
            self.model.made(kind, told, Span(self.began, self.stage.clock.now()))
        return {
            "claim_ids": [claim["id"]],
            "entity_ids": [entity["id"]],
            "source_chunk_ids": [chunks[0]["id"]],
            "source_id": source["id"],
        }

    def ready_assets(self, world_id: str) -> list[str]:
        return [asset.id for asset in self.model.assets if asset.is_ready and asset.world_id == world_id]

    # --- asking ---

    def send(self, api: QuickApi, method: str, path: str, **request: Any) -> tuple[httpx.Response, Span]:
        """The answer, and when the app gave it."""
        self.wait()
        clock = self.stage.clock
        before = clock.now()
        answer = api.ask(method, path, **request)
        return answer, Span(before, clock.now())

    def worker(self, hold: Hold, whose: str) -> tuple[Job, str | None]:
        """The job that a worker writes to, and its token. One that knows what it does writes to a job that runs."""
        if whose == "the holder's":
            running = [job for job in self.model.jobs if job.status == "RUNNING"] or [hold.job]
            job = hold.job if hold.job in running else running[hold.job.number % len(running)]
            return job, job.token
        return hold.job, {"its own": hold.token, "none": None, "another": str(uuid4())}[whose]

    def bid(self, work: Callable[[], Awaitable[Any]]) -> tuple[Any, Span]:
        """What no request does: the server's own doing, in its own loop; and when."""
        self.wait()
        before = self.stage.clock.now()
        done = self.stage.app.run(work)
        return done, Span(before, self.stage.clock.now())

    # --- time ---

    def wait(self) -> None:
        """Until the next tick: what a run does must not hang on how fast the machine is. No deadline is close then."""
        clock = self.stage.clock
        self.time = max(self.time + TICK, clock.now())
        clock.ahead += self.time - clock.now()
        while soon := [by for by in self.model.deadlines if timedelta() < by - clock.now() < TICK / 2]:
            clock.move(max(soon) - clock.now())

    def later(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)
        self.wait()

    # --- judging and comparing ---

    def judged(self, judge: Callable[[], Any]) -> Any:
        try:
            return judge()
        except Unclear:
            assume(condition=False)

    def is_refused(self, kind: str, answer: httpx.Response, refusal: Refusal) -> None:
        self.stage.seen[f"{kind}: {refusal.code}"] += 1
        told = answer.json() if answer.status_code >= 400 else {}
        wanted = {"code": refusal.code, **refusal.says}
        says = [told.get(name) for name in wanted]
        self.same("the answer", [answer.status_code, *says], [refusal.status, *wanted.values()], told)
        problem(answer, refusal.status, refusal.code)

    def learned(self, what: str, told: Any, wanted: Any) -> Any:
        if isinstance(wanted, Span | datetime):
            told = told and datetime.fromisoformat(told)
        if isinstance(wanted, Span):
            is_so = told is not None and wanted.earliest <= told <= wanted.latest
            self.same(what, "within" if is_so else told, "within", f"{wanted.earliest} to {wanted.latest}")
        elif isinstance(wanted, Containing):
            self.same(what, wanted.part in (told or ""), True, told)
        else:
            self.same(what, told, wanted)
        return told

    def same(self, what: str, told: Any, wanted: Any, *more: Any) -> None:
        if told != wanted:
            detail = "".join(f"\n    {one}" for one in more)
            raise AssertionError(f"{what}:\n  the app says   {told}\n  the model says {wanted}{detail}")
