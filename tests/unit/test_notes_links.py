"""A folder of Markdown notes: what its links mean, and its tags."""

import pytest
from factories.notes import Folder

from lorekeeper.cli.notes.lookup import Lookup
from lorekeeper.cli.notes.markdown import read_body


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


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
