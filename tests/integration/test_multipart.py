"""Files in parts: initiated, sent in any order, resumed, completed or aborted (issue 3, Deliver 5)."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from factories.jobs import JOBS, File, claimed_job, complete, issued, read, running_job, store
from factories.lore import Made, World
from factories.uploads import (
    MIB,
    MULTIPART,
    Bucket,
    LargeFile,
    begun,
    break_off,
    completed,
    multipart_request,
    owner_of,
    put_part,
    sent,
    small_file,
)
from harness.engines import Engines
from harness.server import RunningApp
from harness.wire import Api

from lorekeeper.contracts.enums import Role
from lorekeeper.kit.clock import MovableClock

TIB = 1024**4
Database = psycopg.Connection[Made]


@pytest.fixture(scope="module")
def bucket(engines: Engines) -> Iterator[Bucket]:
    with owner_of(engines) as owned:
        yield owned


def of(upload: Made) -> Made:
    return {"upload_id": upload["upload_id"]}


def finish(world: World, upload: Made, **fields: object) -> Made:
    return world.api.post(f"{MULTIPART}/complete", of(upload) | fields)


def parts_of(world: World, upload: Made) -> Made:
    return world.api.get(f"{MULTIPART}/{upload['upload_id']}/parts")


def row_of(database: Database, upload: Made) -> Made:
    row = database.execute("SELECT * FROM upload WHERE id = %s", [upload["upload_id"]]).fetchone()
    assert row is not None
    return row


class TestInitiate:
    @pytest.mark.parametrize(
        ("size", "part_size", "count"),
        [
            (1, 16 * MIB, 1),
            (16 * MIB, 16 * MIB, 1),
            (16 * MIB + 1, 16 * MIB, 2),
            (16 * MIB * 10_000, 16 * MIB, 10_000),
            (16 * MIB * 10_000 + 1, 17 * MIB, 9412),
            (5 * TIB, 525 * MIB, 9987),
        ],
    )
    def test_works_out_a_part_size_that_fits(self, world: World, size: int, part_size: int, count: int) -> None:
        upload = begun(world, LargeFile(size, 1), part_size_bytes=None)

        assert (upload["part_size_bytes"], upload["part_count"]) == (part_size, count)
        assert [part["part_number"] for part in upload["parts"]] == list(range(1, min(count, 100) + 1))
        assert upload["next_part_number"] == (101 if count > 100 else None)
        assert upload["storage_key"].startswith(f"{world.id}/MAP/")
        assert {part["method"] for part in upload["parts"]} == {"PUT"}
        if count <= 100:
            assert sum(part["size_bytes"] for part in upload["parts"]) == size

    def test_is_written_down_with_the_name_that_the_store_gave_it(
        self, world: World, database: Database, bucket: Bucket
    ) -> None:
        upload = begun(world, small_file(), checksum="0" * 64)

        row = row_of(database, upload)

        assert (row["state"], row["size_bytes"], row["part_size_bytes"]) == ("PENDING", 10 * MIB + 17, 5 * MIB)
        assert (row["checksum"], row["created_by"]) == ("0" * 64, world.api.key_id)
        assert bucket.unfinished(upload["storage_key"]) == [row["multipart_id"]]

    @pytest.mark.parametrize(
        "fields",
        [
            {"size_bytes": None},
            {"size_bytes": 0},
            {"size_bytes": 5 * TIB + 1},
            {"part_size_bytes": 5 * MIB - 1},
            {"part_size_bytes": 5 * 1024 * MIB + 1},
            {"size_bytes": 5 * MIB * 10_000 + 1, "part_size_bytes": 5 * MIB},
            {"filename": ""},
            {"content_type": "mp4"},
            {"parts": 3},
        ],
    )
    def test_of_what_cannot_be_is_refused(self, world: World, fields: Made) -> None:
        body = multipart_request(world, small_file(), **fields)

        world.api.refused(422, "validation_failed", "POST", MULTIPART, body)

    def test_for_no_world_is_refused(self, admin: Api, world: World) -> None:
        body = multipart_request(world, small_file(), world_id=str(uuid4()))

        admin.refused(404, "world_not_found", "POST", MULTIPART, body)


class TestPartUrls:
    def test_come_in_pages_each_part_once(self, world: World) -> None:
        upload = begun(world, LargeFile(5 * TIB, 525 * MIB))
        path, numbers, first = f"{MULTIPART}/{upload['upload_id']}/part-urls", [], 1
        while first is not None:
            page = world.api.get(path, first=first, limit=1000)
            assert len(page["parts"]) <= 1000
            numbers += [(part["part_number"], part["size_bytes"]) for part in page["parts"]]
            first = page["next_part_number"]

        assert [number for number, _ in numbers] == list(range(1, upload["part_count"] + 1))
        assert sum(size for _, size in numbers) == 5 * TIB
        beyond = world.api.get(path, first=10_000)
        assert (beyond["parts"], beyond["next_part_number"]) == ([], None)

    @pytest.mark.parametrize("params", [{"first": 0}, {"first": 10_001}, {"limit": 0}, {"limit": 1001}])
    def test_outside_of_the_limits_are_refused(self, world: World, params: Made) -> None:
        upload = begun(world, small_file())

        world.api.refused(
            422, "validation_failed", "GET", f"{MULTIPART}/{upload['upload_id']}/part-urls", params=params
        )

    def test_handed_out_again_keep_the_upload_alive(
        self, world: World, clock: MovableClock, database: Database
    ) -> None:
        upload = begun(world, small_file())
        clock.move(timedelta(hours=5))

        again = world.api.get(f"{MULTIPART}/{upload['upload_id']}/part-urls", first=2)

        assert again["expires_at"] > upload["expires_at"]
        assert f"{row_of(database, upload)['expires_at']:%Y-%m-%dT%H:%M:%S}" == again["expires_at"][:19]
        assert [part["part_number"] for part in again["parts"]] == [2, 3]

    def test_are_each_good_for_a_part_of_that_size_only(self, world: World) -> None:
        file = small_file()
        first, _, last = begun(world, file)["parts"]

        wrong = last | {"headers": last["headers"] | {"Content-Length": "18"}}
        assert put_part(wrong, file.part(3) + b"!").status_code == 403
        assert put_part(last | {"url": first["url"]}, file.part(3)).status_code == 403
        assert put_part(last, file.part(3)).status_code == 200


class TestListingParts:
    def test_tells_what_is_there_and_what_is_still_to_be_sent(self, world: World) -> None:
        file = small_file()
        upload = begun(world, file)
        assert parts_of(world, upload)["missing_part_numbers"] == [1, 2, 3]
        etag = put_part(upload["parts"][1], file.part(2)).headers["etag"]

        told = parts_of(world, upload)

        assert told["parts"] == [{"part_number": 2, "size_bytes": 5 * MIB, "etag": etag}]
        assert told["missing_part_numbers"] == [1, 3]
        assert (told["part_count"], told["part_size_bytes"], told["assembled_at"]) == (3, 5 * MIB, None)

    def test_counts_a_part_of_another_size_as_still_to_be_sent(
        self, world: World, database: Database, bucket: Bucket
    ) -> None:
        file = small_file()
        upload = sent(world, file, without=2)
        bucket.put_part(upload["storage_key"], row_of(database, upload)["multipart_id"], 2, file.part(2) + b"!")

        assert parts_of(world, upload)["missing_part_numbers"] == [2]

    def test_of_a_completed_upload_are_none(self, world: World) -> None:
        told = parts_of(world, completed(world, small_file()))

        assert (told["parts"], told["missing_part_numbers"]) == ([], [])
        assert told["assembled_at"]


class TestComplete:
    def test_makes_a_file_that_a_job_is_completed_with(self, world: World) -> None:
        file = small_file()
        upload = sent(world, file, checksum=file.checksum)

        whole = finish(world, upload)

        assert whole == {
            "upload_id": upload["upload_id"],
            "storage_key": upload["storage_key"],
            "content_type": "image/tiff",
            "size_bytes": file.size,
            "assembled_at": whole["assembled_at"],
        }
        job = running_job(world, asset_type="MAP")
        assert complete(world.api, job, file.declared(upload["storage_key"]))["asset"]["checksum"] == file.checksum

    def test_again_gets_the_same_answer_whatever_has_come_of_the_file(self, world: World) -> None:
        file = small_file()
        upload = sent(world, file)
        first = finish(world, upload)

        assert finish(world, upload) == first
        complete(world.api, running_job(world, asset_type="MAP"), file.declared(upload["storage_key"]))
        assert finish(world, upload) == first

    def test_many_times_at_once_gets_one_answer(self, world: World) -> None:
        upload = sent(world, small_file())

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: finish(world, upload), range(8)))

        assert answers == [answers[0]] * 8

    def test_names_the_parts_that_are_missing(self, world: World) -> None:
        file = small_file()
        upload = begun(world, file)
        assert put_part(upload["parts"][1], file.part(2)).is_success

        told = world.api.refused(422, "upload_incomplete", "POST", f"{MULTIPART}/complete", of(upload))

        assert (told["missing"], told["wrong"]) == ([1, 3], [])
        assert "missing 1, 3" in told["detail"]

    def test_names_no_more_than_a_hundred_of_them(self, world: World) -> None:
        upload = begun(world, LargeFile(5 * TIB, 525 * MIB))

        told = world.api.refused(422, "upload_incomplete", "POST", f"{MULTIPART}/complete", of(upload))

        assert told["missing"] == list(range(1, 101))
        assert told["detail"].endswith("99, 100 and 9887 more.")

    @pytest.mark.parametrize(("number", "more"), [(2, b"!"), (3, b"!"), (4, b"and one too many")])
    def test_names_the_parts_that_are_not_as_they_must_be(
        self, world: World, database: Database, bucket: Bucket, number: int, more: bytes
    ) -> None:
        file = small_file()
        upload = sent(world, file, without=number)
        data = (file.part(number) if number <= 3 else b"") + more
        bucket.put_part(upload["storage_key"], row_of(database, upload)["multipart_id"], number, data)

        told = world.api.refused(422, "upload_incomplete", "POST", f"{MULTIPART}/complete", of(upload))

        assert (told["missing"], told["wrong"]) == ([], [number])

    def test_takes_the_etags_of_the_store_and_no_others(self, world: World) -> None:
        upload = sent(world, small_file())
        etags = [{"part_number": one["part_number"], "etag": one["etag"]} for one in parts_of(world, upload)["parts"]]
        bare = [one | {"etag": one["etag"].strip('"')} for one in etags]
        path = f"{MULTIPART}/complete"

        wrong = [etags[0], etags[1] | {"etag": etags[0]["etag"]}, {"part_number": 9, "etag": "x"}]
        told = world.api.refused(422, "upload_incomplete", "POST", path, of(upload) | {"parts": wrong})
        assert (told["missing"], told["wrong"]) == ([], [2, 9])
        twice = of(upload) | {"parts": [etags[0], etags[0]]}
        world.api.refused(422, "validation_failed", "POST", path, twice)
        assert finish(world, upload, parts=bare)["assembled_at"]

    def test_takes_the_one_that_the_etag_names_of_two_that_were_sent(self, world: World) -> None:
        file = small_file()
        upload = sent(world, file)
        first = parts_of(world, upload)["parts"]
        assert put_part(upload["parts"][0], file.part(1)[::-1]).is_success

        named = [{"part_number": one["part_number"], "etag": one["etag"]} for one in first]
        answer = world.api.ask("POST", f"{MULTIPART}/complete", json=of(upload) | {"parts": named})

        # A store forgets the first with the second. SeaweedFS keeps both, and makes the file of the one that is named.
        assert answer.status_code == 200 or answer.json()["wrong"] == [1]
        if answer.status_code == 200:
            payload = file.declared(upload["storage_key"])
            assert complete(world.api, running_job(world, asset_type="MAP"), payload)["asset"]

    def test_is_the_end_of_sending_parts(self, world: World) -> None:
        file = small_file()
        upload = completed(world, file)

        world.api.refused(409, "upload_closed", "GET", f"{MULTIPART}/{upload['upload_id']}/part-urls")
        assert put_part(upload["parts"][2], file.part(3)[::-1]).status_code == 404, "nor does the store take one"
        job = running_job(world, asset_type="MAP")
        assert complete(world.api, job, file.declared(upload["storage_key"]))["status"] == "SUCCEEDED"

    def test_comes_to_its_end_after_a_kill_between_store_and_database(
        self, world: World, database: Database, bucket: Bucket
    ) -> None:
        upload = sent(world, small_file())
        bucket.assemble(upload["storage_key"], row_of(database, upload)["multipart_id"])
        assert row_of(database, upload)["assembled_at"] is None

        whole = finish(world, upload)

        assert whole["assembled_at"]
        assert row_of(database, upload)["assembled_at"]
        assert finish(world, upload) == whole

    def test_does_so_too_where_a_job_was_completed_with_the_file_in_between(
        self, world: World, database: Database, bucket: Bucket
    ) -> None:
        file = small_file()
        upload = sent(world, file)
        bucket.assemble(upload["storage_key"], row_of(database, upload)["multipart_id"])
        complete(world.api, running_job(world, asset_type="MAP"), file.declared(upload["storage_key"]))

        whole = finish(world, upload)

        assert whole["assembled_at"]
        assert finish(world, upload) == whole

    async def test_of_what_is_given_up_and_swept_meanwhile_leaves_nothing_in_the_store(
        self, world: World, database: Database, database_url: str, bucket: Bucket
    ) -> None:
        """The very moment: the store has put the parts together, after it was thought to hold nothing any more."""
        upload = sent(world, small_file())
        async with await psycopg.AsyncConnection.connect(database_url) as sweeping:
            await sweeping.execute(
                """UPDATE upload SET state = 'ABANDONED', removed_at = now(), expires_at = now() - interval '1 day'
                   WHERE id = %s""",
                [upload["upload_id"]],
            )
            request = asyncio.create_task(
                asyncio.to_thread(world.api.ask, "POST", f"{MULTIPART}/complete", json=of(upload))
            )
            waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
            while database.execute(waiting, [database.info.dbname]).fetchone() != {"n": 1}:
                assert not request.done(), request.result().text
                await asyncio.sleep(0.01)
            assert bucket.holds(upload["storage_key"])
            await sweeping.commit()
        answer = await request

        assert (answer.status_code, answer.json()["code"]) == (422, "upload_abandoned")
        assert not bucket.holds(upload["storage_key"])

    def test_of_what_the_store_has_lost_says_to_begin_anew(
        self, world: World, database: Database, bucket: Bucket
    ) -> None:
        upload = sent(world, small_file())
        bucket.forget(upload["storage_key"], row_of(database, upload)["multipart_id"])

        world.api.refused(422, "upload_abandoned", "POST", f"{MULTIPART}/complete", of(upload))

    def test_comes_before_the_job_s_own(self, world: World) -> None:
        file, job = small_file(), claimed_job(world, asset_type="MAP")
        upload = sent(world, file)
        payload = file.declared(upload["storage_key"]) | {"lease_token": job["lease_token"]}
        before = read(world, job)

        told = world.api.refused(422, "object_missing", "POST", f"{JOBS}/{job['id']}/complete", payload)

        assert told["detail"] == "The multipart upload was not completed."
        assert read(world, job) == before


class TestAbort:
    def test_gives_the_upload_up_and_rids_the_store_of_it(
        self, world: World, database: Database, bucket: Bucket
    ) -> None:
        file = small_file()
        upload = sent(world, file)

        told = world.api.post(f"{MULTIPART}/abort", of(upload))

        assert told == {**of(upload), "storage_key": upload["storage_key"], "state": "ABANDONED"}
        assert world.api.post(f"{MULTIPART}/abort", of(upload)) == told
        assert bucket.unfinished(upload["storage_key"]) == []
        assert row_of(database, upload)["state"] == "ABANDONED"
        assert put_part(upload["parts"][0], file.part(1)).status_code == 404
        for method, path, body in (
            ("POST", f"{MULTIPART}/complete", of(upload)),
            ("GET", f"{MULTIPART}/{upload['upload_id']}/part-urls", None),
            ("GET", f"{MULTIPART}/{upload['upload_id']}/parts", None),
        ):
            world.api.refused(422, "upload_abandoned", method, path, body)

    def test_of_a_completed_upload_removes_the_file(self, world: World, bucket: Bucket) -> None:
        file = small_file()
        upload = completed(world, file)
        job = running_job(world, asset_type="MAP")

        world.api.post(f"{MULTIPART}/abort", of(upload))

        assert not bucket.holds(upload["storage_key"])
        payload = file.declared(upload["storage_key"])
        world.api.refused(422, "upload_abandoned", "POST", f"{JOBS}/{job['id']}/complete", payload)

    def test_is_refused_once_an_asset_was_made_of_it(self, world: World, bucket: Bucket) -> None:
        file = small_file()
        upload = completed(world, file)
        complete(world.api, running_job(world, asset_type="MAP"), file.declared(upload["storage_key"]))

        world.api.refused(409, "upload_closed", "POST", f"{MULTIPART}/abort", of(upload))

        assert bucket.holds(upload["storage_key"])

    @pytest.mark.parametrize("attempt", range(4))
    def test_against_a_completion_of_the_job_has_one_winner(self, world: World, bucket: Bucket, attempt: int) -> None:
        file, job = small_file(), running_job(world, asset_type="MAP")
        upload = completed(world, file)
        paths = [
            (f"{MULTIPART}/abort", of(upload)),
            (f"{JOBS}/{job['id']}/complete", file.declared(upload["storage_key"])),
        ]

        with ThreadPoolExecutor(2) as pool:
            order = paths if attempt % 2 else paths[::-1]
            answers = dict(pool.map(lambda one: (one[0], world.api.ask("POST", one[0], json=one[1])), order))

        aborted, done = (answers[path] for path, _ in paths)
        if aborted.status_code == 200:
            assert (done.status_code, read(world, job)["status"]) in {(422, "RUNNING"), (503, "RUNNING")}
            assert not bucket.holds(upload["storage_key"])
        else:
            assert (aborted.status_code, done.status_code) == (409, 200)
            assert bucket.holds(upload["storage_key"])


class TestWhoMay:
    @pytest.fixture
    def narrow(self, app: RunningApp, other_world: World) -> Api:
        return app.as_new_key(Role.WORKER, worlds=[other_world.id])

    @pytest.mark.parametrize("what", ["another world's", "one that comes in one piece"])
    def test_nothing_is_told_of_an_upload_that_is_none_for_the_key(
        self, world: World, narrow: Api, admin: Api, what: str
    ) -> None:
        api = narrow if what == "another world's" else admin
        hidden = begun(world, small_file()) if api is narrow else issued(world, File())
        asked = [
            ("GET", "{id}/parts", None),
            ("GET", "{id}/part-urls", None),
            ("POST", "complete", {"upload_id": "{id}"}),
            ("POST", "abort", {"upload_id": "{id}"}),
        ]
        for method, path, body in asked:
            told = []
            for upload_id in (hidden["upload_id"], str(uuid4())):
                given = body and {"upload_id": upload_id}
                answer = api.refused(404, "not_found", method, f"{MULTIPART}/{path.format(id=upload_id)}", given)
                told.append(str(answer | {"request_id": ""}).replace(upload_id, "THE ID"))
            assert told[0] == told[1]

    def test_a_worker_may_send_a_file_in_parts_and_a_reader_may_not(self, app: RunningApp, world: World) -> None:
        worker, reader = (world.seen_by(app.as_new_key(role)) for role in (Role.WORKER, Role.READER))
        upload = completed(worker, small_file())

        for method, path, body in (
            ("POST", MULTIPART, multipart_request(world, small_file())),
            ("GET", f"{MULTIPART}/{upload['upload_id']}/parts", None),
            ("GET", f"{MULTIPART}/{upload['upload_id']}/part-urls", None),
            ("POST", f"{MULTIPART}/complete", of(upload)),
            ("POST", f"{MULTIPART}/abort", of(upload)),
        ):
            reader.api.refused(403, "forbidden", method, path, body)


class TestTheChecksum:
    def test_is_read_once_however_often_the_completion_is_tried(self, world: World, database: Database) -> None:
        file = small_file()
        job = claimed_job(world, asset_type="MAP", lease_seconds=600)
        upload = completed(world, file)
        payload = file.declared(upload["storage_key"]) | {"lease_token": job["lease_token"]}
        path = f"{JOBS}/{job['id']}/complete"

        world.api.refused(422, "checksum_mismatch", "POST", path, payload | {"checksum": "0" * 64})
        assert row_of(database, upload)["found_checksum"] == file.checksum
        database.execute("UPDATE upload SET found_checksum = %s WHERE id = %s", ["f" * 64, upload["upload_id"]])
        problem = world.api.refused(422, "checksum_mismatch", "POST", path, payload)

        assert problem["found"] == "f" * 64


class TestAFileOf200Megabytes:
    def test_arrives_whole_however_its_parts_came(self, world: World) -> None:
        """Two parts at once; one broken off and sent again; one sent with other bytes, and then with the right ones."""
        file = LargeFile(size=200_000_000, part_size=16 * MIB)
        job = claimed_job(world, asset_type="MAP", lease_seconds=600)
        upload = begun(world, file, part_size_bytes=None)
        broken, overwritten = 3, 7

        def send(part: Made) -> int:
            data = file.part(part["part_number"])
            if part["part_number"] == broken:
                break_off(part, data)
            answers = [put_part(part, data)]
            if part["part_number"] == overwritten:
                answers += [put_part(part, data[::-1]), put_part(part, data)]
            return max(answer.status_code for answer in answers)

        with ThreadPoolExecutor(2) as pool:
            assert Counter(pool.map(send, upload["parts"])) == {200: file.part_count}
        assert parts_of(world, upload)["missing_part_numbers"] == []
        finish(world, upload)
        payload = file.declared(upload["storage_key"]) | {"lease_token": job["lease_token"]}
        asset = complete(world.api, job, payload)["asset"]

        assert (asset["checksum"], asset["size_bytes"]) == (file.checksum, 200_000_000)
        url = world.api.post(f"/assets/assets/{asset['id']}/presign-download")["url"]
        digest = hashlib.sha256()
        with store.stream("GET", url) as answer:
            for piece in answer.iter_bytes(MIB):
                digest.update(piece)
        assert digest.hexdigest() == file.checksum
        middle = store.get(url, headers={"Range": f"bytes={16 * MIB - 2}-{16 * MIB + 1}"})
        assert (middle.status_code, middle.content) == (206, file.part(1)[-2:] + file.part(2)[:2])

    def test_is_refused_where_a_part_was_sent_again_with_other_bytes(self, world: World) -> None:
        file, job = small_file(), claimed_job(world, asset_type="MAP")
        upload = sent(world, file)
        assert put_part(upload["parts"][1], file.part(2)[::-1]).is_success
        finish(world, upload)
        payload = file.declared(upload["storage_key"]) | {"lease_token": job["lease_token"]}
        before = read(world, job)

        told = world.api.refused(422, "checksum_mismatch", "POST", f"{JOBS}/{job['id']}/complete", payload)

        data = file.part(1) + file.part(2)[::-1] + file.part(3)
        assert told["found"] == hashlib.sha256(data).hexdigest()
        assert read(world, job) == before
