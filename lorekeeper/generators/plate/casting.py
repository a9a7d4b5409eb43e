"""Who appears on a plate, and as what: each entity's type and words choose its silhouette."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from lorekeeper.contracts.enums import EntityType
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.generators.plate import devices, emblems
from lorekeeper.generators.plate.pen import Pen

Device = Callable[[Pen], None]
_Lexicon = Sequence[tuple[Device, str]]


class Role(Enum):
    """Where in the scene an actor belongs."""

    FIGURE = "figure"
    PLACE = "place"
    BEAST = "beast"
    SWIMMER = "swimmer"
    FLYER = "flyer"
    VESSEL = "vessel"
    EMBLEM = "emblem"


@dataclass(frozen=True)
class Actor:
    """An entity as the plate shows it: `device` in the scene, `seal` in a medallion."""

    name: str
    role: Role
    device: Device
    seal: Device


_FIGURES: _Lexicon = (
    (
        devices.crowned,
        "king queen prince princess lord lady emperor empress ruler jarl duke chief throne regent monarch",
    ),
    (
        devices.wanderer,
        "wizard witch sage monk priest priestess singer bard scop poet hermit elder seer healer smith "
        "keeper abbot pilgrim scholar mage druid oracle mother nun archivist mapmaker sister brother abbess father "
        "speaker",
    ),
    (devices.bearer, "herald captain marshal messenger standard banner leader founder envoy"),
    (
        devices.spearman,
        "warrior hero thane soldier knight fighter guard hunter ranger slayer champion coastguard watch",
    ),
)
_SEALS: dict[Device, Device] = {
    devices.crowned: devices.monarch,
    devices.wanderer: devices.hood,
    devices.bearer: devices.helm,
    devices.spearman: devices.helm,
}
_PLACES: _Lexicon = (
    (emblems.hall, "hall house inn tavern lodge mead farm village heorot longhouse home barn mill"),
    (emblems.tower, "tower keep fort fortress watch lighthouse beacon light lantern gate bridge wall"),
    (emblems.citadel, "city castle citadel town palace kingdom realm capital harbour harbor port court"),
    (emblems.spire, "temple church abbey shrine monastery library spire minster chapel school"),
    (emblems.mountain, "mountain peak hill cliff headland ness fell crag range island isle rock glacier land coast"),
    (emblems.grove, "forest wood woods grove orchard tree trees jungle garden marsh fen moor mere swamp"),
    (emblems.barrow, "barrow mound grave tomb cave lair den crypt hoard mine pit"),
    (emblems.stones, "stone stones circle ruin ruins altar cairn henge"),
)
_BEASTS: _Lexicon = (
    (devices.dragon, "dragon wyrm drake firedrake wyvern worm"),
    (devices.serpent, "serpent snake sea whale fish nicor kraken leviathan eel water mere monster-fish"),
    (devices.wolf, "wolf hound dog fox beast warg cat lion bear boar"),
    (devices.stag, "stag deer hart elk horse mare stallion ram goat unicorn ox"),
    (devices.raven, "raven crow bird eagle hawk owl gull swan falcon phoenix moth bat heron"),
    (devices.giant, "giant troll ogre demon monster walker fiend ghoul golem devil grendel"),
)
_THINGS: _Lexicon = (
    (emblems.sword, "sword blade dagger knife spear brand bill lance axe weapon"),
    (emblems.bell, "bell bells chime gong"),
    (emblems.ring, "ring necklace collar torque jewel gem amulet bracelet pendant stone necklet"),
    (emblems.cup, "cup chalice goblet grail bowl horn-cup beaker cauldron flagon"),
    (emblems.crown, "crown helm helmet diadem throne circlet treasure hoard gold"),
    (emblems.book, "book scroll letter map chronicle codex tome ledger chart page saga law"),
    (emblems.harp, "harp lyre lute song fiddle drum instrument music"),
    (emblems.horn, "horn trumpet call"),
    (emblems.key, "key lock door chest"),
    (emblems.lantern, "lantern lamp torch candle light beacon"),
    (emblems.hammer, "hammer anvil mace tool forge"),
    (emblems.shield, "shield armour armor mail shirt cloak coat"),
)
_IDEAS: _Lexicon = (
    (emblems.comet, "comet star fall omen storm coming voyage landing"),
    (emblems.flame, "fire burning war battle feud siege fight attack raid sack"),
    (emblems.star, "birth feast crowning dawn light hope founding festival"),
    (emblems.eye, "fate wyrd sight prophecy dream death truth curse magic"),
    (emblems.knot, "oath bond kin law peace honour honor treaty wedding faith custom"),
)
_BANNERS: _Lexicon = (
    (emblems.shield, "army guard clan tribe house war knights geats danes warband"),
    (emblems.quartered, "guild order council company school bank league church college"),
)
_SHIPS: _Lexicon = ((devices.longship, "ship boat"),)

_LEXICONS: dict[EntityType, _Lexicon] = {
    EntityType.PERSON: _FIGURES,
    EntityType.LOCATION: _PLACES,
    EntityType.CREATURE: _BEASTS,
    EntityType.ITEM: _THINGS,
    EntityType.ARTIFACT: _THINGS,
    EntityType.FACTION: _BANNERS,
    EntityType.ORGANIZATION: _BANNERS,
    EntityType.EVENT: _IDEAS,
    EntityType.CONCEPT: _IDEAS,
    EntityType.VEHICLE: _SHIPS,
    EntityType.OTHER: (*_THINGS, *_IDEAS),
}
_ROLES: dict[EntityType, Role] = {
    EntityType.PERSON: Role.FIGURE,
    EntityType.LOCATION: Role.PLACE,
    EntityType.VEHICLE: Role.VESSEL,
}
_BEAST_ROLES: dict[Device, Role] = {
    devices.serpent: Role.SWIMMER,
    devices.dragon: Role.FLYER,
    devices.raven: Role.FLYER,
}
_NAMED_BY_CLAIMS = 8


def cast_of(lore: LoreSnapshot, rng: Random) -> list[Actor]:
    """The referenced entities; where there are none, those the claims speak of."""
    if lore.entities:
        return [
            _actor(item.name, item.type, " ".join(filter(None, (item.summary, *item.aliases))), rng)
            for item in lore.entities
        ]
    names: dict[str, str] = {}
    for claim in lore.claims:
        for name in (claim.subject_name, claim.object_name):
            if name:
                names[name] = f"{names.get(name, '')} {claim.predicate}"
    return [_actor(name, _guess(name), said, rng) for name, said in list(names.items())[:_NAMED_BY_CLAIMS]]


def speaks_of_water(lore: LoreSnapshot) -> bool:
    """True where names or summaries put the scene by the sea."""
    told = " ".join(f"{item.name} {item.summary or ''}" for item in lore.entities)
    told += " ".join(claim.sentence for claim in lore.claims) + " ".join(
        chunk.content for chunk in lore.source_chunks[:8]
    )
    return bool(
        _words(told) & {"sea", "ocean", "isle", "island", "shore", "coast", "harbour", "harbor", "tide", "sail", "lake"}
    )


def _actor(name: str, kind: EntityType, told: str, rng: Random) -> Actor:
    device = _choose(_LEXICONS[kind], name, told, rng)
    role = _ROLES.get(kind, Role.EMBLEM)
    if kind == EntityType.CREATURE:
        role = _BEAST_ROLES.get(device, Role.BEAST)
    return Actor(name, role, device, _SEALS.get(device, device))


def _choose(lexicon: _Lexicon, name: str, told: str, rng: Random) -> Device:
    fallback = rng.choice([device for device, _ in lexicon])
    for text in (name, told):
        said = _words(text)
        hits = [(len(said & set(words.split())), -index) for index, (_, words) in enumerate(lexicon)]
        most, index = max(hits)
        if most:
            return lexicon[-index][0]
    return fallback


def _guess(name: str) -> EntityType:
    """What an entity known by name alone may be."""
    said = _words(name)
    for kind in (EntityType.LOCATION, EntityType.CREATURE, EntityType.ITEM, EntityType.VEHICLE):
        if any(said & set(words.split()) for _, words in _LEXICONS[kind]):
            return kind
    return EntityType.PERSON


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold().replace("-", " ")))
