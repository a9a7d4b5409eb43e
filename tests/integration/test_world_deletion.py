"""Deleting a world: what is asked for first, what goes with it, and that nothing living is left in it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories.editing import deleted
from factories.jobs import (
    JOBS,
    File,
    claim,
    claimed_job,
    finished_job,
    issued,
    new_job,
    request_for,
    uploaded,
)
from factories.lore import Made, World
from factories.uploads import MULTIPART, multipart_request, sent, small_file
from harness.server import RunningApp
from harness.wire import Api, problem

from lorekeeper.contracts.enums import Role

Database = psycopg.Connection[Made]

LIVING = """
SELECT (SELECT count(*) FROM entity WHERE world_id = %(id)s AND deleted_at IS NULL) AS entities,
       (SELECT count(*) FROM source WHERE world_id = %(id)s AND deleted_at IS NULL) AS sources,
       (SELECT count(*) FROM source_chunk WHERE world_id = %(id)s AND deleted_at IS NULL) AS chunks,
       (SELECT count(*) FROM claim WHERE world_id = %(id)s AND deleted_at IS NULL) AS claims,
       (SELECT count(*) FROM asset_job WHERE world_id = %(id)s AND status IN ('QUEUED', 'RUNNING')) AS jobs,
       (SELECT count(*) FROM asset WHERE world_id = %(id)s AND status <> 'DELETED') AS assets,
       (SELECT count(*) FROM upload WHERE world_id = %(id)s AND state IN ('PENDING', 'USED')) AS uploads"""


def living(database: Database, world: World) -> dict[str, int]:
    row = database.execute(LIVING, {"id": world.id}).fetchone()
    assert row is not None
    return {name: number for name, number in row.items() if number}


def gone(world: World, **more: Any) -> Made:
    return deleted(world.api, f"/worlds/{world.id}", name=world.name, **more)


def test_all_that_is_in_it_goes_and_provenance_stays(world: World, other_world: World, database: Database) -> None:
    references = world.one_of_each()
    done = finished_job(world, references=references)
    waiting = new_job(world, references=references)
    issued(world, File())
    mine = other_world.one_of_each()
    before = living(database, other_world)

    told = gone(world)

    counts = {name: told[name] for name in ("entities", "sources", "source_chunks", "claims")}
    assert counts == {"entities": 2, "sources": 1, "source_chunks": 1, "claims": 1}
    assert (told["jobs_cancelled"], told["assets"], told["uploads"]) == (1, 1, 2)
    assert living(database, world) == {}
    assert living(database, other_world) == before
    for path in (
        f"/worlds/{world.id}",
        f"/entities/{references['entity_ids'][0]}",
        f"/sources/{references['source_id']}",
    ):
        world.api.refused(404, "not_found", "GET", path)
    assert world.api.get("/worlds", name=world.name)["total"] == 0
    assert world.api.get("/entities", world_id=world.id)["total"] == 0
    assert world.api.get(f"{JOBS}/{waiting['id']}")["status"] == "CANCELLED"
    after = world.api.get(f"{JOBS}/{done['id']}")
    assert (after["status"], after["derivation"]) == ("SUCCEEDED", done["derivation"])
    asset = world.api.get(f"/assets/assets/{done['asset']['id']}")
    assert asset["status"] == "DELETED"
    world.api.refused(410, "asset_gone", "POST", f"/assets/assets/{asset['id']}/presign-download")
    assert other_world.api.get(f"/entities/{mine['entity_ids'][0]}")


def test_the_uploads_are_left_to_the_sweep(world: World, database: Database) -> None:
    finished_job(world)
    issued(world, File())

    gone(world)

    rows = database.execute(
        "SELECT state, removed_at FROM upload WHERE world_id = %s ORDER BY state", [world.id]
    ).fetchall()
    assert rows == [{"state": "ABANDONED", "removed_at": None}, {"state": "RELEASED", "removed_at": None}]


def test_each_thing_that_ends_is_told(world: World, database: Database) -> None:
    done, waiting = finished_job(world), new_job(world)
    issued(world, File())
    told = gone(world)

    events = database.execute(
        "SELECT kind, subject_id, before, after, actor FROM event WHERE world_id = %s ORDER BY id", [world.id]
    ).fetchall()
    last = {event["kind"]: event for event in events[-4:]}

    assert set(last) == {"world.deleted", "asset_job.cancel_requested", "asset.deleted", "upload.abandoned"}
    assert last["world.deleted"]["before"]["name"] == world.name
    assert last["world.deleted"]["after"]["assets"] == told["assets"] == 1
    assert last["asset_job.cancel_requested"]["subject_id"] == waiting["id"]
    assert last["asset.deleted"]["subject_id"] == done["asset"]["id"]
    assert {event["actor"] for event in last.values()} == {world.api.key_id}


class TestIsRefused:
    @pytest.mark.parametrize("name", ["", "another", None])
    def test_without_its_exact_name(self, world: World, name: str | None) -> None:
        params = {} if name is None else {"name": name}

        world.api.refused(422, "validation_failed", "DELETE", f"/worlds/{world.id}", params=params)
        world.api.refused(
            422, "validation_failed", "DELETE", f"/worlds/{world.id}", params={"name": world.name.upper()}
        )

        assert world.api.get(f"/worlds/{world.id}")["version"] == 1

    def test_of_another_edit(self, world: World) -> None:
        now = world.api.patch(f"/worlds/{world.id}", {"description": "D"})

        answer = world.api.ask(
            "DELETE", f"/worlds/{world.id}", params={"name": world.name}, headers={"If-Match": '"1"'}
        )

        assert problem(answer, 412, "precondition_failed")["etag"] == now["etag"]
        gone(world, etag=now["etag"])

    def test_while_a_job_runs(self, world: World, database: Database) -> None:
        world.entity()
        job, waiting = claimed_job(world), new_job(world)

        told = world.api.refused(409, "conflict", "DELETE", f"/worlds/{world.id}", params={"name": world.name})

        assert told["job_ids"] == [job["id"]]
        assert living(database, world) == {"entities": 1, "jobs": 2}
        assert world.api.get(f"{JOBS}/{waiting['id']}")["status"] == "QUEUED"
        world.api.post(f"{JOBS}/{job['id']}/fail", {"error_code": "e", "lease_token": job["lease_token"]})
        assert gone(world)["jobs_cancelled"] == 1

    def test_to_who_may_not(self, app: RunningApp, world: World, other_world: World) -> None:
        params = {"name": world.name}
        path = f"/worlds/{world.id}"

        app.as_new_key(Role.EDITOR, worlds=[other_world.id]).refused(404, "not_found", "DELETE", path, params=params)
        app.as_new_key(Role.WORKER).refused(403, "forbidden", "DELETE", path, params=params)
        world.api.refused(404, "not_found", "DELETE", f"/worlds/{uuid4()}", params=params)
        gone(world)
        world.api.refused(404, "not_found", "DELETE", path, params=params)


def test_nothing_new_comes_into_it(world: World) -> None:
    entity = world.entity()["id"]
    source = world.source()["id"]
    file, parts = uploaded(world, File()), sent(world, small_file())
    gone(world)
    api = world.api

    api.refused(404, "world_not_found", "POST", "/entities", {"world_id": world.id, "name": "E"})
    api.refused(404, "world_not_found", "POST", "/sources", {"world_id": world.id, "title": "S"})
    claim_body = {"world_id": world.id, "subject_entity_id": entity, "predicate": "p", "object_value": "v"}
    api.refused(404, "world_not_found", "POST", "/claims", claim_body)
    api.refused(404, "not_found", "POST", f"/sources/{source}/chunks", {"chunks": [{"content": "c"}]})
    api.refused(404, "world_not_found", "POST", JOBS, request_for(world))
    upload = {"world_id": world.id, "asset_type": "IMAGE", "filename": "a.png", "content_type": "image/png"}
    api.refused(404, "world_not_found", "POST", "/assets/assets/presign-upload", upload)
    api.refused(404, "world_not_found", "POST", MULTIPART, multipart_request(world, small_file()))
    api.refused(422, "upload_abandoned", "POST", f"{MULTIPART}/complete", {"upload_id": parts["upload_id"]})
    api.refused(422, "upload_abandoned", "GET", f"{MULTIPART}/{parts['upload_id']}/part-urls")
    imported = {"world_id": world.id, "type": "IMAGE", **file}
    api.refused(404, "world_not_found", "POST", "/assets/assets", imported)


def test_it_comes_back_with_what_went_with_it(world: World, database: Database) -> None:
    source = world.source(chunks=[{"content": "a"}])
    kept, dropped = world.entity(), world.entity()
    world.claim(subject_entity_id=kept["id"])
    done = finished_job(world, references={"entity_ids": [kept["id"]]})
    deleted(world.api, f"/entities/{dropped['id']}")
    gone(world)

    back = world.api.post(f"/worlds/{world.id}/versions/1/restore")

    assert (back["version"], back["name"]) == (2, world.name)
    assert living(database, world) == {"entities": 1, "sources": 1, "chunks": 1, "claims": 1}
    assert world.api.get(f"/entities/{kept['id']}") == kept | {"etag": '"3"'}
    assert world.chunks_of(source)[0]["content"] == "a"
    again = world.api.post(
        JOBS,
        request_for(world, references={"entity_ids": [kept["id"]]}, prompt_spec=done["prompt_spec"]),
    )
    assert again["id"] != done["id"], "its file is gone, so it can be asked for again"


class TestAtTheSameMoment:
    def test_lore_jobs_and_uploads_come_while_it_goes(self, admin: Api, database: Database) -> None:
        for _ in range(6):
            world = World.made(admin)
            entity, source = world.entity()["id"], world.source()["id"]
            statement = {"world_id": world.id, "subject_entity_id": entity, "predicate": "p", "object_value": "v"}
            upload = {"world_id": world.id, "asset_type": "IMAGE", "filename": "a.png", "content_type": "image/png"}
            requests: list[tuple[str, Made]] = [
                ("/entities", {"world_id": world.id, "name": "E"}),
                ("/sources", {"world_id": world.id, "title": "S", "chunks": [{"content": "c"}]}),
                ("/claims", statement),
                ("/claims/batch", {"items": [statement] * 3}),
                (f"/sources/{source}/chunks", {"chunks": [{"content": "c"}]}),
                (JOBS, request_for(world)),
                (JOBS, request_for(world, references={"entity_ids": [entity]})),
                ("/assets/assets/presign-upload", upload),
            ]

            def send(request: tuple[str, Made]) -> list[int]:
                return [admin.ask("POST", request[0], json=request[1]).status_code for _ in range(3)]

            with ThreadPoolExecutor(len(requests) + 1) as pool:
                sent = [pool.submit(send, request) for request in requests]
                end = pool.submit(admin.ask, "DELETE", f"/worlds/{world.id}", params={"name": world.name})
                statuses = {status for future in sent for status in future.result()}

            assert end.result().status_code == 200, end.result().text
            assert statuses <= {200, 201, 404}
            assert living(database, world) == {}

    def test_workers_take_and_finish_jobs_while_it_goes(self, admin: Api, database: Database) -> None:
        for _ in range(6):
            world = World.made(admin)
            for _ in range(4):
                new_job(world)
            file = uploaded(world, File())

            def work(world: World = world, file: Made = file) -> None:
                for job in claim(world, limit=2):
                    answer = admin.ask(
                        "POST", f"{JOBS}/{job['id']}/complete", json=file | {"lease_token": job["lease_token"]}
                    )
                    if answer.status_code != 200:
                        admin.ask(
                            "POST",
                            f"{JOBS}/{job['id']}/fail",
                            json={"error_code": "e", "lease_token": job["lease_token"]},
                        )

            def end(world: World = world) -> int:
                return admin.ask("DELETE", f"/worlds/{world.id}", params={"name": world.name}).status_code

            with ThreadPoolExecutor(3) as pool:
                workers = [pool.submit(work) for _ in range(2)]
                status = pool.submit(end).result()
                for worker in workers:
                    worker.result()

            assert status in {200, 409}
            if status == 409:
                gone(world)
            assert living(database, world) == {}
