"""A folder of Markdown notes: which of its files are notes, and what they become."""

import os
from uuid import UUID

import pytest
from factories.notes import Folder

from lorekeeper.cli.notes.building import read_folder
from lorekeeper.cli.notes.folder import list_folder
from lorekeeper.contracts.enums import CanonState, EntityType


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
