"""Marks of places, drawn in profile, in a space of -50 to 50 about the place."""

from lorekeeper.generators.map.canvas import Canvas
from lorekeeper.generators.map.kinds import AREAS, Kind
from lorekeeper.generators.map.manners import Manner

# Each stroke: what it is filled with (body, roof, dark, or - for none) and its path.
Strokes = tuple[tuple[str, str], ...]

_MARKS: dict[Kind, Strokes] = {
    Kind.CITY: (
        ("body", "M-22 6V-30h16V6z"),
        ("roof", "M-25 -30L-14 -52L-3 -30z"),
        ("body", "M6 6V-24h15V6z"),
        ("roof", "M3 -24L13.500 -44L24 -24z"),
        ("body", "M-46 34V0h10v-7h9v7h9v-7h9v7h9v-7h9v7h9v-7h9v7h10V34z"),
        ("dark", "M-9 34V18a9 9 0 0 1 18 0V34z"),
        ("-", "M-34 12v8M-24 20v8M24 10v8M34 18v8"),
    ),
    Kind.TOWN: (
        ("body", "M-8 30V-14h15V30z"),
        ("roof", "M-11 -14L-0.500 -46L10 -14z"),
        ("body", "M-44 32V8h32V32z"),
        ("roof", "M-48 8L-28 -14L-8 8z"),
        ("body", "M8 32V10h34V32z"),
        ("roof", "M4 10L25 -12L46 10z"),
        ("dark", "M-32 32V20h8V32zM21 32V20h8V32z"),
    ),
    Kind.VILLAGE: (
        ("body", "M-40 26V4h34V26z"),
        ("roof", "M-45 4L-23 -20L-1 4z"),
        ("body", "M4 30V12h30V30z"),
        ("roof", "M0 12L19 -8L38 12z"),
        ("dark", "M-27 26V14h8V26z"),
    ),
    Kind.HALL: (
        ("body", "M-44 30V4H44V30z"),
        ("roof", "M-52 6L-36 -26H36L52 6z"),
        ("-", "M-36 -26L-44 -36M36 -26L44 -36M-24 -26L-32 6M-8 -26L-11 6M8 -26L11 6M24 -26L32 6"),
        ("dark", "M-7 30V12H7V30z"),
    ),
    Kind.HARBOUR: (
        ("roof", "M-36 8a36 32 0 0 0 32 30V-14H-20v-8H-4V-30a12 12 0 1 1 8 0v8H20v8H4V38a36 32 0 0 0 32 -30l9 8l3 -22"
         "l-20 8l8 3a28 24 0 0 1 -24 22M-4 30a28 24 0 0 1 -24 -22l8 -3l-20 -8l3 22l1 -11"),
    ),
    Kind.CASTLE: (
        ("body", "M-36 34V-16h-5v-14h9v6h8v-6h9v14h-5V-4h32V-16h-5v-14h9v6h8v-6h9v14h-5V34z"),
        ("body", "M-13 34V-34h-4v-12h8v5h6v-5h6v5h6v-5h8v12h-4V34z"),
        ("dark", "M-7 34V20a7 8 0 0 1 14 0V34zM-2 -22h4v12h-4z"),
    ),
    Kind.TOWER: (
        ("body", "M-15 36L-11 -18H11L15 36z"),
        ("body", "M-18 -18v-7h36v7z"),
        ("roof", "M-14 -25L0 -50L14 -25z"),
        ("dark", "M-5 36V22a5 6 0 0 1 10 0V36zM-3 -10h6v12h-6z"),
    ),
    Kind.TEMPLE: (
        ("roof", "M-44 -10L0 -38L44 -10z"),
        ("body", "M-38 24V-10h10V24zM-16 24V-10h10V24zM6 24V-10h10V24zM28 24V-10h10V24z"),
        ("body", "M-46 34v-10H46v10z"),
    ),
    Kind.RUIN: (
        ("body", "M-40 32V-22l8 5l5 -10l8 9V10l7 -6l6 8l8 -3V32z"),
        ("body", "M14 32V-6l7 -8l5 7l6 -4V32z"),
        ("dark", "M-31 0a4 5 0 0 1 8 0v10h-8z"),
        ("-", "M-48 34H46M38 30l6 -4l4 6"),
    ),
    Kind.STONES: (
        ("body", "M-40 30L-36 -14l11 -2l3 46z"),
        ("body", "M22 30l2 -46l11 2l5 44z"),
        ("body", "M-9 32L-7 0L6 -1L9 32z"),
        ("body", "M-44 -16l3 -12L42 -30l2 12z"),
    ),
    Kind.BARROW: (
        ("body", "M-46 28C-38 -16 -18 -30 0 -30S38 -16 46 28z"),
        ("dark", "M-10 28V8H10V28z"),
        ("-", "M-30 14l8 -12M22 -12l6 10M30 4l6 10M-14 -14l6 -6"),
    ),
    Kind.CAVE: (
        ("body", "M-46 30L-30 -8L-14 -28L8 -36L30 -10L46 30z"),
        ("dark", "M-18 30C-18 0 -10 -10 0 -10S18 0 18 30z"),
        ("-", "M24 -4l8 18M30 -4l6 10"),
    ),
    Kind.BRIDGE: (
        ("body", "M-48 8C-20 -22 20 -22 48 8V22H32a14 14 0 0 0 -28 0H-4a14 14 0 0 0 -28 0H-48z"),
        ("-", "M-48 -2C-20 -32 20 -32 48 -2"),
    ),
    Kind.FORD: (
        ("body", "M-30 0a30 30 0 1 0 60 0a30 30 0 1 0 -60 0z"),
        ("-", "M-20 -8q5 -7 10 0t10 0t10 0t10 0M-20 8q5 -7 10 0t10 0t10 0t10 0M-44 0h12M32 0h12"),
    ),
    Kind.PASS: (
        ("body", "M-48 28L-26 -26L-6 16L6 16L26 -26L48 28"),
        ("-", "M-26 -26L-17 24M26 -26L35 24M-8 28H8M-5 36H5"),
    ),
    Kind.PEAK: (
        ("body", "M-40 34L-6 -42L0 -34L6 -46L42 34z"),
        ("dark", "M6 -46L42 34H16L22 14L10 -4L14 -18z"),
        ("-", "M-12 -28L-20 0M-18 -12L-26 12"),
    ),
    Kind.HEADLAND: (
        ("body", "M-44 26C-38 -2 -22 -26 10 -30L20 -26L16 -4L26 26z"),
        ("-", "M10 -30L5 -6L10 26M20 -26L13 -12M-4 -18L-9 4"),
        ("-", "M22 32q6 -8 12 0t12 0M-2 36q6 -8 12 0t12 0"),
    ),
    Kind.PLACE: (
        ("body", "M-19 0a19 19 0 1 0 38 0a19 19 0 1 0 -38 0z"),
        ("dark", "M-8 0a8 8 0 1 0 16 0a8 8 0 1 0 -16 0z"),
    ),
}  # fmt: skip
_SCALE = {Kind.CITY: 1.25, Kind.CASTLE: 1.1, Kind.TOWN: 1.1, Kind.PLACE: 0.8, Kind.FORD: 0.8}


def mark_reach(kind: Kind, size: float) -> float:
    """Half the side of the square that holds the mark."""
    return 0.5 * size * _SCALE.get(kind, 1.0) * (0.5 if kind is Kind.PLACE else 1.0)


def draw_mark(canvas: Canvas, kind: Kind, x: float, y: float, size: float, manner: Manner) -> None:
    """`size` is the side of the square that an ordinary mark fills."""
    if kind in AREAS:
        return
    scale = size * _SCALE.get(kind, 1.0) / 100
    inks = {"body": manner.land, "roof": manner.accent, "dark": manner.ink, "-": "none"}
    line = 1.35 / scale
    with canvas.group(f'transform="translate({x:.1f} {y:.1f}) scale({scale:.4f})"'):
        for _, data in _MARKS[kind]:
            canvas.path(data, fill=manner.land, stroke=manner.land, width=line * 5)
        for fill, data in _MARKS[kind]:
            canvas.path(data, fill=inks[fill], stroke=manner.ink, width=line)
