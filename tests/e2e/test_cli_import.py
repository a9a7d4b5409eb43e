"""`lorekeeper import` with real files against a real server."""

import re
import time
from pathlib import Path
from uuid import UUID

import pytest
from real_commands import is_one_sentence, lorekeeper

from lorekeeper.cli.bringing import files
from lorekeeper.cli.terminal import CommandError
from lorekeeper.contracts.lore import WorldCreate
from lorekeeper.samples import SAMPLE_WORLD, sample_world

BEOWULF = Path(__file__).parents[3] / "shared" / "data" / "beowulf-hall.txt"
TEXT = "# Canto I\r\n\r\nThe sea went out.\r\n\r\n\r\n# Canto II\n\nIt did not come back; Þórr wept 🌊.\n" * 40


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "the-long-ebb.md"
    path.write_bytes(TEXT.encode())
    return path


@pytest.fixture
def world_name(request, tmp_path):
    return f"World of {request.node.name} {tmp_path.name}"


def source_id(output: str) -> UUID:
    return UUID(re.search(r"source (\S+?)[, ]", output)[1])


def assert_exact(client, source, text: str) -> None:
    """The chunks' offsets give back the text, and nothing but white space lies between them."""
    chunks = list(client.sources.iterate_chunks(source))
    assert [chunk.chunk_index for chunk in chunks] == list(range(len(chunks)))
    assert all(text[chunk.char_start : chunk.char_end] == chunk.content for chunk in chunks)
    borders = [0, *(border for chunk in chunks for border in (chunk.char_start, chunk.char_end)), len(text)]
    assert all(not text[start:end].strip() for start, end in zip(borders[::2], borders[1::2], strict=True))


def test_a_text_becomes_a_source_letter_by_letter(server, client, book, world_name):
    done = lorekeeper("import", book, "--world", world_name, "--type", "song", "--data-dir", server.data_dir)
    assert (done.status, done.err) == (0, "")
    assert "Made the world" in done.out
    source = client.sources.get(source_id(done.out))
    assert (source.title, source.type, source.origin) == ("the-long-ebb", "SONG", book.name)
    assert f"{source.chunk_count} chunks, {len(TEXT)} characters" in done.out
    assert_exact(client, source.id, TEXT)


def test_the_same_file_again_is_nothing_to_do(server, client, book, world_name):
    first = lorekeeper("import", book, "--world", world_name, "--data-dir", server.data_dir)
    again = lorekeeper("import", book, "--world", world_name, "--data-dir", server.data_dir)
    assert again.status == 0
    assert "Nothing to do" in again.out
    assert str(source_id(first.out)) in again.out
    once_more = lorekeeper("import", book, "--world", world_name, "--again", "--data-dir", server.data_dir)
    assert once_more.status == 0
    assert source_id(once_more.out) != source_id(first.out)
    (world,) = client.worlds.iterate(name=world_name)
    assert client.sources.list(world_id=world.id).total == 2


def test_another_text_of_that_title_is_for_the_person_to_decide(server, book, world_name):
    lorekeeper("import", book, "--world", world_name, "--data-dir", server.data_dir)
    book.write_text("A new edition.")
    done = lorekeeper("import", book, "--world", world_name, "--data-dir", server.data_dir)
    assert done.status == 1
    assert is_one_sentence(done.err)
    assert "--again" in done.err
    assert "--edition" in done.err
    titled = ("--title", "The Long Ebb, revised")
    assert lorekeeper("import", book, "--world", world_name, *titled, "--data-dir", server.data_dir).status == 0


def test_worlds_of_one_name_are_told_apart_by_id(server, client, book, world_name):
    one, _ = client.worlds.create(WorldCreate(name=world_name)), client.worlds.create(WorldCreate(name=world_name))
    done = lorekeeper("import", book, "--world", world_name, "--data-dir", server.data_dir)
    assert done.status == 1
    assert is_one_sentence(done.err)
    assert str(one.id) in done.err
    assert lorekeeper("import", book, "--world", one.id, "--data-dir", server.data_dir).status == 0
    assert client.sources.list(world_id=one.id).total == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"ab\xc3\x28cd", "the first bad byte is 0xc3 at byte offset 2"),
        ("wide".encode("utf-16"), "byte offset 0"),
        (b"", "is empty"),
        (b"a\x00b", "NUL character at byte offset 1"),
        (b" \n\n\t\n", "nothing but white space"),
    ],
)
def test_what_is_no_text_is_refused_in_a_sentence(server, client, tmp_path, world_name, content, says):
    (tmp_path / "x.txt").write_bytes(content)
    done = lorekeeper("import", tmp_path / "x.txt", "--world", world_name, "--data-dir", server.data_dir)
    assert done.status == 1
    assert is_one_sentence(done.err)
    assert says in done.err
    assert not list(client.worlds.iterate(name=world_name))


