"""Stores that differ: the probe finds out what each really does, uploads work on all, and doctor says what it means.

Each is the real store behind a proxy that answers some requests in another way.
"""

import asyncio
import hashlib
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

import pytest
from factories.jobs import File, claimed_job, complete, issued, put
from factories.lore import World
from harness.engines import Engines
from harness.server import running_app
from harness.store_proxy import (
    Answer,
    Asked,
    Behaviour,
    Forward,
    StoreProxy,
    as_it_is,
    forgetting_checksums,
    hangs_up,
    refusing,
    store_proxy,
    swallowing,
)
from harness.waiting import until

from lorekeeper.app import Backing
from lorekeeper.cli.checkup import Finding, examine, examine_running
from lorekeeper.contracts.errors import StorageUnavailableError
from lorekeeper.settings import Settings
from lorekeeper.storage.abilities import PREFIX, Abilities
from lorekeeper.storage.store import S3Store, StoreAddress

ALL = Abilities(conditional_writes=True, upload_checksums=True, stored_checksums=True, signed_sizes=True)

DIFFERENT: dict[str, tuple[Behaviour, Abilities]] = {
    "as it is": (as_it_is, ALL),
    "does not know If-None-Match": (refusing("if-none-match"), replace(ALL, conditional_writes=False)),
    "overwrites": (swallowing(412), replace(ALL, conditional_writes=False)),
    "does not know checksums": (
        refusing("x-amz-checksum-sha256"),
        replace(ALL, upload_checksums=False, stored_checksums=False),
    ),
    # It would give back whatever it was told.
    "does not check checksums": (swallowing(400), replace(ALL, upload_checksums=False, stored_checksums=False)),
    "forgets checksums": (forgetting_checksums, replace(ALL, stored_checksums=False)),
    "does not check sizes": (swallowing(403), replace(ALL, signed_sizes=False)),
}


async def abilities_of(address: StoreAddress, callers: int = 1) -> list[Any]:
    store = S3Store(address)
    await store.open()
    try:
        given = await asyncio.gather(*(store.abilities() for _ in range(callers)), return_exceptions=True)
        assert store.known_abilities in (None, given[0])
        return given
    finally:
        await store.close()


async def left_of(proxy: StoreProxy, engines: Engines) -> list[str]:
    """The keys, of those that were uploaded to, at which something lies."""
    store = S3Store(engines.store)
    await store.open()
    try:
        keys = {key_of(asked) for asked in uploads_to(proxy)}
        assert all(key.startswith(PREFIX) for key in keys)
        return [key for key in keys if await store.head_object(key)]
    finally:
        await store.close()


def uploads_to(proxy: StoreProxy) -> list[Asked]:
    return [asked for asked in proxy.seen if asked.method == "PUT"]


def key_of(asked: Asked) -> str:
    return asked.target.partition("?")[0].split("/", 2)[2]


def read_only(asked: Asked, forward: Forward) -> Answer:
    """A bucket that these credentials may not write to."""
    return Answer(403) if asked.method == "PUT" else forward()


class TestProbe:
    @pytest.mark.parametrize("name", DIFFERENT)
    async def test_tells_what_the_store_does(self, engines: Engines, name: str) -> None:
        behave, truth = DIFFERENT[name]
        with store_proxy(engines.store, behave) as proxy:
            assert await abilities_of(proxy.address) == [truth]

        assert await left_of(proxy, engines) == []

    async def test_asks_the_store_once_for_all_who_ask(self, engines: Engines) -> None:
        with store_proxy(engines.store) as proxy:
            assert await abilities_of(proxy.address, callers=20) == [ALL] * 20

        keys = [key_of(asked) for asked in uploads_to(proxy)]
        assert len(set(keys)) == len(keys) - 1, "one of them is uploaded to twice, on purpose"
        assert len(proxy.seen) < 12

    @pytest.mark.parametrize("after", [1, 4, 7])
    async def test_leaves_nothing_behind_when_it_fails_half_way(self, engines: Engines, after: int) -> None:
        def failing(asked: Asked, forward: Forward) -> Answer | None:
            answer = forward()  # it arrives, even if nobody hears of it
            return None if asked.method == "PUT" and len(uploads_to(proxy)) == after else answer

        with store_proxy(engines.store, failing) as proxy:
            (failure,) = await abilities_of(proxy.address)

        assert isinstance(failure, StorageUnavailableError)
        assert len(uploads_to(proxy)) == after
        assert await left_of(proxy, engines) == []

    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_does_not_take_a_bad_moment_for_an_answer(self, engines: Engines, status: int) -> None:
        def busy(asked: Asked, forward: Forward) -> Answer:
            return Answer(status) if "if-none-match" in asked.headers else forward()

        with store_proxy(engines.store, busy) as proxy:
            (failure,) = await abilities_of(proxy.address)

        assert isinstance(failure, StorageUnavailableError)
        assert str(status) in failure.detail

    async def test_says_where_the_bucket_takes_no_upload(self, engines: Engines) -> None:
        with store_proxy(engines.store, read_only) as proxy:
            (failure,) = await abilities_of(proxy.address)

        assert failure.detail == "The bucket answers 403 to an upload."


