"""A folder of Markdown notes: what it becomes, what its links mean, and what is refused, in which words."""

import os
import re
import time
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorekeeper.cli.notes import building
from lorekeeper.cli.notes.building import NotesError, NotesReport, read_folder
from lorekeeper.cli.notes.folder import MAX_NOTE_BYTES, NoteError, list_folder
from lorekeeper.cli.notes.frontmatter import part
from lorekeeper.cli.notes.lookup import Lookup
from lorekeeper.cli.notes.markdown import read_body
from lorekeeper.contracts.bundle import BundleEntity, WorldBundle
from lorekeeper.contracts.enums import CanonState, EntityType

WORLD = UUID(int=1)


class Folder:
    """A folder to be read, written note by note."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, notes: dict[str, str]) -> None:
        for path, text in notes.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(text.encode())

    def read(self, *, stubs: bool = False) -> tuple[WorldBundle, NotesReport]:
        return read_folder(self.root, "A world", WORLD, stubs=stubs)

    def entities(self) -> dict[str, BundleEntity]:
        return {entity.name: entity for entity in self.read()[0].entities}

    def claims(self, *, stubs: bool = False) -> set[tuple[str, str, str]]:
        """Subject, predicate and object, by where their notes lie, or by name where there is no note."""
        bundle, _ = self.read(stubs=stubs)
        name = {entity.id: entity.metadata.get("note_path", entity.name) for entity in bundle.entities}
        return {(name[c.subject_entity_id], c.predicate, name[c.object_entity_id]) for c in bundle.claims}

    def problems(self) -> list[str]:
        with pytest.raises(NotesError) as caught:
            self.read()
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


HROTHGAR = """---
type: character
aliases: [The King, Scylding]
tags: [royal, "#old/great"]
summary: Lord of [[Heorot|the hall]].
description: Grey.
father: "[[Healfdene]]"
sons: ["[[Hrethric]]", "[[Hrothmund|the younger]]"]
hall: [[Heorot]]
age: 50
reigns: 2024-01-01
words:
  kind: true
---
# Hrothgar

