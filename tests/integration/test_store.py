"""The store's port on the real store: what it holds uploads to, parts, and taking things away."""

import asyncio
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any
from uuid import uuid4

import httpx
import pytest
from harness.engines import Engines
from harness.store_proxy import Answer, Asked, Forward, hangs_up, store_proxy

from lorekeeper.contracts.errors import StorageUnavailableError
from lorekeeper.storage.store import Abilities, S3Store, SignedRequest, StoreAddress, StoredPart

PART = 5 * 1024**2
SECONDS = 60
NOWHERE = StoreAddress("none", "us-east-1", "k", "s", "http://127.0.0.1:9")
anyone_puts = partial(httpx.put, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
ALL = Abilities(conditional_writes=True, upload_checksums=True, stored_checksums=True, signed_sizes=True)


@asynccontextmanager
async def opened(address: StoreAddress, **options: Any) -> AsyncIterator[S3Store]:
    store = S3Store(address, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(engines: Engines) -> AsyncIterator[S3Store]:
    """Its lists come two at a time."""
    async with opened(engines.store, page_size=2) as store:
        await store.abilities()
        yield store


@pytest.fixture
def key() -> str:
    return f"{uuid4()}/VIDEO/film ~+%ä.mp4"


def send(to: SignedRequest, data: bytes) -> httpx.Response:
    """With the length that it has, whatever was signed."""
    return anyone_puts(to.url, content=data, headers=to.headers | {"Content-Length": str(len(data))})


def upload_url(store: S3Store, key: str, **declared: Any) -> SignedRequest:
    asked: dict[str, Any] = {"size_bytes": None, "checksum": None, "abilities": ALL} | declared
    return store.generate_upload_presigned_url(key, content_type="video/mp4", expires_seconds=SECONDS, **asked)


async def parts_sent(store: S3Store, key: str, multipart_id: str, *bodies: bytes) -> None:
    sizes = [(number, len(body)) for number, body in enumerate(bodies, 1)]
    urls = store.generate_multipart_upload_presigned_urls(key, multipart_id, parts=sizes, expires_seconds=SECONDS)
    for url, body in zip(urls, bodies, strict=True):
        assert send(url, body).status_code == 200


class TestUploads:
    @pytest.mark.parametrize("data", [b"123", b"1234", b"123456", b""])
    def test_of_another_size_than_signed_are_refused(self, store: S3Store, key: str, data: bytes) -> None:
        url = upload_url(store, key, size_bytes=5)

        assert send(url, data).status_code == 403
        assert send(url, b"12345").status_code == 200, "and the right size is still taken"

    def test_may_come_in_pieces_of_the_signed_size_in_all(self, store: S3Store, key: str) -> None:
        url = upload_url(store, key, size_bytes=5)

        assert anyone_puts(url.url, content=iter((b"12", b"345")), headers=url.headers).status_code == 200

    async def test_say_what_they_are(self, store: S3Store, key: str) -> None:
        data = uuid4().bytes
        checksum = hashlib.sha256(data).hexdigest()

        assert send(upload_url(store, key, size_bytes=16, checksum=checksum), data).status_code == 200

        stored = await store.head_object(key)
        assert stored is not None
        assert (stored.size_bytes, stored.content_type, stored.checksum) == (16, "video/mp4", checksum)
        assert await store.checksum_of(key) == checksum

    @pytest.mark.parametrize(
        ("lacking", "header"),
        [
            ("conditional_writes", "If-None-Match"),
            ("upload_checksums", "x-amz-checksum-sha256"),
            ("signed_sizes", "Content-Length"),
        ],
    )
    def test_leave_out_what_the_store_does_not_act_on(
        self, store: S3Store, key: str, lacking: str, header: str
    ) -> None:
        full = upload_url(store, key, size_bytes=1, checksum="0" * 64)
        less = upload_url(store, key, size_bytes=1, checksum="0" * 64, abilities=without(lacking))

        assert set(full.headers) - set(less.headers) == {header}


def without(name: str) -> Abilities:
    return Abilities(**{**vars(ALL), name: False})


class TestParts:
    async def test_become_the_object_in_the_order_of_their_numbers(self, store: S3Store, key: str) -> None:
        first, last = uuid4().bytes * (PART // 16), b"the end"
        upload = await store.create_multipart_upload(key, content_type="video/mp4")
        await parts_sent(store, key, upload, first, last)

        parts = await store.list_parts(key, upload)

        assert parts is not None
        assert [(part.number, part.size_bytes) for part in parts] == [(1, PART), (2, len(last))]
        assert await store.complete_multipart_upload(key, upload, parts[::-1])
        stored = await store.head_object(key)
        assert stored is not None
        assert (stored.size_bytes, stored.content_type) == (PART + len(last), "video/mp4")
        assert stored.checksum is None, "what the store keeps is not of the whole"
        assert await store.checksum_of(key) == hashlib.sha256(first + last).hexdigest()
        assert await store.list_parts(key, upload) is None

    async def test_are_listed_page_by_page_to_the_last(self, store: S3Store, key: str) -> None:
        upload = await store.create_multipart_upload(key, content_type="video/mp4")
        assert await store.list_parts(key, upload) == []
        await parts_sent(store, key, upload, *(b"x" * size for size in range(1, 6)))

        parts = await store.list_parts(key, upload)

        assert parts is not None
        assert [(part.number, part.size_bytes) for part in parts] == [(size, size) for size in range(1, 6)]
        assert all(part.etag for part in parts)

    async def test_sent_again_with_other_bytes_are_the_last_ones(self, engines: Engines, key: str) -> None:
        """Within one second, which is as exact as SeaweedFS's times are; so it is tried more than once."""
        async with opened(engines.store) as store:
            for again in (f"{key}.{number}" for number in range(4)):
                upload = await store.create_multipart_upload(again, content_type="video/mp4")
                for data in (b"one", b"two", b"six"):
                    await parts_sent(store, again, upload, data)

                (part,) = await store.list_parts(again, upload) or []

                assert await store.complete_multipart_upload(again, upload, [part])
                assert await store.checksum_of(again) == hashlib.sha256(b"six").hexdigest()

    async def test_sent_again_can_be_told_apart_by_their_sender(self, engines: Engines, key: str) -> None:
        """Also where a page of the store's list ends between them."""
        async with opened(engines.store, page_size=3) as store:
            upload = await store.create_multipart_upload(key, content_type="video/mp4")
            tries = (b"a", b"b"), (b"c", b"d"), (b"e", b"f")
            for datas in zip(*tries, strict=True):
                await parts_sent(store, key, upload, *datas)

            parts = await store.list_parts(key, upload)

        assert parts is not None
        assert [part.number for part in parts] == [1, 2, 3]
        for part, datas in zip(parts, tries, strict=True):
            etags = [hashlib.md5(data).hexdigest() for data in datas]
            sent = [part.sent_as(etag) for etag in etags]
            assert sent == [StoredPart(part.number, 1, f'"{etag}"') for etag in etags]
            assert part.sent_as("0" * 32) is None

    async def test_of_another_size_than_signed_are_refused(self, store: S3Store, key: str) -> None:
        upload = await store.create_multipart_upload(key, content_type="video/mp4")
        (url,) = store.generate_multipart_upload_presigned_urls(key, upload, parts=[(1, 5)], expires_seconds=SECONDS)

        for data in (b"1234", b"123456"):
            assert send(url, data).status_code == 403
        assert send(url, b"12345").status_code == 200

    async def test_are_gone_once_the_upload_is_aborted(self, store: S3Store, key: str) -> None:
        upload = await store.create_multipart_upload(key, content_type="video/mp4")
        await parts_sent(store, key, upload, b"x")
        parts = await store.list_parts(key, upload)
        assert parts

        for _ in range(2):
            await store.abort_multipart_upload(key, upload)

        assert await store.list_parts(key, upload) is None
        assert await store.list_multipart_uploads(key) == []
        assert not await store.complete_multipart_upload(key, upload, parts)
        assert await store.head_object(key) is None

    async def test_that_are_not_there_make_no_object(self, store: S3Store, key: str) -> None:
        upload = await store.create_multipart_upload(key, content_type="video/mp4")
        await parts_sent(store, key, upload, b"x")

        with pytest.raises(StorageUnavailableError, match="InvalidPart"):
            await store.complete_multipart_upload(key, upload, [StoredPart(1, 1, f'"{"0" * 32}"')])

        assert await store.head_object(key) is None
        assert await store.list_parts(key, upload), "and the upload is as it was"

    async def test_of_an_unknown_upload_are_none(self, store: S3Store, key: str) -> None:
        assert await store.list_parts(key, "no-such-upload") is None
        assert not await store.complete_multipart_upload(key, "no-such-upload", [StoredPart(1, 1, '"a"')])
        await store.abort_multipart_upload(key, "no-such-upload")


async def test_unfinished_uploads_are_those_to_exactly_the_key(store: S3Store, key: str) -> None:
    mine = [await store.create_multipart_upload(key, content_type="a/b") for _ in range(3)]
    await store.create_multipart_upload(f"{key}.bak", content_type="a/b")

    assert sorted(await store.list_multipart_uploads(key)) == sorted(mine)


class TestDeleting:
    async def test_takes_away_what_is_there_and_minds_nothing_else(self, store: S3Store, key: str) -> None:
        keys = [f"{key}.{number}" for number in range(3)]
        for one in keys:
            assert send(upload_url(store, one), b"x").status_code == 200

        await store.delete_object(keys[0])
        assert await store.delete_objects([*keys, f"{key}.never"]) == []
        await store.delete_object(keys[0])

        assert [await store.head_object(one) for one in keys] == [None, None, None]

    async def test_tells_what_the_store_failed_on(self, engines: Engines, key: str) -> None:
        def failing(asked: Asked, forward: Forward) -> Answer:
            wrong = f"<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>No.</Message></Error>"
            return Answer(200, {}, f"<DeleteResult>{wrong}</DeleteResult>".encode())

        with store_proxy(engines.store, failing) as proxy:
            async with opened(proxy.address) as store:
                assert await store.delete_objects([key, "other"]) == [key]

        assert all("content-md5" in asked.headers for asked in proxy.seen)

    async def test_of_nothing_asks_nothing_and_of_too_much_is_a_mistake(self) -> None:
        store = S3Store(NOWHERE)

        assert await store.delete_objects([]) == []
        with pytest.raises(ValueError, match="1000"):
            await store.delete_objects(["k"] * 1001)


CALLS: dict[str, Callable[[S3Store], Coroutine[Any, Any, object]]] = {
    "check": lambda store: store.check(),
    "abilities": lambda store: store.abilities(),
    "head_object": lambda store: store.head_object("k"),
    "checksum_of": lambda store: store.checksum_of("k"),
    "delete_object": lambda store: store.delete_object("k"),
    "delete_objects": lambda store: store.delete_objects(["k"]),
    "create_multipart_upload": lambda store: store.create_multipart_upload("k", content_type="a/b"),
    "list_parts": lambda store: store.list_parts("k", "id"),
    "complete_multipart_upload": lambda store: store.complete_multipart_upload("k", "id", [StoredPart(1, 1, "e")]),
    "abort_multipart_upload": lambda store: store.abort_multipart_upload("k", "id"),
    "list_multipart_uploads": lambda store: store.list_multipart_uploads("k"),
}


async def all_called(address: StoreAddress) -> dict[str, object]:
    """What comes of each call; at once, since each tries again for a while."""
    async with opened(address) as store:
        given = await asyncio.gather(*(call(store) for call in CALLS.values()), return_exceptions=True)
    return dict(zip(CALLS, given, strict=True))


class TestOutOfReach:
    def test_every_call_is_tried(self) -> None:
        asynchronous = {name for name, call in vars(S3Store).items() if iscoroutinefunction(call) and name[0] != "_"}

        assert set(CALLS) == asynchronous - {"open", "close"}

    async def test_a_store_that_hangs_up_is_unavailable(self, engines: Engines) -> None:
        with store_proxy(engines.store, hangs_up) as proxy:
            failures = await all_called(proxy.address)

        assert {name: type(failure) for name, failure in failures.items()} == dict.fromkeys(
            CALLS, StorageUnavailableError
        )

    async def test_a_key_of_nobody_is_refused_in_a_sentence(self, engines: Engines) -> None:
        failures = await all_called(replace(engines.store, secret_access_key="wrong"))

        for name, failure in failures.items():
            assert isinstance(failure, StorageUnavailableError), name
            assert re.fullmatch(r"The .+ 403.*\.", failure.detail), name

    async def test_those_who_ask_for_one_checksum_at_once_share_a_read(self, engines: Engines) -> None:
        def reading(_: Asked, __: Forward) -> Answer:
            return Answer(200, {}, b"all of it")

        with store_proxy(engines.store, reading) as proxy:
            async with opened(proxy.address) as store:
                gone = asyncio.ensure_future(store.checksum_of("k"))
                asked = [asyncio.ensure_future(store.checksum_of("k")) for _ in range(3)]
                await asyncio.sleep(0)
                gone.cancel()  # whoever asked first does not take it from the others
                assert set(await asyncio.gather(*asked)) == {hashlib.sha256(b"all of it").hexdigest()}
                assert len(proxy.seen) == 1
                await store.checksum_of("k")
                assert len(proxy.seen) == 2

    async def test_a_read_that_breaks_off_is_no_checksum(self, engines: Engines) -> None:
        def breaking_off(_: Asked, __: Forward) -> Answer:
            return Answer(200, {}, b"some of it", promised_bytes=1000)

        with store_proxy(engines.store, breaking_off) as proxy:
            async with opened(proxy.address) as store:
                with pytest.raises(StorageUnavailableError):
                    await store.checksum_of("k")
