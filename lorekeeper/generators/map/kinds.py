"""Kinds of place, and the words that tell them."""

import re
from dataclasses import dataclass
from enum import Enum

from lorekeeper.generators.plate.reading import Lexicon, words_of


class Kind(Enum):
    """The value is what the legend calls it."""

    CITY = "City"
    TOWN = "Town"
    VILLAGE = "Village"
    HALL = "Hall"
    HARBOUR = "Harbour"
    CASTLE = "Castle"
    TOWER = "Tower or light"
    TEMPLE = "Temple"
    RUIN = "Ruin"
    STONES = "Standing stones"
    BARROW = "Barrow"
    CAVE = "Cave or mine"
    BRIDGE = "Bridge"
    FORD = "Ford"
    PASS = "Pass"  # noqa: S105 - of mountains
    PEAK = "Peak"
    HEADLAND = "Headland"
    PLACE = "Place"
    ISLAND = "Island"
    SEA = "Sea"
    BAY = "Bay"
    LAKE = "Lake"
    RIVER = "River"
    RANGE = "Mountains"
    FOREST = "Forest"
    MARSH = "Marsh"
    FLATS = "Bare sands"
    STRAND = "Strand"
    REGION = "Country"


AREAS = frozenset(
    {
        Kind.ISLAND,
        Kind.SEA,
        Kind.BAY,
        Kind.LAKE,
        Kind.RIVER,
        Kind.RANGE,
        Kind.FOREST,
        Kind.MARSH,
        Kind.FLATS,
        Kind.STRAND,
        Kind.REGION,
    }
)
"""Named across the ground they cover; everything else has a mark at a point."""

SETTLED = frozenset({Kind.CITY, Kind.TOWN, Kind.VILLAGE, Kind.HALL, Kind.HARBOUR, Kind.CASTLE, Kind.PLACE})
_BUILT = SETTLED | {Kind.TOWER, Kind.TEMPLE, Kind.BRIDGE}

RANK = {
    Kind.CITY: 3.0,
    Kind.TOWN: 2.2,
    Kind.HARBOUR: 2.2,
    Kind.CASTLE: 2.2,
    Kind.HALL: 2.0,
    Kind.REGION: 4.0,
    Kind.SEA: 4.0,
    Kind.RANGE: 3.0,
    Kind.ISLAND: 2.6,
    Kind.FOREST: 2.4,
}

