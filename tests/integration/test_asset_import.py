"""An asset without a job: a file that was there already, with what is known of how it was made (issue 3, Deliver 5)."""

from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from factories.jobs import JOBS, File, complete, finished_job, issued, new_job, put, running_job, store, uploaded
from factories.lore import Made, World
from factories.uploads import completed, small_file
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.assets import AssetDerivationResponse
from lorekeeper.contracts.enums import AssetTypeEnum, Role
from lorekeeper.contracts.hashing import compute_content_basis, compute_input_hash
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.kit.database import Database
from lorekeeper.kit.ids import new_id
from lorekeeper.provenance import repository

ASSETS = "/assets/assets"


def request_for(world: World, file: File, **fields: object) -> Made:
    return {"world_id": world.id, "type": "IMAGE", **uploaded(world, file), **fields}


def imported(world: World, file: File | None = None, **fields: object) -> Made:
    return world.api.post(ASSETS, request_for(world, file or File(), **fields))


class TestAnImportedAsset:
    def test_is_an_asset_with_a_derivation_that_says_so(self, world: World) -> None:
        file, references = File(), world.one_of_each()
        request = request_for(
            world,
            file,
            references=references,
            prompt_spec={"by": "a painter", "year": 1871.0},
            metadata={"width": 3, "own": [1]},
            duration_seconds=1.5,
        )

        answer = world.api.ask("POST", ASSETS, json=request)
        asset = answer.json()

        assert answer.status_code == 201
        assert answer.headers["location"] == f"{ASSETS}/{asset['id']}"
        for name in ("storage_key", "format", "content_type", "size_bytes", "checksum", "metadata", "duration_seconds"):
            assert asset[name] == request[name]
        assert (asset["type"], asset["status"], asset["world_id"]) == ("IMAGE", "READY", world.id)
        assert asset["created_by"] == world.api.key_id
        (derivation,) = asset["derivations"]
        assert (derivation["origin"], derivation["asset_job_id"]) == ("IMPORT", None)
        assert (derivation["asset_id"], derivation["source_id"]) == (asset["id"], references["source_id"])
        assert derivation["prompt_spec"] == {"by": "a painter", "year": 1871.0, "checksum": file.checksum}
        assert derivation["references"] == references | {"asset_ids": []}
        assert derivation["lore_snapshot"]["world"]["id"] == world.id
        assert derivation["lore_snapshot"]["claims"][0]["id"] == references["claim_ids"][0]
        assert world.api.get(f"{ASSETS}/{asset['id']}") == asset
        told = world.api.post(f"{ASSETS}/{asset['id']}/presign-download")
        assert store.get(told["url"]).content == file.data

    def test_has_an_input_hash_that_its_derivation_alone_is_enough_for(self, world: World) -> None:
        asset = imported(world, references=world.one_of_each(), prompt_spec={"by": "Œuvre", "n": 1.0, "checksum": "no"})
        derivation = AssetDerivationResponse.model_validate(asset["derivations"][0])
        references = AssetJobReferences.model_validate(derivation.references.model_dump())

        computed = compute_input_hash(
            world_id=derivation.world_id,
            asset_type=AssetTypeEnum(asset["type"]),
            provider="import",
            model_id=None,
            prompt_spec=derivation.prompt_spec,
            references=references,
            lore_snapshot=derivation.lore_snapshot,
        )

        assert derivation.prompt_spec["checksum"] == asset["checksum"], "the file's own goes before what was said"
        assert derivation.input_hash == computed
        assert derivation.content_basis == compute_content_basis(references, derivation.lore_snapshot)

    def test_is_found_by_all_that_it_was_made_from(self, world: World) -> None:
        references = world.one_of_each()
        input_asset = imported(world)
        asset = imported(world, references=references | {"asset_ids": [input_asset["id"]]})
        job_asset = finished_job(world, references=references)["asset"]

        for name, value in (
            ("related_claim_id", references["claim_ids"][0]),
            ("related_entity_id", references["entity_ids"][0]),
            ("related_source_chunk_id", references["source_chunk_ids"][0]),
            ("source_id", references["source_id"]),
        ):
            found = world.api.get(ASSETS, **{name: value})
            assert [item["id"] for item in found["items"]] == [job_asset["id"], asset["id"]], name
        assert asset["derivations"][0]["references"]["asset_ids"] == [input_asset["id"]]
        assert asset["derivations"][0]["lore_snapshot"]["assets"][0]["checksum"] == input_asset["checksum"]

    def test_is_an_input_of_jobs_as_any_other(self, world: World) -> None:
        asset = imported(world)

        job = finished_job(world, references={"asset_ids": [asset["id"]]})

        assert job["derivation"]["references"]["asset_ids"] == [asset["id"]]

    def test_may_have_come_in_parts(self, world: World) -> None:
        file = small_file()
        upload = completed(world, file)

        asset = world.api.post(ASSETS, {"world_id": world.id, "type": "MAP", **file.declared(upload["storage_key"])})

        assert (asset["size_bytes"], asset["checksum"]) == (file.size, file.checksum)

    def test_leaves_one_event_and_a_used_upload(self, world: World, database: psycopg.Connection[Made]) -> None:
        asset = imported(world)

        (event,) = database.execute("SELECT * FROM event WHERE subject_id = %s", [asset["id"]]).fetchall()
        upload = database.execute("SELECT state FROM upload WHERE storage_key = %s", [asset["storage_key"]]).fetchone()

        assert (event["kind"], event["actor"]) == ("asset.created", world.api.key_id)
        assert upload == {"state": "USED"}


