"""Rivers: rain gathered down a ground without hollows, so that every river falls all the way to the sea."""

import heapq
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from lorekeeper.generators.map.canvas import Point
from lorekeeper.generators.map.ground import Ground, texture
from lorekeeper.generators.map.outline import Grid

_STEP = 2
_AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
_RISE = 1e-5


@dataclass(frozen=True)
class River:
    """From source to mouth. `heights` never rises; `flow` is the rain gathered at each point; a tributary ends on the
    river it joins (`joins`), any other in the sea or off the map."""

    points: list[Point]
    heights: list[float]
    flow: list[float]
    joins: bool


@dataclass
class Drainage:
    """Where water goes from each cell of a coarser grid."""

    cell: float
    level: Grid
    down: NDArray[np.int64]
    flow: Grid

    def point(self, index: int) -> Point:
        row, column = divmod(index, self.level.shape[1])
        return column * self.cell, row * self.cell

    def index(self, x: float, y: float) -> int:
        rows, columns = self.level.shape[0], self.level.shape[1]
        row = min(max(round(y / self.cell), 0), rows - 1)
        return int(row * columns + min(max(round(x / self.cell), 0), columns - 1))


def drain(ground: Ground, rng: Random) -> Drainage:
    """Fill the hollows, from the sea upward (priority flood), and let each cell drain to where it was reached from."""
    dice = np.random.default_rng(rng.getrandbits(64))
    noise = texture(ground.shape, dice, 1.6, ground.cell / 90)
    lift = np.where(ground.land, ground.lift + 0.016 * (noise + 3), -1.0)[::_STEP, ::_STEP]
    rows, columns = lift.shape
    down = np.full(rows * columns, -1, dtype=np.int64)
    level, order = _flood(lift, down)
    rain = (1 + 1.6 * np.clip(ground.lift, 0, 1.2) ** 1.5)[::_STEP, ::_STEP].ravel()
    gathered = np.where(lift.ravel() > 0, rain, 0.0).tolist()
    below = down.tolist()
    for index in reversed(order):
        if below[index] >= 0:
            gathered[below[index]] += gathered[index]
    return Drainage(ground.cell * _STEP, level, down, np.array(gathered).reshape(lift.shape))


def _flood(lift: Grid, down: NDArray[np.int64]) -> tuple[Grid, list[int]]:
    rows, columns = lift.shape
    heights = lift.ravel().tolist()
    seen = bytearray(rows * columns)
    queue: list[tuple[float, int]] = []
    for index, height in enumerate(heights):
        row, column = divmod(index, columns)
        if height < 0 or row in {0, rows - 1} or column in {0, columns - 1}:
            seen[index] = 1
            queue.append((height, index))
    heapq.heapify(queue)
    order: list[int] = []
    while queue:
        height, index = heapq.heappop(queue)
        order.append(index)
        row, column = divmod(index, columns)
        for dr, dc in _AROUND:
            r, c = row + dr, column + dc
            if not (0 <= r < rows and 0 <= c < columns):
                continue
            near = r * columns + c
            if seen[near]:
                continue
            seen[near] = 1
            down[near] = index
            heights[near] = max(heights[near], height + _RISE)
            heapq.heappush(queue, (heights[near], near))
    return np.array(heights).reshape(lift.shape), order


def find_rivers(drainage: Drainage, rng: Random, *, most: int) -> list[River]:
    """The greatest rivers, each with its tributaries; lesser ones where the land is too small for great ones."""
    flow, level = drainage.flow.ravel(), drainage.level.ravel()
    if not (level > 0).any():
        return []
    usual = max(90.0, float(np.quantile(flow[level > 0], 0.955)))
    found = (_rivers_of(drainage, least, rng, most) for least in (usual, 45.0, 20.0))
    return next((rivers for rivers in found if len(rivers) > 1), [])


def _rivers_of(drainage: Drainage, least: float, rng: Random, most: int) -> list[River]:
    flow, level = drainage.flow.ravel(), drainage.level.ravel()
    wet = (flow >= least) & (level > 0)
    down = drainage.down
    feeders: dict[int, list[int]] = {}
    for index in np.nonzero(wet)[0].tolist():
        feeders.setdefault(int(down[index]), []).append(index)
    mouths = [index for index in feeders if index < 0 or not wet[index]]
    starts = [(index, mouth) for mouth in mouths for index in feeders[mouth] if mouth >= 0]
    starts.sort(key=lambda pair: (-flow[pair[0]], pair[0]))
    rivers: list[River] = []
    for start, mouth in starts[:most]:
        branches = [(start, mouth, False)]
        while branches:
            first, below, joins = branches.pop()
            course = _upstream(first, feeders, flow, branches)
            if len(course) >= (5 if joins else 7):
                rivers.append(_river(drainage, [below, *course], rng, joins=joins))
    return rivers


def _upstream(
    first: int, feeders: dict[int, list[int]], flow: Grid, branches: list[tuple[int, int, bool]]
) -> list[int]:
    """Always up the greater arm; the lesser ones are left as branches."""
    course = [first]
    while course[-1] in feeders:
        arms = sorted(feeders[course[-1]], key=lambda index: (-flow[index], index))
        branches.extend((arm, course[-1], True) for arm in arms[1:])
        course.append(arms[0])
    return course


def _river(drainage: Drainage, course: list[int], rng: Random, *, joins: bool) -> River:
    """Down from the source, straightened a little where the grid shows."""
    course = course[::-1]
    level, flow = drainage.level.ravel(), drainage.flow.ravel()
    points = [drainage.point(index) for index in course]
    eased = list(points)
    for index in range(1, len(points) - 1):
        (ax, ay), (bx, by), (cx, cy) = points[index - 1 : index + 2]
        eased[index] = (
            (ax + 2 * bx + cx) / 4 + rng.uniform(-0.2, 0.2) * drainage.cell,
            (ay + 2 * by + cy) / 4 + rng.uniform(-0.2, 0.2) * drainage.cell,
        )
    heights = [max(0.0, float(level[index])) for index in course]
    return River(eased, heights, [float(flow[index]) for index in course], joins)


def outflow(drainage: Drainage, x: float, y: float, rng: Random) -> River | None:
    """The stream from a point to the sea."""
    index = drainage.index(x, y)
    course = [index]
    while drainage.down[course[-1]] >= 0 and drainage.level.ravel()[course[-1]] > 0:
        course.append(int(drainage.down[course[-1]]))
    return _river(drainage, course[::-1], rng, joins=False) if len(course) > 3 else None
