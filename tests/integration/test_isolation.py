"""What a key may not see is as if it did not exist (design section 5, Access).

Generated from the OpenAPI document: every operation, every place in it that takes an id, and for each an id of another
world, of something deleted and of nothing at all. The answers differ by the id that was asked for and by nothing else.
An operation or a field that is added later is covered by itself; one that takes an id of a kind that is not known here
fails until it is.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from factories.jobs import File, finished_job, issued, new_job, running_job
from factories.lore import Made, World
from harness import shapes
from harness.operations import BY_PATH
from harness.server import RunningApp
from harness.shapes import Field
from harness.wire import Api, problem

from lorekeeper.contracts.enums import Role

ASSETS = "/assets/assets"
UPLOADS = f"{ASSETS}/multipart-upload"

LORE = ("world", "entity", "source", "source_chunk", "claim")
LOOKS_LIKE_AN_ID = re.compile(r"(^|_)(id|ids|key|token|cursor)$|^(created|requested|asserted|made)_by$")
KINDS = (
    *("world", "entity", "source_chunk", "source", "claim", "version_group"),
    *("asset", "job", "upload", "storage_key", "key"),
)
BY_NAME = {
    "author_ids": "entity",
    "created_by": "key",
    "requested_by": "key",
    "storage_key": "storage_key",
    "upload_id": "upload",
}
"""What an id is of, by the name of a field that does not say it: `related_claim_id` does."""

NO_IDS = {
    "cursor": "a place in an order: it is compared, not looked up; where it is, test_access.py has the test",
    "idempotency_key": "the caller's own, and nobody else's keys are looked at (test_edges.py)",
    "lease_token": "a secret of one job, which is found by its id first; a wrong one is 409 lease_lost, whosever it is",
    "model_id": "the provider's name for a model",
    "provider_job_id": "the provider's name for a job",
    "worker_id": "the worker's name for itself",
}
OF_ITSELF = {
    "POST /worlds/import": "the ids in a bundle are the bundle's own; TestABundle has what holds of them",
    "POST /worlds/{id}/import": "the same; test_world_import_into.py has what holds of them",
}
"""Of the ids in the body."""
OF_ALL_WORLDS = {"/prompt-schemas": "the operator's schemas judge the prompts of all worlds, and every key reads them"}

NOTHING_DELETED = {
    "job": "jobs are not deleted",
    "upload": "an upload is given up, and says so to those who see its world (test_multipart.py)",
    "storage_key": "the same",
    "key": "a revoked key is still shown",
}
"""Kinds of which there is nothing deleted to ask for."""

PROVENANCE_STAYS = {
    f"GET {ASSETS}/{{id}} path id": 200,
    f"DELETE {ASSETS}/{{id}} path id": 200,
    f"POST {ASSETS}/{{asset_id}}/presign-download path asset_id": 410,
    f"GET {ASSETS} query related_claim_id": 200,
    f"GET {ASSETS} query related_entity_id": 200,
    f"GET {ASSETS} query related_source_chunk_id": 200,
    f"GET {ASSETS} query source_id": 200,
}
"""Where what was deleted is still answered with: a deleted asset, and what was made of deleted lore."""

VERSIONS_STAY = {
    f"{method} {path}/{{id}}/versions{what} path id": 200
    for path, kind in BY_PATH.items()
    if kind in LORE and kind != "world"  # a key of single worlds loses a deleted one from its worlds
    for method, what in (("GET", ""), ("GET", "/{n}"), ("GET", "/{n}/diff"), ("POST", "/{n}/restore"))
}
"""A deleted piece of lore is read in its versions, and comes back by one of them."""

STAYS = PROVENANCE_STAYS | VERSIONS_STAY

NOT_404 = {"storage_key": (422, "upload_not_issued")}
"""Kinds that are refused in another way, the same for all that may not be used."""


def kind_of(field: Field) -> str | None:
    """What the field takes ids of; None: it takes none. Fails for an id that is of no known kind."""
    name = field.name.lower().replace("-", "_")
    is_id = field.schema.get("format") == "uuid" or (
        field.schema.get("type") == "string" and LOOKS_LIKE_AN_ID.search(name)
    )
    if not is_id or name in NO_IDS or (field.where == "body" and field.operation.name in OF_ITSELF):
        return None
    if field.where == "path":
        kind, before = field.operation.kind, field.operation.path.split("/{")[0]
        assert kind is not None or before in OF_ALL_WORLDS, f"{field}: an id of what?"
        return kind
    if name in BY_NAME:
        return BY_NAME[name]
    kind = next((kind for kind in KINDS if re.search(rf"(^|_){kind}_ids?$", name)), None)
    assert kind is not None, f"{field}: an id of what?"
    return kind


IDS = [field for field in shapes.all_fields() if kind_of(field) is not None]


@dataclass(frozen=True)
class Ids:
    """By kind, what a key sees, what it does not, and what there was."""

    own: dict[str, str]
    foreign: dict[str, str]
    deleted: dict[str, str]
    foreign_deleted: dict[str, str]

    def own_for(self, name: str) -> str:
        """For a body that is right but for one field."""
        field = next((one for one in IDS if one.where == "body" and one.name == name), None)
        return self.own[kind_of(field) or ""] if field else str(uuid4())

    def nothings(self, kind: str) -> str:
        return uuid4().hex[:12] if kind == "key" else f"nowhere/{uuid4()}" if kind == "storage_key" else str(uuid4())


def one_of_each(world: World, key: Api) -> dict[str, str]:
    """All that there is in a world, tied together by a job that was made of it, and of its asset another."""
    references = world.one_of_each() | {"source_id": world.source()["id"]}  # a new edition takes no chunk from others
    group = world.api.get(f"/claims/{references['claim_ids'][0]}")["version_group_id"]
    asset = finished_job(world, references=references)["asset"]["id"]
    finished_job(world, references={"asset_ids": [asset]})
    in_parts = {"world_id": world.id, "asset_type": "IMAGE", "filename": "a.png", "content_type": "image/png"}
    return {
        "world": world.id,
        "entity": references["entity_ids"][0],
        "source": references["source_id"],
        "source_chunk": references["source_chunk_ids"][0],
        "claim": references["claim_ids"][0],
        "version_group": group,
        "asset": asset,
        "job": running_job(world)["id"],
        "upload": world.api.post(UPLOADS, in_parts | {"size_bytes": 20 * 1024**2})["upload_id"],
        "storage_key": issued(world, File())["storage_key"],
        "key": key.key_id,
    }


@pytest.fixture(scope="module")
def seen(admin: Api) -> World:
    return World.made(admin)


@pytest.fixture(scope="module")
def gone(admin: Api) -> World:
    """A world that the key was granted, and that was deleted since."""
    return World.made(admin)


@pytest.fixture(scope="module")
def narrow(app: RunningApp, seen: World, gone: World) -> Api:
    return app.as_new_key(Role.ADMIN, worlds=[seen.id, gone.id])


@pytest.fixture(scope="module")
def known(app: RunningApp, admin: Api, seen: World, gone: World, narrow: Api, database: psycopg.Connection) -> Ids:
    hidden = World.made(admin)
    stranger = app.as_new_key(Role.EDITOR, worlds=[hidden.id])
    dead = one_of_each(seen, narrow) | {"world": gone.id}
    one_of_each(gone, narrow)
    own, foreign, lost = one_of_each(seen, narrow), one_of_each(hidden, stranger), one_of_each(hidden, stranger)
    lost["world"] = one_of_each(World.made(admin), narrow)["world"]
    new_job(hidden.seen_by(stranger))
    for ids in (dead, lost):
        for kind in LORE:
            bury(database, kind, ids[kind])
        assert admin.ask("DELETE", f"{ASSETS}/{ids['asset']}").status_code == 200
    app.app.state.runtime.authenticator.forget(narrow.key_id)
    return Ids(own, foreign, dead, lost)


def bury(database: psycopg.Connection, kind: str, lore_id: str) -> None:
    database.execute(f"UPDATE {kind} SET deleted_at = now() WHERE id = %s".encode(), [lore_id])


def ask(api: Api, field: Field, value: str, known: Ids) -> httpx.Response:
    """A request that is right, but for the value of one field."""
    operation = field.operation
    path = operation.at(value if field.where == "path" else known.own.get(operation.kind or "", ""))
    body = shapes.body_for(operation, known.own_for)
    if field.where == "body":
        body = shapes.with_value(body, field, value, known.own_for)
    given: dict[str, Any] = {"json": body} if body is not None else {}
    query = shapes.query_for(operation) | ({field.name: value} if field.where == "query" else {})
    return api.ask(operation.method, path, params=query, **given)


def faceless(answer: httpx.Response, asked_for: str) -> Made:
    """The answer without what may differ: the request's id, and the id that was asked for."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    made: Made = json.loads(json.dumps(body).replace(asked_for, "THE ID"))
    return {"status": answer.status_code, **made}