def test_a_file_without_an_end_is_not_read_to_it(monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 1000)
    with pytest.raises(CommandError, match="is larger than"):
        files.read_file(Path("/dev/zero"))


def test_no_file_an_empty_folder_and_no_world_are_refused_in_a_sentence(server, book, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments in ([tmp_path / "none.txt", "--world", "x"], [tmp_path / "empty", "--world", "x"], [book]):
        done = lorekeeper("import", *arguments, "--data-dir", server.data_dir)
        assert done.status == 1
        assert is_one_sentence(done.err)


def test_no_server_and_a_wrong_key_are_told_in_a_sentence(server, client, book, tmp_path):
    nowhere = lorekeeper("import", book, "--world", "x", "--data-dir", tmp_path / "nothing")
    silent = lorekeeper("import", book, "--world", "x", LOREKEEPER_URL="http://127.0.0.1:9", LOREKEEPER_API_KEY="lk_x")
    wrong = lorekeeper("import", book, "--world", "x", LOREKEEPER_URL=client.url, LOREKEEPER_API_KEY="lk_wrong")
    for done in (nowhere, silent, wrong):
        assert done.status == 1
        assert is_one_sentence(done.err)
    assert "lorekeeper serve" in nowhere.err
    assert "refused" in silent.err


def test_the_environment_names_server_and_key(server, client, book, world_name):
    done = lorekeeper("import", book, "--world", world_name, LOREKEEPER_URL=client.url, LOREKEEPER_API_KEY=server.key)
    assert done.status == 0


def test_a_bundle_becomes_a_world(server, client, world_name):
    bundle = Path(__file__).parents[2] / "lorekeeper" / "samples" / SAMPLE_WORLD
    done = lorekeeper("import", bundle, "--world", world_name, "--data-dir", server.data_dir)
    assert (done.status, done.err) == (0, "")
    (world,) = client.worlds.iterate(name=world_name)
    assert f"{client.claims.list(world_id=world.id).total} claims" in done.out
    assert lorekeeper("import", bundle, "--world", world_name, "--again", "--data-dir", server.data_dir).status == 0
    assert len(list(client.worlds.iterate(name=world_name))) == 2


def test_a_bundle_brings_its_world_up_to_date(server, client, world_name, tmp_path):
    bundle = sample_world()
    path = tmp_path / "world.json"
    path.write_text(bundle.model_dump_json())

    def run(*options: object):
        return lorekeeper("import", path, *options, "--data-dir", server.data_dir)

    assert run("--world", world_name).status == 0
    (world,) = client.worlds.iterate(name=world_name)
    assert "Nothing to do" in run("--world", world_name).out
    bundle.entities[0].summary = "Another."
    bundle.world.name = world_name
    path.write_text(bundle.model_dump_json())
    dry = run("--world", world.id, "--dry-run")
    assert "Would bring up to date" in dry.out
    assert "entities: 1 updated" in dry.out
    assert "entities[0]" in dry.out
    assert "entities: 1 updated" in run("--world", world_name).out
    (entity,) = client.entities.iterate(world_id=world.id, name=bundle.entities[0].name)
    assert (entity.summary, entity.version) == ("Another.", 2)
    refused = run()
    assert refused.status == 1
    assert is_one_sentence(refused.err)
    assert "--again" in refused.err


def test_a_dry_run_of_a_bundle_makes_nothing(server, client, world_name):
    bundle = Path(__file__).parents[2] / "lorekeeper" / "samples" / SAMPLE_WORLD
    done = lorekeeper("import", bundle, "--world", world_name, "--dry-run", "--data-dir", server.data_dir)
    assert done.status == 0
    assert "Would make the world" in done.out
    assert not list(client.worlds.iterate(name=world_name))


def test_what_is_no_bundle_is_refused_in_a_sentence(server, tmp_path):
    for name, text in (("a.json", "{"), ("b.json", '{"format": "lorekeeper.world-bundle", "version": 1}')):
        (tmp_path / name).write_text(text)
        done = lorekeeper("import", tmp_path / name, "--data-dir", server.data_dir)
        assert done.status == 1
        assert is_one_sentence(done.err)


@pytest.mark.skipif(not BEOWULF.exists(), reason=f"there is no {BEOWULF} on this machine")
def test_beowulf_comes_in_quickly_and_exactly(server, client, world_name):
    began = time.perf_counter()
    done = lorekeeper("import", BEOWULF, "--world", world_name, "--data-dir", server.data_dir)
    assert time.perf_counter() - began < 5
    assert done.status == 0
    assert_exact(client, source_id(done.out), BEOWULF.read_bytes().decode())
