"""`lorekeeper export` with real files against a real server."""

import json

import pytest
from real_commands import is_one_sentence, lorekeeper

from lorekeeper.contracts.bundle import parse_bundle
from lorekeeper.contracts.lore import WorldCreate
from lorekeeper.samples import sample_world


@pytest.fixture
def made(client, request):
    return client.worlds.import_bundle(sample_world(), name=f"World of {request.node.name}").world


@pytest.fixture
def run(server, tmp_path):
    def run(*arguments: object):
        return lorekeeper("export", *arguments, "--data-dir", server.data_dir, cwd=tmp_path)

    return run


def test_a_world_becomes_a_file_that_imports_back(server, client, made, run, tmp_path):
    done = run(made.name, "--out", tmp_path / "out.json")
    assert (done.status, done.out) == (0, "")
    assert "Exported" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    bundle = parse_bundle((tmp_path / "out.json").read_bytes())
    assert bundle.pieces() == sample_world().pieces()
    assert bundle == client.worlds.export(made.id)
    back = lorekeeper("import", tmp_path / "out.json", "--world", made.id, "--data-dir", server.data_dir)
    assert "Nothing to do" in back.out


def test_without_a_name_the_file_is_called_by_the_id_and_never_replaced(client, run, tmp_path):
    world = client.worlds.create(WorldCreate(name="../../etc/passwd"))
    assert run(world.id).status == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{world.id}.world.json"]
    again = run(world.id)
    assert again.status == 1
    assert is_one_sentence(again.err)
    assert run(world.id, "--out", tmp_path / f"{world.id}.world.json").status == 0


def test_a_hyphen_is_standard_output_and_nothing_else_is_on_it(made, run):
    done = run(made.id, "--out", "-")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["world"]["name"] == made.name


def test_what_cannot_be_exported_is_told_in_a_sentence(made, run, tmp_path):
    for arguments in (["no such world"], [made.id, "--out", tmp_path], [made.id, "--out", tmp_path / "none" / "x"]):
        done = run(*arguments)
        assert done.status == 1
        assert is_one_sentence(done.err)
    assert list(tmp_path.iterdir()) == []