@pytest.mark.parametrize("field", IDS, ids=str)
def test_an_id_that_is_not_for_this_key_is_as_one_of_nothing(
    field: Field, narrow: Api, known: Ids, database: psycopg.Connection
) -> None:
    kind = kind_of(field)
    assert kind is not None
    nothing = known.nothings(kind)
    bad = {"another world's": known.foreign[kind]}
    if kind not in NOTHING_DELETED:
        bad |= {"deleted": known.deleted[kind], "another world's, deleted": known.foreign_deleted[kind]}

    of_nothing = ask(narrow, field, nothing, known)

    if field.where == "query" and kind != "world":
        assert (of_nothing.status_code, of_nothing.json()["items"], of_nothing.json()["total"]) == (200, [], 0)
    else:
        status, code = NOT_404.get(kind, (404, of_nothing.json().get("code")))
        told = problem(of_nothing, status, code)
        assert kind in NOT_404 or nothing in json.dumps(told), "it is this id that is not found"
    for what, value in bad.items():
        answer = ask(narrow, field, value, known)
        if what == "deleted" and str(field) in STAYS:
            assert answer.status_code == STAYS[str(field)], answer.text
            assert field.where != "query" or answer.json()["items"], "what was made of it is still found"
            if field.operation.path.endswith("/restore"):
                bury(database, kind, value)
        else:
            assert faceless(answer, value) == faceless(of_nothing, nothing), what


