"""Hills, mountains, trees, reeds and sand as a pen draws them: small profiles, lit from the left."""

import math
from random import Random

from lorekeeper.generators.map.canvas import Canvas, Point, line_of
from lorekeeper.generators.map.manners import Manner

MOUNTAINS, WOODS, MARSH, SANDS, LAKES = "Mountains", "Woods", "Marsh", "Sands", "Lake"


def mountain(canvas: Canvas, x: float, y: float, size: float, manner: Manner, rng: Random) -> None:
    """A peak whose foot is centred on (x, y), `size` high: a clear flank, a hatched one, spurs."""
    half = size * rng.uniform(0.62, 0.8)
    top = (x + size * rng.uniform(-0.1, 0.1), y - size)
    left = _flank((x - half, y + rng.uniform(-1, 2)), top, size, rng)
    right = _flank(top, (x + half, y + rng.uniform(-1, 2)), size, rng)
    canvas.path(line_of([*left, *right]), fill=manner.land)
    spine = [top]
    steps = 5
    for step in range(1, steps + 1):
        share = step / steps
        spine.append((top[0] + size * (rng.uniform(-0.07, 0.1) + 0.12 * share), top[1] + size * share * 0.92))
    shade = [*spine, right[-1], *right[::-1]]
    canvas.path(line_of(shade, closed=True), fill=manner.ink, opacity=0.16 if not manner.dark else 0.1)
    hatch = []
    count = max(4, round(size / 4.6))
    for step in range(count):
        share = (step + rng.uniform(0.2, 0.8)) / count
        start = _along(right, share * 0.88)
        inner = _along(spine, min(1.0, share * 0.92 + 0.07))
        reach = rng.uniform(0.45, 0.95)
        end = (start[0] + (inner[0] - start[0]) * reach, start[1] + (inner[1] - start[1]) * reach + size * 0.1 * reach)
        hatch.append(line_of([start, end]))
    canvas.lines(hatch, stroke=manner.ink, width=0.9, opacity=0.75)
    folds = []
    for _ in range(rng.randint(1, 3)):
        start = _along(left, rng.uniform(0.35, 0.85))
        folds.append(
            line_of([start, (start[0] + size * rng.uniform(0.0, 0.09), start[1] + size * rng.uniform(0.14, 0.3))])
        )
    canvas.lines([line_of(spine[:-1]), *folds], stroke=manner.ink, width=0.9, opacity=0.7)
    canvas.lines([line_of(left)], stroke=manner.ink, width=1.5)
    canvas.lines([line_of(right)], stroke=manner.ink, width=2.0)


def _flank(start: Point, end: Point, size: float, rng: Random) -> list[Point]:
    points = [start]
    for step in range(1, 5):
        share = step / 5
        points.append(
            (
                start[0] + (end[0] - start[0]) * share + rng.uniform(-0.045, 0.045) * size,
                start[1] + (end[1] - start[1]) * share + rng.uniform(-0.05, 0.05) * size,
            )
        )
    return [*points, end]


def _along(line: list[Point], share: float) -> Point:
    at = share * (len(line) - 1)
    index = min(int(at), len(line) - 2)
    (ax, ay), (bx, by) = line[index], line[index + 1]
    return ax + (bx - ax) * (at - index), ay + (by - ay) * (at - index)


def hill(canvas: Canvas, x: float, y: float, size: float, manner: Manner, rng: Random) -> None:
    half = size * rng.uniform(0.9, 1.2)
    lean = size * rng.uniform(-0.2, 0.2)
    arc = (
        f"M{x - half:.1f} {y:.1f}C{x - half * 0.55:.1f} {y - size * 0.95:.1f} {x + lean:.1f} {y - size * 1.15:.1f} "
        f"{x + half * 0.5:.1f} {y - size * 0.5:.1f}S{x + half * 0.85:.1f} {y - size * 0.08:.1f} {x + half:.1f} {y:.1f}"
    )
    canvas.path(arc, fill=manner.land)
    hatch = []
    for step in range(4):
        hx = x + half * (0.24 + 0.17 * step)
        hy = y - size * (0.66 - 0.16 * step)
        hatch.append(line_of([(hx, hy), (hx + size * 0.1, hy + size * rng.uniform(0.2, 0.34))]))
    canvas.lines([arc], stroke=manner.ink, width=1.2, opacity=0.8)
    canvas.lines(hatch, stroke=manner.ink, width=0.8, opacity=0.65)


