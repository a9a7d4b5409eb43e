"""The picture: a sky with its disc, far mountains, water or hills, and the cast where each belongs."""

import math
from dataclasses import dataclass, field
from random import Random

from PIL import Image, ImageDraw

from lorekeeper.generators.plate import emblems
from lorekeeper.generators.plate.casting import Actor, Role
from lorekeeper.generators.plate.palette import Manner, mix
from lorekeeper.generators.plate.pen import Pen, Stencil
from lorekeeper.generators.plate.press import Press, fading
from lorekeeper.generators.plate.sky import Disc, paint_clouds, paint_disc, paint_sky
from lorekeeper.generators.plate.water import paint_water

Placed = tuple[Actor, float, float]


@dataclass
class Scene:
    """One composition. The disc stands to one side; the places stand across from it, the figures look on from below."""

    press: Press
    rng: Random
    disc: Disc
    horizon: float
    water: bool
    roles: dict[Role, list[Actor]] = field(default_factory=dict)
    sited: int = 0

    @property
    def width(self) -> int:
        return self.press.size[0]

    @property
    def height(self) -> int:
        return self.press.size[1]

    def take(self, role: Role, room: float) -> list[Actor]:
        """As many of a role as there is room for; each needs `room` units of a picture a hundred units high."""
        area = self.width * self.height / self.press.unit**2
        return self.roles.get(role, [])[: max(1, int(area / (room * 100)))]

    @property
    def inward(self) -> int:
        """The direction from the disc to the middle of the picture."""
        return 1 if self.disc.x < self.width / 2 else -1


def paint_scene(size: tuple[int, int], manner: Manner, cast: list[Actor], rng: Random, *, water: bool) -> Image.Image:
    """The picture at `size` (drawn at this size: halve it for smooth edges)."""
    width, height = size
    unit = min(math.sqrt(width * height), 2.1 * min(size)) / 100
    press = Press(Image.new("RGB", size, manner.paper), manner, unit, rng)
    tall = height / width
    roles: dict[Role, list[Actor]] = {}
    for actor in cast:
        roles.setdefault(actor.role, []).append(actor)
    water = water or Role.VESSEL in roles or Role.SWIMMER in roles or rng.random() < 0.25
    side = rng.choice((0.33, 0.67))
    horizon = height * (0.6 if tall < 1.7 else 0.42 if tall < 3 else 0.3)
    emblem = roles.get(Role.EMBLEM, [])
    radius = min(unit * (15 if emblem else 11), width * 0.3, horizon * 0.36)
    disc = Disc(width * side, max(radius * 1.35, horizon * 0.42), radius)
    scene = Scene(press, rng, disc, horizon, water, roles)
    paint_sky(press, disc, horizon, rng)
    paint_disc(press, disc, emblem[0].device if emblem else None, rng)
    paint_clouds(press, disc, horizon, rng)
    _flyers(scene)
    _land(scene)
    return press.sheet


def _flyers(scene: Scene) -> None:
    unit, width = scene.press.unit, scene.width
    stencil = Stencil.blank(scene.press.size)
    for index, actor in enumerate(scene.take(Role.FLYER, 55)):
        scale = min(unit * 20, width * 0.36, scene.horizon * 0.55) * (1 if index == 0 else 0.5)
        x = width / 2 + scene.inward * width * 0.25 if index == 0 else scene.rng.uniform(0.15, 0.85) * width
        y = scene.horizon * (0.5 if index == 0 else scene.rng.uniform(0.35, 0.6))
        if width < unit * 62:
            y = scene.disc.y + scene.disc.radius * 1.5 + scale
        x = min(max(x, scale), width - scale)
        actor.device(stencil.pen(x, max(y, scale * 1.25), scale, mirrored=scene.inward > 0))
    for _ in range(scene.rng.randint(3, 7)):
        x, y = scene.disc.x + scene.rng.uniform(-26, 26) * unit, scene.disc.y + scene.rng.uniform(-9, 11) * unit
        span = scene.rng.uniform(0.7, 1.5) * unit
        pen = stencil.pen(x, y, span)
        pen.stroke([(-1, -0.35), (-0.5, -0.5), (0, 0), (0.5, -0.5), (1, -0.35)], 0.16, 0.1)
    manner = scene.press.manner
    scene.press.stamp(stencil, mix(manner.land[1], manner.ink, 0.15 if manner.dark else 0.0), manner.accent)


