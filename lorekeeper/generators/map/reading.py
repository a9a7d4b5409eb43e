"""What lore says of places: which there are, of what kind, and how they lie to one another."""

import math
import re
from dataclasses import dataclass, field
from uuid import UUID

from lorekeeper.contracts.enums import EntityType
from lorekeeper.contracts.snapshot import ClaimSnapshot, EntitySnapshot, LoreSnapshot
from lorekeeper.generators.map.kinds import AREAS, RANK, Kind, Nature, nature_of
from lorekeeper.generators.passages import one_line

_LONGEST_NAME = 72
_MOST_PLACES = 400
_PAIRS_READ = 250

_COMPASS = {
    "north": (0.0, -1.0),
    "south": (0.0, 1.0),
    "east": (1.0, 0.0),
    "west": (-1.0, 0.0),
}
_TOWARD = re.compile(r"\b(north|south|east|west|above|below)[-\s]?(east|west)?(?:ern|wards?|ernmost)?\b")
_AMOUNT = re.compile(
    r"\b(half|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|forty|fifty|hundred|\d{1,4})"
    r"[\s-]*(?:and a half\s)?(day|league|mile|kilomet\w+|km|hour|week)"
)
_NUMBERS = {
    "a": 1, "an": 1, "half": 0.5, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "hundred": 100,
}  # fmt: skip
_MILES = {"day": 20.0, "league": 3.0, "mile": 1.0, "kilomet": 0.62, "km": 0.62, "hour": 2.5, "week": 140.0}
_NEAR = re.compile(
    r"\b(?:near|nearby|beside|next|close|by|at|adjoins?|adjacent|borders?|bordering|overlooks?|faces?|neighbou?rs?|opposite|between|edge)\b"
)
_INSIDE = re.compile(
    r"\b(?:in|inside|within|part|belongs|capital|lies in|located|stands in|seat|heart|under|district|of|on)\b"
)
_AROUND = re.compile(r"\b(?:contains|includes|encloses|surrounds|holds)\b")
_FAR = re.compile(r"\b(?:far|remote|distant|beyond|across)\b")
_ROAD = re.compile(r"\b(?:road|route|path|way|track|highway|trail|street|leads?|connects?|connected|linked|joins)\b")
_NOT = re.compile(r"\b(?:not|never|no)\b")


@dataclass
class Place:
    """A place to be shown. `toward` is where on the whole map it lies, if that is told ("the far north")."""

    name: str
    kind: Kind
    hints: frozenset[str]
    told: str
    weight: float
    aliases: tuple[str, ...] = ()
    toward: tuple[float, float] | None = None
    x: float = 0.0
    y: float = 0.0

    @property
    def is_area(self) -> bool:
        return self.kind in AREAS


@dataclass(frozen=True)
class Relation:
    """How `one` lies to `other` (indexes of places). `toward` points from `other` to `one`, y downward."""

    one: int
    other: int
    toward: tuple[float, float] | None = None
    near: bool = False
    far: bool = False
    inside: bool = False
    road: bool = False
    miles: float | None = None


@dataclass
class Gazetteer:
    """All places, and what is told of how they lie."""

    places: list[Place] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)


def read_places(lore: LoreSnapshot) -> Gazetteer:
    """The LOCATIONs; where there are none, the names of the claims that sound like places, and what has ground of its
    own among the rest (a guild's house is none)."""
    located = [item for item in lore.entities if item.type == EntityType.LOCATION][:_MOST_PLACES]
    book = Gazetteer([_place(item) for item in located])
    if not book.places:
        book.places = [Place(name, *_split(nature), "", 1.0) for name, nature in _spoken_of(lore)]
    ids = {item.id: index for index, item in enumerate(located)}
    names = {place.name.casefold(): index for index, place in reversed(list(enumerate(book.places)))}
    for claim in lore.claims:
        one = ids.get(claim.subject_entity_id, names.get(claim.subject_name.casefold()))
        if one is None:
            continue
        book.places[one].weight += 0.35
        other = _object_of(claim, ids, names)
        if other is not None and other != one:
            book.places[other].weight += 0.35
            book.relations.append(read_relation(one, other, claim.predicate, claim.object_value or ""))
    _read_texts(book)
    return book


