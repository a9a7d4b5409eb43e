"""How each name is to be lettered, and the shapes its lettering could take."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lorekeeper.generators.map.canvas import Point
from lorekeeper.generators.map.kinds import Kind
from lorekeeper.generators.map.lettering import Face, Lettering, Letters, legible, plain
from lorekeeper.generators.map.manners import Manner
from lorekeeper.generators.map.reading import Place
from lorekeeper.generators.map.sheet import Box

ROMAN = Face()
GREAT = Face(smallcaps=True, weight="semibold", tracking=0.03)
ITALIC = Face(style="italic")
CAPITALS = Face()
_WATERS = frozenset({Kind.SEA, Kind.BAY, Kind.LAKE, Kind.RIVER})
_LEADING = 0.98
_LONGEST_SPREAD = 30
_PREFERRED = (
    ("right", 0.0), ("left", 0.5), ("above", 0.45), ("below", 0.35), ("right-up", 0.3), ("right-down", 0.4),
    ("left-up", 0.7), ("left-down", 0.8), ("above-right", 0.5), ("above-left", 0.75), ("below-right", 0.5),
    ("below-left", 0.75),
)  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A name as it will be lettered."""

    index: int
    place: Place
    text: str
    face: Face
    size: float
    colour: str
    spread: bool

    @property
    def on_water(self) -> bool:
        return self.place.kind in _WATERS


@dataclass(frozen=True)
class Setting:
    """One way to letter a name: its lines or single letters, the boxes they fill, and how little it is liked."""

    letters: tuple[Letters, ...]
    boxes: tuple[Box, ...]
    cost: float


def names_of(places: Sequence[Place], manner: Manner) -> list[Name]:
    """Size by weight, all smaller the more there are."""
    base = 18.5 + 15.5 * math.exp(-len(places) / 50)
    return [_name(index, place, base, manner) for index, place in enumerate(places)]


def _name(index: int, place: Place, base: float, manner: Manner) -> Name:
    text = plain(place.name) or "—"
    if not legible(text):
        text = next((plain(alias) for alias in place.aliases if alias and legible(alias)), text)
    weight = min(max(place.weight, 1.0), 4.5)
    size = base * (0.86 + 0.1 * weight)
    simple = _can_be_spread(text)
    if place.kind in _WATERS:
        size = base * (1.55 if place.kind is Kind.SEA else 1.15 if place.kind is Kind.BAY else 1.0)
        return Name(index, place, text, ITALIC, size, manner.water, simple and place.kind is not Kind.LAKE)
    if place.kind is Kind.STRAND:
        return Name(index, place, text, ITALIC, 0.95 * base, manner.names, False)
    if place.is_area:
        size = base * (1.5 if place.kind is Kind.REGION else 1.0)
        shown = text.upper() if simple and len(text) < 24 and len(text.upper()) == len(text) else text
        colour = manner.accent if place.kind is Kind.REGION else manner.names
        return Name(index, place, shown, CAPITALS, size * 0.82, colour, simple)
    if place.kind in {Kind.CITY, Kind.CASTLE} or weight > 3.2:
        return Name(index, place, text, GREAT, size, manner.names, False)
    return Name(index, place, text, ROMAN, size, manner.names, False)


def _can_be_spread(text: str) -> bool:
    """Letters that can stand apart: one direction, nothing joined or combined."""
    return len(text) <= _LONGEST_SPREAD and all(
        unicodedata.bidirectional(char) in {"L", "WS", "ON", "EN", "ES", "CS", "ET"}
        and not unicodedata.combining(char)
        and ord(char) < 0x0590
        for char in text
    )


def to_measure(names: Iterable[Name]) -> list[tuple[str, Face]]:
    pairs: list[tuple[str, Face]] = []
    for name in names:
        pairs.extend((line, name.face) for lines in foldings(name.text) for line in lines)
        if name.spread:
            pairs.extend((char, name.face) for char in name.text if char != " ")
    return pairs


def foldings(text: str) -> list[list[str]]:
    """The text on one line, and on two or three of like length."""
    words = text.split(" ")
    found = [[text]] if len(text) <= 34 or len(words) == 1 else []
    if len(words) > 1 and len(text) > 9:
        found.append(_folded(words, 2))
    if len(words) > 2 and len(text) > 24:
        found.append(_folded(words, 3))
    return found


