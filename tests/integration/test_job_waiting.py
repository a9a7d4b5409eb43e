"""`GET /assets/asset-jobs/{id}?wait=`: the answer comes when the job changes, whichever process changed it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from factories.jobs import JOBS, File, claim, claimed_job, complete, finished_job, new_job, uploaded
from factories.lore import Made, World
from harness.server import RunningApp, running_app
from harness.waiting import until
from harness.wire import Api, problem

from lorekeeper.app import Backing
from lorekeeper.contracts.enums import Role
from lorekeeper.settings import Settings


@pytest.fixture(scope="module")
def other_app(settings: Settings, backing: Backing) -> Iterator[RunningApp]:
    """A second server on the same database and store."""
    with running_app(settings, backing) as running:
        yield running


def path(job: Made) -> str:
    return f"{JOBS}/{job['id']}"


def etag_of(api: Api, job: Made) -> str:
    return str(api.ask("GET", path(job)).headers["etag"])


def waiting_for(api: Api, job: Made, *, wait: int = 30, etag: str | None = None) -> Future[httpx.Response]:
    """A request that is seen to wait."""
    asked: Future[httpx.Response] = Future()
    before = _waiters(api)

    def ask() -> None:
        headers = {"If-None-Match": etag} if etag else {}
        with httpx.Client(base_url=api.url, headers=api.headers | headers, timeout=60, trust_env=False) as client:
            asked.set_result(client.get(path(job), params={"wait": wait}))

    threading.Thread(target=ask, daemon=True).start()
    until(lambda: _waiters(api) == before + 1)
    return asked


def _waiters(api: Api) -> float:
    """How many requests the server has open, besides the one that asks."""
    text = api.ask("GET", "/metrics").text
    (line,) = (line for line in text.splitlines() if line.startswith("lorekeeper_http_requests_in_flight "))
    return float(line.split()[1]) - 1


class TestETag:
    def test_is_another_with_each_change_that_a_requester_sees(self, world: World) -> None:
        job = new_job(world)
        seen = [etag_of(world.api, job)]
        (claimed,) = claim(world)
        seen.append(etag_of(world.api, job))
        for said in ({"progress": {"percent": 1}}, {"progress": {"percent": 2}}, {"provider_job_id": "ext"}):
            world.api.post(f"{path(job)}/heartbeat", {"lease_token": claimed["lease_token"], **said})
            seen.append(etag_of(world.api, job))
        payload = uploaded(world, File()) | {"lease_token": claimed["lease_token"]}
        asset = complete(world.api, claimed, payload)["asset"]
        seen.append(etag_of(world.api, job))
        assert world.api.ask("DELETE", f"/assets/assets/{asset['id']}").is_success
        seen.append(etag_of(world.api, job))

        assert len(set(seen)) == len(seen) == 7

    def test_stays_while_a_lease_is_renewed(self, world: World) -> None:
        job = claimed_job(world)
        before = etag_of(world.api, job)

        world.api.post(f"{path(job)}/heartbeat", {"lease_token": job["lease_token"], "lease_seconds": 600})

        assert etag_of(world.api, job) == before

    @pytest.mark.parametrize("form", ["{}", '"x", {}', "*"])
    def test_that_the_caller_has_is_answered_with_304_and_no_body(self, world: World, form: str) -> None:
        job = new_job(world)
        etag = etag_of(world.api, job)

        same = world.api.ask("GET", path(job), headers={"If-None-Match": form.format(etag)})

        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)

    def test_that_is_of_another_time_gets_the_job_at_once(self, world: World) -> None:
        job = new_job(world)
        etag = etag_of(world.api, job)
        claim(world)

        answer = world.api.ask("GET", path(job), params={"wait": 60}, headers={"If-None-Match": etag})

        assert answer.json()["status"] == "RUNNING"


class TestWaiting:
    @pytest.mark.parametrize("with_etag", [True, False])
    def test_ends_at_once_when_this_server_changes_the_job(self, world: World, with_etag: bool) -> None:
        job = new_job(world)
        answer = waiting_for(world.api, job, etag=etag_of(world.api, job) if with_etag else None)

        began = time.monotonic()
        (claimed,) = claim(world)

        assert answer.result(30).json()["worker_id"] == claimed["worker_id"]
        assert time.monotonic() - began < 0.5
        assert answer.result().headers["etag"] == etag_of(world.api, job)

    def test_ends_within_moments_when_another_server_changes_it(self, world: World, other_app: RunningApp) -> None:
        job, there = new_job(world), other_app.as_anyone(world.api.key)
        answers = [waiting_for(world.api, job), waiting_for(there, job)]

        began = time.monotonic()
        there.post(f"{path(job)}/cancel")

        assert [answer.result(30).json()["status"] for answer in answers] == ["CANCELLED"] * 2
        assert time.monotonic() - began < 5

    def test_goes_on_over_a_renewal_and_ends_with_progress(self, world: World) -> None:
        job = claimed_job(world)
        answer = waiting_for(world.api, job)
        token = {"lease_token": job["lease_token"]}

        world.api.post(f"{path(job)}/heartbeat", token | {"lease_seconds": 600})
        assert not answer.done()
        world.api.post(f"{path(job)}/heartbeat", token | {"progress": {"percent": 50}})

        assert answer.result(30).json()["progress"]["percent"] == 50

    def test_ends_at_its_time_with_the_job_as_it_is(self, world: World) -> None:
        job = new_job(world)
        etag = etag_of(world.api, job)

        with ThreadPoolExecutor(2) as pool:
            began = time.monotonic()
            bare = pool.submit(world.api.ask, "GET", path(job), params={"wait": 1})
            held = pool.submit(world.api.ask, "GET", path(job), params={"wait": 1}, headers={"If-None-Match": etag})

        assert bare.result().json() == job
        assert held.result().status_code == 304
        assert 1 <= time.monotonic() - began < 3

    def test_for_a_job_that_is_over_there_is_none(self, world: World) -> None:
        job = finished_job(world)
        began = time.monotonic()

        assert world.api.get(path(job), wait=60)["status"] == "SUCCEEDED"

        assert time.monotonic() - began < 1

    @pytest.mark.parametrize("wait", ["-1", "61", "soon"])
    def test_for_a_time_that_cannot_be_is_refused(self, world: World, wait: str) -> None:
        world.api.refused(422, "validation_failed", "GET", path(new_job(world)), params={"wait": wait})

    def test_is_forgotten_when_the_caller_hangs_up(self, world: World) -> None:
        job = new_job(world)
        before = _waiters(world.api)

        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{world.api.url}{path(job)}?wait=60", headers=world.api.headers, timeout=0.3, trust_env=False)

        until(lambda: _waiters(world.api) == before)

    def test_ends_when_the_key_is_revoked(self, world: World, app: RunningApp) -> None:
        reader = app.as_new_key(Role.READER)
        answer = waiting_for(reader, new_job(world))

        app.revoke(reader)

        problem(answer.result(30), 401, "unauthorized")

    def test_of_what_the_key_may_not_see_is_not_found_at_once(self, world: World, app: RunningApp) -> None:
        stranger = app.as_new_key(Role.READER, worlds=[])

        stranger.refused(404, "not_found", "GET", path(new_job(world)), params={"wait": 60})
