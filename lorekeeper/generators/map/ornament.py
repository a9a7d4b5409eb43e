"""What fills empty sea: the compass, ships, what swims. And the border."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from lorekeeper.generators.map.canvas import Canvas, Point, disc_of, line_of
from lorekeeper.generators.map.ground import Ground
from lorekeeper.generators.map.lettering import Face, Lettering, Letters
from lorekeeper.generators.map.manners import Manner
from lorekeeper.generators.map.sheet import Box, Sheet
from lorekeeper.generators.plate.pen import Pen

_LOOKED_AT = 3
_POINTS = Face(smallcaps=True, weight="semibold")


def roomiest(
    ground: Ground, sheet: Sheet, taken: Sequence[Box], *, at_sea: bool, wanted: float
) -> tuple[float, float, float]:
    """The point with the most room about it, up to `wanted` units, and how much: x, y, room."""
    x, y = (axis[::_LOOKED_AT, ::_LOOKED_AT] for axis in ground.places())
    frame = sheet.frame
    room = np.minimum(np.minimum(x - frame.x, frame.right - x), np.minimum(y - frame.y, frame.bottom - y)) - 14
    if at_sea:
        room = np.minimum(room, -ground.shore[::_LOOKED_AT, ::_LOOKED_AT])
    for box in taken:
        dx = np.maximum(np.maximum(box.x - x, x - box.right), 0)
        dy = np.maximum(np.maximum(box.y - y, y - box.bottom), 0)
        room = np.minimum(room, np.hypot(dx, dy))
    # Where there is plenty of room, rather toward the corners than in the middle of the sheet.
    u, v = (x - frame.centre[0]) / frame.width, (y - frame.centre[1]) / frame.height
    best = int((np.minimum(room, wanted) + 12 * np.hypot(u, v)).argmax())
    return float(x.ravel()[best]), float(y.ravel()[best]), float(room.ravel()[best])


def draw_compass(
    canvas: Canvas, x: float, y: float, radius: float, manner: Manner, lettering: Lettering
) -> list[Letters]:
    """A rose of sixteen points with its letters, as wide as twice the radius."""
    rose = radius * 0.8
    canvas.path(disc_of(x, y, rose), fill=manner.paper, opacity=0.28)
    for share, width in ((0.66, 1.6), (0.7, 0.8), (0.36, 0.9)):
        canvas.path(disc_of(x, y, rose * share), stroke=manner.ink, width=width)
    ticks = []
    for step in range(64):
        turn = step * math.tau / 64
        inner, outer = (0.66, 0.7) if step % 2 else (0.62, 0.7)
        ticks.append(line_of([_out((x, y), turn, rose * inner), _out((x, y), turn, rose * outer)]))
    canvas.lines(ticks, stroke=manner.ink, width=0.8)
    for first, count, length, width in ((1, 8, 0.6, 0.075), (1, 4, 0.78, 0.12), (0, 4, 1.0, 0.155)):
        for step in range(count):
            turn = math.tau * (step / count + (0.5 / count if first and count == 4 else (first * 0.5) / count))
            _draw_point(canvas, (x, y), turn, rose * length, rose * width, manner, great=length == 1.0)
    canvas.path(disc_of(x, y, rose * 0.05), fill=manner.accent, stroke=manner.ink, width=1.2)
    size = radius * 0.27
    found = []
    for letter, turn in (("N", -math.pi / 2), ("E", 0.0), ("S", math.pi / 2), ("W", math.pi)):
        extent = lettering.extent(letter, _POINTS)
        px, py = _out((x, y), turn, rose + size * 0.42)
        left, base = px - extent.width * size / 2, py + extent.above * size / 2
        found.append(
            Letters(letter, _POINTS, size, left, base, manner.ink, extent.width * size, 0, size * 0.2, manner.sea)
        )
    return found


def _out(centre: Point, turn: float, away: float) -> Point:
    return centre[0] + away * math.cos(turn), centre[1] + away * math.sin(turn)


def _draw_point(
    canvas: Canvas, centre: Point, turn: float, length: float, width: float, manner: Manner, *, great: bool
) -> None:
    """A ray, one half dark and one light."""
    tip = _out(centre, turn, length)
    for side, dark in ((-1, False), (1, True)):
        waist = _out(centre, turn + side * math.pi / 4, width)
        fill = (manner.accent if great else manner.ink) if dark else manner.paper
        canvas.path(line_of([centre, waist, tip], closed=True), fill=fill, stroke=manner.ink, width=1.0)


class _Tracer(ImageDraw.ImageDraw):
    """Stands where a pen draws on a plate, and keeps the outlines for a canvas instead."""

    def __init__(self, canvas: Canvas, lit: str, dark: str) -> None:
        super().__init__(Image.new("L", (1, 1)))
        self._canvas, self._lit, self._dark = canvas, lit, dark

    def polygon(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:  # noqa: ARG002 - Pillow's
        self._canvas.path(line_of(xy, closed=True), fill=self._lit if fill else self._dark)


class _Blind(ImageDraw.ImageDraw):
    def __init__(self) -> None:
        super().__init__(Image.new("L", (1, 1)))

    def polygon(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:
        """Nothing: the plate's other mask says all."""


