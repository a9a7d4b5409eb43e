"""Files in parts: put together, and what is then known of the file (issue 3, Deliver 5)."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from factories.jobs import JOBS, claimed_job, complete, read, running_job, store
from factories.lore import Made, World
from factories.uploads import (
    MIB,
    MULTIPART,
    Bucket,
    LargeFile,
    begun,
    break_off,
    completed,
    finish,
    of,
    owner_of,
    parts_of,
    put_part,
    row_of,
    sent,
    small_file,
)
from harness.engines import Engines

TIB = 1024**4
Database = psycopg.Connection[Made]


@pytest.fixture(scope="module")
def bucket(engines: Engines) -> Iterator[Bucket]:
    with owner_of(engines) as owned:
        yield owned


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
