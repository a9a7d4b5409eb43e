"""The ground a map shows: coast, ranges, woods, as fields on a grid, grown from the seed."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import numpy as np

from lorekeeper.generators.map.canvas import Point
from lorekeeper.generators.map.outline import Grid, Mask, blurred, distance_to
from lorekeeper.generators.map.sheet import Box, Sheet

_CELLS = {"fine": 150_000, "coarse": 40_000}
_REACH = 300.0
_SPECK = 14


@dataclass
class Ground:
    """Fields by [row, column]; node (r, c) lies at (c * cell, r * cell) units. `shore` is the distance to the coast in
    units, positive on land and negative at sea; `lift` the height of the land, `peaks`, `wood` and `bog` how much of
    each there is (0 to 1)."""

    cell: float
    land: Mask
    shore: Grid
    lift: Grid
    peaks: Grid
    wood: Grid
    bog: Grid
    sand: Grid
    lake: Grid
    hills: Grid
    ranges: list[list[Point]] = field(default_factory=list)
    coast: Grid = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def shape(self) -> tuple[int, int]:
        return self.land.shape[0], self.land.shape[1]

    def node(self, x: float, y: float) -> tuple[int, int]:
        rows, columns = self.shape
        return min(max(round(y / self.cell), 0), rows - 1), min(max(round(x / self.cell), 0), columns - 1)

    def at(self, values: Grid, x: float, y: float) -> float:
        return float(values[self.node(x, y)])

    def dry(self, x: float, y: float) -> bool:
        """Land that is no lake."""
        node = self.node(x, y)
        return bool(self.land[node]) and float(self.lake[node]) < 0.5

    def places(self) -> tuple[Grid, Grid]:
        """The x and y of every node."""
        rows, columns = self.shape
        y, x = np.mgrid[0:rows, 0:columns] * self.cell
        return x.astype(float), y.astype(float)

    def spot(self, x: float, y: float, radius: float, ragged: Grid, stretch: float = 1.0, turn: float = 0.0) -> Grid:
        """A blob with a ragged edge, 1 at its middle and 0.5 at about `radius`."""
        xs, ys = self.places()
        dx, dy = xs - x, ys - y
        along = dx * math.cos(turn) + dy * math.sin(turn)
        across = -dx * math.sin(turn) + dy * math.cos(turn)
        away = np.hypot(along / stretch, across * stretch) / radius
        return np.clip(1.25 - 0.75 * away + 0.28 * ragged, 0.0, 1.0) * (away < 2.2)


def grow(sheet: Sheet, clear: Sequence[Box], rng: Random, *, detail: str, ranges: int) -> Ground:
    """Land with ranges and woods. The sea is drawn toward the boxes in `clear`, where the furniture stands."""
    cell = math.sqrt(sheet.width * sheet.height / _CELLS[detail])
    shape = (math.ceil(sheet.height / cell) + 1, math.ceil(sheet.width / cell) + 1)
    dice = np.random.default_rng(rng.getrandbits(64))
    ground = _coastline(sheet, shape, cell, clear, rng, dice)
    _raise_ranges(ground, rng, dice, ranges)
    wet = texture(shape, dice, 2.6, cell / 320)
    ground.wood = np.clip((wet - 0.35) * 1.1, 0, 1) * (ground.peaks < 0.4) * (ground.shore > 26)
    rolling = texture(shape, dice, 2.0, cell / 120)
    ground.hills = np.clip(rolling - 1.25, 0, 1) * (ground.peaks < 0.2) * (ground.shore > 40)
    return ground


def texture(shape: tuple[int, int], dice: np.random.Generator, roughness: float, grain: float) -> Grid:
    """Noise of mean 0 and deviation 1: waves of all lengths up to 1/`grain` cells, weaker the shorter they are."""
    rows, columns = shape
    fy = np.fft.fftfreq(rows)[:, None]
    fx = np.fft.rfftfreq(columns)[None, :]
    strength = (fx * fx + fy * fy + grain * grain) ** (-roughness / 2)
    strength[0, 0] = 0.0
    field = np.fft.irfft2(np.fft.rfft2(dice.standard_normal(shape)) * strength, s=shape)
    return np.asarray((field - field.mean()) / (field.std() or 1.0))


def _coastline(
    sheet: Sheet, shape: tuple[int, int], cell: float, clear: Sequence[Box], rng: Random, dice: np.random.Generator
) -> Ground:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(float) * cell
    short = min(sheet.width, sheet.height)
    height = texture(shape, dice, 2.05, cell / (0.62 * short))
    sides = [x - sheet.frame.x, sheet.frame.right - x, y - sheet.frame.y, sheet.frame.bottom - y]
    bound = _landward(clear, sheet, rng)
    for index, away in enumerate(sides):
        near = np.clip(1 - away / (0.26 * short), 0, 1.4)
        height += near * 1.1 if index in bound else -2.6 * near**2
    for box in clear:
        dx = np.maximum(np.maximum(box.x - x, x - box.right), 0)
        dy = np.maximum(np.maximum(box.y - y, y - box.bottom), 0)
        height -= 3.2 * np.clip(1 - np.hypot(dx, dy) / (0.2 * short), 0, 1) ** 1.5
    inside = (np.minimum(sides[0], sides[1]) > 0) & (np.minimum(sides[2], sides[3]) > 0)
    level = float(np.quantile(height[inside], rng.uniform(0.38, 0.46)))
    height -= level
    land = _without_specks(height > 0, round(_SPECK * (8 / cell) ** 2))
    blank = np.zeros(shape)
    ground = Ground(cell, land, blank, blank, blank, blank, blank.copy(), blank.copy(), blank.copy(), blank)
    ground.coast = np.where(land, np.maximum(height, 0.02), np.minimum(height, -0.02))
    measure_shore(ground)
    return ground


def measure_shore(ground: Ground) -> None:
    """Anew, whenever the land changed."""
    inland = distance_to(~ground.land, round(_REACH / ground.cell))
    offshore = distance_to(ground.land, round(_REACH / ground.cell))
    ground.shore = np.where(ground.land, inland - 0.5, 0.5 - offshore) * ground.cell


def _landward(clear: Sequence[Box], sheet: Sheet, rng: Random) -> set[int]:
    """The sides (left, right, top, bottom) where the land goes on beyond the map: those farthest from the furniture."""
    weight = [0.0, 0.0, 0.0, 0.0]
    for box in clear:
        x, y = box.centre
        weight[0 if x < sheet.width / 2 else 1] += 1
        weight[2 if y < sheet.height / 2 else 3] += 1
    free = [side for side in range(4) if weight[side] == min(weight)]
    return set(rng.sample(free, min(len(free), rng.choice((0, 1, 1, 1)))))


def _without_specks(land: Mask, least: int) -> Mask:
    """The land without islets of fewer cells than `least`, and without waters that the sea does not reach."""
    land = land.copy()
    for water in (True, False):
        kind = land if not water else ~land
        for patch, at_edge in patches(kind):
            if (water and not at_edge) or len(patch) < least:
                rows, columns = zip(*patch, strict=True)
                land[list(rows), list(columns)] = water
    return land


def patches(mask: Mask) -> list[tuple[list[tuple[int, int]], bool]]:
    """The connected patches of a mask, each with whether it touches the grid's edge."""
    rows, columns = mask.shape
    todo = mask.tolist()
    found = []
    for row, column in zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True):
        if not todo[row][column]:
            continue
        todo[row][column] = False
        queue, patch, at_edge = deque([(row, column)]), [], False
        while queue:
            r, c = queue.popleft()
            patch.append((r, c))
            for nr, nc in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if not (0 <= nr < rows and 0 <= nc < columns):
                    at_edge = True
                elif todo[nr][nc]:
                    todo[nr][nc] = False
                    queue.append((nr, nc))
        found.append((patch, at_edge))
    return found


