"""Cutting a source: what must hold for every text, and how the real one is cut."""

import os
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lorekeeper.lore.chunking import Chunk, cut, iter_cut

DATA = Path(__file__).parents[3] / "shared" / "data"

INK = ["I.", "CHAPTER 4", "# Notes", "## The Ford ##", "THE LONG NIGHT", "{A summary.}", "[xii]", "* * *", "word " * 30]
BLANK = ["", "", "", " \t", "\u3000", "\ufeff"]
LINES = st.sampled_from([*INK, *BLANK, "  A line of verse,", "He said so. And so it was.", "x" * 90, "e\u0301" * 20])
BREAKS = st.sampled_from(["\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\n \n", "\n\n\n\n", " ", "\x0c", "\u2028"])
TEXTS = st.one_of(
    st.lists(st.tuples(LINES, BREAKS), max_size=40).map(lambda parts: "".join(a + b for a, b in parts)),
    st.text(max_size=300),
    st.text(alphabet="aI.# \n\r\t[]{}", max_size=300),
)


def _must_hold(text: str, chunks: list[Chunk], limit: int) -> None:
    position = 0
    for index, chunk in enumerate(chunks):
        assert chunk.index == index
        assert text[chunk.char_start : chunk.char_end] == chunk.content
        assert chunk.content.strip()
        assert chunk.char_start >= position
        assert not text[position : chunk.char_start].strip()
        assert len(chunk.content) <= limit
        position = chunk.char_end
    assert not text[position:].strip()


@example("# Notes\n# Notes\n", 1, 0)
@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(1, 120), st.integers(0, 300))
def test_every_text_comes_back_whole(text: str, target: int, more: int) -> None:
    chunks = cut(text, target=target, limit=target + more)
    _must_hold(text, chunks, target + more)
    assert chunks == list(iter_cut(text, target=target, limit=target + more))


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_every_text_comes_back_whole_at_the_usual_sizes(text: str) -> None:
    _must_hold(text, cut(text), 4000)


PARAGRAPHS = st.lists(
    st.text(alphabet="abcde. ", min_size=1, max_size=200).map(lambda words: f"a{words}b"), min_size=1, max_size=12
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PARAGRAPHS, min_size=3, max_size=5), st.data())
def test_an_edit_moves_no_border_in_another_section(sections: list[list[str]], data: st.DataObject) -> None:
    edited = data.draw(st.integers(0, len(sections) - 1))
    place = data.draw(st.integers(0, len(sections[edited])))
    before = _by_heading(sections)
    sections[edited].insert(place, "a new paragraph, and not a short one")
    after = _by_heading(sections)
    assert [after[name] == before[name] for name in before] == [number != edited for number in range(len(sections))]


def _by_heading(sections: list[list[str]]) -> dict[str, list[str]]:
    text = "\n\n".join(f"## Part {number}\n\n" + "\n\n".join(body) for number, body in enumerate(sections))
    found: dict[str, list[str]] = {f"Part {number}": [] for number in range(len(sections))}
    for chunk in cut(text, target=400, limit=900):
        assert chunk.heading is not None
        found[chunk.heading].append(chunk.content)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\r\n", []),
        ("One.\n\nTwo.\n", [(None, "One.\n\nTwo.")]),
        (
            "I.\n\nTHE FORD.\n\nRain.\n\n\nII.\n\nSun.",
            [("I. The Ford", "I.\n\nTHE FORD.\n\nRain."), ("II", "II.\n\nSun.")],
        ),
        ("# A\nrain\n## B ##\nsun", [("A", "# A\nrain"), ("B", "## B ##\nsun")]),
        ("\ufeff# A\r\nrain", [("A", "\ufeff# A\r\nrain")]),
        ("Title\n=====\n\nrain", [("Title", "Title\n=====\n\nrain")]),
        (
            "CHAPTER 4\n\nThe Departure\n\nHe left.",
            [("Chapter 4. The Departure", "CHAPTER 4\n\nThe Departure\n\nHe left.")],
        ),
        ("Canto III: The Ford\n\nRain.", [("Canto III. The Ford", "Canto III: The Ford\n\nRain.")]),
        ("BOOK TWO\nTHE RETURN\n\nRain.", [("Book Two. The Return", "BOOK TWO\nTHE RETURN\n\nRain.")]),
        ("Chapter 4 was hard.\n\nYes.", [(None, "Chapter 4 was hard.\n\nYes.")]),
        ("Part one. He wept.\n\nYes.", [(None, "Part one. He wept.\n\nYes.")]),
        ("NO!\n\nRain.", [(None, "NO!\n\nRain.")]),
        ("Rain.\n\n" + " " * 50 + "J.L. HALL.", [(None, "Rain.\n\n" + " " * 50 + "J.L. HALL.")]),
        ("Rain.\n\n[7]\n\nII.\n\nSun.", [(None, "Rain."), ("II", "[7]\n\nII.\n\nSun.")]),
        ("THE O'BRIEN PAPERS, VOL. IV\n\nx", [("The O'Brien Papers, Vol. IV", "THE O'BRIEN PAPERS, VOL. IV\n\nx")]),
        ("Rain.\n\n12\n\nstill.\n\n\n\n13\n\nSun.", [(None, "Rain.\n\n12\n\nstill."), ("13", "13\n\nSun.")]),
    ],
)
def test_headings(text: str, expected: list[tuple[str | None, str]]) -> None:
    assert [(chunk.heading, chunk.content) for chunk in cut(text)] == expected


