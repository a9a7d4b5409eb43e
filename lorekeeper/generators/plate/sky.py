"""The sky: its wash, the engraver's air, the disc that holds a thing of note, clouds and stars."""

import math
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageChops, ImageDraw

from lorekeeper.generators.plate.casting import Device
from lorekeeper.generators.plate.palette import mix
from lorekeeper.generators.plate.pen import Stencil
from lorekeeper.generators.plate.press import Press, around, fading, wash


@dataclass(frozen=True)
class Disc:
    """The sun or moon."""

    x: float
    y: float
    radius: float


def paint_sky(press: Press, disc: Disc, horizon: float, rng: Random) -> None:
    width, height = press.size
    manner = press.manner
    press.sheet.paste(wash((width, round(horizon * 1.15)), *manner.sky))
    rest = Image.new("RGB", (width, max(1, height - round(horizon * 1.15))), manner.sky[1])
    press.sheet.paste(rest, (0, round(horizon * 1.15)))
    kinds = ("stars", "rays") if manner.dark else ("rays", "air", "air")
    kind = rng.choice(kinds)
    if kind == "rays":
        _rays(press, disc, rng)
    reach = max(width, height) * 0.75
    tone = ImageChops.multiply(
        around(press.size, (disc.x, disc.y), min(reach, press.unit * 95), 0, 150),
        fading(press.size, 0, horizon, 255, 70),
    )
    press.shade(tone, mix(manner.line, manner.sky[0], 0.45), screen=0)
    if manner.dark:
        _stars(press, disc, horizon, rng)


def paint_disc(press: Press, disc: Disc, device: Device | None, rng: Random) -> None:
    """A ringed disc; with a device of its own where the lore has a thing to put there."""
    manner = press.manner
    draw = press.draw()
    halo = mix(manner.sky[1], manner.disc, 0.35)
    for ring, colour in ((1.24, halo), (1.19, manner.sky[1]), (1.1, halo), (1.07, manner.sky[1])):
        _circle(draw, disc, ring, colour)
    _circle(draw, disc, 1.0, manner.disc)
    face = Image.new("L", press.size, 0)
    _circle(ImageDraw.Draw(face), disc, 1.0, 255)
    shadow = fading(press.size, disc.y - disc.radius * 0.2, disc.y + disc.radius * 1.1, 0, 130)
    press.shade(shadow, mix(manner.disc, manner.sky[1], 0.75), within=face, screen=0)
    if device is None:
        if manner.dark or rng.random() < 0.3:
            _craters(draw, disc, mix(manner.disc, manner.sky[0], 0.25), rng)
        return
    stencil = Stencil.blank(press.size)
    device(stencil.pen(disc.x, disc.y + disc.radius * 0.64, disc.radius * 1.3))
    press.stamp(stencil, manner.land[1], mix(manner.disc, manner.sky[1], 0.4))


def paint_clouds(press: Press, disc: Disc, horizon: float, rng: Random) -> None:
    """Flat-bottomed banks that cross the sky, some before the disc's foot."""
    manner, unit = press.manner, press.unit
    body = mix(manner.sky[1], manner.paper, 0.0 if manner.dark else 0.35)
    banks = max(2, round(press.size[0] / unit / 30)) + max(0, round(horizon / unit / 40))
    for index in range(banks):
        x, y = rng.uniform(-0.05, 1.05) * press.size[0], rng.uniform(0.12, 0.82) * horizon
        half = unit * rng.uniform(9, 20)
        beside = rng.choice((-1, 1))
        if index == 0:
            x, y = disc.x + beside * disc.radius * rng.uniform(0.9, 1.3), disc.y + disc.radius * rng.uniform(1.0, 1.15)
        elif abs(y - disc.y) < disc.radius * 1.3 and abs(x - disc.x) < half + disc.radius:
            x = disc.x + beside * (half + disc.radius * 1.02)
        _cloud(press, x, y, half, body, rng)


def _cloud(press: Press, x: float, y: float, half: float, body: tuple[int, int, int], rng: Random) -> None:
    mask = Image.new("L", press.size, 0)
    draw = ImageDraw.Draw(mask)
    thick = press.unit * rng.uniform(0.9, 1.5)
    for row in range(3):
        reach = half * (1 - row * 0.26) * rng.uniform(0.8, 1.0)
        at = x + rng.uniform(-0.25, 0.25) * half
        top = y - row * thick * 1.3
        draw.rounded_rectangle((at - reach, top - thick, at + reach, top + thick), radius=thick, fill=255)
    draw.ellipse((x - half * 0.4, y - thick * 5.4, x + half * 0.1, y), fill=255)
    draw.ellipse((x - half * 0.1, y - thick * 4.6, x + half * 0.35, y), fill=255)
    press.flat(mask, body)
    tone = fading(press.size, y - thick * 4, y + thick, 0, 150)
    press.shade(tone, mix(press.manner.line, body, 0.5), within=mask, screen=0)


def _rays(press: Press, disc: Disc, rng: Random) -> None:
    manner = press.manner
    mask = Image.new("L", press.size, 0)
    draw = ImageDraw.Draw(mask)
    count = rng.choice((20, 26, 32))
    far = math.hypot(*press.size)
    for index in range(count):
        turn = index * math.tau / count
        half = math.tau / count / 4
        draw.polygon(
            [(disc.x, disc.y)]
            + [
                (disc.x + far * math.cos(turn + side * half), disc.y + far * math.sin(turn + side * half))
                for side in (-1, 1)
            ],
            fill=255,
        )
    glow = around(press.size, (disc.x, disc.y), min(press.unit * 80, far), 150, 30)
    press.flat(ImageChops.multiply(mask, glow), mix(manner.sky[1], manner.disc, 0.3))


def _stars(press: Press, disc: Disc, horizon: float, rng: Random) -> None:
    draw = press.draw()
    manner = press.manner
    width = press.size[0]
    for _ in range(round(width * horizon / press.unit**2 / 38)):
        x, y = rng.uniform(0, width), horizon * rng.random() ** 1.4
        if math.hypot(x - disc.x, y - disc.y) < disc.radius * 1.4:
            continue
        size = press.unit * rng.choice((0.1, 0.12, 0.16, 0.5))
        if size < press.unit * 0.3:
            draw.ellipse((x - size, y - size, x + size, y + size), fill=mix(manner.sky[0], manner.disc, 0.8))
            continue
        thin = size * 0.16
        tips = [(x - size, y), (x, y - size), (x + size, y), (x, y + size)]
        waists = [(x - thin, y - thin), (x + thin, y - thin), (x + thin, y + thin), (x - thin, y + thin)]
        draw.polygon([point for pair in zip(tips, waists, strict=True) for point in pair], fill=manner.disc)


def _craters(draw: ImageDraw.ImageDraw, disc: Disc, colour: tuple[int, int, int], rng: Random) -> None:
    for _ in range(6):
        turn, off = rng.uniform(0, math.tau), disc.radius * rng.uniform(0.1, 0.66)
        spot = Disc(disc.x + off * math.cos(turn), disc.y + off * math.sin(turn), disc.radius * rng.uniform(0.05, 0.17))
        _circle(draw, spot, 1.0, colour)


def _circle(draw: ImageDraw.ImageDraw, disc: Disc, share: float, colour: tuple[int, int, int] | int) -> None:
    radius = disc.radius * share
    draw.ellipse((disc.x - radius, disc.y - radius, disc.x + radius, disc.y + radius), fill=colour)
