"""The operator's own schemas, put in force and withdrawn."""

from typing import Any

from harness.wire import Api

from factories.lore import Made, World

SCHEMAS = "/prompt-schemas"
MOOD: Made = {"required": ["mood"], "properties": {"mood": {"enum": ["grim", "merry"]}}, "additionalProperties": False}
GRIM: Made = {"mood": "grim"}


def body_for(world: World, schema: Made | None = None, **fields: Any) -> Made:
    return {"asset_type": "IMAGE", "provider": world.provider, "schema": MOOD if schema is None else schema, **fields}


def in_force(world: World, schema: Made | None = None, **fields: Any) -> Made:
    """A schema, put in force for this world's provider."""
    return world.api.post(SCHEMAS, body_for(world, schema, **fields))


def withdraw(api: Api, schema: Made) -> Made:
    answer = api.ask("DELETE", f"{SCHEMAS}/{schema['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def judges(world: World, asset_type: str = "IMAGE") -> Made:
    return world.api.get(f"{SCHEMAS}/in-force", asset_type=asset_type, provider=world.provider)