class TestTheSameAgain:
    def test_is_the_same_asset_whatever_has_become_of_the_lore(
        self, world: World, database: psycopg.Connection[Made]
    ) -> None:
        references = world.one_of_each()
        request = request_for(world, File(), references=references, prompt_spec={"n": 1.0})
        asset = world.api.post(ASSETS, request)
        database.execute("UPDATE entity SET deleted_at = now() WHERE id = %s", [references["entity_ids"][0]])
        twice = references | {"claim_ids": references["claim_ids"] * 2}

        for again in (request, request | {"prompt_spec": {"n": 1}}, request | {"references": twice}):
            answer = world.api.ask("POST", ASSETS, json=again)
            assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
            assert answer.json() == asset
        assert world.api.get(ASSETS, world_id=world.id)["total"] == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"prompt_spec": {"by": "another"}},
            {"metadata": {"width": 4}},
            {"format": "gif"},
            {"duration_seconds": 2},
            {"checksum": "0" * 64},
            {"references": "another"},
        ],
    )
    def test_with_another_payload_is_refused(self, world: World, change: Made) -> None:
        request = request_for(world, File())
        asset = world.api.post(ASSETS, request)
        if change == {"references": "another"}:
            change = {"references": {"entity_ids": [world.entity()["id"]]}}

        world.api.refused(422, "upload_already_used", "POST", ASSETS, request | change)

        assert world.api.get(f"{ASSETS}/{asset['id']}") == asset

    def test_many_times_at_once_is_one_asset(self, world: World) -> None:
        request = request_for(world, File(), references=world.one_of_each())

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: world.api.ask("POST", ASSETS, json=request), range(16)))

        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 15}
        assert len({answer.text for answer in answers}) == 1

    def test_of_what_a_job_was_completed_with_is_refused_and_the_other_way_round(self, world: World) -> None:
        request = request_for(world, File())
        payload = {name: request[name] for name in request.keys() - {"world_id", "type"}}
        complete(world.api, running_job(world), payload)
        world.api.refused(422, "upload_already_used", "POST", ASSETS, request)

        mine, job = imported(world), running_job(world)
        payload = {name: mine[name] for name in payload}
        world.api.refused(422, "upload_already_used", "POST", f"{JOBS}/{job['id']}/complete", payload)


