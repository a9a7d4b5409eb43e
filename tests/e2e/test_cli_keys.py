"""API keys by the commands and by the SDK, on one server."""

import uuid

import pytest
from real_commands import is_one_sentence, lorekeeper, until

from lorekeeper.contracts.enums import Role
from lorekeeper.contracts.keys import KeyCreate
from lorekeeper.contracts.lore import WorldCreate
from lorekeeper.sdk import Client, ConflictError, UnauthorizedError


def keys(server, *arguments):
    return lorekeeper("keys", *arguments, "--data-dir", server.data_dir)


def test_a_key_is_made_used_listed_and_revoked_by_the_commands(server, world):
    made = keys(server, "create", "painter", "--role", "worker", "--provider", "local", "--world", world.id)
    assert made.status == 0
    key_id = made.out.split("_")[1]
    assert keys(server, "list").out.count("never") >= 1

    with Client(server.client.url, made.out.strip()) as painter:
        assert [one.id for one in painter.worlds.list().items] == [world.id]
        told = server.client.keys.get(key_id)
        assert (told.name, told.role, told.world_ids, told.providers) == ("painter", Role.WORKER, [world.id], ["local"])
        row = next(line for line in keys(server, "list").out.splitlines() if line.startswith(key_id))
        assert f"{told.last_used_at:%Y-%m-%d %H:%M}" in row
        assert row.rstrip().endswith("alive")

        assert keys(server, "revoke", key_id).status == 0
        until(lambda: is_refused(painter))

    assert server.client.keys.get(key_id).revoked_at is not None
    again = keys(server, "revoke", key_id)
    assert (again.status, is_one_sentence(again.err)) == (1, True)


def test_a_key_for_a_world_that_does_not_exist_is_not_made(server):
    made = keys(server, "create", "nobody", "--world", uuid.uuid4())

    assert (made.status, made.out, is_one_sentence(made.err)) == (1, "", True)


def test_names_are_shown_as_they_are_whatever_they_look_like(server):
    world = server.client.worlds.create(WorldCreate(name="[bold]Tir[/] na [/nOg]"))

    made = keys(server, "create", "of [/b] [red]Ann", "--world", world.id)

    assert (made.status, "of [/b] [red]Ann" in made.err) == (0, True)
    row = next(line for line in keys(server, "list").out.splitlines() if line.startswith(made.out.split("_")[1]))
    assert "[red]" in row
    assert "[bold]Tir" in row


def test_a_key_is_made_used_listed_and_revoked_by_the_sdk(client):
    made = client.keys.create(KeyCreate(name="reader", role=Role.READER))
    with Client(client.url, made.key) as reader:
        assert reader.worlds.list().total >= 0
        assert made.id in [key.id for key in client.keys.iterate(role=Role.READER, alive=True)]

        assert client.keys.revoke(made.id).revoked_at is not None
        assert is_refused(reader)

    assert made.id in [key.id for key in client.keys.iterate(alive=False)]
    assert made.id not in [key.id for key in client.keys.iterate(alive=True)]


def test_the_last_admin_is_kept(client, server):
    with pytest.raises(ConflictError):
        client.keys.revoke(server.key.split("_")[1])


def is_refused(client):
    try:
        client.worlds.list()
    except UnauthorizedError:
        return True
    return False
