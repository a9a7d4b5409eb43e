"""The sea: rows of waves that widen as they come near, a path of light below the disc, what sails and swims."""

from random import Random

from PIL import Image, ImageDraw

from lorekeeper.generators.plate.casting import Actor
from lorekeeper.generators.plate.palette import Colour, mix
from lorekeeper.generators.plate.pen import Stencil, smooth
from lorekeeper.generators.plate.press import Press, fading, wash
from lorekeeper.generators.plate.sky import Disc


def paint_water(press: Press, disc: Disc, top: float, ships: list[Actor], swimmers: list[Actor], rng: Random) -> None:
    """Everything below `top` becomes sea; the land in front is painted over it."""
    width, height = press.size
    manner, unit = press.manner, press.unit
    level = round(top)
    if level >= height:
        return
    near = mix(manner.water, manner.land[1], 0.35)
    press.sheet.paste(wash((width, height - level), mix(manner.water, manner.sky[1], 0.35), near), (0, level))
    sea = Image.new("L", press.size, 0)
    ImageDraw.Draw(sea).rectangle((0, level, width, height), fill=255)
    press.shade(fading(press.size, top, height, 60, 150), mix(manner.line, manner.water, 0.45), within=sea, screen=0)
    _waves(press, disc, top, rng)
    depth = height - top
    toward = 1 if disc.x < width / 2 else -1
    swell: list[tuple[Actor, float, float, float]] = []
    for index, actor in enumerate(swimmers):
        x = width * (0.5 + toward * (0.09 if ships else 0.03)) if index == 0 else rng.uniform(0.2, 0.8) * width
        swell.append((actor, x, top + min(depth * 0.2, unit * 9), min(unit * 12, width * 0.34)))
    for index, actor in enumerate(ships):
        x = disc.x - toward * 0.05 * width if index == 0 else width / 2 + toward * rng.uniform(0.25, 0.4) * width
        swell.append(
            (
                actor,
                x,
                top + min(depth * 0.24, unit * max(3, 9 - index * 4)),
                min(unit * max(7, 16 - index * 5), width * 0.4),
            )
        )
    for actor, x, y, scale in swell:
        _float(press, actor, (x, y), scale, mirrored=x > width / 2)


def _float(press: Press, actor: Actor, at: tuple[float, float], scale: float, *, mirrored: bool) -> None:
    manner = press.manner
    x, y = at
    stencil = Stencil.blank(press.size)
    actor.device(stencil.pen(x, y, scale, mirrored=mirrored))
    press.stamp(stencil, mix(manner.land[1], manner.ink, 0.0), mix(manner.accent, manner.disc, 0.3))
    draw = press.draw()
    for row in range(4):
        reach = scale * (0.78 - row * 0.14)
        level = y + scale * (0.07 + row * 0.05)
        _ripple(
            draw, x, level, reach, scale * 0.02, mix(manner.water, manner.sky[1], 0.6), max(2, round(scale * 0.014))
        )


def _waves(press: Press, disc: Disc, top: float, rng: Random) -> None:
    width, height = press.size
    manner, unit = press.manner, press.unit
    draw = press.draw()
    dark = mix(manner.water, manner.line, 0.7)
    bright = mix(manner.sky[1], manner.disc, 0.45)
    y, gap = top + unit * 0.5, unit * 0.7
    while y < height:
        pen = max(2, round(gap * 0.14))
        x = rng.uniform(-6, 0) * unit
        while x < width:
            half = gap * rng.uniform(1.2, 3.2)
            _ripple(draw, x + half, y + rng.uniform(-0.2, 0.2) * gap, half, gap * 0.22, dark, pen)
            x += half * 2 + gap * rng.uniform(1.5, 9)
        spread = disc.radius * 0.75
        for _ in range(3):
            half = gap * rng.uniform(0.8, 2.6)
            _ripple(
                draw,
                disc.x + rng.gauss(0, 0.42) * spread,
                y + rng.uniform(-0.4, 0.4) * gap,
                half,
                gap * 0.16,
                bright,
                pen + 2,
            )
        y += gap
        gap *= 1.1


def _ripple(draw: ImageDraw.ImageDraw, x: float, y: float, half: float, lift: float, colour: Colour, pen: int) -> None:
    curve = smooth([(x - half, y), (x - half / 2, y - lift), (x, y), (x + half / 2, y - lift), (x + half, y)], steps=4)
    draw.line(curve, fill=colour, width=pen)
