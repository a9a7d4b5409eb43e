"""The border, the seals and the rules between: what a printer sets around a picture."""

import math
from random import Random

from PIL import Image, ImageDraw

from lorekeeper.generators.plate.casting import Actor
from lorekeeper.generators.plate.layout import Box, Layout
from lorekeeper.generators.plate.palette import Colour, Manner, mix
from lorekeeper.generators.plate.pen import Stencil, smooth

_Draw = ImageDraw.ImageDraw


def draw_frame(sheet: Image.Image, layout: Layout, manner: Manner, rng: Random, factor: int) -> None:
    """Rules and an ornamental band that meets its corners exactly."""
    draw = ImageDraw.Draw(sheet)
    unit = layout.unit * factor
    outer = _scaled(layout.frame, factor)
    band = 1.7 * unit
    _rule(draw, outer, manner.ink, unit * 0.22)
    _rule(draw, outer.inset(0.42 * unit), manner.ink, unit * 0.07)
    inner = outer.inset(0.42 * unit + band)
    _rule(draw, inner, manner.ink, unit * 0.07)
    motif = rng.choice((_lozenges, _waves, _braid, _teeth))
    middle = outer.inset(0.42 * unit + band / 2)
    right, bottom = middle.x + middle.width, middle.y + middle.height
    corners = [(middle.x, middle.y), (right, middle.y), (right, bottom), (middle.x, bottom)]
    for index, start in enumerate(corners):
        end = corners[(index + 1) % 4]
        length = math.dist(start, end) - band
        count = max(1, round(length / (band * 1.15)))
        along = ((end[0] - start[0]) / math.dist(start, end), (end[1] - start[1]) / math.dist(start, end))
        for step in range(count):
            off = band / 2 + length * (step + 0.5) / count
            motif(draw, (start[0] + along[0] * off, start[1] + along[1] * off), along, length / count, band, manner)
    for x, y in corners:
        _corner(draw, x, y, band * 0.5, manner)
    picture = _scaled(layout.picture, factor)
    _rule(draw, picture, manner.ink, unit * 0.16)


def draw_seals(sheet: Image.Image, layout: Layout, manner: Manner, cast: list[Actor], factor: int) -> None:
    """A medallion for each of the cast that has a cell."""
    unit = layout.unit * factor
    draw = ImageDraw.Draw(sheet)
    ground = mix(manner.paper, manner.water, 0.22) if not manner.dark else mix(manner.paper, manner.sky[1], 0.35)
    body = manner.ink if manner.dark else manner.land[1]
    stencil = Stencil.blank(sheet.size)
    for actor, cell in zip(cast, layout.seals, strict=False):
        radius = min(4.0 * unit, cell.width * factor * 0.42)
        x, y = (cell.x + cell.width / 2) * factor, cell.y * factor + radius + 0.5 * unit
        for share, colour in ((1.0, manner.ink), (0.965, manner.paper), (0.9, manner.ink), (0.885, ground)):
            reach = radius * share
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)
        actor.seal(stencil.pen(x, y + radius * 0.54, radius * 1.06))
    sheet.paste(body, mask=stencil.body)
    sheet.paste(manner.accent, mask=stencil.light)


def _scaled(box: Box, factor: int) -> Box:
    return Box(box.x * factor, box.y * factor, box.width * factor, box.height * factor)


def _rule(draw: _Draw, box: Box, colour: Colour, width: float) -> None:
    corners = (round(box.x), round(box.y), round(box.x + box.width), round(box.y + box.height))
    draw.rectangle(corners, outline=colour, width=max(2, round(width)))


def _turned(
    at: tuple[float, float], along: tuple[float, float], points: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    (x, y), (c, s) = at, along
    return [(x + a * c - b * s, y + a * s + b * c) for a, b in points]


def _lozenges(
    draw: _Draw, at: tuple[float, float], along: tuple[float, float], length: float, band: float, manner: Manner
) -> None:
    half, tall = length * 0.46, band * 0.34
    draw.polygon(_turned(at, along, [(-half, 0), (0, -tall), (half, 0), (0, tall)]), fill=manner.ink)
    draw.polygon(
        _turned(at, along, [(-half * 0.5, 0), (0, -tall * 0.5), (half * 0.5, 0), (0, tall * 0.5)]), fill=manner.paper
    )
    draw.polygon(
        _turned(at, along, [(-half * 0.24, 0), (0, -tall * 0.26), (half * 0.24, 0), (0, tall * 0.26)]),
        fill=manner.accent,
    )


def _waves(
    draw: _Draw, at: tuple[float, float], along: tuple[float, float], length: float, band: float, manner: Manner
) -> None:
    half, tall = length / 2, band * 0.26
    pen = max(2, round(band * 0.09))
    for lift, colour in ((band * 0.1, manner.accent), (-band * 0.1, manner.ink)):
        curve = smooth([(-half, lift), (-half / 2, lift - tall), (0, lift), (half / 2, lift + tall), (half, lift)])
        draw.line(_turned(at, along, curve), fill=colour, width=pen, joint="curve")


def _braid(
    draw: _Draw, at: tuple[float, float], along: tuple[float, float], length: float, band: float, manner: Manner
) -> None:
    half, tall = length / 2, band * 0.3
    pen = max(2, round(band * 0.13))
    for sign, colour in ((1, manner.ink), (-1, manner.ink)):
        curve = [(-half + length * t / 16, sign * tall * math.cos(math.pi * t / 16)) for t in range(17)]
        draw.line(_turned(at, along, curve), fill=colour, width=pen, joint="curve")
    for point in ((-half, 0.0), (half, 0.0)):
        (x, y), reach = _turned(at, along, [point])[0], band * 0.09
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=manner.accent)


def _teeth(
    draw: _Draw, at: tuple[float, float], along: tuple[float, float], length: float, band: float, manner: Manner
) -> None:
    half, tall = length / 2, band * 0.36
    draw.polygon(_turned(at, along, [(-half, tall), (0, -tall * 0.7), (half, tall)]), fill=manner.ink)
    draw.polygon(
        _turned(at, along, [(-half * 0.4, tall * 0.78), (0, -tall * 0.02), (half * 0.4, tall * 0.78)]),
        fill=manner.accent,
    )
    (x, y), reach = _turned(at, along, [(half, -tall * 0.66)])[0], band * 0.08
    draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=manner.ink)


def _corner(draw: _Draw, x: float, y: float, half: float, manner: Manner) -> None:
    draw.rectangle((x - half, y - half, x + half, y + half), fill=manner.ink)
    for share, colour in ((0.74, manner.paper), (0.6, manner.accent), (0.26, manner.paper)):
        reach = half * share
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)
