"""Files that the SDK's clients move, against the running app and the real store behind a proxy that breaks things."""

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
import pytest
from factories.lore import World
from factories.uploads import MIB
from harness.awaited import Awaited
from harness.engines import Engines
from harness.server import RunningApp, running_app
from harness.store_proxy import Answer, Asked, Forward, StoreProxy, as_it_is, store_proxy
from harness.waiting import until
from harness.wire import Api

from lorekeeper.app import Backing
from lorekeeper.contracts.assets import AssetFullResponse, AssetImport
from lorekeeper.contracts.enums import AssetTypeEnum, Role
from lorekeeper.sdk import AsyncClient, Client, FileChangedError, TransferError, UploadedFile, UploadMismatchError
from lorekeeper.sdk.execution import Async, Sync
from lorekeeper.settings import Settings

PART = 5 * MIB
IN_PARTS: dict[str, Any] = {"parts_above": PART, "part_size_bytes": PART}


@pytest.fixture(scope="module")
def proxy(engines: Engines) -> Iterator[StoreProxy]:
    with store_proxy(engines.store) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def server(settings: Settings, database_url: str, proxy: StoreProxy) -> Iterator[RunningApp]:
    with running_app(settings, Backing(database_url, proxy.address)) as server:
        yield server


@pytest.fixture(scope="module")
def api(server: RunningApp) -> Api:
    return server.as_new_key(Role.ADMIN)


