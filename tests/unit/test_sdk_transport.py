"""The retries of both clients, and how they wait, against a little server that misbehaves on purpose."""

import json
import re
from uuid import UUID, uuid4

import httpx
import pytest
import tenacity
from harness.misbehaving import Reply

from lorekeeper.contracts.errors import Problem
from lorekeeper.contracts.jobs import AssetJobCreate
from lorekeeper.contracts.lore import WorldCreate
from lorekeeper.sdk import (
    Client,
    RateLimitedError,
    ServerError,
    ServerUnreachableError,
    UnavailableError,
    UnexpectedAnswerError,
    WorldScopeViolationError,
)
from lorekeeper.sdk.calls.core import seconds_to_wait
from lorekeeper.sdk.errors import api_error
from lorekeeper.sdk.retrying import Wait, worth_another_try

WORLD = {
    "id": str(uuid4()),
    "version": 1,
    "etag": '"1"',
    "content_hash": "0" * 64,
    "created_by": "key",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "name": "Thornmere",
    "metadata": {},
}


def problem(status, code):
    body = {"type": f"urn:x:{code}", "title": "t", "status": status, "detail": f"says {code}", "code": code}
    return Reply(status, body, {"Content-Type": "application/problem+json"})


def test_a_read_is_repeated_until_it_succeeds(server, client):
    server.replies = [
        problem(503, "database_unavailable"),
        Reply(502, b"<html>"),
        Reply(hang_up=True),
        Reply(200, WORLD),
    ]
    assert client.worlds.get(uuid4()).name == "Thornmere"
    assert len(server.asked) == 4


def test_it_gives_up_with_the_last_answer(server, client):
    server.replies = [problem(503, "database_unavailable") for _ in range(9)]
    with pytest.raises(UnavailableError, match="says database_unavailable"):
        client.worlds.get(uuid4())
    assert len(server.asked) == 4


@pytest.mark.parametrize("reply", [Reply(hang_up=True), problem(503, "database_unavailable")])
def test_a_write_that_may_have_happened_is_sent_once(server, client, reply):
    server.replies = [reply]
    with pytest.raises((ServerUnreachableError, UnavailableError)):
        client.worlds.create(WorldCreate(name="Thornmere"))
    assert len(server.asked) == 1


def test_a_write_that_was_turned_away_unread_is_repeated(server, client):
    server.replies = [Reply(429, b"", {"Retry-After": "0"}), Reply(201, WORLD)]
    assert client.worlds.create(WorldCreate(name="Thornmere")).name == "Thornmere"


def test_a_job_is_asked_for_again_with_the_same_idempotency_key(server, client):
    server.replies = [Reply(hang_up=True), problem(504, "timeout"), problem(422, "world_scope_violation")]
    job = AssetJobCreate(world_id=uuid4(), asset_type="IMAGE", provider="local", prompt_spec={"a": None})
    with pytest.raises(WorldScopeViolationError):
        client.jobs.create(job)
    keys = {asked.headers["Idempotency-Key"] for asked in server.asked}
    assert len(server.asked) == 3
    assert len(keys) == 1
    assert json.loads(server.asked[0].body)["prompt_spec"] == {"a": None}


def test_two_calls_have_two_idempotency_keys(server, client):
    server.replies = [problem(422, "validation_failed")] * 2
    job = AssetJobCreate(world_id=uuid4(), asset_type="IMAGE", provider="local", prompt_spec={})
    for _ in range(2):
        with pytest.raises(Exception, match="says validation_failed"):
            client.jobs.create(job)
    assert server.asked[0].headers["Idempotency-Key"] != server.asked[1].headers["Idempotency-Key"]


def test_nobody_there_is_tried_for_every_kind_of_request(quick, monkeypatch):
    tries = []
    real = httpx.Client.request
    monkeypatch.setattr(httpx.Client, "request", lambda *a, **k: (tries.append(1), real(*a, **k))[1])
    with (
        Client("http://127.0.0.1:9", "lk_key", attempts=3) as lonely,
        pytest.raises(ServerUnreachableError) as caught,
    ):
        lonely.worlds.create(WorldCreate(name="Thornmere"))
    assert caught.value.never_sent
    assert len(tries) == 3


@pytest.mark.parametrize("reply", [Reply(200, b"<html>hello</html>"), Reply(200, {"a": 1}), Reply(302, b"")])
def test_an_answer_that_is_not_lorekeepers_is_told_apart(server, client, reply):
    server.replies = [reply]
    with pytest.raises(UnexpectedAnswerError):
        client.worlds.get(uuid4())


