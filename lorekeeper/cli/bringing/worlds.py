"""The world that something is brought into: found by its id or its exact name."""

from uuid import UUID

from lorekeeper.cli.terminal import CommandError
from lorekeeper.contracts.lore import WorldResponse
from lorekeeper.sdk import Client


def find_world(client: Client, name: str) -> WorldResponse | None:
    """The world of this id or exact name. Raises `CommandError` where several have the name."""
    if world_id := _as_id(name):
        return client.worlds.get(world_id)
    named = worlds_named(client, name)
    if len(named) > 1:
        ids = ", ".join(str(world.id) for world in named)
        raise CommandError(f"there are {len(named)} worlds named {name!r}; say which by its id with --world: {ids}")
    return named[0] if named else None


def worlds_named(client: Client, name: str) -> list[WorldResponse]:
    return [world for world in client.worlds.iterate(name=name) if world.name == name.strip()]


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