async def test_a_checksum_is_not_believed_of_a_store_that_does_not_check_it(engines: Engines) -> None:
    """It may keep what it was told; then the object has to be read."""
    key, data = f"{PREFIX}{uuid4()}", b"these bytes"
    checksum = hashlib.sha256(data).hexdigest()
    with store_proxy(engines.store, DIFFERENT["does not check checksums"][0]) as proxy:
        for address, believed in ((engines.store, checksum), (proxy.address, None)):
            store = S3Store(address)
            await store.open()
            try:
                upload = store.generate_upload_presigned_url(
                    key, content_type="a/b", size_bytes=None, checksum=checksum, expires_seconds=60, abilities=ALL
                )
                await asyncio.to_thread(put, asdict(upload) | {"method": "PUT"}, data)
                unknown = await store.head_object(key)
                await store.abilities()
                known = await store.head_object(key)
                assert unknown is not None
                assert known is not None
                assert (unknown.checksum, known.checksum) == (None, believed)
                await store.delete_object(key)
            finally:
                await store.close()


class TestUploads:
    @pytest.mark.parametrize(
        "name",
        ["does not know If-None-Match", "does not know checksums", "forgets checksums", "does not check sizes"],
    )
    def test_work_on_every_store(
        self, settings: Settings, backing: Backing, engines: Engines, world: World, name: str
    ) -> None:
        behave, truth = DIFFERENT[name]
        file = File()
        with (
            store_proxy(engines.store, behave) as proxy,
            running_app(settings, Backing(backing.database_url, proxy.address)) as app,
        ):
            here = world.seen_by(app.as_anyone(world.api.key))
            job = claimed_job(here)
            upload = issued(here, file, size_bytes=len(file.data), checksum=file.checksum)
            assert put(upload, file.data).status_code == 200
            payload = file.declared(upload["storage_key"]) | {"lease_token": job["lease_token"]}
            done = complete(here.api, job, payload)

        assert done["asset"]["checksum"] == file.checksum
        assert ("If-None-Match" in upload["headers"]) == truth.conditional_writes
        assert ("x-amz-checksum-sha256" in upload["headers"]) == truth.upload_checksums
        assert ("Content-Length" in upload["headers"]) == truth.signed_sizes

    def test_work_once_a_store_is_up_that_was_down_at_the_start(
        self, settings: Settings, backing: Backing, engines: Engines, world: World
    ) -> None:
        with (
            store_proxy(engines.store, hangs_up) as proxy,
            running_app(settings, Backing(backing.database_url, proxy.address)) as app,
        ):
            here = world.seen_by(app.as_anyone(world.api.key))
            until(lambda: proxy.seen)
            assert here.api.ask("GET", "/health/ready").json()["abilities"] is None
            proxy.behave = as_it_is
            until(lambda: here.api.ask("GET", "/health/ready").json()["abilities"] == asdict(ALL))

            assert put(issued(here, File()), b"x").status_code == 200


def findings(given: Any) -> dict[str, list[Finding]]:
    by_subject: dict[str, list[Finding]] = {}
    for finding in given:
        by_subject.setdefault(finding.what, []).append(finding)
    return by_subject


class TestDoctor:
    def test_finds_a_store_that_does_it_all(self, backing: Backing) -> None:
        found = findings(examine(backing))

        assert list(found) == ["database", "migrations", "store", "uploads"]
        (uploads,) = found["uploads"]
        assert (uploads.fine, uploads.is_note) == (True, False)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("overwrites", ["If-None-Match"]),
            ("does not check checksums", ["does not check a signed SHA-256", "gives no SHA-256 back"]),
            ("does not check sizes", ["signed size"]),
        ],
    )
    def test_says_what_a_missing_ability_means(
        self, settings: Settings, backing: Backing, engines: Engines, name: str, words: list[str]
    ) -> None:
        """The same of the store itself, and by a running server's account."""
        with store_proxy(engines.store, DIFFERENT[name][0]) as proxy:
            address = Backing(backing.database_url, proxy.address)
            found = findings(examine(address))["uploads"]
            with running_app(settings, address) as app:
                until(lambda: app.as_anyone().get("/health/ready")["abilities"])
                told = findings(examine_running(app.url))["uploads"]

        assert told == found
        assert all(finding.fine and finding.is_note for finding in found)
        assert [word in finding.says for word, finding in zip(words, found, strict=True)] == [True] * len(words)

    def test_says_that_a_bucket_takes_no_upload(self, backing: Backing, engines: Engines) -> None:
        with store_proxy(engines.store, read_only) as proxy:
            found = findings(examine(Backing(backing.database_url, proxy.address)))

        assert [finding.fine for finding in found["store"]] == [True]
        assert found["uploads"] == [Finding("uploads", False, "The bucket answers 403 to an upload.")]

    def test_tells_why_a_running_server_is_not_ready(
        self, settings: Settings, backing: Backing, engines: Engines
    ) -> None:
        with (
            store_proxy(engines.store, read_only) as proxy,
            running_app(settings, Backing(backing.database_url, proxy.address)) as app,
        ):
            found = findings(examine_running(app.url))

        assert [(finding.what, finding.fine) for (finding,) in found.values()] == [
            ("server", True),
            ("database", True),
            ("migrations", True),
            ("store", False),
        ]
        assert found["store"][0].says == "The bucket answers 403 to an upload."