@pytest.mark.parametrize("field", [field for field in IDS if field.operation.method != "DELETE"], ids=str)
def test_an_id_that_is_for_this_key_is_found(field: Field, narrow: Api, known: Ids) -> None:
    """Else what is asked above would not be found for some other reason."""
    kind = kind_of(field)
    assert kind is not None

    assert ask(narrow, field, known.own[kind], known).status_code not in {401, 403, 404}


class TestABundle:
    """The ids in it are its own: whether one is taken may be the secret of another world."""

    def test_is_imported_the_same_whosever_its_ids_are(self, app: RunningApp, seen: World, known: Ids) -> None:
        shapes_of_answers = set()
        for value in (known.foreign["entity"], known.deleted["entity"], known.own["entity"], str(uuid4())):
            narrow = app.as_new_key(Role.EDITOR, worlds=[seen.id])
            bundle = {
                "format": "lorekeeper.world-bundle",
                "version": 1,
                "world": {"name": "w"},
                "entities": [{"id": value, "name": "e"}],
            }
            answer = narrow.ask("POST", "/worlds/import", json=bundle)
            assert answer.status_code == 201
            told = answer.json()
            shapes_of_answers.add((told["ids_kept"], told["entities"], tuple(told["id_map"]) == (value,)))
            assert told["id_map"][value] != value

        assert shapes_of_answers == {(False, 1, True)}


class TestWhatIsOfAllWorlds:
    @pytest.mark.parametrize("path", OF_ALL_WORLDS)
    def test_is_found_by_every_key_and_nothing_else_is(self, narrow: Api, path: str) -> None:
        for item in narrow.get(path)["items"]:
            assert narrow.get(f"{path}/{item['id']}")["id"] == item["id"]
        narrow.refused(404, "not_found", "GET", f"{path}/{uuid4()}")


def test_every_exception_is_one() -> None:
    """A reason that nothing needs any more goes."""
    fields = list(shapes.all_fields())
    names = {field.name.lower().replace("-", "_") for field in fields}

    assert set(NO_IDS) <= names
    assert set(OF_ITSELF) <= {field.operation.name for field in fields}
    assert set(OF_ALL_WORLDS) <= {field.operation.path.split("/{")[0] for field in fields}
    assert set(STAYS) <= {str(field) for field in IDS}
    assert set(BY_NAME) <= names
    assert set(NOTHING_DELETED) | set(NOT_404) <= set(KINDS)
    assert len(IDS) > 100
