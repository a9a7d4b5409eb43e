"""Who appears on a plate, and as what: each entity's type and words choose its silhouette."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

from lorekeeper.contracts.enums import EntityType
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.generators.plate import beasts, emblems, people, vessels
from lorekeeper.generators.plate.pen import Pen
from lorekeeper.generators.plate.reading import Lexicon, is_of_a_woman, title_in, words_of

Device = Callable[[Pen], None]


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


_FIGURES = Lexicon[Device](
    (
        (people.crowned, "king queen prince princess emperor empress monarch regent sovereign"),
        (
            people.mariner,
            "sailor skipper mariner seaman seafarer fisher fisherman fisherwoman fishwife harbourmaster harbormaster "
            "driver pilot boatman ferryman ferrywoman helmsman steersman bosun boatswain whaler admiral navigator "
            "wharfinger lighthouse lamplighter carter carrier coachman postman ship boat barque lugger *captain *mate",
        ),
        (
            people.wanderer,
            "wizard witch sage monk priest priestess singer bard scop poet hermit elder seer healer pilgrim scholar "
            "abbot abbess nun mage druid oracle archivist mapmaker *keeper *speaker",
        ),
        (
            people.bearer,
            "herald marshal messenger banner founder envoy lord jarl duke earl baron general *chief *chieftain *leader "
            "*commander *ruler",
        ),
        (
            people.spearman,
            "warrior hero thane soldier knight fighter guard guardsman hunter ranger slayer champion coastguard watch "
            "watchman army host",
        ),
    ),
    only_as_head=frozenset({people.crowned}),
)
_PLACES = (
    (emblems.hall, "hall house inn tavern lodge mead farm village heorot longhouse home barn mill"),
    (emblems.tower, "tower keep fort fortress watch lighthouse beacon light lantern gate bridge wall"),
    (
        emblems.citadel,
        "city castle citadel town palace kingdom realm capital harbour harbor port court dock quay wharf pier",
    ),
    (emblems.spire, "temple church abbey shrine monastery library spire minster chapel school"),
    (emblems.mountain, "mountain peak hill cliff headland ness fell crag range island isle rock glacier land coast"),
    (emblems.grove, "forest wood woods grove orchard tree trees jungle garden marsh fen moor mere swamp"),
    (emblems.barrow, "barrow mound grave tomb cave lair den crypt hoard mine pit"),
    (emblems.stones, "stone stones circle ruin ruins altar cairn henge"),
)
_BEASTS = (
    (beasts.dragon, "dragon wyrm drake firedrake wyvern worm"),
    (beasts.whale, "whale leviathan cachalot orca narwhal cetacean *calf"),
    (beasts.fish, "fish eel salmon trout pike carp cod herring mackerel sturgeon tuna shark"),
    (beasts.serpent, "serpent snake nicor kraken *sea *water *mere"),
    (beasts.wolf, "wolf hound dog fox warg cat lion bear boar"),
    (beasts.stag, "stag deer hart elk horse mare stallion ram goat unicorn ox"),
    (beasts.raven, "raven crow bird eagle hawk owl gull swan falcon phoenix moth bat heron"),
    (beasts.giant, "giant troll ogre demon walker fiend ghoul golem devil grendel *monster"),
)
_THINGS = (
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
_IDEAS = (
    (emblems.comet, "comet star fall omen storm coming voyage landing"),
    (emblems.flame, "fire burning war battle feud siege fight attack raid sack"),
    (emblems.star, "birth feast crowning dawn light hope founding festival"),
    (emblems.eye, "fate wyrd sight prophecy dream death truth curse magic"),
    (emblems.knot, "oath bond kin law peace honour honor treaty wedding faith custom"),
)
_BANNERS = (
    (emblems.shield, "army guard clan tribe house war knights geats danes warband"),
    (emblems.quartered, "guild order council company school bank league church college"),
)
_CARRIERS = (
    (vessels.longship, "longship viking drakkar drekar knarr snekke prowed dragon"),
    (
        vessels.barque,
        "barque bark barquentine brig brigantine frigate galleon clipper carrack caravel schooner corvette windjammer "
        "merchantman warship flagship indiaman whaler masted *ship *vessel",
    ),
    (
        vessels.lugger,
        "lugger sloop smack cutter ketch yawl skiff dinghy dory coble pinnace wherry punt barge ferry fishing fisher "
        "rowing canoe *boat *craft",
    ),
    (vessels.wagon, "wagon waggon cart carriage coach caravan wain dray chariot"),
    (vessels.sledge, "sledge sled sleigh toboggan"),
)

_BY_TYPE: dict[EntityType, Lexicon[Device]] = {
    EntityType.PERSON: _FIGURES,
    EntityType.LOCATION: Lexicon(_PLACES),
    EntityType.CREATURE: Lexicon(_BEASTS),
    EntityType.ITEM: Lexicon(_THINGS),
    EntityType.ARTIFACT: Lexicon(_THINGS),
    EntityType.FACTION: Lexicon(_BANNERS),
    EntityType.ORGANIZATION: Lexicon(_BANNERS),
    EntityType.EVENT: Lexicon(_IDEAS),
    EntityType.CONCEPT: Lexicon(_IDEAS),
    EntityType.VEHICLE: Lexicon(_CARRIERS),
    EntityType.OTHER: Lexicon((*_THINGS, *_IDEAS)),
}
_ROLES: dict[EntityType, Role] = {
    EntityType.PERSON: Role.FIGURE,
    EntityType.LOCATION: Role.PLACE,
    EntityType.CREATURE: Role.BEAST,
    EntityType.VEHICLE: Role.VESSEL,
}
# What is not found where others of its type are: a wagon stands on the ground, as a beast would.
_OWN_ROLES: dict[Device, Role] = {
    beasts.serpent: Role.SWIMMER,
    beasts.whale: Role.SWIMMER,
    beasts.fish: Role.SWIMMER,
    beasts.dragon: Role.FLYER,
    beasts.raven: Role.FLYER,
    vessels.wagon: Role.BEAST,
    vessels.sledge: Role.BEAST,
}


def _smaller(device: Device, share: float) -> Device:
    """What is wider than a seal, drawn to fit one."""
    return lambda pen: device(pen.sub(0.0, 0.5 * (share - 1), share))


_SEALS: dict[Device, Device] = {
    people.crowned: people.monarch,
    people.wanderer: people.hood,
    people.bearer: people.helm,
    people.spearman: people.helm,
    people.mariner: people.souwester,
    people.plain: people.face,
    people.gowned: people.lady,
    beasts.whale: _smaller(beasts.whale_entire, 0.9),
    beasts.serpent: _smaller(beasts.serpent, 0.8),
    vessels.barque: _smaller(vessels.barque, 0.78),
    vessels.longship: _smaller(vessels.longship, 0.86),
    vessels.lugger: _smaller(vessels.lugger, 0.86),
    vessels.wagon: _smaller(vessels.wagon, 0.84),
    vessels.sledge: _smaller(vessels.sledge, 0.86),
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
        words_of(told)
        & {"sea", "ocean", "isle", "island", "shore", "coast", "harbour", "harbor", "tide", "sail", "lake"}
    )


def _actor(name: str, kind: EntityType, told: str, rng: Random) -> Actor:
    device = _device(name, kind, told, rng)
    role = _OWN_ROLES.get(device) or _ROLES.get(kind, Role.EMBLEM)
    return Actor(name, role, device, _SEALS.get(device, device))


def _device(name: str, kind: EntityType, told: str, rng: Random) -> Device:
    """By the name, else by what is told, else whatever is plain for the type."""
    lexicon = _BY_TYPE[kind]
    by_chance = rng.choice(lexicon.meanings)
    named = title_in(name) if kind == EntityType.PERSON else name
    chosen = lexicon.read(named) or lexicon.read(told)
    if chosen:
        return chosen
    if kind == EntityType.PERSON:
        return people.gowned if is_of_a_woman(f"{name} {told}") else people.plain
    return vessels.lugger if kind == EntityType.VEHICLE else by_chance


def _guess(name: str) -> EntityType:
    """What an entity known by name alone may be."""
    for kind in (EntityType.LOCATION, EntityType.CREATURE, EntityType.ITEM, EntityType.VEHICLE):
        if _BY_TYPE[kind].names(name):
            return kind
    return EntityType.PERSON
