"""Files that both clients move, against a little server that misbehaves on purpose."""

import errno
import hashlib
import io
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from harness.misbehaving import Reply

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.sdk import (
    FileChangedError,
    IntegrityError,
    TransferError,
    newfile,
    workfolder,
)

CONTENT = b"the harbour stays open\n" * 1000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


def download_url(server):
    found = {
        "asset_id": str(uuid4()),
        "url": f"{server.url}/bucket/key?X-Amz-Signature={len(server.asked)}",
        "filename": "a.txt",
        "content_type": "text/plain",
        "size_bytes": len(CONTENT),
        "checksum": CHECKSUM,
        "expires_at": "2099-01-01T00:00:00Z",
    }
    return Reply(200, found)


def upload_url(server, expires_at="2099-01-01T00:00:00Z"):
    place = {
        "upload_id": str(uuid4()),
        "storage_key": f"w/IMAGE/{uuid4()}",
        "url": f"{server.url}/bucket/key?X-Amz-Signature=1",
        "headers": {"Content-Type": "text/plain", "If-None-Match": "*"},
        "expires_at": expires_at,
    }
    return Reply(200, place)


def the_rest_from(start):
    return Reply(206, CONTENT[start:], {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"})


def stored(server):
    return [asked for asked in server.asked if asked.path.startswith("/bucket")]


def test_a_download_that_breaks_off_goes_on_where_it_ended(server, client, tmp_path):
    server.replies = [download_url(server), Reply(200, CONTENT, cut_after=100), Reply(500, b""), the_rest_from(100)]
    seen = []
    path = client.assets.download(uuid4(), tmp_path / "sub" / "a.txt", on_progress=lambda *done: seen.append(done))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]
    assert [asked.headers.get("Range") for asked in stored(server)] == [None, "bytes=100-", "bytes=100-"]
    assert all("Authorization" not in asked.headers for asked in stored(server))


def test_a_store_without_ranges_sends_the_file_anew(server, client, tmp_path):
    server.replies = [download_url(server), Reply(200, CONTENT, cut_after=9), Reply(200, CONTENT)]
    assert client.assets.download(uuid4(), tmp_path / "a.txt").read_bytes() == CONTENT


def test_each_connection_that_brings_something_has_its_own_tries(server, client, tmp_path):
    """More breaks than tries, and the file comes all the same."""
    cuts = [replace(the_rest_from(start), cut_after=10) for start in range(10, 100, 10)]
    server.replies = [download_url(server), Reply(200, CONTENT, cut_after=10), *cuts, the_rest_from(100)]
    assert client.assets.download(uuid4(), tmp_path / "a.txt").read_bytes() == CONTENT


def test_a_download_whose_url_expired_goes_on_with_another(server, client, tmp_path):
    server.replies = [
        download_url(server),
        Reply(200, CONTENT, cut_after=100),
        Reply(403, b"expired"),
        download_url(server),
        the_rest_from(100),
    ]
    assert client.assets.download(uuid4(), tmp_path / "a.txt").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "reply",
    [
        Reply(206, CONTENT, {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}),
        Reply(206, CONTENT[100:]),
        Reply(416, b""),
    ],
    ids=["another range", "which range", "none"],
)
def test_what_is_not_the_rest_is_not_taken_for_it(server, client, tmp_path, reply):
    server.replies = [download_url(server), Reply(200, CONTENT, cut_after=100), reply]
    with pytest.raises(TransferError):
        client.assets.download(uuid4(), tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "body", [CONTENT[:-1], CONTENT + b"!", CONTENT.replace(b"open", b"shut")], ids=["shorter", "longer", "other"]
)
def test_a_file_that_is_not_the_one_on_record_is_not_kept(server, client, tmp_path, body):
    before = tmp_path / "a.txt"
    before.write_text("what was there")
    server.replies = [download_url(server), Reply(200, body)]
    with pytest.raises(IntegrityError, match="not the one on record"):
        client.assets.download(uuid4(), before)
    assert before.read_text() == "what was there"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_a_download_refused_with_a_fresh_url_too_is_not_repeated(server, client, tmp_path):
    server.replies = [download_url(server), Reply(403, b"no"), download_url(server), Reply(403, b"no")]
    with pytest.raises(TransferError) as caught:
        client.assets.download(uuid4(), tmp_path / "a.txt")
    assert caught.value.status == 403
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("..", None),
        ("", None),
        ("../../a.txt", "a.txt"),
        ("..\\..\\a.txt", "a.txt"),
        ("潮" * 84, "潮" * 84),  # 252 of the 255 bytes that a name may have
    ],
    ids=["above", "none", "elsewhere", "elsewhere on Windows", "long"],
)
def test_a_name_the_server_gives_stays_in_the_folder(server, client, tmp_path, given, kept):
    url = download_url(server)
    url.body["filename"] = given
    server.replies = [url, Reply(200, CONTENT)]
    folder = tmp_path / "folder"
    folder.mkdir()
    path = client.assets.download(uuid4(), folder)
    assert path == folder / (kept or url.body["asset_id"])
    assert [file.name for file in folder.iterdir()] == [path.name]
    assert path.read_bytes() == CONTENT


