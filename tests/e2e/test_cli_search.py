"""`lorekeeper search` against a real server: lines to read, and JSON for programs."""

import json

import pytest
from real_commands import lorekeeper
from rich.console import Console

from lorekeeper.cli import searching, terminal
from lorekeeper.contracts.lore import ClaimCreate
from lorekeeper.contracts.search import ClaimRole, SearchKind


@pytest.fixture
def claim(client, world, entity):
    body = ClaimCreate(world_id=world.id, subject_entity_id=entity.id, predicate="eats", object_value="[bold]krill[/]")
    return client.claims.create(body)


def test_piped_each_hit_is_a_line_of_json(server, world, entity, claim):
    done = lorekeeper("search", "auntie", "--world", world.name, "--data-dir", server.data_dir)

    assert (done.status, done.err) == (0, "")
    hits = [json.loads(line) for line in done.out.splitlines()]
    assert [(hit["kind"], hit["id"]) for hit in hits] == [("entity", str(entity.id)), ("claim", str(claim.id))]
    one = lorekeeper("search", "auntie", "--kind", "claim", "--world", world.id, "--data-dir", server.data_dir)
    assert json.loads(one.out)["id"] == str(claim.id)


def test_an_unknown_world_is_said_to_be_none(server):
    done = lorekeeper("search", "auntie", "--world", "no such world", "--data-dir", server.data_dir)

    assert done.status == 1
    assert done.err == "Error: There is no world named 'no such world'.\n"


def test_on_a_terminal_hits_are_lines_and_no_markup(server, world, claim, monkeypatch):
    console = Console(force_terminal=True, color_system="standard", theme=terminal._THEME, highlight=False)
    monkeypatch.setattr(searching, "out", console)

    with console.capture() as shown:
        searching.search("krill", world=str(world.id), data_dir=server.data_dir, limit=10)

    assert "eats — [bold]" in shown.get()
    assert "\x1b[1;32mkrill" in shown.get()
    assert "1 of 1" in shown.get()


def test_the_client_follows_an_entity(client, world, entity, claim):
    assert [one.id for one in client.search.iterate_claims_of(entity.id, roles=[ClaimRole.SUBJECT])] == [claim.id]
    assert list(client.search.iterate_claims_of(entity.id, roles=[ClaimRole.OBJECT])) == []
    assert list(client.search.iterate_mentions_of(entity.id)) == []
    assert client.search.summary(world.id).claims.total == 1
    assert client.search.tags(world.id).items == []
    found = client.search("auntie", world_id=world.id, kind=[SearchKind.ENTITY, SearchKind.CLAIM])
    assert found.total == 2
    assert list(client.entities.iterate(world_id=world.id, tag=["none"])) == []