class TestRefused:
    def test_is_what_the_store_does_not_hold_as_declared(self, world: World, other_world: World) -> None:
        file = File()
        good = request_for(world, file)
        missing = issued(world, file)["storage_key"]
        plain = issued(world, file)
        assert put(plain, file.data).is_success
        for code, change in (
            ("size_mismatch", {"size_bytes": 1}),
            ("checksum_mismatch", {"checksum": "0" * 64}),
            ("checksum_mismatch", {"storage_key": plain["storage_key"], "checksum": "0" * 64}),
            ("content_type_mismatch", {"content_type": "image/jpeg"}),
            ("object_missing", {"storage_key": missing}),
            ("upload_not_issued", {"storage_key": f"{world.id}/IMAGE/20260101T000000000000Z_plate.png"}),
            ("upload_not_issued", {"storage_key": uploaded(other_world, file)["storage_key"]}),
            ("upload_not_issued", {"storage_key": imported(other_world)["storage_key"]}),
            ("upload_not_issued", {"type": "MAP"}),
        ):
            world.api.refused(422, code, "POST", ASSETS, good | change)
        assert world.api.get(ASSETS, world_id=world.id)["total"] == 0
        assert world.api.post(ASSETS, good)["status"] == "READY"

    def test_is_a_reference_that_is_missing_or_of_another_world(self, world: World, other_world: World) -> None:
        request = request_for(world, File())
        foreign, nobodys = other_world.entity()["id"], str(uuid4())

        told = world.api.refused(
            422, "world_scope_violation", "POST", ASSETS, request | {"references": {"entity_ids": [foreign]}}
        )
        assert told["foreign"] == {"entity_ids": [foreign]}
        told = world.api.refused(
            404, "reference_not_found", "POST", ASSETS, request | {"references": {"claim_ids": [nobodys]}}
        )
        assert told["missing"] == {"claim_ids": [nobodys]}
        world.api.refused(404, "world_not_found", "POST", ASSETS, request | {"world_id": nobodys})

    @pytest.mark.parametrize(
        "fields",
        [
            {"prompt_spec": {"n": 2**60}},
            {"metadata": {"width": 0}},
            {"type": "SMELL"},
            {"created_by": "me"},
            {"size_bytes": 0},
        ],
    )
    def test_is_a_payload_that_cannot_be(self, world: World, fields: Made) -> None:
        request = {"world_id": world.id, "type": "IMAGE", **File().declared("k"), **fields}

        world.api.refused(422, "validation_failed", "POST", ASSETS, request)

    @pytest.mark.parametrize("role", [Role.READER, Role.WORKER])
    def test_is_a_key_that_is_no_editors(self, app: RunningApp, world: World, role: Role) -> None:
        request = request_for(world, File())

        app.as_new_key(role).refused(403, "forbidden", "POST", ASSETS, request)
        assert app.as_new_key(Role.EDITOR).post(ASSETS, request)["status"] == "READY"

    def test_is_another_world_as_if_there_were_none(self, app: RunningApp, world: World, other_world: World) -> None:
        narrow = app.as_new_key(Role.EDITOR, worlds=[other_world.id])

        for world_id in (world.id, str(uuid4())):
            narrow.refused(404, "world_not_found", "POST", ASSETS, request_for(world, File()) | {"world_id": world_id})


class TestUpdateDerivationAssetId:
    """The specification's function. Completion does the same inside of its one statement."""

    @pytest.fixture
    async def rows(self, database_url: str) -> AsyncIterator[Database]:
        opened = Database(database_url)
        await opened.open()
        yield opened
        await opened.close()

    async def test_links_a_derivation_and_its_links_to_the_asset_once(
        self, world: World, admin: Api, rows: Database, database: psycopg.Connection[Made]
    ) -> None:
        references = world.one_of_each() | {"asset_ids": [imported(world)["id"]]}
        job, asset = new_job(world, references=references), UUID(imported(world)["id"])
        derivation = UUID(job["derivation"]["id"])
        for status in ("RUNNING", "SUCCEEDED"):  # by hand: no asset is made
            database.execute(
                """UPDATE asset_job SET status = %s, started_at = now(),
                                        finished_at = CASE WHEN status = 'RUNNING' THEN now() END WHERE id = %s""",
                [status, job["id"]],
            )

        async with rows.transaction() as session:
            assert await repository.update_derivation_asset_id(session, derivation, asset)
            assert not await repository.update_derivation_asset_id(session, derivation, new_id())

        assert admin.get(f"{JOBS}/{job['id']}")["asset"]["id"] == str(asset)
        for table in ("claim", "entity", "source_chunk", "asset"):
            links = database.execute(
                f"SELECT made_asset_id FROM asset_derivation_{table} WHERE derivation_id = %s", [derivation]
            ).fetchall()
            assert links == [{"made_asset_id": asset}], table

    async def test_does_so_only_where_the_job_has_succeeded(self, world: World, rows: Database) -> None:
        job, asset = new_job(world), UUID(imported(world)["id"])

        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="only a job that SUCCEEDED"):
            async with rows.transaction() as session:
                await repository.update_derivation_asset_id(session, UUID(job["derivation"]["id"]), asset)
