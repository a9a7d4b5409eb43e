"""Sea and land: the shore in the manner's way, tints, rivers, lakes, borders of countries, roads."""

import math
from collections.abc import Sequence
from random import Random

import numpy as np

from lorekeeper.generators.map.canvas import Canvas, Point, line_of
from lorekeeper.generators.map.ground import Ground, soften, texture
from lorekeeper.generators.map.kinds import Kind
from lorekeeper.generators.map.manners import Manner
from lorekeeper.generators.map.outline import Grid, blurred, rings, rounded, shaken
from lorekeeper.generators.map.reading import Place
from lorekeeper.generators.map.roads import Road
from lorekeeper.generators.map.sheet import Sheet
from lorekeeper.generators.map.water import River

_LEAST_RING = 500.0
_WATER_LINES = ((5.0, 0.85), (11.0, 0.62), (18.5, 0.46), (27.5, 0.34), (38.0, 0.25), (50.0, 0.18), (64.0, 0.12))
_SEA_STEPS = (150.0, 104.0, 64.0, 30.0)
_HATCH_APART = 5.2
_MOST_BORDERS = 14
_LEVELS = (0.0, 0.19, 0.34, 0.52, 0.8)


def draw_sea(canvas: Canvas, sheet: Sheet, ground: Ground, manner: Manner, rng: Random, centre: Point) -> None:
    """Open water, and how it meets the land."""
    frame = sheet.frame
    canvas.raw(
        f'<rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}" '
        f'fill="{manner.sea}"/>'
    )
    smooth = soften(ground)
    if manner.rhumbs:
        _draw_rhumbs(canvas, sheet, manner, centre)
    if manner.shore == "steps":
        for away, tint in zip(_SEA_STEPS, manner.sea_bands, strict=False):
            canvas.path(_area(rings(blurred(smooth, 2), -away, ground.cell)), fill=tint)
        _draw_water_lines(canvas, ground, smooth, manner, 3)
    elif manner.shore == "lines":
        _draw_water_lines(canvas, ground, smooth, manner, len(_WATER_LINES))
    else:
        _draw_hatching(canvas, sheet, ground, manner, rng)


def _draw_water_lines(canvas: Canvas, ground: Ground, smooth: Grid, manner: Manner, count: int) -> None:
    for away, opacity in _WATER_LINES[:count]:
        lines = _area(rings(smooth, -away, ground.cell, least=_LEAST_RING))
        canvas.path(lines, stroke=manner.water, width=1.1, opacity=opacity)


def _draw_hatching(canvas: Canvas, sheet: Sheet, ground: Ground, manner: Manner, rng: Random) -> None:
    """Level strokes out from the shore, as engravers cut them, and fewer long ones farther out."""
    dice = np.random.default_rng(rng.getrandbits(64))
    reach = 17 + 7 * texture(ground.shape, dice, 1.2, ground.cell / 40)
    smooth = soften(ground)
    strokes: list[str] = []
    y = sheet.frame.y
    xs = np.arange(sheet.frame.x, sheet.frame.right, 2.0)
    column = xs / ground.cell
    count = 0
    while y < sheet.frame.bottom:
        row = min(int(y / ground.cell), ground.shape[0] - 2)
        share = y / ground.cell - row
        at = np.arange(ground.shape[1])
        line = np.interp(column, at, smooth[row] * (1 - share) + smooth[row + 1] * share)
        far = np.interp(column, at, reach[row]) * (1.7 if count % 3 == 0 else 1.0)
        inked = np.concatenate([[0], ((line < 1.5) & (line > -np.clip(far, 5, 60))).astype(int), [0]])
        turns = np.nonzero(np.diff(inked))[0].reshape(-1, 2)
        for start, end in turns.tolist():
            if end - start > 1:
                left = xs[start] + rng.uniform(-1.5, 1.5)
                strokes.append(f"M{left:.1f} {y:.1f}H{xs[end - 1] + rng.uniform(-1.5, 1.5):.1f}")
        y += _HATCH_APART
        count += 1
    canvas.lines(strokes, stroke=manner.water, width=0.9, opacity=0.8)


def _draw_rhumbs(canvas: Canvas, sheet: Sheet, manner: Manner, centre: Point) -> None:
    far = sheet.width + sheet.height
    for index in range(32):
        turn = index * math.tau / 32
        end = (centre[0] + far * math.cos(turn), centre[1] + far * math.sin(turn))
        canvas.path(
            line_of([centre, end]), stroke=manner.faint if index % 4 else manner.accent, width=0.8, opacity=0.45
        )


