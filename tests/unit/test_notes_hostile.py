"""A folder of Markdown notes that is wrong, or means harm: what is refused, in which words, and how soon."""

import os
import re
import time
from pathlib import Path

import pytest
from factories.notes import Folder
from hypothesis import given
from hypothesis import strategies as st

from lorekeeper.cli.notes import building
from lorekeeper.cli.notes.building import NotesError
from lorekeeper.cli.notes.folder import MAX_NOTE_BYTES, NoteError, list_folder
from lorekeeper.cli.notes.frontmatter import part
from lorekeeper.cli.notes.lookup import Lookup
from lorekeeper.cli.notes.markdown import read_body


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"


class TestHostileFolders:
    @pytest.mark.parametrize(
        ("front", "says"),
        [
            ("a: [1", r"A.md:\d: the front matter is not YAML: "),
            ("a: 1\nb: : :", r"A.md:3: the front matter is not YAML: "),
            ("\ta: 1", r"A.md:2: the front matter is not YAML: "),
            ("- a\n- b", r"A.md:2: the front matter is no list of properties"),
            ("just words", r"A.md:2: the front matter is no list of properties"),
            (BOMB, r"A.md:3: the front matter repeats a value by `\*a`"),
            ("a: &a [*a]", r"A.md:2: the front matter repeats a value by `\*a`"),
            ("a: 1\n\na: 2", r"A.md:4: the front matter has 'a' twice"),
            ("{{date}}: 1", r"A.md:2: the front matter has a key that is no plain name"),
            ("a: !!python/object/apply:os.system [ls]", r"A.md:2: the front matter has a tag"),
            ("a: !!binary aGk=", r"A.md:2: the front matter has a tag"),
            ("a: " + "[" * 100 + "]" * 100, r"A.md:2: the front matter is nested deeper than 16"),
            ("a: " + "[" * 100_000, r"A.md:2: the front matter is nested deeper than 16"),
            ("a: " + "x" * 300_000, r"A.md:1: the front matter is longer than"),
            (
                "x: 1\naliases: [" + ", ".join(f"A{n}" for n in range(10_000)) + "]",
                r"A.md:3: aliases: List should have at most",
            ),
            (f"x: 1\naliases: [{'y' * 501}]", r"A.md:3: aliases.0: String should have at most 500"),
            (f"tags: [{'y' * 101}]", r"A.md:2: tags.0: String should have at most 100"),
            ("x: 1\nsummary: [a]", r"A.md:3: summary must be a text"),
            ("tags: {a: b}", r"A.md:2: tags must be a list of names"),
            ('x: "\\0"', r"A.md: metadata: must not contain the NUL character"),
            (f'{"k" * 501}: "[[A2]]"', r"A.md:2: predicate: String should have at most 500"),
        ],
    )
    def test_front_matter(self, folder, front, says):
        folder.write({"A.md": f"---\n{front}\n---\ntext", "A2.md": ""})
        (problem,) = folder.problems()
        assert re.match(says, problem), problem

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"ab\n\xc3\x28", "A.md:2: is not UTF-8: the byte 0xc3 is wrong here"),
            (b"\xef\xbb\xbfab\n\xc3\x28", "A.md:2: is not UTF-8: the byte 0xc3 is wrong here"),
            ("wide".encode("utf-16"), "A.md:1: holds a NUL character: is it a text?"),
            (b"a\nb\x00", "A.md:2: holds a NUL character: is it a text?"),
            (
                b"x" * (MAX_NOTE_BYTES + 1),
                "A.md: is larger than 10 MB: import it by itself, as a text (lorekeeper import FILE)",
            ),
        ],
    )
    def test_what_is_no_note(self, folder, content, says):
        (folder.root / "A.md").write_bytes(content)
        assert folder.problems() == [says]

    def test_every_problem_is_told_at_once(self, folder):
        folder.write({f"{number:02}.md": "---\n[\n---\n" for number in range(30)})
        with pytest.raises(NotesError) as caught:
            folder.read()
        assert (len(caught.value.problems), caught.value.count) == (20, 30)

    def test_a_note_that_goes_away_meanwhile(self, folder, monkeypatch):
        folder.write({"A.md": "", "B.md": ""})
        listed = list_folder(folder.root)
        (folder.root / "B.md").unlink()
        monkeypatch.setattr(building, "list_folder", lambda root: listed)
        assert folder.problems() == ["B.md: went away while the folder was being read"]

    def test_a_note_that_becomes_a_link_meanwhile(self, folder, monkeypatch):
        folder.write({"A.md": "secret", "B.md": ""})
        listed = list_folder(folder.root)
        (folder.root / "B.md").unlink()
        (folder.root / "B.md").symlink_to(folder.root / "A.md")
        monkeypatch.setattr(building, "list_folder", lambda root: listed)
        assert folder.problems() == ["B.md: became a symbolic link while the folder was being read"]

    def test_a_name_that_is_no_text(self, folder):
        Path(os.fsdecode(bytes(folder.root) + b"/\xff.md")).write_text("x")
        assert folder.problems() == ["\\udcff.md: the file's name is not UTF-8"]

    @pytest.mark.parametrize(
        "piece", ["[", "[[a", "`", "` ``", "(a:: [[", "](<", "%%", "\\", "#", "a:: ", "\n\n    x", "~~~\n", "![["]
    )
    def test_any_mark_a_million_times_is_read_in_no_time(self, piece):
        began = time.process_time()
        read_body(piece * (1_000_000 // len(piece)))
        assert time.process_time() - began < 5


MARKS = st.sampled_from(
    ["[[", "]]", "|", "#", "](", ")", "`", "```", "%%", "<!--", "::", "\\", "---", "\n", "\n\n", "\r\n"]
)
MORE = st.sampled_from(
    ["\t", "    ", "> ", "- ", "[", "(", ": ", "Hall", "a.md", "*", "&", "{", '"', "!!", "~~~", "/", ".."]
)


@given(st.lists(MARKS | MORE | st.text(max_size=3)).map("".join))
def test_no_text_whatever_breaks_the_reader(text):
    try:
        parted = part(text)
    except NoteError as error:
        assert error.says
        return
    assert text.endswith(parted.body)
    markup = read_body(parted.body, parted.body_line)
    lookup = Lookup(["Hall.md", "a/Hall.md"])
    lines = text.count("\n") + 1
    for link in markup.links:
        assert 1 <= link.line <= lines
        assert link.predicate
        lookup.find(link.target, "Hall.md")
        lookup.find_path(link.target, "a/Hall.md")
    assert all(1 <= line <= lines and tag for tag, line in markup.tags.items())
