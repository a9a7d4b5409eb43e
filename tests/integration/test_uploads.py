"""Presigned URLs: what the store itself refuses, and what it gives back."""

import re
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from factories.jobs import File, finished_job, issued, put, store, uploaded
from factories.lore import Made, World
from harness.wire import Api

from lorekeeper.settings import Settings

ASSETS = "/assets/assets"


def download(world: World, asset: Made, body: Made | None = None) -> Made:
    return world.api.post(f"{ASSETS}/{asset['id']}/presign-download", body)


HEADER = re.compile(
    r"(?P<disposition>attachment|inline); filename=\"(?P<plain>[ !#-\[\]-~]*)\""
    r"(; filename\*=UTF-8''(?P<encoded>([A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+))?"
)
"""As RFC 6266 has it: a quoted string of ASCII in which nothing need be escaped, and an ext-value of RFC 8187."""


def parsed(header: str) -> tuple[str, str]:
    """Disposition and file name; where there are two, the one that RFC 6266 section 4.3 prefers."""
    found = HEADER.fullmatch(header)
    assert found, header
    return found["disposition"], unquote(found["encoded"], errors="strict") if found["encoded"] else found["plain"]


class TestUpload:
    def test_goes_to_a_key_of_its_world_and_type(self, world: World) -> None:
        upload = issued(world, File(filename="Ünsafe name/../of a *plate*.PNG"), asset_type="MAP")

        pattern = rf"{world.id}/MAP/[0-9]{{8}}T[0-9]{{12}}Z_of-a-plate-?\.PNG"
        assert re.fullmatch(pattern, upload["storage_key"]), upload["storage_key"]
        assert upload["method"] == "PUT"
        assert upload["expires_at"]

    def test_of_the_same_name_twice_goes_to_two_places(self, world: World) -> None:
        assert issued(world, File())["storage_key"] != issued(world, File())["storage_key"]

    def test_is_good_for_as_long_as_the_settings_say(self, world: World, settings: Settings) -> None:
        (seconds,) = parse_qs(urlsplit(issued(world, File())["url"]).query)["X-Amz-Expires"]

        assert int(seconds) == settings.s3_presigned_url_expiry_seconds

    def test_of_what_was_declared_is_taken_once(self, world: World) -> None:
        file = File()
        upload = issued(world, file, size_bytes=len(file.data), checksum=file.checksum)

        assert put(upload, file.data).status_code == 200
        assert put(upload, file.data).status_code == 412
        assert put(upload, File().data).status_code >= 400

    def test_of_another_type_is_refused(self, world: World) -> None:
        upload = issued(world, File())

        assert put(upload, b"x", **{"Content-Type": "text/html"}).status_code == 403

    def test_of_other_bytes_than_declared_is_refused(self, world: World) -> None:
        file = File()
        upload = issued(world, file, checksum=file.checksum)

        assert put(upload, b"other" + file.data).status_code == 400
        assert put(upload, file.data).status_code == 200, "and the right bytes are still taken"

    def test_of_another_size_than_declared_is_refused(self, world: World) -> None:
        file = File()
        upload = issued(world, file, size_bytes=len(file.data))

        assert put(upload, file.data[:-1], **{"Content-Length": str(len(file.data) - 1)}).status_code == 403
        assert put(upload, file.data).status_code == 200, "and the right one is still taken"

    def test_that_leaves_out_a_header_is_refused(self, world: World) -> None:
        file = File()
        upload = issued(world, file, checksum=file.checksum)

        for name in upload["headers"]:
            headers = {key: value for key, value in upload["headers"].items() if key != name}
            assert store.put(upload["url"], content=file.data, headers=headers).status_code == 403, name

    def test_to_another_key_than_was_signed_is_refused(self, world: World) -> None:
        upload = issued(world, File())
        moved = upload | {"url": upload["url"].replace("plate.png", "other.png")}

        assert put(moved, b"x").status_code == 403

    def test_is_written_down_before_it_is_handed_out(self, world: World, database: psycopg.Connection[Made]) -> None:
        upload = issued(world, File(), size_bytes=7)

        row = database.execute("SELECT * FROM upload WHERE id = %s", [upload["upload_id"]]).fetchone()

        assert row is not None
        assert (row["storage_key"], row["state"], row["size_bytes"]) == (upload["storage_key"], "PENDING", 7)
        assert row["created_by"] == world.api.key_id

    @pytest.mark.parametrize(
        "fields",
        [
            {"filename": ""},
            {"filename": "nul\x00"},
            {"content_type": "png"},
            {"content_type": "image/png\r\nX-Evil: 1"},
            {"size_bytes": 0},
            {"size_bytes": 5 * 1024**3 + 1},
            {"checksum": "abc"},
            {"asset_type": "SMELL"},
        ],
    )
    def test_that_cannot_be_is_refused(self, world: World, fields: Made) -> None:
        body = {"world_id": world.id, "asset_type": "IMAGE", "filename": "a.png", "content_type": "image/png", **fields}

        world.api.refused(422, "validation_failed", "POST", f"{ASSETS}/presign-upload", body)

    def test_that_is_too_large_for_one_put_is_told_of_the_other_way(self, world: World) -> None:
        body = {"world_id": world.id, "asset_type": "VIDEO", "filename": "a.mp4", "content_type": "video/mp4"}

        told = world.api.refused(
            422, "validation_failed", "POST", f"{ASSETS}/presign-upload", body | {"size_bytes": 5 * 1024**3 + 1}
        )

        assert told["errors"][0]["field"] == "body.size_bytes"
        assert "5 GiB" in told["detail"]
        assert "/assets/assets/multipart-upload" in told["detail"]
        assert world.api.post(f"{ASSETS}/presign-upload", body | {"size_bytes": 5 * 1024**3})["url"]

    def test_to_no_world_is_refused(self, admin: Api) -> None:
        body = {"world_id": str(uuid4()), "asset_type": "IMAGE", "filename": "a", "content_type": "a/b"}

        admin.refused(404, "world_not_found", "POST", f"{ASSETS}/presign-upload", body)


