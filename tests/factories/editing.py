"""Pieces of lore of each kind, and edits of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from harness.wire import Api

from factories.lore import Made, World


@dataclass(frozen=True)
class Piece:
    """How a kind is made, and an edit of what can be depicted of it, of a label, and one that is refused."""

    path: str
    make: Callable[[World], Made]
    content: Made
    label: Made
    wrong: Made

    def at(self, made: Made) -> str:
        return f"{self.path}/{made['id']}"


def _world(world: World) -> Made:
    return world.api.post("/worlds", {"name": "W", "description": "Wet."})


PIECES: dict[str, Piece] = {
    "world": Piece("/worlds", _world, {"description": "Dry."}, {"metadata": {"a": [1, None]}}, {"name": None}),
    "entity": Piece(
        "/entities",
        lambda world: world.entity(aliases=["The Lamp"]),
        {"aliases": ["Mára", "The Lamp"]},
        {"tags": ["keeper"]},
        {"type": None},
    ),
    "source": Piece(
        "/sources", lambda world: world.source(), {"origin": "Shelf 3"}, {"metadata": {"x": 1}}, {"title": " "}
    ),
    "source_chunk": Piece(
        "/source-chunks",
        lambda world: world.chunk(),
        {"content": "The sea came back."},
        {"metadata": {"heading": "II"}},
        {"char_start": 3},
    ),
    "claim": Piece(
        "/claims",
        lambda world: world.claim(object_value="the lamp"),
        {"object_value": "the key", "canon_state": "STRICT"},
        {"tags": ["tide"]},
        {"object_value": None},
    ),
}


def edited(api: Api, path: str, changes: Made, etag: str | None = None) -> httpx.Response:
    return api.ask("PATCH", path, json=changes, headers={} if etag is None else {"If-Match": etag})


def deleted(api: Api, path: str, *, etag: str | None = None, **params: Any) -> Made:
    """What a deletion that must succeed answers."""
    answer = api.ask("DELETE", path, params=params, headers={} if etag is None else {"If-Match": etag})
    assert answer.status_code == 200, answer.text
    told: Made = answer.json()
    return told
