"""Cartouche and legend: planned before the ground, so that the sea may make room; drawn after it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from lorekeeper.generators.map.canvas import Canvas
from lorekeeper.generators.map.kinds import Kind
from lorekeeper.generators.map.lettering import Face, Lettering, Letters
from lorekeeper.generators.map.manners import Manner
from lorekeeper.generators.map.marks import draw_mark
from lorekeeper.generators.map.naming import foldings
from lorekeeper.generators.map.sheet import Box, Sheet
from lorekeeper.generators.map.strokes import draw_sample

TITLE = Face(smallcaps=True, weight="semibold", tracking=0.05)
SUBTITLE = Face(style="italic")
ENTRY = Face()
HEAD = Face(smallcaps=True, tracking=0.12)
_CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
_ROW, _ENTRY_SIZE, _PAD = 31.0, 19.5, 26.0
_INDEX_SIZES = (16.5, 15.0, 13.5, 12.0, 10.5, 9.0, 7.5)


@dataclass(frozen=True)
class Title:
    """Its lines with their size, and one smaller line."""

    lines: tuple[str, ...]
    size: float
    under: str
    under_size: float


@dataclass
class Furniture:
    """Where cartouche and legend stand. `corner` of the legend: it shrinks toward it where less is needed."""

    title: Title
    cartouche: Box
    legend: Box
    corner: tuple[int, int]
    letters: list[Letters] = field(default_factory=list)

    @property
    def clear(self) -> list[Box]:
        return [self.cartouche, self.legend]


def plan_furniture(
    sheet: Sheet, title: str, under: str, rows: int, places: int, lettering: Lettering, rng: Random
) -> Furniture:
    """Two corners that do not meet; on a narrow sheet one above the other."""
    frame = sheet.frame.inset(22)
    widest = min(0.92 * frame.width, max(0.4 * frame.width, 560.0), 820.0)
    set_title = fit_title(
        title, under, widest - 2.4 * _PAD, lettering, 70.0 if min(frame.width, frame.height) > 1000 else 52.0
    )
    cartouche_size = _cartouche_size(set_title, lettering)
    spare = 0 if places <= 24 else min(16, 2 + places // 14)
    legend_size = (
        min(0.9 * frame.width, 430.0 if places > 60 else 390.0 if rows > 9 else 330.0),
        min(0.62 * frame.height, 62 + _ROW * (-(-rows // 2) if rows > 9 or places > 60 else rows) + 21 * spare + 66),
    )
    first, second = _two_corners(frame, cartouche_size, legend_size, rng)
    return Furniture(
        set_title, _in_corner(frame, cartouche_size, first), _in_corner(frame, legend_size, second), second
    )


def _two_corners(
    frame: Box, one: tuple[float, float], two: tuple[float, float], rng: Random
) -> tuple[tuple[int, int], tuple[int, int]]:
    pairs = [(a, b) for a in _CORNERS for b in _CORNERS if a != b]
    rng.shuffle(pairs)
    # Rather a title above than below, and rather across the sheet than side by side.
    pairs.sort(key=lambda pair: (pair[0][1], pair[0][0] == pair[1][0]))
    for a, b in pairs:
        if not _in_corner(frame, one, a).overlaps(_in_corner(frame, two, b), 30):
            return a, b
    return (0, 0), (1, 1)


def _in_corner(frame: Box, size: tuple[float, float], corner: tuple[int, int]) -> Box:
    width, height = size
    return Box(
        frame.x + (frame.width - width) * corner[0], frame.y + (frame.height - height) * corner[1], width, height
    )


def fit_title(title: str, under: str, width: float, lettering: Lettering, size: float) -> Title:
    """The largest lettering that fits the width, on up to three lines."""
    choices = foldings(title) or [[title]]
    lettering.measure([(line, TITLE) for lines in choices for line in lines] + [(under, SUBTITLE)])
    best = (0.0, choices[0])
    for lines in choices:
        widest = max(lettering.extent(line, TITLE).width for line in lines)
        fitting = min(size, width / widest) * (1 - 0.13 * (len(lines) - 1))
        best = max(best, (fitting, lines), key=lambda pair: pair[0])
    beneath = min(23.0, width / max(lettering.extent(under, SUBTITLE).width, 0.1)) if under else 0.0
    return Title(tuple(best[1]), best[0], under if beneath >= 9 else "", beneath)


def _cartouche_size(title: Title, lettering: Lettering) -> tuple[float, float]:
    width = max(lettering.extent(line, TITLE).width * title.size for line in title.lines)
    if title.under:
        width = max(width, lettering.extent(title.under, SUBTITLE).width * title.under_size)
    height = len(title.lines) * title.size * 1.08 + (title.under_size * 1.9 if title.under else 0)
    return max(width, 210.0) + 2.4 * _PAD, height + 2.3 * _PAD


def draw_cartouche(canvas: Canvas, furniture: Furniture, manner: Manner, lettering: Lettering) -> None:
    box, title = furniture.cartouche, furniture.title
    _draw_panel(canvas, box, manner)
    x, y = box.centre[0], box.y + 1.1 * _PAD
    for line in title.lines:
        y += title.size * 0.86
        furniture.letters.append(_centred(line, TITLE, title.size, x, y, manner.names, lettering))
        y += title.size * 0.22
    if title.under:
        y += title.under_size * 0.42
        _draw_rule(canvas, x, y, min(box.width * 0.32, 150.0), manner)
        y += title.under_size * 1.28
        furniture.letters.append(_centred(title.under, SUBTITLE, title.under_size, x, y, manner.ink, lettering))


def _draw_rule(canvas: Canvas, x: float, y: float, half: float, manner: Manner) -> None:
    canvas.path(
        f"M{x - half:.1f} {y:.1f}H{x - 12:.1f}M{x + 12:.1f} {y:.1f}H{x + half:.1f}", stroke=manner.accent, width=1.3
    )
    canvas.path(f"M{x - 7:.1f} {y:.1f}l7 -4.5l7 4.5l-7 4.5z", fill=manner.accent)


def _draw_panel(canvas: Canvas, box: Box, manner: Manner) -> None:
    """A panel with hollowed corners, a double rule, and a boss in each corner."""
    for inset, notch, width in ((0.0, 20.0, 2.6), (7.0, 17.0, 1.0)):
        inner = box.inset(inset)
        data = (
            f"M{inner.x + notch:.1f} {inner.y:.1f}H{inner.right - notch:.1f}a{notch} {notch} 0 0 0 {notch} {notch}"
            f"V{inner.bottom - notch:.1f}a{notch} {notch} 0 0 0 {-notch} {notch}H{inner.x + notch:.1f}"
            f"a{notch} {notch} 0 0 0 {-notch} {-notch}V{inner.y + notch:.1f}a{notch} {notch} 0 0 0 {notch} {-notch}Z"
        )
        canvas.path(data, fill=manner.paper if inset == 0 else "none", stroke=manner.ink, width=width)
    for x in (box.x + 5.5, box.right - 5.5):
        for y in (box.y + 5.5, box.bottom - 5.5):
            canvas.path(f"M{x - 7:.1f} {y:.1f}l7 -7l7 7l-7 7z", fill=manner.accent, stroke=manner.ink, width=1.0)


def _centred(text: str, face: Face, size: float, x: float, y: float, colour: str, lettering: Lettering) -> Letters:
    width = lettering.extent(text, face).width * size
    return Letters(text, face, size, x - width / 2, y, colour, width)


@dataclass(frozen=True)
class Legend:
    """What the legend has to tell: marks, grounds and lines that occur, numbered names, units in a mile."""

    kinds: Sequence[Kind]
    lines: Sequence[tuple[str, str, float, str]]
    grounds: Sequence[str]
    index: Sequence[str]
    mile: float
    days: bool


def draw_legend(canvas: Canvas, furniture: Furniture, legend: Legend, manner: Manner, lettering: Lettering) -> None:
    """In its corner, no larger than it has to be."""
    room = furniture.legend
    rows = len(legend.kinds) + len(legend.grounds) + len(legend.lines)
    columns = 2 if rows > 9 or room.width > 400 or 128 + rows * _ROW > room.height else 1
    deep = -(-rows // columns)
    index = _fit_index(legend.index, room, room.height - 128 - deep * _ROW, lettering)
    height = min(room.height, 58 + deep * _ROW + index.height + 70)
    box = Box(room.x, room.y + (room.height - height) * furniture.corner[1], room.width, height)
    furniture.legend = box
    _draw_panel(canvas, box, manner)
    add = furniture.letters.append
    add(_centred("Legend", HEAD, 23, box.centre[0], box.y + 37, manner.names, lettering))
    wide = (box.width - 2 * _PAD) / columns
    for number in range(rows):
        x = box.x + _PAD + (number // deep) * wide
        y = box.y + 66 + (number % deep) * _ROW
        text = _draw_sign(canvas, legend, number, x, y, manner)
        size = min(_ENTRY_SIZE, (wide - 60) / lettering.extent(text, ENTRY).width)
        add(Letters(text, ENTRY, size, x + 46, y + 6.3, manner.names, lettering.extent(text, ENTRY).width * size))
    index.draw(furniture, box.x + _PAD, box.y + 58 + deep * _ROW, manner, lettering)
    _draw_scale(canvas, furniture, box, legend, manner, lettering)


def _draw_sign(canvas: Canvas, legend: Legend, number: int, x: float, y: float, manner: Manner) -> str:
    """The sign of one row, and its text."""
    manner = replace(manner, land=manner.paper)
    if number < len(legend.kinds):
        draw_mark(canvas, legend.kinds[number], x + 17, y, 25, manner)
        return legend.kinds[number].value
    number -= len(legend.kinds)
    if number < len(legend.grounds):
        draw_sample(canvas, legend.grounds[number], x + 17, y + 9, manner)
        return legend.grounds[number]
    text, stroke, width, dash = legend.lines[number - len(legend.grounds)]
    cap = "round" if dash.startswith("0") else "butt"
    canvas.path(f"M{x:.1f} {y:.1f}h34", stroke=stroke, width=width, dash=dash, cap=cap)
    return text


@dataclass(frozen=True)
class _Index:
    lines: list[str]
    size: float

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * 1.26 + (8 if self.lines else 0)

    def draw(self, furniture: Furniture, x: float, y: float, manner: Manner, lettering: Lettering) -> None:
        for number, line in enumerate(self.lines):
            width = lettering.extent(line, ENTRY).width * self.size
            base = y + (number + 0.9) * self.size * 1.26
            furniture.letters.append(Letters(line, ENTRY, self.size, x, base, manner.names, width))


def _fit_index(names: Sequence[str], room: Box, height: float, lettering: Lettering) -> _Index:
    """Numbered names run on, in the largest size that fits; the smallest where none does."""
    if not names:
        return _Index([], _INDEX_SIZES[0])
    entries = [f"{number}\u2009{name}" for number, name in enumerate(names, 1)]
    lettering.measure([(f"{entry};", ENTRY) for entry in entries])
    found = _Index([], _INDEX_SIZES[-1])
    widest = max(lettering.extent(f"{entry};", ENTRY).width for entry in entries) + 0.4
    for size in _INDEX_SIZES:
        width = (room.width - 2 * _PAD) / size
        found = _Index(_filled(entries, width, lettering), size)
        if found.height <= height and widest <= width:
            break
    lettering.measure([(line, ENTRY) for line in found.lines])
    return found


def _filled(entries: Sequence[str], width: float, lettering: Lettering) -> list[str]:
    lines: list[str] = []
    used = 0.0
    for whole in entries:
        entry, wide = whole, lettering.extent(f"{whole};", ENTRY).width + 0.4
        if wide > width:
            entry, wide = f"{whole[: int(len(whole) * width / wide * 0.92) - 1]}…", width
        if lines and used + wide <= width * 0.99:
            lines[-1] += f";  {entry}"
            used += wide
        else:
            lines.append(entry)
            used = wide
    return lines


def _draw_scale(
    canvas: Canvas, furniture: Furniture, box: Box, legend: Legend, manner: Manner, lettering: Lettering
) -> None:
    """A bar of four parts; a round number of miles, or of days where the lore counts in days."""
    unit, each = ("days on foot", legend.mile * 20) if legend.days else ("miles", legend.mile)
    longest = box.width - 2 * _PAD - 30
    steps = [n * 10**p for p in range(-1, 5) for n in (1, 2, 4)]
    whole = max((step for step in steps if step * each <= longest), default=steps[0])
    length = min(whole * each, longest)
    x, y = box.centre[0] - length / 2, box.bottom - 42
    for part in range(4):
        left = x + length * part / 4
        fill = manner.ink if part % 2 == 0 else manner.paper
        canvas.path(
            f"M{left:.1f} {y:.1f}h{length / 4:.1f}v7h{-length / 4:.1f}z", fill=fill, stroke=manner.ink, width=1.2
        )
    for share in (0.0, 0.5, 1.0):
        text = f"{whole * share:g}"
        furniture.letters.append(_centred(text, ENTRY, 15, x + length * share, y - 6, manner.names, lettering))
    furniture.letters.append(_centred(unit, SUBTITLE, 16, box.centre[0], y + 24, manner.names, lettering))