class TestDownload:
    @pytest.mark.parametrize(
        ("filename", "disposition"),
        [
            ("plate.png", 'filename="plate.png"'),
            ("Old map (2).png", 'filename="Old map (2).png"'),
            ("Grímnir saga.pdf", "filename=\"Grimnir saga.pdf\"; filename*=UTF-8''Gr%C3%ADmnir%20saga.pdf"),
            ("日本.png", "filename=\"file.png\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.png"),
            ("100%;'x*.png", "filename=\"100__'x*.png\"; filename*=UTF-8''100%25%3B%27x%2A.png"),
        ],
    )
    def test_gives_the_bytes_under_the_name_they_came_with(self, world: World, filename: str, disposition: str) -> None:
        file = File(filename=filename)
        asset = finished_job(world, file)["asset"]

        told = download(world, asset)
        answer = store.get(told["url"])

        assert answer.content == file.data
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["content-disposition"] == f"attachment; {disposition}"
        assert parsed(answer.headers["content-disposition"]) == ("attachment", filename)
        assert {name: told[name] for name in ("asset_id", "filename", "content_type", "size_bytes", "checksum")} == {
            "asset_id": asset["id"],
            "filename": filename,
            "content_type": "image/png",
            "size_bytes": len(file.data),
            "checksum": file.checksum,
        }

    @pytest.mark.parametrize("body", [None, {}, {"disposition": "attachment"}])
    def test_is_saved_to_a_file_unless_asked_otherwise(self, world: World, body: Made | None) -> None:
        told = download(world, finished_job(world)["asset"], body)

        assert store.get(told["url"]).headers["content-disposition"] == 'attachment; filename="plate.png"'

    def test_is_shown_in_place_or_saved_under_another_name_where_that_is_asked_for(self, world: World) -> None:
        asset = finished_job(world)["asset"]

        told = download(world, asset, {"disposition": "inline", "filename": "Die Hälle.png"})

        assert told["filename"] == "Die Hälle.png"
        assert parsed(store.get(told["url"]).headers["content-disposition"]) == ("inline", "Die Hälle.png")

    @pytest.mark.parametrize("way", ["uploaded under", "asked for"])
    @pytest.mark.parametrize(
        ("filename", "saved_as"),
        [
            ('a"; filename="evil.exe', 'a"; filename="evil.exe'),
            ("a\r\nSet-Cookie: b=c\r\n\r\n<html>.png", "aSet-Cookie: b=c<html>.png"),
            ("a\u2028b\x85.png", "ab.png"),
            ("gnp.\u202eexe", "gnp.exe"),
            ("a\\", "file"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("..", "file"),
            (".bashrc", "bashrc"),
            ("UTF-8''%0d%0aX: y", "UTF-8''%0d%0aX: y"),
        ],
    )
    def test_lets_no_file_name_out_of_its_place(self, world: World, way: str, filename: str, saved_as: str) -> None:
        asset = finished_job(world, File(filename=filename if way == "uploaded under" else "plate.png"))["asset"]

        told = download(world, asset, {"filename": filename} if way == "asked for" else None)
        answer = store.get(told["url"])

        assert told["filename"] == saved_as
        assert answer.status_code == 200
        assert parsed(answer.headers["content-disposition"]) == ("attachment", saved_as)
        assert not {"set-cookie", "x"} & set(answer.headers)

    def test_under_a_long_name_keeps_its_ending(self, world: World) -> None:
        asset = finished_job(world, File(filename="ü" * 490 + ".png"))["asset"]

        told = download(world, asset)

        assert told["filename"] == "ü" * 125 + ".png", "255 bytes is as long as a file's name may be"
        assert parsed(store.get(told["url"]).headers["content-disposition"])[1] == told["filename"]

    @pytest.mark.parametrize(
        "body",
        [{"disposition": "form-data"}, {"filename": ""}, {"filename": "a\x00"}, {"filename": "a" * 256}, {"name": "a"}],
    )
    def test_in_a_way_that_there_is_not_is_refused(self, world: World, body: Made) -> None:
        asset = finished_job(world)["asset"]

        world.api.refused(422, "validation_failed", "POST", f"{ASSETS}/{asset['id']}/presign-download", body)

    def test_gives_a_part_where_a_part_is_asked_for(self, world: World) -> None:
        file = File()
        told = download(world, finished_job(world, file)["asset"])

        answer = store.get(told["url"], headers={"Range": "bytes=10-19"})
        tail = store.get(told["url"], headers={"Range": "bytes=-5"})

        assert (answer.status_code, answer.content) == (206, file.data[10:20])
        assert answer.headers["content-range"] == f"bytes 10-19/{len(file.data)}"
        assert (tail.status_code, tail.content) == (206, file.data[-5:])
        assert store.get(told["url"], headers={"Range": "bytes=5000-"}).status_code == 416

    def test_url_is_of_that_file_alone(self, world: World) -> None:
        one, two = (finished_job(world, File())["asset"] for _ in range(2))
        url = download(world, one)["url"].replace(one["storage_key"], two["storage_key"])

        assert store.get(url).status_code == 403

    def test_of_a_deleted_asset_is_gone(self, world: World, database: psycopg.Connection[Made]) -> None:
        asset = finished_job(world)["asset"]
        database.execute("UPDATE asset SET status = 'DELETED', deleted_at = now() WHERE id = %s", [asset["id"]])

        world.api.refused(410, "asset_gone", "POST", f"{ASSETS}/{asset['id']}/presign-download")

        assert world.api.get(f"{ASSETS}/{asset['id']}")["derivations"], "its provenance is still to be read"

    @pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("POST", "/presign-download")])
    def test_of_what_is_not_there_is_not_found(self, admin: Api, method: str, suffix: str) -> None:
        admin.refused(404, "not_found", method, f"{ASSETS}/{uuid4()}{suffix}")


def test_the_store_gives_nothing_without_a_signature(world: World) -> None:
    upload = issued(world, File())
    url = upload["url"].partition("?")[0]

    assert store.get(url).status_code == 403
    assert httpx.put(url, content=b"x", trust_env=False).status_code == 403
    assert uploaded(world, File())
