"""Roads: the cheapest way over land between neighbours, round water and steep ground, along what is trodden already."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np

from lorekeeper.generators.map.canvas import Point
from lorekeeper.generators.map.ground import Ground, texture
from lorekeeper.generators.map.kinds import SETTLED, Kind
from lorekeeper.generators.map.outline import Grid
from lorekeeper.generators.map.reading import Gazetteer, Place
from lorekeeper.generators.map.siting import radius_of
from lorekeeper.generators.map.water import River

_STEP = 2
_BLOCKED = math.inf
_MOST = 140
_TOLD, _USUAL = 12.0, 2.0
_REACHED = SETTLED | {Kind.TEMPLE, Kind.BRIDGE, Kind.FORD, Kind.TOWER, Kind.PASS}
_STEPS = [(dr, dc, math.hypot(dr, dc)) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc]


@dataclass(frozen=True)
class Road:
    """`great` roads are asked for by the lore or join great places."""

    points: list[Point]
    great: bool


def find_roads(book: Gazetteer, ground: Ground, rivers: Sequence[River], rng: Random, *, spacing: float) -> list[Road]:
    """Those the lore tells of first, then what joins the settlements of each shore."""
    walk = _Walk(ground, rivers, book.places, rng, spacing)
    roads: list[Road] = []
    for one, other, told in _pairs(book, spacing):
        first, second = book.places[one], book.places[other]
        path = walk.between(first, second, _TOLD if told else _USUAL)
        if path:
            roads.append(Road(path, told or min(first.weight, second.weight) > 2.4))
    return roads


def _pairs(book: Gazetteer, spacing: float) -> list[tuple[int, int, bool]]:
    """Told roads; then each place to its neighbours where no other place lies between (a Gabriel graph)."""
    places = book.places
    told = {(min(r.one, r.other), max(r.one, r.other)) for r in book.relations if r.road}
    ends = [index for index, place in enumerate(places) if place.kind in _REACHED]
    near: list[tuple[float, int, int]] = []
    if len(ends) > 1:
        at = np.array([(places[index].x, places[index].y) for index in ends])
        square = ((at[:, None] - at[None]) ** 2).sum(axis=2)
        for i in range(len(ends)):
            for j in range(i + 1, len(ends)):
                between = square[i] + square[j] < square[i, j] - 1e-6
                if not between.any() and square[i, j] < (3.2 * spacing) ** 2:
                    near.append((float(square[i, j]), ends[i], ends[j]))
    found = [(one, other, True) for one, other in sorted(told)]
    found += [(one, other, False) for _, one, other in sorted(near) if (one, other) not in told]
    return found[:_MOST]


class _Walk:
    """A* over every second node. Ground that a road already takes is cheaper, so that roads join."""

    def __init__(
        self, ground: Ground, rivers: Sequence[River], places: Iterable[Place], rng: Random, spacing: float
    ) -> None:
        self.spacing = spacing
        self.cell = ground.cell * _STEP
        self.shape = ground.land[::_STEP, ::_STEP].shape
        self._fine = ground
        cost = 1 + 7 * ground.peaks**1.3 + 2.5 * ground.bog + 0.6 * ground.wood + 0.7 * ground.sand
        cost = cost + np.where(ground.shore < 14, 1.5, 0)
        dice = np.random.default_rng(rng.getrandbits(64))
        cost = cost + 0.7 * np.clip(texture(ground.shape, dice, 2.4, ground.cell / 130) + 1, 0, 4)
        blocked = ~ground.land | (ground.lake > 0.2)
        spread = blocked.copy()
        for axis in (0, 1):
            spread |= np.roll(blocked, 1, axis) | np.roll(blocked, -1, axis)
        crossing = np.zeros(self.shape)
        for river in rivers:
            for x, y in river.points:
                crossing[self._node(x, y)] = 5.0
        for place in places:
            if place.kind in {Kind.BRIDGE, Kind.FORD}:
                row, column = self._node(place.x, place.y)
                crossing[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = 0.0
        self.cost = np.where(spread[::_STEP, ::_STEP], _BLOCKED, cost[::_STEP, ::_STEP] + crossing)
        self.flat = self.cost.ravel().tolist()

    def _node(self, x: float, y: float) -> tuple[int, int]:
        rows, columns = self.shape
        return min(max(round(y / self.cell), 0), rows - 1), min(max(round(x / self.cell), 0), columns - 1)

    def between(self, first: Place, second: Place, longest: float) -> list[Point] | None:
        """None where the way would be more than `longest` times the straight line, or over water."""
        start, goal = self._doorstep(first), self._doorstep(second)
        if start is None or goal is None or start == goal:
            return None
        nodes = self._search(start, goal, longest * 3.0 * math.dist(start, goal) + 10)
        if nodes is None or len(nodes) * 0.9 > longest * math.dist(start, goal) + 6:
            return None
        columns = self.shape[1]
        for row, column in nodes:
            index = row * columns + column
            self.flat[index] = min(self.flat[index], 0.45)
        return self._drawn(first, second, [(column * self.cell, row * self.cell) for row, column in nodes])

    def _doorstep(self, place: Place) -> tuple[int, int] | None:
        """The nearest node a road can start from: a harbour's own lies at the water, a lake's or a sea's beyond it."""
        row, column = self._node(place.x, place.y)
        rows, columns = self.shape
        reach = 4 + (round(2 * radius_of(place, self.spacing) / self.cell) if place.is_area else 0)
        around = [
            (math.hypot(dr, dc), row + dr, column + dc)
            for dr in range(-reach, reach + 1)
            for dc in range(-reach, reach + 1)
            if 0 <= row + dr < rows and 0 <= column + dc < columns
        ]
        for _, r, c in sorted(around):
            if self.flat[r * columns + c] < _BLOCKED:
                return r, c
        return None

    def _search(self, start: tuple[int, int], goal: tuple[int, int], budget: float) -> list[tuple[int, int]] | None:
        rows, columns = self.shape
        best = {start: 0.0}
        came: dict[tuple[int, int], tuple[int, int]] = {}
        queue = [(0.0, start)]
        flat = self.flat
        while queue:
            guess, node = heapq.heappop(queue)
            if node == goal:
                return _unrolled(came, goal)
            if guess > budget:
                return None
            row, column = node
            here, spent = flat[row * columns + column], best[node]
            for dr, dc, length in _STEPS:
                r, c = row + dr, column + dc
                if not (0 <= r < rows and 0 <= c < columns):
                    continue
                there = flat[r * columns + c]
                total = spent + (here + there) / 2 * length
                if there < _BLOCKED and total < best.get((r, c), _BLOCKED):
                    best[r, c] = total
                    came[r, c] = node
                    heapq.heappush(queue, (total + 0.45 * math.hypot(r - goal[0], c - goal[1]), (r, c)))
        return None

    def _drawn(self, first: Place, second: Place, nodes: list[Point]) -> list[Point]:
        """From mark to mark, the grid's corners eased where that stays on land."""
        points = nodes
        for _ in range(2):
            eased = list(points)
            for index in range(1, len(points) - 1):
                (ax, ay), (bx, by), (cx, cy) = points[index - 1 : index + 2]
                x, y = (ax + 2 * bx + cx) / 4, (ay + 2 * by + cy) / 4
                if self._fine.dry(x, y):
                    eased[index] = (x, y)
            points = eased
        return self._arrived(second, self._arrived(first, points)[::-1])[::-1]

    def _arrived(self, place: Place, points: list[Point]) -> list[Point]:
        """The points from a mark itself; of an area, whose name stands in its midst, from within its edge."""
        if not place.is_area:
            return [(place.x, place.y), *points[1:]]
        within = 0.5 * radius_of(place, self.spacing)
        first = next((i for i, point in enumerate(points) if math.dist(point, (place.x, place.y)) > within), 0)
        return points[min(first, max(0, len(points) - 4)) :]


def _unrolled(came: dict[tuple[int, int], tuple[int, int]], goal: tuple[int, int]) -> list[tuple[int, int]]:
    path = [goal]
    while path[-1] in came:
        path.append(came[path[-1]])
    return path[::-1]


def mask_of(roads: Sequence[Road], ground: Ground) -> Grid:
    """1 on every node that a road touches."""
    mask = np.zeros(ground.shape)
    for road in roads:
        for (ax, ay), (bx, by) in pairwise(road.points):
            for step in range(4):
                mask[ground.node(ax + (bx - ax) * step / 4, ay + (by - ay) * step / 4)] = 1.0
    return mask
