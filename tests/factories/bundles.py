"""Worlds as bundles: one to take out, and how to look at what came in."""

from typing import Any

import psycopg
from harness.wire import Api

from factories.lore import Made, World
from lorekeeper.contracts.bundle import parse_bundle

IMPORT = "/worlds/import"
TEXT = "# I\n\nHwæt! We Gardena in geardagum.\n\n" + "He was a good king. " * 80 + "\n\n# II\n\nThen the hall fell."


def live_in(world: World) -> World:
    """A world with a past: edited, deleted, superseded, in a new edition, with all labels."""
    world.api.patch(f"/worlds/{world.id}", {"description": "Of halls ⚔", "metadata": {"a": [1, 2.5, {"b": None}]}})
    mara = world.entity(type="PERSON", aliases=["M", "Ma"], summary="s", tags=["t"], metadata={"k": 1e-7})
    lamp = world.entity(name='the "lamp" \\ \u2028 ../../etc/passwd')
    world.api.patch(f"/entities/{lamp['id']}", {"description": "oil"})
    gone = world.entity()
    world.api.ask("DELETE", f"/entities/{gone['id']}")
    book = world.source(text=TEXT, author_ids=[lamp["id"], mara["id"]], origin="a shelf", metadata={"m": []})
    chunks = world.chunks_of(book)
    bare = world.source(type="SONG")
    old = world.claim(subject_entity_id=mara["id"], object_value="it", source_chunk_id=chunks[-1]["id"])
    world.claim(
        subject_entity_id=mara["id"],
        object_entity_id=lamp["id"],
        asserted_by_entity_id=mara["id"],
        canon_state="STRICT",
        confidence=0.25,
        supersedes_claim_id=old["id"],
        source_id=bare["id"],
        valid_from={"label": "then"},
        valid_to={"sort": 1e21},
        tags=["x"],
    )
    world.api.post(f"/sources/{book['id']}/editions", {"text": TEXT.partition("# II")[0]})  # a claim cites what went
    world.api.ask("PUT", f"/worlds/{world.id}/predicates/keeps", json={"single_valued": True}).raise_for_status()
    return world


def exported(api: Api, world_id: str) -> dict[str, Any]:
    answer = api.ask("GET", f"/worlds/{world_id}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    parse_bundle(answer.content)
    bundle: dict[str, Any] = answer.json()
    return bundle


def hashes(api: Api, world_id: str) -> dict[str, str]:
    """Content hash by id, of every living piece."""
    sources = api.walk("/sources", world_id=world_id)
    chunks = [chunk for source in sources for chunk in api.walk(f"/sources/{source['id']}/chunks")]
    lore = [*api.walk("/entities", world_id=world_id), *sources, *chunks, *api.walk("/claims", world_id=world_id)]
    return {piece["id"]: piece["content_hash"] for piece in [*lore, api.get(f"/worlds/{world_id}")]}


def changes_in(report: Made) -> dict[str, dict[str, int]]:
    """What was not left as it was."""
    counts = {kind: {k: n for k, n in one.items() if n and k != "unchanged"} for kind, one in report["changes"].items()}
    return {kind: one for kind, one in counts.items() if one}


def events_of(database: psycopg.Connection[Made], world_id: str) -> list[Made]:
    return database.execute("SELECT kind, subject_id FROM event WHERE world_id = %s ORDER BY id", [world_id]).fetchall()