def test_what_the_progress_callback_raises_ends_the_download(server, client, tmp_path):
    def enough(done, total):
        raise KeyError("enough")

    server.replies = [download_url(server), Reply(200, CONTENT)]
    with pytest.raises(KeyError, match="enough"):
        client.assets.download(uuid4(), tmp_path / "a.txt", on_progress=enough)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def send(client, tmp_path):
    """Sends a small file; the answer is what the SDK says of it."""
    path = tmp_path / "a.txt"
    path.write_bytes(CONTENT)
    return lambda file=path, **given: client.assets.upload(
        file, world_id=uuid4(), asset_type=AssetTypeEnum.IMAGE, **given
    )


def test_an_upload_sends_the_declared_headers_and_the_whole_file(server, send):
    server.replies = [upload_url(server), Reply(503, b""), Reply(200, b"")]
    sent = send()
    declared, asked = json.loads(server.asked[0].body), server.asked[-1]
    assert (asked.method, asked.body, asked.headers["If-None-Match"]) == ("PUT", CONTENT, "*")
    assert asked.headers["Content-Length"] == str(len(CONTENT))
    assert "Transfer-Encoding" not in asked.headers
    assert (sent.size_bytes, sent.checksum, sent.content_type) == (len(CONTENT), CHECKSUM, "text/plain")
    assert (declared["size_bytes"], declared["checksum"], declared["filename"]) == (len(CONTENT), CHECKSUM, "a.txt")


def test_an_upload_whose_answer_was_lost_is_there(server, send):
    server.replies = [upload_url(server), Reply(hang_up=True), Reply(412, b"")]
    send()
    assert len(server.asked) == 3


@pytest.mark.parametrize("old", ["2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"], ids=["by the store", "by the clock"])
def test_an_upload_whose_url_expired_goes_to_another_place(server, send, old):
    fresh = upload_url(server)
    refused = [Reply(403, b"expired")] if old.startswith("2099") else []
    server.replies = [upload_url(server, old), *refused, fresh, Reply(200, b"")]
    assert send().storage_key == fresh.body["storage_key"]


def test_a_refused_upload_says_so(server, send):
    server.replies = [upload_url(server), Reply(403, b""), upload_url(server), Reply(403, b"")]
    with pytest.raises(TransferError, match="HTTP 403"):
        send()


def test_a_file_object_is_sent_from_its_beginning_and_stays_open(server, send):
    file = io.BytesIO(CONTENT)
    file.seek(7)
    server.replies = [upload_url(server), Reply(200, b"")]
    assert send(file, filename="song.mp3").content_type == "audio/mpeg"
    assert server.asked[-1].body == CONTENT
    assert not file.closed


def test_what_cannot_be_sent_is_told_before_anything_is_asked(server, send, tmp_path):
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(TransferError, match=r"empty\.png is empty"):
        send(empty)
    with pytest.raises(TransferError, match="give filename"):
        send(io.BytesIO(CONTENT))
    with os.fdopen(os.pipe()[0], "rb") as pipe, pytest.raises(TransferError, match="cannot be read twice"):
        send(pipe, filename="a.txt")
    with pytest.raises(FileNotFoundError):
        send(tmp_path / "nowhere.png")
    assert not server.asked


@pytest.mark.parametrize("change", ["other", "shorter", "longer"])
def test_a_file_that_changes_while_it_is_sent_never_arrives_whole(server, send, tmp_path, change):
    path = tmp_path / "a.txt"

    def change_it(server_side):
        now = {"other": b"x" + CONTENT[1:], "shorter": CONTENT[:-1], "longer": CONTENT + b"!"}[change]
        path.write_bytes(now)
        return upload_url(server)

    server.replies = [change_it, Reply(200, b"")]
    with pytest.raises(FileChangedError, match=r"a\.txt changed"):
        send()
    assert not [asked for asked in stored(server) if len(asked.body) == len(CONTENT)]


def test_what_a_dead_worker_left_is_removed_and_what_a_living_one_holds_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = Path(tempfile.mkdtemp(prefix=workfolder.PREFIX))
    (left / "film.mp4").write_bytes(CONTENT)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{workfolder.PREFIX}link").symlink_to(tmp_path / "elsewhere")
    with workfolder.work_folder() as held:
        assert workfolder.remove_abandoned() == 1
        assert held.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", f"{workfolder.PREFIX}link"]


def test_a_disk_that_is_full_is_told_of_the_file_that_was_asked_for(tmp_path):
    def fill():
        with newfile.new_file_beside(tmp_path / "film.mp4"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"film\.mp4"):
        fill()
    assert list(tmp_path.iterdir()) == []
