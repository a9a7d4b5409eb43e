"""Level lines of a grid of heights, and what makes a line look drawn by hand."""

from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from lorekeeper.generators.map.canvas import Point

Grid = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Per case of the corners above the level (1 top left, 2 top right, 4 bottom right, 8 bottom left): which sides (0 top,
# 1 right, 2 bottom, 3 left) a line joins, the high ground on its right.
_CASES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((0, 3),),
    2: ((1, 0),),
    3: ((1, 3),),
    4: ((2, 1),),
    5: ((0, 3), (2, 1)),
    6: ((2, 0),),
    7: ((2, 3),),
    8: ((3, 2),),
    9: ((0, 2),),
    10: ((1, 0), (3, 2)),
    11: ((1, 2),),
    12: ((3, 1),),
    13: ((0, 1),),
    14: ((3, 0),),
}


def rings(heights: Grid, level: float, cell: float, *, least: float = 0.0) -> list[list[Point]]:
    """The closed lines around everything above the level, in units; those around less than `least` left out.

    What runs off the grid is closed along its edge, one cell outside.
    """
    low = min(float(heights.min()), level) - 1.0
    field = np.pad(heights, 1, constant_values=low) - level
    above = field > 0
    cases = above[:-1, :-1] * 1 + above[:-1, 1:] * 2 + above[1:, 1:] * 4 + above[1:, :-1] * 8
    rows, columns = np.nonzero((cases > 0) & (cases < 15))
    follow: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    for row, column, case in zip(rows.tolist(), columns.tolist(), cases[rows, columns].tolist(), strict=True):
        edges = ((row, column, 0), (row, column + 1, 1), (row + 1, column, 0), (row, column, 1))
        for start, end in _CASES[case]:
            follow[edges[start]] = edges[end]
    found = []
    while follow:
        first, at = follow.popitem()
        ring = [first]
        while at != first:
            ring.append(at)
            at = follow.pop(at)
        points = _placed(ring, field, cell)
        if abs(area(points)) >= least:
            found.append(points)
    return sorted(found, key=lambda ring: (-abs(area(ring)), ring[0]))


def _placed(ring: Sequence[tuple[int, int, int]], field: Grid, cell: float) -> list[Point]:
    nodes = np.array(ring)
    row, column, upright = nodes[:, 0], nodes[:, 1], nodes[:, 2]
    here = field[row, column]
    there = field[row + upright, column + 1 - upright]
    share = here / np.where(here == there, 1.0, here - there)
    x = (column - 1 + share * (1 - upright)) * cell
    y = (row - 1 + share * upright) * cell
    return list(zip(x.tolist(), y.tolist(), strict=True))


def area(ring: Sequence[Point]) -> float:
    """Signed area (shoelace)."""
    points = np.asarray(ring)
    x, y = points[:, 0], points[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def rounded(points: Sequence[Point], times: int = 1, *, closed: bool = False) -> list[Point]:
    """Corners cut (Chaikin); an open line keeps its ends."""
    line = np.asarray(points, dtype=float)
    for _ in range(times):
        if len(line) < 3:
            break
        ahead = np.roll(line, -1, axis=0) if closed else line[1:]
        base = line if closed else line[:-1]
        cut = np.empty((2 * len(base), 2))
        cut[0::2] = 0.75 * base + 0.25 * ahead
        cut[1::2] = 0.25 * base + 0.75 * ahead
        line = cut if closed else np.vstack([line[:1], cut[1:-1], line[-1:]])
    return [(float(x), float(y)) for x, y in line]


def shaken(points: Sequence[Point], by: float, rng: Random) -> list[Point]:
    """Each point moved a little: no hand draws quite smoothly."""
    return [(x + rng.uniform(-by, by), y + rng.uniform(-by, by)) for x, y in points]


def blurred(field: Grid, reach: int, times: int = 2) -> Grid:
    """Box means over `reach` cells each way, edges repeated."""
    out = field.astype(float)
    width = 2 * reach + 1
    for _ in range(times):
        for axis in (0, 1):
            pad = [(0, 0), (0, 0)]
            pad[axis] = (reach + 1, reach)
            total = np.cumsum(np.pad(out, pad, mode="edge"), axis=axis)
            size = out.shape[axis]
            upper = np.take(total, np.arange(width, width + size), axis=axis)
            out = (upper - np.take(total, np.arange(size), axis=axis)) / width
    return out


def distance_to(mask: Mask, reach: int) -> Grid:
    """Distance in cells from each cell to the nearest of the mask, at most `reach` (exact, by rows then columns)."""
    far = float(reach)
    along = np.where(mask, 0.0, far)
    for step in (1, -1):
        flipped = along[:, ::step]
        index = np.arange(flipped.shape[1])
        nearest = np.minimum.accumulate(flipped - index, axis=1) + index
        along = np.minimum(along, nearest[:, ::step])
    squared = along**2
    best = squared.copy()
    height = mask.shape[0]
    for shift in range(1, min(reach, height - 1) + 1):
        np.minimum(best[shift:], squared[:-shift] + shift * shift, out=best[shift:])
        np.minimum(best[:-shift], squared[shift:] + shift * shift, out=best[:-shift])
    return np.asarray(np.minimum(np.sqrt(best), far))
