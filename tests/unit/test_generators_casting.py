"""What each entity is drawn as, in the scene and in its seal; and whom the demo has drawn."""

from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from test_generators_lore import THEN, entity

from lorekeeper.cli.commissions import COMMISSIONS, WorldLore
from lorekeeper.contracts.enums import AssetTypeEnum, EntityType
from lorekeeper.contracts.snapshot import LoreSnapshot, WorldSnapshot
from lorekeeper.generators.plate import beasts, emblems, people, vessels
from lorekeeper.generators.plate.casting import Actor, Role, cast_of
from lorekeeper.generators.plate.pen import Stencil


def cast(name: str, kind: str, summary: str | None = None, seed: int = 1) -> Actor:
    lore = LoreSnapshot(
        taken_at=THEN, world=WorldSnapshot(id=uuid4(), name="World"), entities=[entity(name, kind, summary)]
    )
    (actor,) = cast_of(lore, Random(seed))
    return actor


@pytest.mark.parametrize(
    ("summary", "device", "role"),
    [
        ("A slate-backed whale, left behind as a calf.", beasts.whale, Role.SWIMMER),
        ("The last leviathan of a dry sea.", beasts.whale, Role.SWIMMER),
        ("An eel as old as the well.", beasts.fish, Role.SWIMMER),
        ("A serpent that ate a whale.", beasts.serpent, Role.SWIMMER),
        ("A sea monster.", beasts.serpent, Role.SWIMMER),
        ("A sea eagle.", beasts.raven, Role.FLYER),
        ("The king's hound, afraid of dragons.", beasts.wolf, Role.BEAST),
    ],
)
def test_beasts(summary, device, role):
    actor = cast("Auntie", "CREATURE", summary)
    assert (actor.device, actor.role) == (device, role)


@pytest.mark.parametrize(
    ("name", "summary", "device"),
    [
        ("Kerra Pask", "Skipper of the Punctual, nineteen when the sea took her.", people.mariner),
        ("Loveday Pask", "Harbourmaster of a harbour with no sea, and the mother of one of the owed.", people.mariner),
        ("Digory Senn", "The sledge driver who carries the post between the town and the water.", people.mariner),
        ("Captain Ahab", "One leg, and a grudge.", people.mariner),
        ("Ann Gow", "Captain of the king's guard.", people.spearman),
        ("Merren Ott", "A salt scraper, and the voice that the others scrape to.", people.plain),
        ("Ebba", "A baker who never forgave her brother.", people.gowned),
        ("Ann King", None, people.plain),
        ("Tom", "A cook whom the queen wronged.", people.plain),
        ("Tom", "A servant of the king.", people.plain),
        ("Tom", "The king's cousin.", people.plain),
        ("Wealhtheow", "Queen of the Danes.", people.crowned),
        ("Hygelac the King", None, people.crowned),
        ("Wiglaf", "A young warrior, kinsman of Beowulf.", people.spearman),
    ],
)
def test_people(name, summary, device):
    assert cast(name, "PERSON", summary).device is device


@pytest.mark.parametrize(
    ("summary", "device", "role"),
    [
        ("A three-masted grain barque, aground at berth four, and an inn.", vessels.barque, Role.VESSEL),
        ("A merchant ship.", vessels.barque, Role.VESSEL),
        ("A clipper that carried tea.", vessels.barque, Role.VESSEL),
        ("Kerra Pask\u2019s lugger, the last boat out on the day the sea left.", vessels.lugger, Role.VESSEL),
        ("A fishing boat.", vessels.lugger, Role.VESSEL),
        ("Hers, and fast.", vessels.lugger, Role.VESSEL),
        (None, vessels.lugger, Role.VESSEL),
        ("The ring-prowed ship of Scyld.", vessels.longship, Role.VESSEL),
        ("A viking ship.", vessels.longship, Role.VESSEL),
        ("The post wagon.", vessels.wagon, Role.BEAST),
        ("A mail sledge.", vessels.sledge, Role.BEAST),
    ],
)
def test_vessels(summary, device, role):
    for seed in range(4):
        actor = cast("Punctual", "VEHICLE", summary, seed)
        assert (actor.device, actor.role) == (device, role)


def test_nobody_wears_a_crown_by_chance():
    for seed in range(40):
        assert cast("Somebody", "PERSON", "Nobody knows.", seed).device is people.plain


def test_a_thing_is_what_its_summary_names_first():
    assert cast("The Goodwife", "ARTIFACT", "The great bell on the mole, rung by no king.").device is emblems.bell
    assert cast("The Sea\u2019s Account", "ITEM", "A ledger of every ring and cup.").device is emblems.book


WITHIN_A_SEAL = 0.86  # of its radius, to the inner rule


@pytest.mark.parametrize(
    ("kind", "summary"),
    [
        ("CREATURE", "A whale."),
        ("CREATURE", "A fish."),
        ("CREATURE", "A sea serpent."),
        ("PERSON", "A sailor."),
        ("PERSON", "Somebody."),
        ("PERSON", "A woman."),
        ("VEHICLE", "A barque."),
        ("VEHICLE", "A lugger."),
        ("VEHICLE", "A longship."),
        ("VEHICLE", "A wagon."),
        ("VEHICLE", "A sledge."),
    ],
)
def test_a_seal_holds_its_device(kind, summary):
    side, radius = 400, 150
    stencil = Stencil.blank((side, side))
    cast("One", kind, summary).seal(stencil.pen(side / 2, side / 2 + radius * 0.54, radius * 1.06))
    reach = max(
        ((x - side / 2) ** 2 + (y - side / 2) ** 2) ** 0.5
        for x in range(side)
        for y in range(side)
        if stencil.body.getpixel((x, y))
    )
    assert reach < radius * (WITHIN_A_SEAL + 0.02)


def spoken_of(*entities: tuple[str, str, int]) -> Any:
    """Lore whose claims are about each (type, name) so many times."""
    made = [SimpleNamespace(id=uuid4(), type=EntityType(kind), name=name) for kind, name, _ in entities]
    claims = [
        SimpleNamespace(subject_entity_id=one.id, object_entity_id=None)
        for one, (*_, times) in zip(made, entities, strict=True)
        for _ in range(times)
    ]
    return WorldLore(world=SimpleNamespace(), entities=made, sources=[], chunks={}, claims=claims)  # type: ignore[arg-type]


def test_the_demo_has_those_drawn_that_can_be_seen():
    (plate,) = [commission for commission in COMMISSIONS if commission.asset_type == AssetTypeEnum.IMAGE]
    lore = spoken_of(
        ("EVENT", "The Flood", 9),
        ("CREATURE", "Auntie", 5),
        ("FACTION", "The Brinkers", 4),
        ("LOCATION", "The Slack", 2),
        ("ARTIFACT", "The Goodwife", 7),
        ("PERSON", "Theodora", 1),
    )
    assert plate.prompt(lore)["title"] == "The Goodwife, Auntie and the Slack"
    assert plate.references(lore).entity_ids == [one.id for one in lore.subjects(3)]
    assert [one.name for one in lore.subjects(9)][-2:] == ["The Flood", "The Brinkers"]
    assert [one.name for one in lore.most_spoken_of(2)] == ["The Flood", "The Goodwife"]