@pytest.fixture(autouse=True)
def as_before(proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that works, and no pauses between tries."""

    async def no_pause(self: object, seconds: float) -> None:
        pass

    monkeypatch.setattr(Sync, "sleep", no_pause)
    monkeypatch.setattr(Async, "sleep", no_pause)
    proxy.behave, proxy.cuts = as_it_is, lambda method, target: None
    proxy.seen.clear()


@pytest.fixture(params=["sync", "async"])
def client(api: Api, request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "sync":
        with Client(api.url, str(api.key)) as client:
            yield client
    else:
        with asyncio.Runner() as runner:
            client = Awaited(AsyncClient(api.url, str(api.key)), runner)
            yield client
            client.close()


@pytest.fixture
def one_client(api: Api) -> Iterator[Client]:
    with Client(api.url, str(api.key), attempts=2) as client:
        yield client


@pytest.fixture
def world(api: Api) -> World:
    return World.made(api)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Three parts, the last one short."""
    path = tmp_path / "chart.tiff"
    path.write_bytes(os.urandom(2 * PART + 17))
    return path


def send(client: Any, world: World, path: Path, **given: Any) -> UploadedFile:
    sent: UploadedFile = client.assets.upload(
        path, world_id=UUID(world.id), asset_type=AssetTypeEnum.MAP, **IN_PARTS, **given
    )
    return sent


def asset_of(client: Any, world: World, sent: UploadedFile) -> AssetFullResponse:
    asset: AssetFullResponse = client.assets.import_file(
        AssetImport(
            world_id=UUID(world.id),
            type=AssetTypeEnum.MAP,
            storage_key=sent.storage_key,
            format="tiff",
            content_type=sent.content_type,
            size_bytes=sent.size_bytes,
            checksum=sent.checksum,
        )
    )
    return asset


def part_number(target: str) -> int | None:
    numbers = parse_qs(urlsplit(target).query).get("partNumber")
    return int(numbers[0]) if numbers else None


def parts_sent(proxy: StoreProxy) -> list[int]:
    """The numbers of the parts that came whole, each as often as it came."""
    return sorted(number for one in proxy.seen if one.method == "PUT" and (number := part_number(one.target)))


def once(cut: Callable[[str, str], bool], after: int) -> Callable[[str, str], int | None]:
    """Cuts the first connection that it is said to cut."""
    left = [after]
    return lambda method, target: left.pop() if left and cut(method, target) else None


def test_a_large_file_goes_in_parts_and_comes_back_the_same(
    client: Any, world: World, large: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []

    sent = send(client, world, large, on_progress=lambda *done: told.append(done))

    size = large.stat().st_size
    assert (sent.size_bytes, sent.content_type) == (size, "image/tiff")
    assert sent.checksum == hashlib.sha256(large.read_bytes()).hexdigest()
    assert told == sorted(told)
    assert told[-1] == (size, size)
    path = client.assets.download(asset_of(client, world, sent).id, tmp_path / "back")
    assert path.read_bytes() == large.read_bytes()


def test_a_part_whose_connection_is_cut_is_sent_again_alone(
    client: Any, world: World, large: Path, proxy: StoreProxy
) -> None:
    proxy.cuts = once(lambda method, target: part_number(target) == 2, after=MIB)

    sent = send(client, world, large)

    assert parts_sent(proxy) == [1, 2, 3]
    assert asset_of(client, world, sent).checksum == sent.checksum


def test_a_download_whose_connection_is_cut_goes_on_in_the_middle(
    client: Any, world: World, large: Path, proxy: StoreProxy, tmp_path: Path
) -> None:
    asset = asset_of(client, world, send(client, world, large))
    breaks = [MIB, 3 * MIB]
    proxy.seen.clear()

    def cut(asked: Asked, forward: Forward) -> Answer:
        answer = forward()
        if asked.method != "GET" or not breaks:
            return answer
        return replace(answer, body=answer.body[: breaks.pop(0)], promised_bytes=len(answer.body))

    proxy.behave = cut
    path = client.assets.download(asset.id, tmp_path / "back")

    assert path.read_bytes() == large.read_bytes()
    ranges = [asked.headers.get("range") for asked in proxy.seen if asked.method == "GET"]
    assert ranges == [None, f"bytes={MIB}-", f"bytes={4 * MIB}-"]


def test_parts_whose_urls_have_expired_get_fresh_ones(
    one_client: Client, world: World, large: Path, server: RunningApp, proxy: StoreProxy
) -> None:
    """The upload begins two hours ago. That the URLs are out of date, the client sees by its own clock."""
    server.clock.ahead -= timedelta(hours=2)

    def back_to_now(_: UUID) -> None:
        server.clock.ahead += timedelta(hours=2)

    sent = send(one_client, world, large, on_begun=back_to_now)

    assert parts_sent(proxy) == [1, 2, 3]
    assert asset_of(one_client, world, sent).size_bytes == large.stat().st_size


def test_parts_that_the_store_refuses_get_fresh_urls_once(
    one_client: Client, world: World, large: Path, proxy: StoreProxy
) -> None:
    """Its clock is ahead of ours: what it says counts."""
    refused: set[int] = set()

    def refuse_at_first(asked: Asked, forward: Forward) -> Answer:
        number = part_number(asked.target)
        if number is None or number in refused:
            return forward()
        refused.add(number)
        return Answer(403)

    proxy.behave = refuse_at_first
    assert send(one_client, world, large).size_bytes == large.stat().st_size

    proxy.behave = lambda asked, forward: Answer(403) if asked.method == "PUT" else forward()
    with pytest.raises(TransferError, match="HTTP 403"):
        send(one_client, world, large)


def test_what_does_not_get_through_is_given_up_unless_somebody_knows_its_id(
    client: Any, world: World, large: Path, proxy: StoreProxy
) -> None:
    begun: list[UUID] = []
    proxy.behave = lambda asked, forward: Answer(404) if part_number(asked.target) == 3 else forward()

    with pytest.raises(TransferError, match="part 3 of the upload") as failed:
        send(client, world, large, parts_at_once=1)
    assert failed.value.upload_id is not None
    with pytest.raises(UploadMismatchError) as gone:
        client.assets.parts(failed.value.upload_id)
    assert gone.value.code == "upload_abandoned"

    with pytest.raises(TransferError):
        send(client, world, large, on_begun=begun.append, parts_at_once=1)
    assert client.assets.parts(begun[0]).missing_part_numbers == [3]

    proxy.behave = as_it_is
    proxy.seen.clear()
    told: list[int] = []
    sent = send(client, world, large, resume=begun[0], on_progress=lambda done, total: told.append(done))
    assert parts_sent(proxy) == [3]
    assert told[0] > 2 * PART
    assert send(client, world, large, resume=begun[0]) == sent
    assert asset_of(client, world, sent).size_bytes == large.stat().st_size


def test_a_failed_part_stops_the_others(one_client: Client, world: World, tmp_path: Path, proxy: StoreProxy) -> None:
    path = tmp_path / "chart.tiff"
    path.write_bytes(bytes(8 * PART))
    proxy.behave = lambda asked, forward: Answer(404) if part_number(asked.target) == 1 else forward()

    with pytest.raises(TransferError, match="part 1"):
        send(one_client, world, path, parts_at_once=2)

    assert len(parts_sent(proxy)) < 8


UPLOADING = """
import sys
from uuid import UUID
from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.sdk import Client

url, key, path, world, part = sys.argv[1:]
with Client(url, key) as client:
    client.assets.upload(
        path, world_id=UUID(world), asset_type=AssetTypeEnum.MAP, parts_above=int(part), part_size_bytes=int(part),
        parts_at_once=1, on_begun=lambda upload_id: print(upload_id, flush=True),
    )
"""


def test_what_a_killed_process_began_another_finishes(
    one_client: Client, world: World, large: Path, proxy: StoreProxy
) -> None:
    killed = threading.Event()

    def wait_for_the_kill(asked: Asked, forward: Forward) -> Answer | None:
        if part_number(asked.target) != 2 or killed.is_set():
            return forward()
        killed.wait(30)
        return None

    proxy.behave = wait_for_the_kill
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOADING, one_client.url, str(world.api.key), large, world.id, str(PART)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    upload_id = UUID(process.stdout.readline().strip())
    until(lambda: parts_sent(proxy) == [1, 2])
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    killed.set()
    proxy.seen.clear()

    sent = send(one_client, world, large, resume=upload_id)

    assert parts_sent(proxy) == [2, 3]
    assert asset_of(one_client, world, sent).checksum == hashlib.sha256(large.read_bytes()).hexdigest()


def test_another_file_is_not_taken_for_the_one_that_was_begun(
    one_client: Client, world: World, other_world: World, large: Path, proxy: StoreProxy
) -> None:
    begun: list[UUID] = []
    proxy.behave = lambda asked, forward: Answer(404) if asked.method == "PUT" else forward()
    with pytest.raises(TransferError):
        send(one_client, world, large, on_begun=begun.append)
    content = large.read_bytes()
    proxy.seen.clear()

    for other in (content[:-1], content[:-1] + b"?"):
        large.write_bytes(other)
        with pytest.raises(FileChangedError, match=re.escape(f"is not the file that upload {begun[0]} was begun with")):
            send(one_client, world, large, resume=begun[0])
    large.write_bytes(content)
    with pytest.raises(TransferError, match="another world"):
        send(one_client, other_world, large, resume=begun[0])
    assert not parts_sent(proxy)


def test_a_file_that_changes_between_its_parts_is_noticed(
    one_client: Client, world: World, large: Path, proxy: StoreProxy
) -> None:
    def change(_: UUID) -> None:
        with large.open("r+b") as file:
            file.seek(PART + 3)
            file.write(b"?")

    with pytest.raises(FileChangedError) as noticed:
        send(one_client, world, large, on_begun=change, parts_at_once=1)

    assert parts_sent(proxy) == [1]
    assert one_client.assets.parts(noticed.value.upload_id).missing_part_numbers == [2, 3]


async def test_an_upload_that_is_cancelled_is_given_up(
    api: Api, world: World, large: Path, proxy: StoreProxy, database: psycopg.Connection[Any]
) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold_the_second(asked: Asked, forward: Forward) -> Answer:
        if part_number(asked.target) == 2:
            arrived.set()
            go_on.wait(30)
        return forward()

    proxy.behave = hold_the_second
    async with AsyncClient(api.url, str(api.key)) as client:
        where = {"world_id": UUID(world.id), "asset_type": AssetTypeEnum.MAP}
        upload = asyncio.create_task(client.assets.upload(large, **where, **IN_PARTS))
        await asyncio.to_thread(arrived.wait, 30)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        go_on.set()

    uploads = database.execute("SELECT state FROM upload WHERE world_id = %s", [world.id]).fetchall()
    assert uploads == [{"state": "ABANDONED"}]