def _land(scene: Scene) -> None:
    """From the far mountains to the ground at our feet, each layer over the one before."""
    unit, height, horizon = scene.press.unit, scene.height, scene.horizon
    depth = height - horizon
    _layer(scene, 0.06, horizon + unit, 8.5 * unit, rough=1.0)
    _layer(scene, 0.22, horizon + 2.5 * unit, 4.5 * unit, rough=0.8, trees=0.2)
    if scene.water:
        ships = scene.take(Role.VESSEL, 50)
        swimmers = scene.take(Role.SWIMMER, 60)
        paint_water(scene.press, scene.disc, horizon + 1.5 * unit, ships, swimmers, scene.rng)
    places = scene.take(Role.PLACE, 34)
    first, last = horizon + unit * (13 if scene.water else 6), height - unit * 10.5
    first = min(first, horizon + depth * 0.35)
    count = min(13, max(2, round((last - first) / unit / 10) + 1))
    for index in range(count):
        share = index / (count - 1)
        here = [place for order, place in enumerate(places) if int((order + 0.5) / len(places) * count) == index]
        amplitude = max(6.5 * unit, 0.34 * (last - first) / count)
        fade = max(15 * unit, 0.8 * (last - first) / count)
        near, base = 0.28 + 0.38 * share, first + (last - first) * share**1.15
        _layer(scene, near, base, amplitude, here, rough=0.55, bay=scene.water, trees=0.5, fade=fade)
    _foreground(scene)


def _layer(
    scene: Scene,
    near: float,
    base: float,
    amplitude: float,
    places: list[Actor] | None = None,
    *,
    rough: float,
    bay: bool = False,
    trees: float = 0.0,
    fade: float | None = None,
) -> None:
    """A ridge with what stands on it. `near` runs from 0 (far) to 1; a `bay` falls away below the disc.

    Its shading fades into mist over the length `fade`.
    """
    press, manner = scene.press, scene.press.manner
    fade = fade or press.unit * 15
    ridge = _ridge(scene, base, amplitude, rough, bay)
    colour = mix(manner.land[0], manner.land[1], near)
    stencil = Stencil.blank(press.size)
    _plant(scene, stencil, ridge, near, trees)
    for actor, x, scale in _sites(scene, places or [], near):
        actor.device(stencil.pen(x, _height_at(ridge, x) + scale * 0.06, scale, mirrored=scene.rng.random() < 0.5))
    press.stamp(stencil, mix(colour, manner.land[1], 0.5), mix(manner.disc, manner.sky[1], 0.25))
    mask = Image.new("L", press.size, 0)
    ImageDraw.Draw(mask).polygon([*ridge, (scene.width, scene.height), (0, scene.height)], fill=255)
    press.flat(mask, colour)
    line = mix(manner.line, colour, 0.15 + 0.45 * (1 - near))
    tone = fading(press.size, base - amplitude * 1.2, base + fade, round(190 - 60 * (1 - near)), 0)
    press.shade(tone, line, within=mask, screen=1 if scene.rng.random() < 0.5 else 2)
    mist = fading(press.size, base + press.unit * 2, base + fade, 0, round(150 * (1 - near)))
    press.flat(Image.composite(mist, Image.new("L", press.size, 0), mask), manner.sky[1])
    press.draw().line(ridge, fill=line, width=max(2, round(press.unit * 0.16 * manner.weight)))


def _foreground(scene: Scene) -> None:
    press, manner, unit = scene.press, scene.press.manner, scene.press.unit
    base = scene.height - unit * 4.5
    ridge = _ridge(scene, base, unit * 2.6, 0.3, False)
    stencil = Stencil.blank(press.size)
    _frame_trees(scene, stencil, ridge)
    figures = scene.take(Role.FIGURE, 13)[: max(1, int(scene.width / unit / 9))]
    beasts = scene.take(Role.BEAST, 48)
    for actor, x, scale in _gathering(scene, figures, beasts):
        actor.device(stencil.pen(x, _height_at(ridge, x) + scale * 0.03, scale, mirrored=x > scene.disc.x))
    ground = ImageDraw.Draw(stencil.body)
    ground.polygon([*ridge, (scene.width, scene.height), (0, scene.height)], fill=255)
    for _ in range(int(scene.width / unit * 1.4)):
        x = scene.rng.uniform(0, scene.width)
        y = _height_at(ridge, x)
        lean, tall = scene.rng.uniform(-0.5, 0.5) * unit, scene.rng.uniform(0.4, 1.3) * unit
        ground.polygon(
            [(x - unit * 0.12, y + unit * 0.3), (x + lean, y - tall), (x + unit * 0.12, y + unit * 0.3)], fill=255
        )
    press.stamp(stencil, manner.land[1], mix(manner.disc, manner.accent, 0.2))
    tone = fading(press.size, base + unit, base + unit * 7, 0, 120)
    press.shade(tone, mix(manner.land[1], manner.sky[1], 0.28), within=stencil.body, screen=1)