King of the Danes. #danes
"""


class TestWhatANoteBecomes:
    def test_an_entity_with_the_fields_of_its_front_matter(self, folder):
        folder.write({"People/Danes/Hrothgar.md": HROTHGAR, "Heorot.md": "", "Healfdene.md": ""})
        made = folder.entities()["Hrothgar"]
        assert (made.type, made.aliases) == (EntityType.PERSON, ["The King", "Scylding"])
        assert (made.summary, made.description) == ("Lord of the hall.", "Grey.")
        assert made.tags == ["People", "Danes", "royal", "old/great", "danes"]
        assert made.metadata == {
            "age": 50,
            "reigns": "2024-01-01",
            "words": {"kind": True},
            "sons": ["[[Hrethric]]", "[[Hrothmund|the younger]]"],  # they lead nowhere, so they are kept
            "note_path": "People/Danes/Hrothgar.md",
        }

    def test_claims_of_the_links_in_its_front_matter(self, folder):
        folder.write(
            {"Hrothgar.md": HROTHGAR, "Heorot.md": "", "Healfdene.md": "", "Hrethric.md": "", "Hrothmund.md": ""}
        )
        assert folder.claims() == {
            ("Hrothgar.md", "father", "Healfdene.md"),
            ("Hrothgar.md", "sons", "Hrethric.md"),
            ("Hrothgar.md", "sons", "Hrothmund.md"),
            ("Hrothgar.md", "hall", "Heorot.md"),
            ("Hrothgar.md", "mentions", "Heorot.md"),
        }
        assert "sons" not in folder.entities()["Hrothgar"].metadata

    def test_a_source_of_its_body_letter_by_letter(self, folder):
        folder.write({"a/Hrothgar.md": HROTHGAR.replace("\n", "\r\n"), "Heorot.md": "", "Healfdene.md": "\n \n"})
        (source,) = folder.read()[0].sources
        assert source.text == "# Hrothgar\r\n\r\nKing of the Danes. #danes\r\n"
        assert (source.title, source.type, source.origin) == ("Hrothgar", "RESEARCH_NOTE", "a/Hrothgar.md")

    def test_claims_cite_their_note_and_are_drafts(self, folder):
        folder.write({"A.md": "[[B]]", "B.md": ""})
        bundle, _ = folder.read()
        (claim,) = bundle.claims
        assert (claim.source_id, claim.canon_state) == (bundle.sources[0].id, CanonState.DRAFT)

    def test_the_same_ids_again_and_others_in_another_world(self, folder):
        folder.write({"A.md": "---\nknows: '[[C]]'\n---\n[[B]]", "B.md": "", "C.md": ""})
        first, again = folder.read()[0], folder.read()[0]
        assert first == again
        other, _ = read_folder(folder.root, "A world", UUID(int=2))
        assert {claim.id for claim in first.claims}.isdisjoint(claim.id for claim in other.claims)
        folder.write({"A.md": "Rewritten. [[B]] and [[C]]", "D.md": ""})
        later = {entity.name: entity.id for entity in folder.read()[0].entities}
        assert {entity.name: entity.id for entity in first.entities}.items() <= later.items()

    @pytest.mark.parametrize(
        ("written", "kind"),
        [
            ("NPC", "PERSON"),
            ("Places", "LOCATION"),
            ('"[[City]]"', "LOCATION"),
            ("faction", "FACTION"),
            ("[ship]", "VEHICLE"),
        ],
    )
    def test_types_as_people_write_them(self, folder, written, kind):
        folder.write({"A.md": f"---\ntype: {written}\n---\n"})
        assert folder.entities()["A"].type == kind

    def test_an_unknown_type_is_kept_and_told(self, folder):
        folder.write({"A.md": "---\ntype: Zeitgeist\n---\n"})
        bundle, report = folder.read()
        assert (bundle.entities[0].type, bundle.entities[0].metadata["type"]) == ("OTHER", "Zeitgeist")
        assert report.unknown_types == {"Zeitgeist": 1}

    def test_what_is_no_front_matter_is_text(self, folder):
        folder.write({"A.md": "---\nnot closed", "B.md": "Text\n---\nx: 1\n---\n", "C.md": "\ufeff---\n---\nText"})
        assert [source.text for source in folder.read()[0].sources] == [
            "---\nnot closed",
            "Text\n---\nx: 1\n---\n",
            "Text",
        ]


class TestWhichFilesAreNotes:
    def test_neither_hidden_ones_nor_templates_nor_attachments(self, folder):
        folder.write(dict.fromkeys(("A.md", "deep/er/B.MD", "c.png", ".obsidian/x.md", ".d.md", "Templates/E.md"), "x"))
        bundle, report = folder.read()
        assert [entity.name for entity in bundle.entities] == ["A", "B"]
        assert (report.notes, report.attachments) == (2, 1)

    def test_nothing_behind_a_symbolic_link(self, folder, tmp_path_factory):
        outside = tmp_path_factory.mktemp("outside")
        (outside / "Secret.md").write_text("x")
        folder.write({"A.md": "[[Secret]]"})
        (folder.root / "B.md").symlink_to(outside / "Secret.md")
        (folder.root / "c").symlink_to(outside)
        (folder.root / "loop").symlink_to(folder.root)
        bundle, report = folder.read()
        assert [entity.name for entity in bundle.entities] == ["A"]
        assert sorted(report.not_followed) == ["B.md", "c", "loop"]

    def test_a_pipe_is_none(self, folder):
        folder.write({"A.md": ""})
        os.mkfifo(folder.root / "B.md")
        assert list_folder(folder.root).notes == ["A.md"]

    def test_a_name_of_a_mac_is_the_name_of_everybody(self, folder):
        folder.write({"Ma\u0301ra.md": "", "B.md": "[[M\u00e1ra]]"})
        assert folder.claims() == {("B.md", "mentions", "M\u00e1ra.md")}
        assert "M\u00e1ra" in folder.entities()


class TestWhatALinkMeans:
    @pytest.mark.parametrize(
        ("text", "predicate"),
        [
            ("of [[Heorot]].", "mentions"),
            ("of [[heorot#The door|the hall]]", "mentions"),
            ("![[Heorot#^block]]", "mentions"),
            ("[the hall](Heorot.md#door)", "mentions"),
            ("[the hall](<Heorot.md>)", "mentions"),
            ("| [[Heorot\\|hall]] |", "mentions"),
            ("> - built:: [[Heorot]]", "built"),
            ("**Built Of Old**::[[Heorot]]", "Built Of Old"),
            ("He [built:: [[Heorot]]] it.", "built"),
            ("He (built:: the hall [[Heorot]]) it.", "built"),
            ("- text\n\n    [[Heorot]]", "mentions"),
        ],
    )
    def test_these_lead_to_the_hall(self, folder, text, predicate):
        folder.write({"A.md": text, "Heorot.md": ""})
        assert folder.claims() == {("A.md", predicate, "Heorot.md")}

    @pytest.mark.parametrize(
        "text",
        [
            "`[[Heorot]]`",
            "``a ` [[Heorot]]``",
            "```\n[[Heorot]]\n```",
            "~~~~ md\n~~~\n[[Heorot]]\n~~~~",
            "> ```\n> [[Heorot]]",
            "text\n\n    [[Heorot]]",
            "\t[[Heorot]]",
            "%% [[Heorot]] %%",
            "<!-- [[Heorot]] -->",
            "\\[[Heorot]]",
            "[[Heorot\n]]",
            "[x](https://example.org/Heorot.md)",
            "[[#Heorot]]",
            "[[A]]",
            "[[]]",
        ],
    )
    def test_these_lead_nowhere(self, folder, text):
        folder.write({"A.md": text, "Heorot.md": ""})
        assert folder.claims() == set()

    def test_one_claim_however_often_it_is_mentioned(self, folder):
        folder.write({"A.md": "[[B]] [[b|x]] [[B#h]]", "B.md": ""})
        assert len(folder.read()[0].claims) == 1

    @pytest.mark.parametrize(
        ("linking", "target", "found"),
        [
            ("A.md", "Hall", "Hall.md"),
            ("north/A.md", "Hall", "Hall.md"),
            ("north/A.md", "Door", "north/Door.md"),
            ("south/A.md", "Door", "south/deep/Door.md"),
            ("east/A.md", "Door", "north/Door.md"),
            ("A.md", "north/hall", "north/Hall.md"),
            ("A.md", "deep/Hall", "south/deep/Hall.md"),
            ("south/A.md", "/Hall", "Hall.md"),
            ("south/A.md", "../Hall", "Hall.md"),
            ("north/A.md", "./Hall", "north/Hall.md"),
            ("A.md", "Hall.md", "Hall.md"),
            ("A.md", "The Great One", "Other.md"),
            ("A.md", "../../Hall", None),
            ("A.md", "orth/Hall", None),
            ("A.md", "north", None),
        ],
    )
    def test_of_several_notes_of_one_name_the_nearest(self, linking, target, found):
        sources = ["A.md", "north/A.md", "south/A.md", "east/A.md"]
        halls, doors = ["north/Hall.md", "south/deep/Hall.md", "Hall.md"], ["south/deep/Door.md", "north/Door.md"]
        lookup = Lookup([*sources, *halls, *doors, "Other.md"])
        lookup.add_aliases("Other.md", ["the great one", "Hall"])
        got = lookup.find(target, linking)
        assert (got and got.path) == found

    def test_a_path_is_counted_from_the_note(self, folder):
        folder.write({"n/A.md": "[x](Hall.md) [y](../Hall.md) [z](s/My%20Hall.md)"})
        folder.write({"n/Hall.md": "", "Hall.md": "", "s/My Hall.md": ""})
        assert {target for _, _, target in folder.claims()} == {"n/Hall.md", "Hall.md", "s/My Hall.md"}

    def test_what_could_mean_several_is_told(self, folder):
        folder.write({"A.md": "\n[[Hall]]", "n/Hall.md": "", "s/Hall.md": ""})
        (told,) = folder.read()[1].ambiguous
        assert str(told) == "A.md:2: [[Hall]] is taken for n/Hall.md, and could be s/Hall.md"

    def test_one_that_leads_to_no_note_is_left_out_and_counted(self, folder):
        folder.write({"A.md": "[[Nobody]] [[nobody]] ![[map.png]]", "map.png": ""})
        bundle, report = folder.read()
        assert bundle.claims == []
        assert report.unresolved == {"Nobody": 1, "nobody": 1}

    def test_with_stubs_it_makes_an_entity_that_a_note_takes_over(self, folder):
        folder.write({"A.md": "[[far/Nobody]] [[nobody]]"})
        bundle, report = folder.read(stubs=True)
        stub = bundle.entities[1]
        assert (stub.name, stub.tags, report.stubs) == ("Nobody", ["stub"], 1)
        assert folder.claims(stubs=True) == {("A.md", "mentions", "Nobody")}
        folder.write({"Nobody.md": ""})
        assert folder.entities()["Nobody"].id == stub.id

    def test_a_property_that_leads_to_its_own_note_is_told(self, folder):
        folder.write({"A.md": "---\nx: 1\nfather: '[[A]]'\n---\n"})
        bundle, report = folder.read()
        assert (bundle.claims, bundle.entities[0].metadata["father"]) == ([], "[[A]]")
        assert [str(problem) for problem in report.to_themselves] == ["A.md:3: father: [[A]] leads to the note itself"]

    @pytest.mark.parametrize(
        ("text", "tags"),
        [
            ("#one, (#no) a#no #12 #a1/b-c_d\n#two.", ["one", "a1/b-c_d", "two"]),
            ("`#no` # no\n#Þórr #one #one", ["Þórr", "one"]),
        ],
    )
    def test_tags_in_the_text(self, text, tags):
        assert list(read_body(text).tags) == tags


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