def draw_land(canvas: Canvas, ground: Ground, manner: Manner, rng: Random) -> None:
    """Fills the coast line, tints by height, defines the clip path `land`, and inks the coast."""
    shore = [
        rounded(shaken(ring, 0.16 * ground.cell, rng), 2, closed=True)
        for ring in rings(ground.coast, 0.0, ground.cell, least=_LEAST_RING / 4)
    ]
    coast = "".join(line_of(ring, closed=True) for ring in shore)
    canvas.define(f'<clipPath id="land"><path d="{coast}" clip-rule="evenodd"/></clipPath>')
    canvas.path(coast, fill=manner.land)
    if manner.bands:
        height = blurred(ground.lift, 3)
        with canvas.group('clip-path="url(#land)"'):
            for level, tint in zip(_LEVELS, manner.bands, strict=False):
                canvas.path(_area(rings(height, level, ground.cell, least=900)), fill=tint)
    canvas.path(coast, stroke=manner.ink, width=2.3)
    with canvas.group('clip-path="url(#land)"'):
        canvas.path(coast, stroke=manner.faint, width=8, opacity=0.22)


def tint_at(ground: Ground, manner: Manner, x: float, y: float) -> str:
    """The colour that lies at a point."""
    if not ground.land[ground.node(x, y)]:
        return manner.sea_bands[2] if manner.sea_bands and ground.at(ground.shore, x, y) > -70 else manner.sea
    if ground.at(ground.lake, x, y) > 0.5:
        return manner.sea_bands[1] if manner.sea_bands else manner.sea
    if not manner.bands:
        return manner.land
    lift = ground.at(ground.lift, x, y)
    return next(tint for level, tint in reversed(list(zip(_LEVELS, manner.bands, strict=True))) if lift >= level)


def draw_waters(canvas: Canvas, ground: Ground, rivers: Sequence[River], manner: Manner) -> None:
    """Rivers widen toward the sea; lakes lie over them."""
    with canvas.group('clip-path="url(#land)"'):
        for river in rivers:
            canvas.path(_tapered(river), fill=manner.water)
    lakes = rings(blurred(ground.lake, 1), 0.5, ground.cell, least=300)
    for ring in lakes:
        data = line_of(rounded(ring, 2, closed=True), closed=True)
        canvas.path(data, fill=manner.sea_bands[1] if manner.sea_bands else manner.sea, stroke=manner.ink, width=1.7)
    for level, opacity in ((0.62, 0.7), (0.76, 0.45), (0.9, 0.3)):
        inner = _area(rings(blurred(ground.lake, 1), level, ground.cell, least=120))
        canvas.path(inner, stroke=manner.water, width=1.0, opacity=opacity)


def _tapered(river: River) -> str:
    """The river as a closed shape."""
    flow = np.minimum.accumulate(np.array(river.flow)[::-1])[::-1]
    wide = np.clip(0.75 + (flow / 260) ** 0.6, 0.8, 5.5)
    course = np.column_stack([np.array(river.points), np.repeat(wide[:, None], 1, axis=1)])
    line = np.array(rounded([tuple(point) for point in course[:, :2].tolist()], 2))
    share = np.linspace(0, 1, len(line))
    half = np.interp(share, np.linspace(0, 1, len(wide)), wide) / 2
    ahead = np.gradient(line, axis=0)
    length = np.hypot(ahead[:, 0], ahead[:, 1])
    length[length == 0] = 1
    normal = np.column_stack([-ahead[:, 1], ahead[:, 0]]) / length[:, None] * half[:, None]
    shape = np.vstack([line + normal, (line - normal)[::-1]])
    return line_of([(float(x), float(y)) for x, y in shape], closed=True)


def draw_borders(canvas: Canvas, ground: Ground, places: Sequence[Place], manner: Manner, rng: Random) -> None:
    """Dotted lines where one country ends and the next begins."""
    lands = [place for place in places if place.kind is Kind.REGION]
    if not 2 <= len(lands) <= _MOST_BORDERS:
        return
    dice = np.random.default_rng(rng.getrandbits(64))
    x, y = ground.places()
    wander = [24 * texture(ground.shape, dice, 3.2, ground.cell / 260) for _ in range(2)]
    away = np.array([np.hypot(x + wander[0] - land.x, y + wander[1] - land.y) for land in lands])
    owner = away.argmin(axis=0)
    with canvas.group('clip-path="url(#land)"'):
        for index in range(len(lands)):
            mask = blurred((owner == index).astype(float), 2)
            lines = _area(rings(mask, 0.5, ground.cell, least=30_000))
            canvas.path(lines, stroke=manner.accent, width=7, opacity=0.1)
            canvas.path(lines, stroke=manner.accent, width=1.7, opacity=0.75, dash="0.1 6.5")


def draw_roads(canvas: Canvas, roads: Sequence[Road], manner: Manner) -> None:
    for road in sorted(roads, key=lambda road: road.great):
        data = line_of(rounded(road.points, 2))
        canvas.path(data, stroke=manner.land, width=5.0 if road.great else 4.0, opacity=0.8)
        if road.great:
            canvas.path(data, stroke=manner.road, width=2.6, dash="11 4", cap="butt")
        else:
            canvas.path(data, stroke=manner.road, width=1.9, dash="5.5 4.5", cap="butt")


def _area(lines: Sequence[Sequence[Point]]) -> str:
    return "".join(line_of(rounded(ring, 1, closed=True), closed=True) for ring in lines)