def draw_silhouette(
    canvas: Canvas, device: Callable[[Pen], None], x: float, y: float, size: float, manner: Manner, *, mirrored: bool
) -> None:
    """A ship or a beast as the plates have them, `size` units high, on a few strokes of water."""
    pen = Pen(_Blind(), _Tracer(canvas, manner.sea, manner.ink), x, y, size, mirrored)
    with canvas.group('opacity="0.86"'):
        device(pen)
    waves = []
    for row, (left, right) in enumerate(((-0.95, 0.9), (-0.6, 1.05), (-0.8, 0.3))):
        wy = y + size * (0.08 + 0.1 * row)
        wx, parts = x + left * size, f"M{x + left * size:.1f} {wy:.1f}"
        while wx < x + right * size:
            parts += f"q{size * 0.06:.1f} {-size * 0.06:.1f} {size * 0.12:.1f} 0t{size * 0.12:.1f} 0"
            wx += 0.24 * size
        waves.append(parts)
    canvas.lines(waves, stroke=manner.water, width=1.3, opacity=0.75)


def draw_border(canvas: Canvas, sheet: Sheet, manner: Manner, lettering: Lettering) -> list[Letters]:
    """The paper outside the frame, a ticked band round it, and the letters and numbers of a grid."""
    w, h, frame = sheet.width, sheet.height, sheet.frame
    outer = f"M0 0H{w:.1f}V{h:.1f}H0Z"
    hole = f"M{frame.x:.1f} {frame.y:.1f}V{frame.bottom:.1f}H{frame.right:.1f}V{frame.y:.1f}Z"
    canvas.path(outer + hole, fill=manner.paper)
    for inset, width in ((-30.0, 4.2), (-24.0, 1.0), (-11.0, 1.2), (0.0, 1.8)):
        canvas.path(_rectangle(frame.inset(inset)), stroke=manner.ink, width=width, cap="butt")
    _draw_ticks(canvas, frame, manner)
    columns, rows = cells_of(sheet)
    across = [(chr(65 + index), frame.x + (index + 0.5) * frame.width / columns) for index in range(columns)]
    down = [(str(index + 1), frame.y + (index + 0.5) * frame.height / rows) for index in range(rows)]
    places = [(text, x, y) for text, x in across for y in (frame.y - 17.5, frame.bottom + 17.5)]
    places += [(text, x, y) for text, y in down for x in (frame.x - 17.5, frame.right + 17.5)]
    return [_grid_letter(text, x, y, manner, lettering) for text, x, y in places]


def cells_of(sheet: Sheet) -> tuple[int, int]:
    """Columns and rows of the reference grid, about 330 units each."""
    return min(26, max(1, round(sheet.frame.width / 330))), max(1, round(sheet.frame.height / 330))


def cell_name(sheet: Sheet, x: float, y: float) -> str:
    """Such as B3: where an index says a place is."""
    columns, rows = cells_of(sheet)
    column = min(columns - 1, max(0, int((x - sheet.frame.x) / sheet.frame.width * columns)))
    row = min(rows - 1, max(0, int((y - sheet.frame.y) / sheet.frame.height * rows)))
    return f"{chr(65 + column)}{row + 1}"


def _grid_letter(text: str, x: float, y: float, manner: Manner, lettering: Lettering) -> Letters:
    size = 13.0
    extent = lettering.extent(text, _POINTS)
    width = extent.width * size
    return Letters(text, _POINTS, size, x - width / 2, y + extent.above * size / 2, manner.ink, width)


def _draw_ticks(canvas: Canvas, frame: Box, manner: Manner) -> None:
    """The innermost band in alternate dark and light."""
    columns, rows = max(2, round(frame.width / 82)), max(2, round(frame.height / 82))
    wide, tall = frame.width / columns, frame.height / rows
    dark = [
        f"M{frame.x + wide * index:.1f} {top:.1f}h{wide:.1f}v6h{-wide:.1f}Z"
        for first, top in ((0, frame.y - 8.5), (1, frame.bottom + 2.5))
        for index in range(first, columns, 2)
    ]
    dark += [
        f"M{left:.1f} {frame.y + tall * index:.1f}h6v{tall:.1f}h-6Z"
        for first, left in ((1, frame.x - 8.5), (0, frame.right + 2.5))
        for index in range(first, rows, 2)
    ]
    canvas.path("".join(dark), fill=manner.ink)


def _rectangle(box: Box) -> str:
    return f"M{box.x:.1f} {box.y:.1f}H{box.right:.1f}V{box.bottom:.1f}H{box.x:.1f}Z"