def test_whole_paragraphs_are_packed_up_to_the_target() -> None:
    text = "\n\n".join(f"Paragraph {number} has some forty characters." for number in range(100))
    chunks = cut(text, target=400, limit=1000)
    assert all(130 <= len(chunk.content) <= 400 for chunk in chunks)
    assert all(chunk.content.startswith("Paragraph") and chunk.content.endswith(".") for chunk in chunks)


def test_a_paragraph_up_to_the_limit_stays_whole() -> None:
    text = "Short.\n\n" + "word " * 600 + "end.\n\nShort again."
    assert [len(chunk.content) for chunk in cut(text)] == [6, 3004, 12]


def test_a_marginal_summary_stays_with_its_passage() -> None:
    text = "\n\n".join(f"{{Summary {number}.}}\n\n" + "    a line of verse\n" * 12 for number in range(20))
    assert all(chunk.content.startswith("{") and chunk.content.endswith("verse") for chunk in cut(text, target=700))


def test_scenes_part_at_their_ornament() -> None:
    text = "\n\n".join(["A sentence of the first scene."] * 12 + ["* * *"] + ["One of the second."] * 12)
    assert cut(text, target=500)[0].content.endswith("* * *")


@pytest.mark.parametrize(
    ("piece", "ends"),
    [("a line of verse\n", "verse"), ("It rained. ", "."), ("雨が降った。", "。"), ("word ", "word"), ("x", "x")],
)
def test_a_paragraph_beyond_the_limit_is_cut_at_its_best_borders(piece: str, ends: str) -> None:
    text = piece * (20_000 // len(piece))
    chunks = cut(text)
    _must_hold(text, chunks, 1200)
    assert all(chunk.content.endswith(ends) for chunk in chunks)
    assert min(len(chunk.content) for chunk in chunks[:-1]) >= 600


def test_a_letter_keeps_its_accent() -> None:
    chunks = cut("e\u0301" * 5000, target=99, limit=99)
    assert all(chunk.content[0] == "e" and chunk.content[-1] == "\u0301" for chunk in chunks)


def test_a_heading_far_too_long_is_still_cut() -> None:
    chunks = cut("# " + "very " * 10_000)
    assert len(chunks) > 10
    assert chunks[0].heading is not None
    assert len(chunks[0].heading) <= 200


@pytest.mark.parametrize(("target", "limit"), [(0, 10), (-1, 10), (11, 10)])
def test_sizes_that_make_no_sense_are_refused(target: int, limit: int) -> None:
    with pytest.raises(ValueError, match="target must be"):
        cut("text", target=target, limit=limit)


@pytest.mark.parametrize(
    "piece", ["word ", "x", " ", "\n", "\r\n", "#", "# ", "a\n", "_", "{", ". ", "\n# a", "AB\n\n"]
)
def test_hostile_text_is_cut_in_linear_time(piece: str) -> None:
    small, large = (piece * (size // len(piece)) for size in (50_000, 800_000))
    quick = min(_seconds(lambda: cut(small)) for _ in range(3))
    assert _seconds(lambda: cut(large)) < 16 * 6 * max(quick, 0.001)


def _seconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


# --- the real file ------------------------------------------------------------------------------------------------


def _read(name: str) -> str:
    path = DATA / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is missing, and CI must not skip")
        pytest.skip(f"{path} is not here: the shared data folder was not checked out beside the repository")
    return path.read_bytes().decode("utf-8")


def test_beowulf_is_cut_at_its_cantos() -> None:
    text = _read("beowulf-hall.txt")
    chunks = cut(text)
    _must_hold(text, chunks, 4000)
    headings = list(dict.fromkeys(chunk.heading for chunk in chunks))
    assert len(headings) == 1 + 6 + 43 + 1
    assert headings[:10] == [
        None,
        "Preface",
        "The Story",
        "Abbreviations Used in the Notes",
        "Bibliography of Translations",
        "Glossary of Proper Names",
        "List of Words and Phrases Not in General Use",
        "I. The Life and Death of Scyld",
        "II. Scyld's Successors — Hrothgar's Great Mead-Hall",
        "III. Grendel the Murderer",
    ]
    assert headings[-2:] == ["XLIII. The Burning of Beowulf", "Addenda"]
    assert headings[23] == "XVII. Banquet (continued) — The Scop's Song of Finn and Hnæf"


def test_beowulf_reads_as_a_reader_would_cut_it() -> None:
    chunks = cut(_read("beowulf-hall.txt"))
    lengths = sorted(len(chunk.content) for chunk in chunks)
    assert 700 < sum(lengths) / len(lengths) < 1100
    assert lengths[len(lengths) // 20] > 400
    for chunk, following in pairwise(chunks):
        assert not re.search(r"\n\n(\{[^{}]*\}|\[\w+\])\Z", chunk.content), "a summary or page mark is left behind"
        if chunk.heading == following.heading and following.content.startswith("    [1] "):
            assert "\n    [1]" not in chunk.content
    opening = next(chunk for chunk in chunks if "Lo! the Spear-Danes' glory" in chunk.content)
    assert opening.content.startswith("[1]\n")
    assert opening.content.endswith("After was borne him")


def test_a_new_edition_of_beowulf_keeps_its_chunks() -> None:
    text, later = _read("beowulf-hall.txt"), _read("beowulf-hall-page-marks.txt")
    chunks = cut(later)
    _must_hold(later, chunks, 4000)
    before, after = ([chunk.content for chunk in edition] for edition in (cut(text), chunks))
    assert len(set(before) & set(after)) > 0.99 * max(len(before), len(after))


def test_beowulf_is_cut_in_a_blink() -> None:
    text = _read("beowulf-hall.txt")
    assert min(_seconds(lambda: cut(text)) for _ in range(3)) < 0.5