def _raise_ranges(ground: Ground, rng: Random, dice: np.random.Generator, count: int) -> None:
    """Ridges that wander inland, and the height of all land: up from the shore, steeply up to the ridges."""
    rough = texture(ground.shape, dice, 2.2, ground.cell / 200)
    peaks = np.zeros(ground.shape)
    for _ in range(count):
        ridge = _ridge(ground, peaks, rng)
        if len(ridge) < 3:
            continue
        ground.ranges.append(ridge)
        peaks = np.maximum(peaks, ridge_field(ground, ridge, rng.uniform(58, 84), rough))
    ground.peaks = peaks * np.clip(ground.shore / 40 - 0.4, 0, 1)
    slope = np.clip(ground.shore, 0, None) / _REACH
    ground.lift = np.where(ground.land, 0.02 + 0.45 * slope + 0.9 * ground.peaks + 0.09 * slope * (rough + 1.5), 0.0)


def _ridge(ground: Ground, taken: Grid, rng: Random) -> list[Point]:
    inland = np.where(taken < 0.05, np.clip(ground.shore - 60, 0, None), 0) ** 1.3
    rows, columns = ground.shape
    inland[: rows // 12] = inland[-rows // 12 :] = 0
    inland[:, : columns // 14] = inland[:, -columns // 14 :] = 0
    total = np.cumsum(inland.ravel())
    if total[-1] <= 0:
        return []
    start = int(np.searchsorted(total, rng.random() * total[-1]))
    row, column = divmod(start, columns)
    origin = (column * ground.cell, row * ground.cell)
    turn = rng.uniform(0, math.pi)
    length = rng.randint(9, 17)
    back = _walk(ground, origin, turn + math.pi, length // 2, rng)
    return back[::-1] + _walk(ground, origin, turn, length - length // 2, rng)[1:]


def _walk(ground: Ground, origin: Point, turn: float, steps: int, rng: Random) -> list[Point]:
    x, y = origin
    path = [origin]
    bend = rng.uniform(-0.12, 0.12)
    for _ in range(steps):
        turn += bend + rng.uniform(-0.22, 0.22)
        x, y = x + 34 * math.cos(turn), y + 34 * math.sin(turn)
        if ground.at(ground.shore, x, y) < 48:
            break
        path.append((x, y))
    return path


def ridge_field(ground: Ground, ridge: Sequence[Point], breadth: float, rough: Grid) -> Grid:
    """1 along the ridge, falling to 0 at about twice its breadth, raggedly."""
    xs, ys = ground.places()
    nearest = np.full(ground.shape, np.inf)
    for (ax, ay), (bx, by) in pairwise(ridge):
        dx, dy = bx - ax, by - ay
        along = np.clip(((xs - ax) * dx + (ys - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        np.minimum(nearest, np.hypot(xs - ax - along * dx, ys - ay - along * dy), out=nearest)
    return np.clip(np.exp(-((nearest / breadth) ** 2)) * (1 + 0.16 * rough), 0, 1)


def add_island(ground: Ground, x: float, y: float, radius: float, rng: Random) -> None:
    """Land raised from the sea; the caller measures the shore anew."""
    dice = np.random.default_rng(rng.getrandbits(64))
    ragged = texture(ground.shape, dice, 2.0, ground.cell / (radius * 1.2))
    isle = ground.spot(x, y, radius, ragged, rng.uniform(1.0, 1.3), rng.uniform(0, math.pi)) - 0.5
    away = np.hypot(*(axis - centre for axis, centre in zip(ground.places(), (x, y), strict=True)))
    isle = np.where(away < 0.45 * radius, np.maximum(isle, 0.15), isle)
    isle = np.where(away > 1.9 * radius, -0.5, isle)
    ground.coast = np.where((isle > 0) & ~ground.land, isle, np.maximum(ground.coast, isle * 2))
    ground.land |= isle > 0
    ground.coast = np.where(ground.land, np.maximum(ground.coast, 0.02), np.minimum(ground.coast, -0.02))
    ground.lift = np.where(ground.land & (ground.lift <= 0), 0.02 + 0.1 * np.clip(isle, 0, 1), ground.lift)


def soften(ground: Ground) -> Grid:
    """Distance to the shore without the stairs of the grid: what water lines and tints are cut from."""
    return blurred(ground.shore, 1)