_WORDS = Lexicon[Kind](
    (
        (Kind.CITY, "city capital metropolis"),
        (Kind.TOWN, "town borough market *settlement"),
        (Kind.VILLAGE, "village hamlet farm steading homestead mill croft cottage *house *home"),
        (Kind.HALL, "hall longhouse mead court lodge manor inn tavern palace throne"),
        (Kind.HARBOUR, "harbour harbor port haven dock quay wharf pier staithe anchorage shipyard landing jetty"),
        (Kind.CASTLE, "castle citadel fort fortress keep stronghold fortification bastion *gate *wall"),
        (Kind.TOWER, "tower watchtower lighthouse beacon light lantern observatory *watch"),
        (Kind.TEMPLE, "temple church abbey shrine monastery minster chapel cathedral sanctuary priory library school"),
        (Kind.RUIN, "ruin ruins"),
        (Kind.STONES, "stone stones circle henge cairn altar monolith obelisk menhir"),
        (Kind.BARROW, "barrow mound grave tomb crypt cemetery graveyard necropolis burial"),
        (Kind.CAVE, "cave lair den mine pit cavern grotto quarry hoard tunnel"),
        (Kind.BRIDGE, "bridge viaduct"),
        (Kind.FORD, "ford crossing ferry"),
        (Kind.PASS, "pass defile"),
        (Kind.PEAK, "mount mountain peak volcano hill fell crag tor summit *rock"),
        (Kind.HEADLAND, "headland ness cape promontory peninsula cliff cliffs point foreland"),
        (Kind.ISLAND, "island isle islet islands isles holm skerry atoll archipelago"),
        (Kind.SEA, "sea ocean strait channel sound waters *deep *water"),
        (Kind.BAY, "bay gulf firth fjord lagoon cove inlet estuary"),
        (Kind.LAKE, "lake mere loch lough tarn pool pond reservoir"),
        (Kind.RIVER, "river stream brook beck burn creek waterfall falls rapids"),
        (Kind.RANGE, "mountains hills range alps ridge highlands massif sierra peaks downs"),
        (Kind.FOREST, "forest wood woods woodland grove jungle orchard thicket weald taiga"),
        (Kind.MARSH, "marsh fen fens moor moors swamp bog mire wetland wetlands moss"),
        (Kind.FLATS, "flats flat sands desert waste wasteland wastes dunes bed plain plains steppe barrens"),
        (Kind.STRAND, "*strand *beach *shore *seashore *coast *coastland *seaside"),
        (
            Kind.REGION,
            "kingdom realm country empire province shire county duchy region march principality earldom homeland "
            "territory continent vale valley dale *land *lands",
        ),
    )
)
_ENDINGS = (
    (Kind.HARBOUR, "haven port mouth hithe"),
    (Kind.CASTLE, "burg burgh berg castle gard"),
    (Kind.FORD, "ford furt"),
    (Kind.BRIDGE, "bridge brig"),
    (Kind.LAKE, "mere water"),
    (Kind.FOREST, "wood holt weald"),
    (Kind.ISLAND, "holm oey"),
    (Kind.HEADLAND, "ness naes nes"),
    (Kind.PEAK, "fell horn"),
    (Kind.MARSH, "moor fen"),
    (Kind.RIVER, "burn beck"),
    (Kind.TOWN, "ton wick chester bury"),
    (Kind.VILLAGE, "by ham thorpe stead stow"),
    (Kind.HALL, "hall rot"),
    (Kind.REGION, "land mark ia"),
)
# What comes after these is said of something else: "the sea bed between the town and the water".
_BEYOND = re.compile(
    r"[,.;:()!?]|\b(?:of|in|on|at|by|for|from|with|without|under|over|near|between|beside|beyond|above|below|among|"
    r"across|along|around|outside|inside|behind|except|that|which|where|who|when)\b"
)
_PLURAL_RANGE = re.compile(r"\b(?:mountains|hills|peaks|fells|crags)\b")
_RUINED = re.compile(r"\b(?:ruin(?:ed|s)?|crumbling|abandoned|derelict|fallen|toppled)\b")
_HINTS = {
    "coast": "sea coast shore harbour harbor tide cliff port dock quay fishing fisher sailors ships beach bay staithe",
    "river": "river ford bridge stream banks weir mill ferry",
    "high": "mountain mountains peak peaks hill hills cliff pass highland highlands crag eyrie snow",
    "wood": "forest wood woods trees woodland oak pine pines grove glade",
    "isle": "island isle islet holm",
    "bog": "marsh fen swamp bog mire",
}
_HINT_WORDS = {hint: frozenset(words.split()) for hint, words in _HINTS.items()}


@dataclass(frozen=True)
class Nature:
    """What kind of place it is, and what is said to be around it."""

    kind: Kind
    hints: frozenset[str]


def nature_of(name: str, summary: str, more: str) -> Nature:
    """By the name, else by its summary, else by how the name ends, else by whatever else is told.

    A vague word of a name ("the Danish Strand") counts only where the summary's head does not say more.
    """
    told = f"{name} {summary} {more}".casefold()
    hints = frozenset(hint for hint, words in _HINT_WORDS.items() if words_of(told) & words)
    head = _BEYOND.split(summary.casefold(), maxsplit=1)[0]
    kind = _named(name) or _WORDS.read(head) or _ending(name) or _WORDS.read(name.split(",", maxsplit=1)[0])
    if kind is None:
        kind = _WORDS.read(summary) or _WORDS.read(more) or Kind.PLACE
        if kind in {Kind.REGION, Kind.STRAND}:
            kind = Kind.PLACE  # whatever lies in a realm, or by a shore, is not one
    if kind in _BUILT and _RUINED.search(f"{name} {summary}".casefold()):
        kind = Kind.RUIN
    if kind in {Kind.TOWN, Kind.VILLAGE} and words_of(f"{name} {summary}") & {"harbour", "harbor", "port", "haven"}:
        kind = Kind.HARBOUR
    return Nature(kind, hints)


def _named(name: str) -> Kind | None:
    if _PLURAL_RANGE.search(name.casefold()):
        return Kind.RANGE
    head = name.split(",", maxsplit=1)[0]
    # "Sea of Ash", "Isle of Wen": the noun before "of". Elsewhere the last noun: "Tower Hill".
    return _WORDS.read(head) if _WORDS.names(head) else None


def _ending(name: str) -> Kind | None:
    word = (name.casefold().split() or [""])[-1]
    for kind, endings in _ENDINGS:
        if any(word.endswith(ending) and len(word) > len(ending) + 2 for ending in endings.split()):
            return kind
    return None
