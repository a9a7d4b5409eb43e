"""Storage keys and file names: `world_id/asset_type/timestamp_filename`."""

import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.storage.keys import LONGEST_NAME, safe_filename, storage_key

WORLD = UUID("019a0000-0000-7000-8000-000000000001")
NOW = datetime(2026, 11, 22, 6, 4, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        ("plate.png", "plate.png"),
        ("Die Hälle.PNG", "Die-Halle.PNG"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\film.mp4", "film.mp4"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("日本.png", "file.png"),
        ("日本", "file"),
        ("", "file"),
        ("...", "file"),
        (".env", "file.env"),
        ("-rf.png", "rf.png"),
        ('a"; rm -rf b.png', "a-rm-rf-b.png"),
        ("line\r\nbreak.png", "linebreak.png"),
        ("no extension", "no-extension"),
        ("a." + "b" * 40, "a." + "b" * 16),
    ],
)
def test_a_file_name_is_made_safe(filename: str, safe: str) -> None:
    assert safe_filename(filename) == safe


@given(st.text(max_size=400))
@example("con.txt")
@example("a" * 500 + ".png")
@example(". .")
def test_any_text_becomes_a_safe_name(text: str) -> None:
    name = safe_filename(text)

    assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
    assert len(name) <= LONGEST_NAME
    assert name[0] not in ".-"
    assert safe_filename(name) == name, "what is safe is left as it is"


def test_a_key_tells_world_type_time_and_name() -> None:
    key = storage_key(WORLD, AssetTypeEnum.MAP, "the coast.png", NOW)

    assert key == f"{WORLD}/MAP/20261122T060400123456Z_the-coast.png"


def test_the_time_is_in_utc_and_to_the_microsecond() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=9)))

    assert storage_key(WORLD, AssetTypeEnum.PDF, "a", east) == storage_key(WORLD, AssetTypeEnum.PDF, "a", NOW)
    later = NOW + timedelta(microseconds=1)
    assert storage_key(WORLD, AssetTypeEnum.PDF, "a", later) > storage_key(WORLD, AssetTypeEnum.PDF, "a", NOW)