def tree(canvas: Canvas, x: float, y: float, size: float, manner: Manner, rng: Random, *, fir: bool) -> None:
    """A crown and its shade; a fir is a spire."""
    canvas.lines([line_of([(x, y), (x + 0.4, y - size * 0.4)])], stroke=manner.ink, width=1.3)
    if fir:
        half = size * 0.36
        tips = [(x, y - size * 1.45), (x + half * 0.6, y - size * 0.85), (x + half * 0.35, y - size * 0.85),
                (x + half, y - size * 0.25), (x - half, y - size * 0.25), (x - half * 0.35, y - size * 0.85),
                (x - half * 0.6, y - size * 0.85)]  # fmt: skip
        canvas.path(line_of(tips, closed=True), fill=manner.land, stroke=manner.wood, width=1.1)
        shade = [
            (x, y - size * 1.3),
            (x + half * 0.5, y - size * 0.85),
            (x + half * 0.8, y - size * 0.3),
            (x, y - size * 0.3),
        ]
        canvas.path(line_of(shade, closed=True), fill=manner.wood, opacity=0.7)
        return
    r = size * rng.uniform(0.4, 0.5)
    cx, cy = x, y - size * 0.72
    lobes = rng.randint(5, 6)
    turn = rng.uniform(0, math.tau)
    corners = [
        (cx + r * math.cos(turn + k * math.tau / lobes), cy + r * 0.9 * math.sin(turn + k * math.tau / lobes))
        for k in range(lobes + 1)
    ]
    bump = r * 0.62
    crown = f"M{corners[0][0]:.1f} {corners[0][1]:.1f}" + "".join(
        f"A{bump:.1f} {bump:.1f} 0 0 1 {px:.1f} {py:.1f}" for px, py in corners[1:]
    )
    canvas.path(crown + "Z", fill=manner.land, stroke=manner.wood, width=1.1)
    top = f"{cx + r * 0.25:.1f} {cy - r * 0.7:.1f}"
    bottom = f"{cx - r * 0.3:.1f} {cy + r * 0.95:.1f}"
    moon = f"M{top}A{r:.1f} {r:.1f} 0 0 1 {bottom}A{r * 1.5:.1f} {r * 1.5:.1f} 0 0 0 {top}"
    canvas.path(moon, fill=manner.wood, opacity=0.6)


def reeds(canvas: Canvas, x: float, y: float, size: float, manner: Manner, rng: Random) -> None:
    half = size * rng.uniform(0.8, 1.1)
    parts = [line_of([(x - half, y), (x + half, y)])]
    for step in (-0.5, -0.2, 0.1, 0.4):
        root = x + half * step
        parts.append(line_of([(root, y), (root + size * step * 0.5, y - size * rng.uniform(0.5, 0.9))]))
    canvas.lines(parts, stroke=manner.water, width=1.1, opacity=0.9)


def dune(canvas: Canvas, x: float, y: float, size: float, manner: Manner, rng: Random) -> None:
    """A low ripple of sand with grains beneath it."""
    half = size * rng.uniform(0.8, 1.2)
    crest, trough = f"{x - half * 0.2:.1f} {y - size * 0.5:.1f}", f"{x + half * 0.3:.1f} {y - size * 0.1:.1f}"
    parts = [f"M{x - half:.1f} {y:.1f}Q{crest} {trough}T{x + half:.1f} {y:.1f}"]
    for _ in range(5):
        gx, gy = x + rng.uniform(-half, half), y + size * rng.uniform(0.15, 0.7)
        parts.append(f"M{gx:.1f} {gy:.1f}h0.1")
    canvas.lines(parts, stroke=manner.faint, width=1.2, opacity=0.9)


def draw_sample(canvas: Canvas, ground: str, x: float, y: float, manner: Manner) -> None:
    """A little of a ground for the legend, about 34 units wide, its foot at y."""
    chance = Random(ground)  # noqa: S311 - the same on every map, no secret
    if ground == MOUNTAINS:
        mountain(canvas, x + 3, y, 22, manner, chance)
    elif ground == WOODS:
        for dx, dy, fir in ((-9, -2, False), (10, -2, True), (0, 0, False)):
            tree(canvas, x + dx, y + dy, 15, manner, chance, fir=fir)
    elif ground == MARSH:
        reeds(canvas, x, y - 4, 14, manner, chance)
    elif ground == LAKES:
        shore = f"M{x - 15:.1f} {y - 8:.1f}q2 -10 14 -8t16 6q0 10 -14 9t-16 -7z"
        canvas.path(shore, fill=manner.sea, stroke=manner.water, width=1.4)
    else:
        dune(canvas, x, y - 8, 14, manner, chance)
