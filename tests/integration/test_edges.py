"""Cases that went wrong once, each where two rules meet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from factories.jobs import JOBS, claim, claimed_job, new_job, read, request_for
from factories.lore import World
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.access.repository import note_use
from lorekeeper.contracts.base import format_time
from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.errors import DatabaseUnavailableError, PayloadTooLargeError
from lorekeeper.kit.clock import MovableClock
from lorekeeper.kit.database import Database


def ask(world: World, method: str, path: str, body: object) -> httpx.Response:
    return world.api.ask(method, path, json=body)


class TestAnIdempotencyKey:
    def test_is_remembered_when_its_first_answer_was_a_replay(self, world: World) -> None:
        job, key = new_job(world), uuid4().hex
        body = {name: job[name] for name in ("world_id", "asset_type", "provider", "prompt_spec")}
        body |= {"references": job["derivation"]["references"], "idempotency_key": key}

        replay = ask(world, "POST", JOBS, body)
        other = body | {"prompt_spec": {"title": "another"}}

        assert (replay.status_code, replay.json()["id"]) == (200, job["id"])
        world.api.refused(422, "idempotency_key_reused", "POST", JOBS, other)

    def test_of_another_caller_counts_for_nothing(self, world: World, app: RunningApp) -> None:
        editor = app.as_new_key(Role.EDITOR)
        key = uuid4().hex
        body = request_for(world, idempotency_key=key)
        first = ask(world, "POST", JOBS, body)

        second = editor.ask("POST", JOBS, json=body | {"priority": 5})

        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json()["id"] == first.json()["id"]

    def test_with_two_payloads_at_once_makes_one_job(self, world: World) -> None:
        key = uuid4().hex
        bodies = [request_for(world, idempotency_key=key, prompt_spec={"title": str(number)}) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda body: ask(world, "POST", JOBS, body), bodies))

        assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7
        assert world.api.get(JOBS, world_id=world.id)["total"] == 1


class TestStartBy:
    def test_in_the_past_is_refused(self, world: World, clock: MovableClock) -> None:
        body = request_for(world, start_by=format_time(clock.now() - timedelta(seconds=1)))

        world.api.refused(422, "validation_failed", "POST", JOBS, body)

    def test_when_it_passes_ends_the_job_and_frees_its_inputs(self, world: World, clock: MovableClock) -> None:
        body = request_for(world)
        late = ask(world, "POST", JOBS, body | {"start_by": format_time(clock.now() + timedelta(minutes=1))}).json()
        clock.move(timedelta(minutes=2))

        again = ask(world, "POST", JOBS, body)

        assert again.status_code == 201
        ended = read(world, late)
        assert (ended["status"], ended["error_code"]) == ("CANCELLED", "start_by_passed")

    def test_when_it_passes_no_worker_gets_the_job(self, world: World, clock: MovableClock) -> None:
        job = new_job(world, start_by=format_time(clock.now() + timedelta(minutes=1)))
        clock.move(timedelta(minutes=2))

        assert claim(world) == []
        assert read(world, job)["status"] == "CANCELLED"


def test_a_retryable_failure_against_a_cancellation_leaves_nothing_to_claim(world: World) -> None:
    for _ in range(20):
        job = claimed_job(world)
        failure = {"error_code": "e", "retryable": True, "lease_token": job["lease_token"]}
        with ThreadPoolExecutor(2) as pool:
            moves = [("fail", failure), ("cancel", None)]
            list(pool.map(lambda move, id=job["id"]: ask(world, "POST", f"{JOBS}/{id}/{move[0]}", move[1]), moves))

        assert read(world, job)["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/worlds", {"name": " "}),
        ("/entities", {"name": "\t"}),
        ("/entities", {"name": "a", "tags": [" "]}),
        ("/sources", {"title": " "}),
    ],
)
def test_a_blank_name_is_refused(world: World, path: str, body: dict[str, object]) -> None:
    world.api.refused(
        422, "validation_failed", "POST", path, body if path == "/worlds" else body | {"world_id": world.id}
    )


def test_a_blank_stage_is_refused_and_the_job_stays_readable(world: World) -> None:
    job = claimed_job(world)
    body = {"lease_token": job["lease_token"], "progress": {"stage": " "}}

    world.api.refused(422, "validation_failed", "POST", f"{JOBS}/{job['id']}/heartbeat", body)

    assert read(world, job)["progress"] is None


@pytest.mark.parametrize("point", [{}, {"label": " "}])
def test_a_time_that_says_nothing_is_refused(world: World, point: dict[str, str]) -> None:
    body = {
        "world_id": world.id,
        "subject_entity_id": world.entity()["id"],
        "predicate": "is",
        "object_value": "late",
        "valid_from": point,
    }

    world.api.refused(422, "validation_failed", "POST", "/claims", body)


@pytest.mark.parametrize(
    "field", ["subject_entity_id", "asserted_by_entity_id", "source_chunk_id", "supersedes_claim_id"]
)
def test_a_reference_of_the_wrong_kind_is_not_found(world: World, field: str) -> None:
    body = {"world_id": world.id, "subject_entity_id": world.entity()["id"], "predicate": "is", "object_value": "x"}

    problem = world.api.refused(404, "reference_not_found", "POST", "/claims", body | {field: world.id})

    assert problem["missing"] == {field: [world.id]}


def test_a_chunk_cursor_of_another_source_tells_nothing(world: World) -> None:
    here = world.source(chunks=[{"content": str(number)} for number in range(4)])
    there = world.source(chunks=[{"content": str(number)} for number in range(4)])
    page = world.api.get(f"/sources/{there['id']}/chunks", limit=2)

    assert world.api.get(f"/sources/{here['id']}/chunks", cursor=page["next_cursor"])["items"] == []


def test_year_one_is_written_as_rfc_3339(world: World) -> None:
    body = request_for(world, finish_by="0001-01-01T00:00:00Z")

    answer = ask(world, "POST", JOBS, body)

    assert answer.json()["finish_by"] == "0001-01-01T00:00:00.000000Z"


def test_a_claim_of_a_bundle_has_no_source_it_does_not_name(admin: Api) -> None:
    subject = str(UUID(int=uuid4().int))
    bundle = {
        "format": "lorekeeper.world-bundle",
        "version": 1,
        "world": {"name": "w"},
        "entities": [{"id": subject, "name": "e"}],
        "sources": [{"title": "s", "chunks": [{"chunk_index": 0, "content": "c"}]}],
        "claims": [{"subject_entity_id": subject, "predicate": "is", "object_value": "x"}],
    }

    made = admin.post("/worlds/import", bundle)

    (only,) = admin.get("/claims", world_id=made["world"]["id"])["items"]
    assert only["source_id"] is None


def test_the_limit_of_a_claim_goes_to_the_most_urgent_of_the_lost_leases(world: World, clock: MovableClock) -> None:
    """Design: claims hand out by priority, then age."""
    claimed_job(world, priority=0)
    clock.move(timedelta(seconds=1))
    urgent = claimed_job(world, priority=5)
    clock.move(timedelta(minutes=2))  # both leases ran out, that of the urgent job last
    assert [job["id"] for job in claim(world, limit=1)] == [urgent["id"]]


def test_a_lease_that_ran_out_is_not_handed_on_after_start_by(world: World, clock: MovableClock) -> None:
    """docs/state-machine.md: not handed out after start_by, not even for another attempt."""
    claimed_job(world, start_by=(clock.now() + timedelta(seconds=30)).isoformat())
    clock.move(timedelta(minutes=2))
    assert claim(world) == []


def test_a_job_that_says_it_began_later_is_missed_all_the_same(world: World, clock: MovableClock) -> None:
    """PATCH takes a started_at of up to 5 minutes ahead; then the job is queued again, and its start_by passes."""
    job = new_job(world, start_by=(clock.now() + timedelta(seconds=30)).isoformat())
    ahead = (clock.now() + timedelta(minutes=4)).isoformat()
    world.api.patch(f"{JOBS}/{job['id']}", {"status": "RUNNING", "started_at": ahead})
    world.api.post(f"{JOBS}/{job['id']}/fail", {"error_code": "busy", "retryable": True})
    clock.move(timedelta(minutes=1))
    assert claim(world) == []


def test_a_new_idempotency_key_is_not_spent_on_a_missed_job(world: World, clock: MovableClock) -> None:
    """docs/state-machine.md: a missed job is CANCELLED by an equal request, and not in the way of a new one."""
    request = request_for(world)
    missed = world.api.post(JOBS, request | {"start_by": (clock.now() + timedelta(seconds=30)).isoformat()})
    clock.move(timedelta(minutes=1))
    answer = world.api.ask("POST", JOBS, json=request | {"idempotency_key": uuid4().hex})
    assert (answer.status_code, answer.json()["status"]) == (201, "QUEUED")
    assert answer.json()["id"] != missed["id"]


async def test_a_connection_that_takes_no_changes_any_more_is_given_up_for_another(
    admin: Api, database_url: str, clock: MovableClock
) -> None:
    """As after a failover, when what was the primary is a standby. It is no error of ours, and passes."""
    database, now = Database(database_url, max_size=1), clock.now()
    await database.open()
    try:
        async with database.session() as session:
            await session._connection.execute("SET default_transaction_read_only = on")

        with pytest.raises(DatabaseUnavailableError):
            await note_use(database, admin.key_id, before=now, now=now)

        await note_use(database, admin.key_id, before=now, now=now)
    finally:
        await database.close()


@pytest.mark.parametrize(
    "statement",
    ["SELECT repeat('x', 1100000000)", "SELECT ('[' || repeat('1,', 17000000) || '1]')::jsonb IS NULL"],
    ids=["a text", "metadata of 17 million numbers"],
)
async def test_what_the_database_cannot_hold_is_no_error_of_ours(database_url: str, statement: str) -> None:
    """A body of 64 MB may hold more items than a JSON value of PostgreSQL's; that was a 500."""
    database = Database(database_url, max_size=1)
    await database.open()
    try:
        with pytest.raises(PayloadTooLargeError):
            async with database.session() as session:
                await session._connection.execute(statement.encode())
    finally:
        await database.close()
