"""Asking again for what a job did not bring."""

from collections.abc import Callable

import pytest
from factories.jobs import JOBS, claimed_job, finished_job, new_job, request_for, running_job
from factories.lore import Made, World


def cancelled(world: World, **fields: object) -> Made:
    return world.api.post(f"{JOBS}/{new_job(world, **fields)['id']}/cancel")


def retry(world: World, job: Made) -> Made:
    return world.api.post(f"{JOBS}/{job['id']}/retry")


def test_a_new_job_asks_for_the_same_without_the_old_deadlines(world: World) -> None:
    hero = world.entity()["id"]
    asked = request_for(
        world,
        references={"entity_ids": [hero]},
        model_id="m",
        priority=7,
        max_attempts=5,
        start_by="2999-01-01T00:00:00Z",
    )
    job = world.api.post(JOBS, asked)
    world.api.post(f"{JOBS}/{job['id']}/cancel")

    again = retry(world, job)

    assert again["id"] != job["id"]
    assert (again["status"], again["attempt"], again["start_by"]) == ("QUEUED", 0, None)
    taken_over = ("asset_type", "provider", "model_id", "prompt_spec", "priority", "max_attempts", "input_hash")
    assert {name: again[name] for name in taken_over} == {name: job[name] for name in taken_over}
    assert again["derivation"]["references"]["entity_ids"] == [hero]


def test_the_lore_is_taken_as_it_is_by_now(world: World) -> None:
    hero = world.entity()
    job = cancelled(world, references={"entity_ids": [hero["id"]]})
    world.api.patch(f"/entities/{hero['id']}", {"summary": "Taller than before."})

    again = retry(world, job)

    assert again["input_hash"] != job["input_hash"]
    assert again["derivation"]["lore_snapshot"]["entities"][0]["summary"] == "Taller than before."


def test_twice_is_one_job(world: World) -> None:
    job = cancelled(world)
    first = retry(world, job)

    answer = world.api.ask("POST", f"{JOBS}/{job['id']}/retry")

    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
    assert answer.json()["id"] == first["id"]


def test_with_a_key_also_when_the_second_is_over_as_well(world: World) -> None:
    job = cancelled(world)
    by_key = {"headers": {"Idempotency-Key": f"again-{job['id']}"}}
    first = world.api.ask("POST", f"{JOBS}/{job['id']}/retry", **by_key).json()
    world.api.post(f"{JOBS}/{first['id']}/cancel")

    assert world.api.ask("POST", f"{JOBS}/{job['id']}/retry", **by_key).json()["id"] == first["id"]


@pytest.mark.parametrize("live", [new_job, running_job, claimed_job, finished_job])
def test_what_may_still_bring_its_asset_or_has_is_left_alone(world: World, live: Callable[[World], Made]) -> None:
    job = live(world)

    problem = world.api.refused(409, "invalid_transition", "POST", f"{JOBS}/{job['id']}/retry")

    expected = "RUNNING" if live is claimed_job else job["status"]
    assert (problem["from_status"], problem["to_status"]) == (expected, "QUEUED")


def test_a_lost_asset_can_be_asked_for_again(world: World) -> None:
    job = finished_job(world)
    world.api.ask("DELETE", f"/assets/assets/{job['asset']['id']}")

    assert retry(world, job)["input_hash"] == job["input_hash"]


def test_lore_deleted_since_is_named(world: World) -> None:
    hero = world.entity()["id"]
    job = cancelled(world, references={"entity_ids": [hero]})
    world.api.ask("DELETE", f"/entities/{hero}")

    problem = world.api.refused(404, "reference_not_found", "POST", f"{JOBS}/{job['id']}/retry")

    assert hero in str(problem)
