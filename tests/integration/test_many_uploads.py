"""Files that are handed in together: one list of the store shows that they are there (docs/decisions/0012)."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from factories.jobs import JOBS, File, claim, issued, new_job, put, uploaded
from factories.lore import Made, World
from harness.engines import Engines
from harness.server import running_app
from harness.store_proxy import (
    Behaviour,
    StoreProxy,
    as_it_is,
    hangs_up,
    is_list,
    listing_nothing,
    refusing_lists,
    store_proxy,
)
from harness.waiting import until

from lorekeeper.app import Backing
from lorekeeper.settings import Settings
from lorekeeper.storage.listing import Listed, find_sizes, read_page
from lorekeeper.storage.store import S3Store

MANY = 9


@dataclass(frozen=True)
class Shop:
    """A server whose store is behind a proxy."""

    world: World
    proxy: StoreProxy

    def hand_in(self, files: list[Made]) -> list[int | str]:
        """Each in its own job, all in one request; the answers are 200, or what each was refused with."""
        for _ in files:
            new_job(self.world)
        jobs = claim(self.world, limit=len(files))
        items = [
            {"job_id": job["id"], "lease_token": job["lease_token"], **file}
            for job, file in zip(jobs, files, strict=True)
        ]
        self.proxy.seen.clear()
        told = self.world.api.post(f"{JOBS}/complete", {"items": items})["items"]
        return [one["status"] if one["status"] == 200 else one["problem"]["code"] for one in told]

    def asked_of(self) -> tuple[int, set[str]]:
        """How many lists the store gave, and the files that it was asked about by themselves."""
        heads = {asked.target.partition("?")[0].split("/", 2)[2] for asked in self.proxy.seen if asked.method == "HEAD"}
        return sum(map(is_list, self.proxy.seen)), heads


@pytest.fixture
def shop(settings: Settings, backing: Backing, engines: Engines, world: World) -> Iterator[Shop]:
    with (
        store_proxy(engines.store) as proxy,
        running_app(settings, Backing(backing.database_url, proxy.address)) as app,
    ):
        until(lambda: app.as_anyone().get("/health/ready")["abilities"])
        yield Shop(world.seen_by(app.as_anyone(world.api.key)), proxy)


def undeclared(world: World, file: File) -> Made:
    """Uploaded to a place for which no checksum was declared, so that the store could not check it."""
    upload = issued(world, file, size_bytes=len(file.data))
    assert put(upload, file.data).is_success
    return file.declared(upload["storage_key"])


def never_sent(world: World, file: File) -> Made:
    upload = issued(world, file, size_bytes=len(file.data), checksum=file.checksum)
    return file.declared(upload["storage_key"])


class TestABatch:
    def test_is_looked_for_in_a_list(self, shop: Shop) -> None:
        files = [uploaded(shop.world, File()) for _ in range(MANY)]

        assert shop.hand_in(files) == [200] * MANY
        assert shop.asked_of() == (1, set())

    def test_of_which_something_is_wrong(self, shop: Shop) -> None:
        """What the list does not show, or cannot vouch for, is asked about by itself, and nothing else is."""
        world, file = shop.world, File()
        right = [uploaded(world, file) for _ in range(MANY)]
        missing, loose = never_sent(world, file), undeclared(world, file)
        false = undeclared(world, file) | {"checksum": hashlib.sha256(b"something else").hexdigest()}
        smaller, other = (uploaded(world, file) for _ in range(2))
        smaller["size_bytes"] -= 1
        other["checksum"] = "0" * 64

        outcomes = shop.hand_in([missing, *right, loose, false, smaller, other])

        assert outcomes == [
            "object_missing", *[200] * MANY, 200, "checksum_mismatch", "size_mismatch", "checksum_mismatch",
        ]  # fmt: skip
        lists, heads = shop.asked_of()
        assert 1 <= lists <= 2
        assert heads == {one["storage_key"] for one in (missing, loose, false)}

    @pytest.mark.parametrize("behave", [listing_nothing, refusing_lists])
    def test_whose_list_tells_nothing_is_asked_about_one_by_one(self, shop: Shop, behave: Behaviour) -> None:
        files = [uploaded(shop.world, File()) for _ in range(MANY)]
        shop.proxy.behave = behave

        assert shop.hand_in(files) == [200] * MANY
        assert shop.asked_of()[1] == {one["storage_key"] for one in files}

    def test_waits_while_the_store_is_down(self, shop: Shop) -> None:
        files = [uploaded(shop.world, File()) for _ in range(MANY)]
        shop.proxy.behave = hangs_up
        assert shop.hand_in(files) == ["storage_unavailable"] * MANY

        shop.proxy.behave = as_it_is
        assert shop.hand_in(files) == [200] * MANY

    def test_of_few_is_asked_about_one_by_one(self, shop: Shop) -> None:
        files = [uploaded(shop.world, File()) for _ in range(3)]

        assert shop.hand_in(files) == [200] * 3
        assert shop.asked_of() == (0, {one["storage_key"] for one in files})


@asynccontextmanager
async def opened(engines: Engines) -> AsyncIterator[S3Store]:
    store = S3Store(engines.store)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class TestList:
    async def test_finds_what_is_there_among_others(self, engines: Engines) -> None:
        folder = f"{uuid4()}/IMAGE"
        keys = [f"{folder}/2026_{number:03}-é + x.png" for number in range(12)]
        async with opened(engines) as store, httpx.AsyncClient() as http:
            for number, key in enumerate(keys[:10]):
                signed = store.generate_upload_presigned_url(
                    key,
                    content_type="a/b",
                    size_bytes=None,
                    checksum=None,
                    expires_seconds=60,
                    abilities=await store.abilities(),
                )
                sent = await http.put(signed.url, content=b"x" * (number + 1), headers=signed.headers)
                assert sent.is_success
            found = await store.list_sizes(keys[3:6] + keys[8:])

        assert found == {keys[number]: number + 1 for number in (3, 4, 5, 8, 9)}

    async def test_does_not_read_a_whole_folder(self) -> None:
        asked = []

        async def endless(prefix: str, *, after: str, limit: int) -> list[Listed]:
            asked.append((prefix, after, limit))
            return [Listed(f"{after}{number:04}", 1) for number in range(limit)]

        assert await find_sizes(endless, ["a/b1", "a/b9"]) == {}
        assert asked == [("a/b", "a/b", 2), ("a/b", "a/b0001", 4)]

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"<ListBucketResult><Contents/></ListBucketResult>"])
    def test_that_is_none_tells_nothing(self, body: bytes) -> None:
        assert not read_page(body)
