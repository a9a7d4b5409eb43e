"""Which hills, trees, reeds and dunes stand where: thick in the middle of their ground, off names, marks and ways."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, takewhile
from random import Random

import numpy as np

from lorekeeper.generators.map.canvas import Canvas
from lorekeeper.generators.map.ground import Ground
from lorekeeper.generators.map.labels import Inked
from lorekeeper.generators.map.manners import Manner, mixed
from lorekeeper.generators.map.outline import Grid, Mask
from lorekeeper.generators.map.scene import tint_at
from lorekeeper.generators.map.sheet import Box
from lorekeeper.generators.map.strokes import MARSH, MOUNTAINS, SANDS, WOODS, dune, hill, mountain, reeds, tree
from lorekeeper.generators.map.water import River

_HIGH, _LOW = 0.42, 0.2
_NEAR = 60.0


@dataclass(frozen=True)
class Growth:
    """One small drawing, to be laid down after all that stand behind it."""

    y: float
    draw: Callable[[Canvas], None]


@dataclass
class Relief:
    """Sows the ground. `kept` are boxes to stay off: names and marks."""

    ground: Ground
    manner: Manner
    kept: Grid
    ways: Inked
    rng: Random

    def draw(self, canvas: Canvas) -> dict[str, int]:
        """Everything from the back of the map to its front; how much there is of each."""
        sown = {MOUNTAINS: self._mountains(), WOODS: self._trees(), MARSH: self._reeds(), SANDS: self._dunes()}
        for growth in sorted((item for group in sown.values() for item in group), key=lambda item: item.y):
            growth.draw(canvas)
        return {name: len(group) for name, group in sown.items()}

    def _mountains(self) -> list[Growth]:
        found: list[Growth] = []
        taken: list[tuple[float, float, float]] = []
        ground, rng = self.ground, self.rng
        for x, y in self._spots(11.0, (ground.peaks > _LOW) | (ground.hills > 0.1)):
            height = ground.at(ground.peaks, x, y)
            high = height > _HIGH
            steep = ((height - _HIGH) / (1 - _HIGH)) ** 1.5 if high else 0.0
            size = (21 + 54 * steep + rng.uniform(-4, 6)) if high else rng.uniform(10, 15)
            apart = size * (0.66 if high else 1.7)
            # Sown from the top, so only the last rows can be near.
            recent = takewhile(partial(_within, y - _NEAR), reversed(taken))
            if any(abs(x - a) < apart + b and abs(y - c) < (apart + b) * 0.6 for a, c, b in recent):
                continue
            half = size * 0.75
            flat = ground.at(ground.lake + ground.bog + ground.sand, x, y) > 0.2
            if not flat and self._free(x - half, y - size, x + half, y + 3):
                taken.append((x, y, size * 0.26))
                found.append(self._growth(mountain if high else hill, x, y, size))
        return found

    def _growth(
        self, stroke: Callable[[Canvas, float, float, float, Manner, Random], None], x: float, y: float, size: float
    ) -> Growth:
        chance = Random(self.rng.getrandbits(64))  # noqa: S311 - chance that must repeat, no secret
        manner = self._lit(x, y, 0.25 if stroke is mountain else 0.0)
        return Growth(y, lambda canvas: stroke(canvas, x, y, size, manner, chance))

    def _lit(self, x: float, y: float, share: float) -> Manner:
        """The manner with land of the tint there, `share` of the way to paper."""
        if not self.manner.bands:
            return self.manner
        return replace(self.manner, land=mixed(tint_at(self.ground, self.manner, x, y), self.manner.paper, share))

    def _trees(self) -> list[Growth]:
        ground = self.ground
        found = []
        for x, y in self._spots(13.5, (ground.wood > 0.2) & (ground.peaks < 0.4) & (ground.shore > 14)):
            if self.rng.random() > 0.35 + 1.4 * ground.at(ground.wood, x, y):
                continue
            size = self.rng.uniform(13.5, 17.5)
            if self._free(x - size * 0.6, y - size * 1.2, x + size * 0.6, y + 2):
                fir = ground.at(ground.lift, x, y) > 0.34 + self.rng.uniform(-0.08, 0.08)
                found.append(self._growth(_fir if fir else _leafy, x, y, size))
        return found

    def _reeds(self) -> list[Growth]:
        spots = self._spots(21.0, self.ground.bog > 0.42)
        return [self._growth(reeds, x, y, 10.0) for x, y in spots if self._free(x - 10, y - 9, x + 10, y + 2)]

    def _dunes(self) -> list[Growth]:
        spots = self._spots(27.0, self.ground.sand > 0.4)
        return [self._growth(dune, x, y, 13.0) for x, y in spots if self._free(x - 13, y - 8, x + 13, y + 9)]

    def _spots(self, apart: float, where: Mask) -> Iterable[tuple[float, float]]:
        """A shaken lattice over the mask, on dry land."""
        rows, columns = self.ground.shape
        high, wide = (rows - 1) * self.ground.cell, (columns - 1) * self.ground.cell
        y, odd = apart, False
        while y < high:
            x = apart * (1.0 if odd else 0.5)
            while x < wide:
                px = x + self.rng.uniform(-0.34, 0.34) * apart
                py = y + self.rng.uniform(-0.34, 0.34) * apart
                if where[self.ground.node(px, py)] and self.ground.dry(px, py):
                    yield px, py
                x += apart
            y += apart * 0.82
            odd = not odd

    def _free(self, left: float, top: float, right: float, bottom: float) -> bool:
        kept = self.kept
        if len(kept) and bool(
            ((left < kept[:, 2]) & (right > kept[:, 0]) & (top < kept[:, 3]) & (bottom > kept[:, 1])).any()
        ):
            return False
        return float(self.ways.mean(np.array([[left, top, right, bottom]]))[0]) < 0.004


def _within(above: float, other: tuple[float, float, float]) -> bool:
    return other[1] > above


def _fir(canvas: Canvas, x: float, y: float, size: float, manner: Manner, rng: Random) -> None:
    tree(canvas, x, y, size, manner, rng, fir=True)


def _leafy(canvas: Canvas, x: float, y: float, size: float, manner: Manner, rng: Random) -> None:
    tree(canvas, x, y, size, manner, rng, fir=False)


def courses(ground: Ground, rivers: Sequence[River]) -> Grid:
    """1 on every node that a river touches, or a lake or the sea."""
    mask = np.where(ground.land & (ground.lake < 0.4), 0.0, 1.0)
    for river in rivers:
        for (ax, ay), (bx, by) in pairwise(river.points):
            for step in range(3):
                mask[ground.node(ax + (bx - ax) * step / 3, ay + (by - ay) * step / 3)] = 1.0
    return mask


def boxes_of(boxes: Iterable[Box], gap: float) -> Grid:
    rows = [(box.x - gap, box.y - gap, box.right + gap, box.bottom + gap) for box in boxes]
    return np.array(rows, dtype=float).reshape(-1, 4)
