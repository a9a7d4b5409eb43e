"""Deleting a world while something is written in it: one comes after the other, whoever was first, and none waits in a
ring (which PostgreSQL would break by undoing one of them).

The moment is chosen, not hoped for: a row that both need is held by the test until both wait.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import psycopg
import pytest
from factories.jobs import JOBS, File, claimed_job, finished_job, request_for, uploaded
from factories.lore import Made, World
from factories.uploads import MULTIPART, begun, multipart_request, small_file
from harness.locks import held, waiting
from harness.waiting import until

Database = psycopg.Connection[Made]
ASSETS = "/assets/assets"


@dataclass(frozen=True)
class Write:
    """A request, and the row that it changes or needs."""

    method: str
    path: str
    body: Made | None
    table: str
    row: str

    def send(self, world: World) -> httpx.Response:
        return world.api.ask(self.method, self.path, **({} if self.body is None else {"json": self.body}))


def an_edit(path: str, changes: Made, make: Callable[[World], Made]) -> Callable[[World], Write]:
    def written(world: World) -> Write:
        made = make(world)
        return Write("PATCH", f"/{path}/{made['id']}", changes, _table(path), made["id"])

    return written


def a_removal(path: str, make: Callable[[World], Made]) -> Callable[[World], Write]:
    def written(world: World) -> Write:
        made = make(world)
        return Write("DELETE", f"/{path}/{made['id']}?cascade=true", None, _table(path), made["id"])

    return written


def _table(path: str) -> str:
    return {"entities": "entity", "sources": "source", "source-chunks": "source_chunk", "claims": "claim"}[path]


def a_subject(world: World) -> Made:
    """An entity with a claim about it, which is also an author."""
    entity = world.entity()
    world.claim(subject_entity_id=entity["id"])
    world.source(author_ids=[entity["id"]])
    return entity


def an_edition(world: World) -> Write:
    chunk = world.chunk()
    path = f"/sources/{chunk['source_id']}/editions"
    return Write("POST", path, {"text": "Another text."}, "source_chunk", chunk["id"])


def an_import(world: World) -> Write:
    file = uploaded(world, File())
    body = {"world_id": world.id, "type": "IMAGE", **file}
    return Write("POST", ASSETS, body, "upload", file["storage_key"])


def an_import_of_lore(world: World) -> Write:
    made = an_import(world)
    assert made.body is not None
    return Write("POST", ASSETS, made.body | {"references": world.one_of_each()}, "upload", made.row)


def a_completion(world: World) -> Write:
    job, file = claimed_job(world), uploaded(world, File())
    body = file | {"lease_token": job["lease_token"]}
    return Write("POST", f"{JOBS}/{job['id']}/complete", body, "upload", file["storage_key"])


def a_job_of_an_asset(world: World) -> Write:
    asset = finished_job(world)["asset"]["id"]
    return Write("POST", JOBS, request_for(world, references={"asset_ids": [asset]}), "asset", asset)


def a_removal_of_an_asset(world: World) -> Write:
    asset = finished_job(world)["asset"]["id"]
    return Write("DELETE", f"{ASSETS}/{asset}", None, "asset", asset)


def an_end_of_a_job(world: World) -> Write:
    job = claimed_job(world)
    body = {"error_code": "e", "lease_token": job["lease_token"]}
    return Write("POST", f"{JOBS}/{job['id']}/fail", body, "asset_job", job["id"])


def an_end_of_an_upload(world: World) -> Write:
    upload = begun(world, small_file())["upload_id"]
    return Write("POST", f"{MULTIPART}/abort", {"upload_id": upload}, "upload", upload)


WRITES: dict[str, Callable[[World], Write]] = {
    "edit an entity": an_edit("entities", {"summary": "S"}, World.entity),
    "edit a source": an_edit("sources", {"origin": "O"}, World.source),
    "edit a chunk": an_edit("source-chunks", {"content": "C"}, World.chunk),
    "edit a claim": an_edit("claims", {"object_value": "V"}, World.claim),
    "label an entity": an_edit("entities", {"tags": ["t"]}, World.entity),
    "delete an entity": a_removal("entities", a_subject),
    "delete a source": a_removal("sources", World.source),
    "delete a chunk": a_removal("source-chunks", World.chunk),
    "delete a claim": a_removal("claims", World.claim),
    "bring a new edition": an_edition,
    "import an asset": an_import,
    "import an asset of lore": an_import_of_lore,
    "complete a job": a_completion,
    "ask for a job of an asset": a_job_of_an_asset,
    "delete an asset": a_removal_of_an_asset,
    "fail a job": an_end_of_a_job,
    "abort an upload": an_end_of_an_upload,
}


@pytest.mark.parametrize("prepare", WRITES.values(), ids=WRITES)
def test_what_began_before_it_comes_before_it(
    world: World, database: Database, database_url: str, prepare: Callable[[World], Write]
) -> None:
    write = prepare(world)

    with ThreadPoolExecutor(2) as pool, held(database_url, write.table, write.row):
        writing = pool.submit(write.send, world)
        until(lambda: waiting(database) == 1)
        deleting = pool.submit(delete, world)
        until(lambda: waiting(database) == 2)
        assert not writing.done()
        assert not deleting.done()

    assert writing.result().is_success, writing.result().text
    assert deleting.result().status_code == 200, deleting.result().text
    assert living(database, world) == set()


def a_withdrawal(world: World) -> Write:
    world.api.put(_predicate(world), {"single_valued": True})
    return Write("DELETE", _predicate(world), None, "", "")


def _predicate(world: World) -> str:
    return f"/worlds/{world.id}/predicates/rules"


NEW: dict[str, Callable[[World], Write]] = {
    "ask for a job": lambda world: Write("POST", JOBS, request_for(world), "", ""),
    "ask for a job of an asset": a_job_of_an_asset,
    "upload": lambda world: Write("POST", f"{ASSETS}/presign-upload", _upload_request(world), "", ""),
    "upload in parts": lambda world: Write("POST", MULTIPART, multipart_request(world, small_file()), "", ""),
    "import an asset": an_import,
    "make an entity": lambda world: Write("POST", "/entities", {"world_id": world.id, "name": "E"}, "", ""),
    "edit an entity": an_edit("entities", {"summary": "S"}, World.entity),
    "edit a claim": an_edit("claims", {"object_value": "V"}, World.claim),
    "delete an entity": a_removal("entities", a_subject),
    "bring a new edition": an_edition,
    "declare a predicate": lambda world: Write("PUT", _predicate(world), {"single_valued": True}, "", ""),
    "take a predicate back": a_withdrawal,
}


@pytest.mark.parametrize("prepare", NEW.values(), ids=NEW)
def test_what_began_after_it_finds_nothing(
    world: World, database: Database, database_url: str, prepare: Callable[[World], Write]
) -> None:
    last = world.source()["id"]
    write = prepare(world)

    with ThreadPoolExecutor(2) as pool, held(database_url, "source", last):
        deleting = pool.submit(delete, world)
        until(lambda: waiting(database) == 1)
        writing = pool.submit(write.send, world)
        until(lambda: waiting(database) == 2)

    assert deleting.result().status_code == 200, deleting.result().text
    answer = writing.result()
    assert (answer.status_code, answer.json()["code"]) in REFUSED, answer.text
    assert living(database, world) == set()


REFUSED = {(404, "world_not_found"), (404, "not_found"), (404, "reference_not_found"), (422, "upload_abandoned")}


def _upload_request(world: World) -> Made:
    return {"world_id": world.id, "asset_type": "IMAGE", "filename": "a.png", "content_type": "image/png"}


def delete(world: World) -> httpx.Response:
    return world.api.ask("DELETE", f"/worlds/{world.id}", params={"name": world.name})


def living(database: Database, world: World) -> set[str]:
    """The tables that have something living of the world."""
    alive = dict.fromkeys(("entity", "source", "source_chunk", "claim"), "deleted_at IS NULL") | {
        "asset_job": "status IN ('QUEUED', 'RUNNING')",
        "asset": "status <> 'DELETED'",
        "upload": "state IN ('PENDING', 'USED')",
    }
    return {
        table
        for table, condition in alive.items()
        if database.execute(f"SELECT FROM {table} WHERE world_id = %s AND {condition}".encode(), [world.id]).rowcount
    }