def test_a_refusal_without_a_problem_keeps_its_request_id(server, client):
    server.replies = [Reply(429, b"slow down", {"X-Request-Id": "r7", "Retry-After": "7"})] * 4
    with pytest.raises(RateLimitedError) as caught:
        client.worlds.get(uuid4())
    assert (caught.value.request_id, caught.value.retry_after, caught.value.code) == ("r7", 7.0, "http_429")


def test_what_only_the_log_tells_is_named_by_its_request_id(server, client):
    body = {"type": "urn:x", "title": "t", "status": 500, "code": "internal_error", "detail": "It was logged."}
    server.replies = [Reply(500, body | {"request_id": "r8"}, {"Content-Type": "application/problem+json"})]
    with pytest.raises(ServerError, match=r"^It was logged: r8$"):
        client.worlds.get(uuid4())


@pytest.mark.parametrize(
    ("status", "repeatable", "again"),
    [
        (502, True, True),
        (503, True, True),
        (504, True, True),
        (500, True, False),
        (409, True, False),
        (503, False, False),
        (429, False, True),
        (429, True, True),
    ],
)
def test_which_refusals_are_worth_another_try(status, repeatable, again):
    error = api_error(Problem(type="t", title="t", status=status, detail="d", code="x"))
    assert worth_another_try(error, repeatable=repeatable) is again


def test_the_servers_wish_goes_before_the_back_off():
    error = api_error(Problem(type="t", title="t", status=429, detail="d", code="x"), retry_after=7.0)
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.set_exception((type(error), error, None))
    assert Wait()(state) == 7.0


def test_the_back_off_grows_and_is_bounded():
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    error = ServerUnreachableError("gone")
    state.set_exception((type(error), error, None))
    state.attempt_number = 1
    assert 0 <= Wait()(state) <= 0.4
    state.attempt_number = 50
    assert 0 <= Wait()(state) <= 10


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), ("3", 3.0), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)]
)
def test_retry_after_in_both_its_forms(value, seconds):
    assert seconds_to_wait(value) == seconds


JOB = {
    "id": str(uuid4()),
    "world_id": str(uuid4()),
    "asset_type": "IMAGE",
    "provider": "local",
    "status": "RUNNING",
    "priority": 0,
    "requested_by": "key",
    "input_hash": "0" * 64,
    "prompt_spec": {},
    "attempt": 1,
    "max_attempts": 3,
    "available_at": "2026-01-01T00:00:00Z",
    "created_at": "2026-01-01T00:00:00Z",
}


def job(status="RUNNING", etag='"1"', **fields):
    return Reply(200, JOB | {"status": status} | fields, {"ETag": etag} if etag else {})


def test_waiting_outlasts_a_server_that_goes_away(server, client):
    """More failures than a request has tries, and neither an old answer nor a lost one is taken for news."""
    away = [Reply(hang_up=True)] * 5 + [problem(503, "database_unavailable")] * 4
    server.replies = [job(), *away, Reply(304, b"", {"ETag": '"1"'}), job("FAILED", '"2"')]

    assert client.jobs.wait_for(UUID(JOB["id"]), timeout=30).status == "FAILED"

    assert not server.replies
    assert "wait=" not in server.asked[0].path
    asked = server.asked[-1]
    assert re.search(r"\?wait=(29|30)$", asked.path)
    assert asked.headers["If-None-Match"] == '"1"'


def test_who_follows_hears_of_a_silence_and_of_its_end(server, client):
    server.replies = [job(), *[Reply(hang_up=True)] * 9, job("FAILED", '"2"')]
    heard = []

    seen = [one.status for one in client.jobs.follow(UUID(JOB["id"]), on_silence=heard.append)]

    assert seen == ["RUNNING", "FAILED"]
    first, second, ended = heard
    assert 0 <= first <= second
    assert ended is None


def test_waiting_without_tags_is_asking_again_and_again(server, client):
    """A proxy in between may take the tags away."""
    server.replies = [job(etag=None), job(etag=None), job("SUCCEEDED", None)]
    assert client.jobs.wait_for(UUID(JOB["id"]), timeout=30).status == "SUCCEEDED"
    assert not any("wait=" in asked.path for asked in server.asked)


def test_who_waits_for_a_server_that_never_answered_hears_so(client, server):
    server.replies = [Reply(hang_up=True)] * 4
    with pytest.raises(ServerUnreachableError):
        client.jobs.wait_for(UUID(JOB["id"]), timeout=30)
