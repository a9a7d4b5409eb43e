"""The typeset book: what it says, that it gives back the text, that nothing in the lore can break it."""

import hashlib
import re
import time
from pathlib import Path

import pytest
from pypdf import PdfReader
from test_generators_lore import (
    HOSTILE,
    VERSE,
    Context,
    checksum_in_another_process,
    chunk,
    claim,
    digest,
    entity,
    job,
    make,
    uid,
)

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.generators import HANDLERS
from lorekeeper.sdk.handling import JobError

RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627"
BEOWULF = Path(__file__).resolve().parents[3] / "shared" / "data" / "beowulf-hall.txt"


def read(path: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


def full_lore() -> dict[str, list]:
    return {
        "entities": [entity("Beowulf", summary="A prince."), entity("Heorot", "LOCATION")],
        "claims": [claim("Beowulf", "slew", "Grendel"), claim("Scyld", "came from", "the sea", "APOCRYPHAL", 0.35)],
        "source_chunks": [chunk(0, VERSE)],
    }


def test_a_book_cites_every_piece_of_lore_by_id(tmp_path: Path) -> None:
    prompt = {"title": "The Life of Scyld", "subtitle": "A canto", "author": "J. L. Hall"}
    lore = full_lore()
    made_from = job(AssetTypeEnum.PDF, prompt, **lore)
    context = Context(tmp_path)
    made = HANDLERS[AssetTypeEnum.PDF](made_from, context)
    reader = PdfReader(made.path)
    text = read(made.path)
    for piece in (*lore["entities"], *lore["claims"], *lore["source_chunks"]):
        assert str(piece.id) in text
        assert piece.content_hash[:16] in text
    for words in (
        "The Life of Scyld",
        "A canto",
        "J. L. Hall",
        "Beowulf — slew — Grendel",
        "confidence 0.35",
        "version 3",
    ):
        assert words in text
    assert made_from.input_hash[:32] in text
    assert made_from.input_hash[32:] in text
    assert reader.metadata is not None
    assert reader.metadata.title == "The Life of Scyld"
    assert "/CreationDate" not in reader.metadata
    assert made.metadata == {"page_count": len(reader.pages), "title": "The Life of Scyld", "page_size": "a5"}
    assert (made.format, made.content_type) == ("pdf", "application/pdf")
    assert context.told == sorted(context.told)
    assert context.told[-1] == 100


def test_lines_of_verse_come_out_as_they_were(tmp_path: Path) -> None:
    text = read(make(job(AssetTypeEnum.PDF, source_chunks=[chunk(0, VERSE)]), tmp_path).path)
    for line in VERSE.splitlines():
        assert line in text


@pytest.mark.skipif(not BEOWULF.exists(), reason=f"needs {BEOWULF}")
def test_the_first_canto_comes_out_line_by_line(tmp_path: Path) -> None:
    lines = BEOWULF.read_text(encoding="utf-8").splitlines()
    start = lines.index("THE LIFE AND DEATH OF SCYLD.") - 2
    canto = "\n".join(lines[start : lines.index("II.", start)])
    chunks = [chunk(index, part) for index, part in enumerate(re.split(r"\n\n(?=\{)", canto))]
    text = read(make(job(AssetTypeEnum.PDF, source_chunks=chunks), tmp_path).path)
    assert [line for line in canto.splitlines() if line not in text] == []


@pytest.mark.skipif(not BEOWULF.exists(), reason=f"needs {BEOWULF}")
def test_the_whole_of_beowulf_is_set_in_seconds(tmp_path: Path) -> None:
    parts = BEOWULF.read_text(encoding="utf-8").split("\n\n")
    chunks = [chunk(index, "\n\n".join(parts[index * 4 : index * 4 + 4])) for index in range(400)]
    started = time.monotonic()
    made = make(job(AssetTypeEnum.PDF, source_chunks=chunks), tmp_path)
    assert time.monotonic() - started < 25
    assert made.metadata["page_count"] > 100


def test_the_same_job_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    made_from = job(AssetTypeEnum.PDF, {"title": "Twice"}, **full_lore())
    here = hashlib.sha256(make(made_from, tmp_path).path.read_bytes()).hexdigest()
    assert checksum_in_another_process(made_from, tmp_path) == here


@pytest.mark.parametrize("page_size", ["a5", "us-business-card", "presentation-16-9"])
def test_hostile_lore_is_shown_as_text(page_size: str, tmp_path: Path) -> None:
    made_from = job(
        AssetTypeEnum.PDF,
        {
            "title": HOSTILE,
            "subtitle": HOSTILE,
            "author": '"#x',
            "description": HOSTILE,
            "page_size": page_size,
            "more": [1],
        },
        world=HOSTILE,
        entities=[entity(HOSTILE, "OTHER", HOSTILE), entity("محمد"), entity("日本" * 40)],
        claims=[claim(HOSTILE, "$", "é" * 300)],
        source_chunks=[
            chunk(0, f"{HOSTILE}\n{'W' * 3000}\n\n{RIGHT_TO_LEFT}", HOSTILE, source=']#eval("1")'),
            chunk(1, "\n \n", source=HOSTILE),
            chunk(2, "word " * 500),
        ],
    )
    text = read(make(made_from, tmp_path).path)
    assert '#panic("x")' in text


def test_only_one_kind_of_lore_is_enough(tmp_path: Path) -> None:
    for number, (kind, pieces) in enumerate(full_lore().items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert make(job(AssetTypeEnum.PDF, **{kind: pieces}), folder).metadata["page_count"] >= 4


@pytest.mark.parametrize(("name", "width"), [("a4", 595.3), ("A5", 419.5), ("letter", 612.0), ("us-trade", 432.0)])
def test_page_size_is_honoured(name: str, width: float, tmp_path: Path) -> None:
    made = make(job(AssetTypeEnum.PDF, {"page_size": name}, claims=[claim("a", "b", "c")]), tmp_path)
    assert all(abs(float(page.mediabox.width) - width) < 0.2 for page in PdfReader(made.path).pages)


@pytest.mark.parametrize("name", ["papyrus", '"#x', "a4)"])
def test_unknown_page_size_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="Unknown page size") as refused:
        make(job(AssetTypeEnum.PDF, {"page_size": name}, claims=[claim("a", "b", "c")]), tmp_path)
    assert refused.value.code == "unknown_page_size"


def test_chunks_stand_in_the_order_of_their_source(tmp_path: Path) -> None:
    chunks = [
        chunk(2, "third words"),
        chunk(0, "first words"),
        chunk(0, "of another", source="Other"),
        chunk(1, "second words"),
    ]
    text = read(make(job(AssetTypeEnum.PDF, source_chunks=chunks), tmp_path).path)
    places = [text.index(words) for words in ("first words", "second words", "third words", "of another")]
    assert places == sorted(places)
    assert str(uid("Other0")) in text
    assert digest("Other0")[:16] in text