def _gathering(scene: Scene, figures: list[Actor], beasts: list[Actor]) -> list[Placed]:
    """Figures in a loose group below the disc, beasts at the other side."""
    unit, width = scene.press.unit, scene.width
    placed: list[Placed] = []
    pace = min(unit * 8.5, width * 0.8 / max(1, len(figures)))
    middle = scene.disc.x + scene.inward * 0.07 * width
    start = min(
        max(middle - pace * (len(figures) - 1) / 2, unit * 9),
        max(unit * 9, width - unit * 9 - pace * (len(figures) - 1)),
    )
    for index, actor in enumerate(figures):
        x = start + pace * index + scene.rng.uniform(-0.1, 0.1) * pace
        placed.append((actor, x, unit * scene.rng.uniform(10.5, 12.5) * (1.14 if index == 0 else 1.0)))
    for index, actor in enumerate(beasts):
        x = width - scene.disc.x + scene.inward * (0.17 * width - index * unit * 27)
        x = min(max(x, unit * 12), width - unit * 12)
        placed.append((actor, x, min(unit * 17, width * 0.3)))
    return placed


def _sites(scene: Scene, places: list[Actor], near: float) -> list[Placed]:
    """The first place stands across from the disc; the second further out, then round again."""
    size = min(scene.press.unit * (14 + 11 * near), scene.width * 0.36)
    sites: list[Placed] = []
    for actor in places:
        share = (0.64 + scene.sited * 0.31) % 1.0
        share = share if scene.inward > 0 else 1 - share
        sites.append((actor, (0.13 + 0.74 * share) * scene.width, size))
        scene.sited += 1
    return sites


def _plant(scene: Scene, stencil: Stencil, ridge: list[tuple[float, float]], near: float, density: float) -> None:
    """Woods in clumps along a ridge."""
    unit = scene.press.unit
    for _ in range(round(scene.width / unit / 16 * density * 2)):
        x = scene.rng.uniform(0, scene.width)
        for _ in range(scene.rng.randint(3, 8)):
            at = x + scene.rng.gauss(0, 3.2) * unit
            tall = unit * scene.rng.uniform(1.6, 3.4) * (0.6 + near)
            emblems.pine(stencil.pen(at, _height_at(ridge, at) + tall * 0.08, tall))


def _frame_trees(scene: Scene, stencil: Stencil, ridge: list[tuple[float, float]]) -> None:
    """Tall trees at the edges, to lead the eye in."""
    unit = scene.press.unit
    for edge in (0.0, float(scene.width)):
        for _ in range(scene.rng.randint(1, 4)):
            inward = abs(scene.rng.gauss(0, 4.5)) * unit
            x = edge + (inward if edge == 0 else -inward)
            tall = unit * scene.rng.uniform(12, 25)
            _pine_at(stencil.pen(x, _height_at(ridge, x) + unit * 0.6, tall), scene.rng)


def _pine_at(pen: Pen, rng: Random) -> None:
    """A tree of its own growth, ragged where the small ones are trim."""
    pen.poly([(-0.018, 0.0), (0.0, -0.96), (0.018, 0.0)])
    y = -0.14
    while y > -0.95:
        reach = (0.98 + y) * 0.3 * rng.uniform(0.75, 1.1)
        for side in (-1, 1):
            pen.poly(
                [
                    (0.0, y - 0.09),
                    (side * reach * 0.6, y - 0.015),
                    (side * reach, y + 0.035),
                    (side * reach * 0.45, y + 0.03),
                    (0.0, y),
                ]
            )
        y -= 0.058


def _ridge(scene: Scene, base: float, amplitude: float, rough: float, bay: bool) -> list[tuple[float, float]]:
    """A skyline: octaves of chance, sharper as they grow rougher."""
    unit, rng = scene.press.unit, scene.rng
    step = max(3.0, unit * 0.35)
    octaves = []
    length, weight = unit * 46, 1.0
    for _ in range(6):
        octaves.append((_Noise(rng), length, weight))
        length, weight = length / 2.1, weight * (0.36 + 0.16 * rough)
    total = sum(weight for *_, weight in octaves)
    points = []
    for index in range(int(scene.width / step) + 2):
        x = min(index * step, float(scene.width))
        high = sum(noise.at(x / length) * weight for noise, length, weight in octaves) / total
        if rough > 0.9:
            high = 1 - abs(high) * 2.1
        lift = amplitude * high
        if bay:
            off = min(1.0, abs(x - scene.disc.x) / (scene.width * 0.62))
            lift += unit * (11 * off**1.4 - 6)
        points.append((x, base - lift))
    return points


def _height_at(ridge: list[tuple[float, float]], x: float) -> float:
    last = len(ridge) - 1
    step = ridge[1][0] - ridge[0][0]
    return ridge[min(max(round(x / step), 0), last)][1]


class _Noise:
    """Smooth one-dimensional noise from -1 to 1."""

    def __init__(self, rng: Random) -> None:
        self._values = [rng.uniform(-1, 1) for _ in range(64)]

    def at(self, x: float) -> float:
        cell = math.floor(x)
        t = x - cell
        t = t * t * (3 - 2 * t)
        a, b = self._values[cell % 64], self._values[(cell + 1) % 64]
        return a + (b - a) * t