def _place(item: EntitySnapshot) -> Place:
    name = _cut(one_line(item.name)) or "—"
    summary, more = item.summary or "", " ".join(filter(None, (*item.aliases, item.description)))[:4000]
    nature = nature_of(name, summary, more)
    weight = RANK.get(nature.kind, 1.0) + 0.25 * min(4, len(more) / 400) + 0.1 * len(item.aliases)
    toward = _absolute(f"{name}. {summary}")
    aliases = tuple(_cut(one_line(alias)) for alias in item.aliases if one_line(alias))
    return Place(name, nature.kind, nature.hints, f"{summary} {more}", weight, aliases, toward)


def _split(nature: Nature) -> tuple[Kind, frozenset[str]]:
    return nature.kind, nature.hints


def _spoken_of(lore: LoreSnapshot) -> list[tuple[str, Nature]]:
    """Names of claims that are of places by their own words."""
    people = {item.id for item in lore.entities}
    found: dict[str, Nature] = {}
    for claim in lore.claims:
        pairs = ((claim.subject_name, claim.subject_entity_id), (claim.object_name, claim.object_entity_id))
        for name, entity in pairs:
            nature = nature_of(name or "", "", "")
            if name and entity not in people and nature.kind is not Kind.PLACE:
                found.setdefault(_cut(one_line(name)), nature)
    return list(found.items())[:_MOST_PLACES]


def _object_of(claim: ClaimSnapshot, ids: dict[UUID, int], names: dict[str, int]) -> int | None:
    if claim.object_entity_id is not None and claim.object_entity_id in ids:
        return ids[claim.object_entity_id]
    told = (claim.object_name or claim.object_value or "").casefold()
    if told in names:
        return names[told]
    return next((index for name, index in names.items() if len(name) > 3 and name in told), None)


def read_relation(one: int, other: int, predicate: str, value: str = "") -> Relation:
    """Of a predicate such as `north_of`, `part_of`, `road_to`, `two_days_from`, with what its object adds."""
    text = f"{predicate} {value}".replace("_", " ").casefold()
    if _NOT.search(text):
        return Relation(one, other)
    amount = _AMOUNT.search(text)
    miles = None
    if amount:
        unit = next(miles for unit, miles in _MILES.items() if amount[2].startswith(unit))
        miles = float(_NUMBERS.get(amount[1]) or amount[1]) * unit
    toward = _direction(text)
    if _AROUND.search(text):
        one, other = other, one
        return Relation(one, other, inside=True)
    inside = bool(_INSIDE.search(text)) and toward is None and miles is None and not _NEAR.search(text)
    road = bool(_ROAD.search(text))
    return Relation(one, other, toward, bool(_NEAR.search(text)), bool(_FAR.search(text)), inside, road, miles)


def _direction(text: str) -> tuple[float, float] | None:
    found = _TOWARD.search(text)
    if not found:
        return None
    first = {"above": "north", "below": "south"}.get(found[1], found[1])
    x, y = _COMPASS[first]
    if found[2] and found[2] != first:
        x, y = x + _COMPASS[found[2]][0], y + _COMPASS[found[2]][1]
    size = math.hypot(x, y) or 1.0
    return x / size, y / size


def _absolute(text: str) -> tuple[float, float] | None:
    """ "In the far north", "the eastern march": a direction that is not `of` another place."""
    found = re.search(
        r"\b(?:the (?:far )?|in the (?:far )?)?(north|south|east|west)(?:ern|ernmost)?\b(?! of)", text.casefold()
    )
    return _COMPASS[found[1]] if found else None


def _read_texts(book: Gazetteer) -> None:
    """What summaries and descriptions say of other places by name: "a day north of Hollin Staithe"."""
    known = [(re.sub(r"^the ", "", place.name.casefold()), index) for index, place in enumerate(book.places)]
    told = {(relation.one, relation.other) for relation in book.relations}
    for one, place in enumerate(book.places[:_PAIRS_READ]):
        text = place.told.casefold()
        for name, other in known:
            at = text.find(name) if len(name) > 3 and other != one and (one, other) not in told else -1
            if at < 0:
                continue
            before = re.split(r"[.;!?]", text[max(0, at - 48) : at])[-1]
            relation = read_relation(one, other, before)
            place.weight += 0.1
            book.places[other].weight += 0.2
            if relation.toward or relation.near or relation.miles or relation.inside or relation.road:
                book.relations.append(relation)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"
