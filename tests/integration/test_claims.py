"""Claims as sentences, and which one takes the place of which, also under races."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from factories.editing import deleted, edited
from factories.jobs import new_job
from factories.lore import Made, World
from harness.server import RunningApp

from lorekeeper.contracts.enums import Role

ROUNDS = 10


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [started.result() for started in [pool.submit(call) for call in calls]]


def read(world: World, claim: Made) -> Made:
    made: Made = world.api.get(f"/claims/{claim['id']}")
    return made


def superseding(world: World, claim: Made, earlier: Made | None) -> int:
    """The status that an edit is answered with."""
    changes = {"supersedes_claim_id": earlier and earlier["id"]}
    return edited(world.api, f"/claims/{claim['id']}", changes).status_code


def listed(world: World, **filters: Any) -> list[str]:
    return [claim["id"] for claim in world.api.walk("/claims", **filters)]


def test_a_claim_reads_as_a_sentence_wherever_one_is_shown(world: World) -> None:
    hero, troll = (world.entity(name=name)["id"] for name in ("Beowulf", "Grendel"))
    fields = {"subject_entity_id": hero, "predicate": "slew", "object_entity_id": troll}
    (claim,) = world.api.post("/claims/batch", {"items": [fields | {"world_id": world.id}]})["items"]
    path = f"/claims/{claim['id']}"
    shown = [
        claim,
        world.claim(**fields),
        read(world, claim),
        *world.api.walk("/claims", subject_entity_id=hero),
        edited(world.api, path, {"tags": ["monster"]}).json(),
        new_job(world, references={"claim_ids": [claim["id"]]})["derivation"]["lore_snapshot"]["claims"][0],
    ]
    now = edited(world.api, path, {"object_entity_id": None, "object_value": "a troll"}).json()
    first = world.api.get(f"{path}/versions/1")
    told = world.api.get(f"{path}/versions/1/diff")["changes"][0]
    restored = world.api.post(f"{path}/versions/1/restore")

    assert {one["sentence"] for one in [*shown, first, restored]} == {"Beowulf — slew — Grendel"}
    assert now["sentence"] == "Beowulf — slew — a troll"
    assert (told["field"], told["before"], told["after"]) == ("sentence", first["sentence"], now["sentence"])


class TestVersionGroups:
    def test_are_listed(self, world: World) -> None:
        first = world.claim()
        second = world.claim(supersedes_claim_id=first["id"])
        third = world.claim(supersedes_claim_id=second["id"])
        world.claim()
        group = first["version_group_id"]

        assert listed(world, version_group_id=group) == [third["id"], second["id"], first["id"]]
        assert listed(world, version_group_id=group, world_id=world.id) == [third["id"], second["id"], first["id"]]
        assert listed(world, version_group_id=str(uuid4())) == []

        deleted(world.api, f"/claims/{third['id']}")
        assert listed(world, version_group_id=group) == [second["id"], first["id"]]

    def test_are_no_secret_door_to_another_world(self, app: RunningApp, world: World, other_world: World) -> None:
        narrow = other_world.seen_by(app.as_new_key(Role.ADMIN, worlds=[other_world.id]))
        group = world.claim()["version_group_id"]

        assert listed(world, version_group_id=group, world_id=other_world.id) == []
        assert listed(narrow, version_group_id=group) == listed(narrow, version_group_id=str(uuid4())) == []

    def test_stay_whole_when_a_claim_joins_while_they_move(self, world: World) -> None:
        for _ in range(ROUNDS):
            old, moving = world.claim(), world.claim()
            moved, joined = at_once(
                lambda moving=moving, old=old: superseding(world, moving, old),
                lambda moving=moving: world.claim(supersedes_claim_id=moving["id"]),
            )

            groups = {read(world, claim)["version_group_id"] for claim in (old, moving, joined)}
            assert (moved, groups) == (200, {old["version_group_id"]})


class TestRings:
    @pytest.mark.parametrize("steps", [2, 3, 5])
    def test_no_two_edits_close_one_together(self, world: World, steps: int) -> None:
        """Each edit by itself is fine; all of them are not."""
        for _ in range(ROUNDS):
            claims = [world.claim() for _ in range(steps)]
            statuses = at_once(
                *(
                    lambda claim=claim, earlier=earlier: superseding(world, claim, earlier)
                    for claim, earlier in zip(claims, [*claims[1:], claims[0]], strict=True)
                )
            )

            assert sorted(statuses) == [200] * (steps - 1) + [422]
            superseded = [read(world, claim)["supersedes_claim_id"] for claim in claims]
            assert superseded.count(None) == 1

    def test_cannot_be_closed_by_way_of_a_deleted_claim(self, world: World) -> None:
        first = world.claim()
        second = world.claim(supersedes_claim_id=first["id"])
        deleted(world.api, f"/claims/{second['id']}")

        # What is deleted can come back, so what it superseded counts.
        world.api.refused(
            404, "reference_not_found", "PATCH", f"/claims/{first['id']}", {"supersedes_claim_id": second["id"]}
        )
        assert world.api.post(f"/claims/{second['id']}/versions/1/restore")["supersedes_claim_id"] == first["id"]
        assert superseding(world, first, second) == 422

    def test_a_claim_of_a_batch_cannot_supersede_one_of_the_same(self, world: World) -> None:
        subject = world.entity()["id"]
        ids = [str(uuid4()), str(uuid4())]
        items = [
            {"world_id": world.id, "subject_entity_id": subject, "predicate": "p", "object_value": "v"}
            | {"supersedes_claim_id": other}
            for other in reversed(ids)
        ]

        told = world.api.refused(404, "reference_not_found", "POST", "/claims/batch", {"items": items})

        assert told["missing"] == {f"items[{n}].supersedes_claim_id": [i] for n, i in enumerate(reversed(ids))}
        assert listed(world, world_id=world.id) == []

    def test_a_bundle_with_one_is_refused_as_a_whole(self, world: World) -> None:
        subject, *ids = (str(uuid4()) for _ in range(4))
        claims = [
            {"id": one, "subject_entity_id": subject, "predicate": "p", "object_value": "v", "supersedes_claim_id": of}
            for one, of in zip(ids, [*ids[1:], ids[0]], strict=True)
        ]
        name = f"A ring {uuid4()}"
        bundle = {
            "format": "lorekeeper.world-bundle",
            "version": 1,
            "world": {"name": name},
            "entities": [{"id": subject, "name": "A"}],
            "claims": claims,
        }

        told = world.api.refused(422, "validation_failed", "POST", "/worlds/import", bundle)

        assert "supersedes itself" in told["detail"]
        assert world.api.get("/worlds", name=name)["total"] == 0
