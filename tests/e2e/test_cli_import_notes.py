"""`lorekeeper import` of a folder of notes, and of a new edition of a text."""

from pathlib import Path

import pytest
from real_commands import is_one_sentence, lorekeeper

from lorekeeper.contracts.enums import EntityType

NOTES = {
    "People/Hrothgar.md": '---\ntype: person\nfather: "[[Healfdene]]"\n---\n# Hrothgar\n\nHe built [[Heorot|it]]. 🌊\n',
    "People/Healfdene.md": "High and old.\n",
    "Heorot.md": "---\ntype: place\n---\n" + "The hall stood.\n\n" * 200,
    ".obsidian/app.json": "{}",
    "map.png": "not text",
}
TEXT = "# Canto I\n\nThe sea went out.\n\n# Canto II\n\nIt did not come back.\n"


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "vault"
    for path, text in NOTES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def world_name(request, tmp_path):
    return f"World of {request.node.name} {tmp_path.name}"


@pytest.fixture
def run(server, world_name):
    def run(path: Path, *options: object):
        return lorekeeper("import", path, "--world", world_name, *options, "--data-dir", server.data_dir)

    return run


def test_a_folder_of_notes_becomes_a_world(client, notes, world_name, run):
    done = run(notes)
    assert (done.status, done.err) == (0, "")
    assert "3 notes read, 1 other files left alone" in done.out
    (world,) = client.worlds.iterate(name=world_name)
    entities = {entity.name: entity for entity in client.entities.iterate(world_id=world.id)}
    assert entities["Hrothgar"].type is EntityType.PERSON
    assert entities["Hrothgar"].tags == ["People"]
    sentences = {claim.sentence for claim in client.claims.iterate(world_id=world.id)}
    assert sentences == {"Hrothgar — father — Healfdene", "Hrothgar — mentions — Heorot"}
    sources = {source.title: source for source in client.sources.iterate(world_id=world.id)}
    chunks = list(client.sources.iterate_chunks(sources["Heorot"].id))
    assert len(chunks) > 1
    body = "The hall stood.\n\n" * 200
    assert all(body[chunk.char_start : chunk.char_end] == chunk.content for chunk in chunks)


def test_a_dry_run_tells_and_makes_nothing(client, notes, world_name, run):
    (notes / "Heorot.md").write_text("[[Grendel]]")
    done = run(notes, "--dry-run")
    assert (done.status, done.err) == (0, "")
    assert "3 entities, 2 claims, 3 sources" in done.out
    assert "1 links lead to no note" in done.out
    assert "Grendel" in done.out
    assert "4 entities, 3 claims" in run(notes, "--dry-run", "--stubs").out
    assert not list(client.worlds.iterate(name=world_name))


def test_a_bad_note_is_named_with_its_line_and_nothing_is_imported(client, notes, world_name, run):
    (notes / "People" / "Unferth.md").write_text("---\ntype: person\nmotto: *bold*\n---\n")
    done = run(notes)
    assert done.status == 1
    assert is_one_sentence(done.err)
    assert "People/Unferth.md:3: the front matter" in done.err
    (notes / "Wiglaf.md").write_bytes(b"\xff")
    done = run(notes)
    assert done.status == 1
    assert done.err.startswith("People/Unferth.md:3: ")
    assert done.err.endswith("Error: Nothing was imported, because of these 2 problems.\n")
    assert not list(client.worlds.iterate(name=world_name))


def test_a_file_becomes_the_new_edition_of_its_source(client, tmp_path, world_name, run):
    book = tmp_path / "ebb.md"
    book.write_text(TEXT)
    assert "no source 'ebb'" in run(book, "--edition").err
    run(book)
    (world,) = client.worlds.iterate(name=world_name)
    (source,) = client.sources.iterate(world_id=world.id)
    before = [chunk.id for chunk in client.sources.iterate_chunks(source.id)]
    book.write_text("# Proem\n\nListen.\n\n" + TEXT.replace("did not", "did"))
    refused = run(book)
    assert refused.status == 1
    assert "--edition" in refused.err
    would = run(book, "--edition", "--dry-run").out
    assert "Would make a new edition" in would
    assert "chunks: 1 created, 2 updated" in would
    done = run(book, "--edition")
    assert (done.status, done.err) == (0, "")
    assert "1 kept, 0 moved, 1 changed, 1 added, 0 removed" in done.out
    assert [chunk.id for chunk in client.sources.iterate_chunks(source.id)][1:] == before
    assert "Nothing to do" in run(book, "--edition").out
    both = run(book, "--edition", "--again")
    assert is_one_sentence(both.err)


def test_the_same_folder_again_is_the_same_world(client, notes, world_name, run):
    assert run(notes).status == 0
    (world,) = client.worlds.iterate(name=world_name)
    entities = {entity.name: entity.id for entity in client.entities.iterate(world_id=world.id)}
    assert "Nothing to do" in run(notes).out
    (notes / "Heorot.md").write_text("---\ntype: place\n---\n" + "The hall stood.\n\n" * 200 + "Then it burnt.\n")
    (notes / "Grendel.md").write_text("He came. [[Heorot]]\n")
    dry = run(notes, "--dry-run")
    assert "entities: 1 created" in dry.out
    assert "claims: 1 created" in dry.out
    done = run(notes)
    assert (done.status, done.err) == (0, "")
    assert "Brought up to date" in done.out
    now = {entity.name: entity.id for entity in client.entities.iterate(world_id=world.id)}
    assert {name: now[name] for name in entities} == entities
    assert set(now) - set(entities) == {"Grendel"}
    assert len(list(client.worlds.iterate(name=world_name))) == 1