def _folded(words: Sequence[str], count: int) -> list[str]:
    goal = (sum(map(len, words)) + len(words) - 1) / count
    lines: list[str] = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) < count and len(longer) > goal + len(word) / 2:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def around_mark(name: Name, lettering: Lettering, reach: float, scale: float, ground: str) -> list[Setting]:
    """The name beside, above or below its mark, on one line or more."""
    found = []
    size = name.size * scale
    for folding, lines in enumerate(foldings(name.text)):
        extents = [lettering.extent(line, name.face) for line in lines]
        width = max(extent.width for extent in extents) * size
        above, below = extents[0].above * size, extents[-1].below * size
        height = above + below + (len(lines) - 1) * size * _LEADING
        for where, cost in _PREFERRED:
            x, y, side = _beside(name.place, where, width, height, reach + 0.14 * size)
            letters = []
            for number, (line, extent) in enumerate(zip(lines, extents, strict=True)):
                slack = width - extent.width * size
                left = x + slack * {"right": 0.0, "left": 1.0, "middle": 0.5}[side]
                base = y + above + number * size * _LEADING
                letters.append(
                    Letters(
                        line, name.face, size, left, base, name.colour, extent.width * size, 0.0, 0.17 * size, ground
                    )
                )
            found.append(
                Setting(tuple(letters), (Box(x, y, width, height),), cost + 0.45 * folding + 2.2 * (1 - scale))
            )
    return found


def _beside(place: Place, where: str, width: float, height: float, gap: float) -> tuple[float, float, str]:
    x, y = place.x, place.y
    if where.startswith(("right", "left")):
        shift = {"up": -0.45, "down": 0.45}.get(where.partition("-")[2], 0.0) * (height + gap)
        side = where.partition("-")[0]
        left = x + gap if side == "right" else x - gap - width
        return left, y - height / 2 + shift, side
    shift = {"right": 0.32, "left": -0.32}.get(where.partition("-")[2], 0.0) * width
    top = y - gap - height if where.startswith("above") else y + gap
    return x - width / 2 + shift, top, "middle"


def across_area(
    name: Name, lettering: Lettering, centre: Point, reach: float, scale: float, bend: float, ground: str
) -> Setting:
    """The letters apart and on a bow over the area. `bend` is the bow's turn from end to end, in radians."""
    size = name.size * scale
    widths = [lettering.extent(char, name.face).width * size if char != " " else 0.34 * size for char in name.text]
    gaps = max(1, len(widths) - 1)
    apart = min(max((1.5 * reach - sum(widths)) / gaps, 0.1 * size), 0.75 * size)
    length = sum(widths) + apart * gaps
    letters, boxes = [], []
    along = -length / 2
    for char, width in zip(name.text, widths, strict=True):
        middle = along + width / 2
        along += width + apart
        if char == " ":
            continue
        extent = lettering.extent(char, name.face)
        turn, (x, y) = _on_bow(centre, middle, length, bend)
        left = x - math.cos(turn) * width / 2, y - math.sin(turn) * width / 2
        letters.append(
            Letters(char, name.face, size, *left, name.colour, width, math.degrees(turn), 0.15 * size, ground)
        )
        boxes.append(_turned(left, width, extent.above * size, extent.below * size, turn))
    return Setting(tuple(letters), tuple(boxes), 2.4 * (1 - scale))


def _on_bow(centre: Point, along: float, length: float, bend: float) -> tuple[float, Point]:
    if abs(bend) < 1e-3:
        return 0.0, (centre[0] + along, centre[1])
    radius = length / bend
    turn = along / radius
    return turn, (centre[0] + radius * math.sin(turn), centre[1] + radius * (1 - math.cos(turn)) - length * bend / 16)


def _turned(origin: Point, width: float, above: float, below: float, turn: float) -> Box:
    """The upright box about a letter that is turned about the start of its base line."""
    cos, sin = math.cos(turn), math.sin(turn)
    corners = [(dx, dy) for dx in (0.0, width) for dy in (-above, below)]
    xs = [origin[0] + dx * cos - dy * sin for dx, dy in corners]
    ys = [origin[1] + dx * sin + dy * cos for dx, dy in corners]
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
