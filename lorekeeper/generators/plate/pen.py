"""A pen that draws silhouettes in a space of their own: one unit high, standing on y = 0, centred on x = 0."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

Point = tuple[float, float]


def smooth(points: Sequence[Point], *, closed: bool = False, steps: int = 7) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    count = len(points)
    curve: list[Point] = []
    for index in range(count if closed else count - 1):
        if closed:
            p0, p1, p2, p3 = (points[(index + k) % count] for k in (-1, 0, 1, 2))
        else:
            p0, p1, p2, p3 = (points[min(max(index + k, 0), count - 1)] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            curve.append((_spline(p0[0], p1[0], p2[0], p3[0], t), _spline(p0[1], p1[1], p2[1], p3[1], t)))
    if not closed:
        curve.append(points[-1])
    return curve


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)


@dataclass(frozen=True)
class Pen:
    """Draws on two plates: `body`, the silhouette, and `light`, what shines through it (windows, eyes, charges)."""

    body: ImageDraw.ImageDraw
    light: ImageDraw.ImageDraw
    x: float
    y: float
    scale: float
    mirrored: bool = False

    def sub(self, dx: float, dy: float, scale: float) -> "Pen":
        """The same pen, moved and scaled within its space."""
        x, y = self._at((dx, dy))
        return replace(self, x=x, y=y, scale=self.scale * scale)

    def poly(self, points: Sequence[Point], *, lit: bool = False) -> None:
        placed = [self._at(point) for point in points]
        self.body.polygon(placed, fill=255)
        if lit:
            self.light.polygon(placed, fill=255)
        else:
            self.light.polygon(placed, fill=0)

    def blob(self, points: Sequence[Point], *, lit: bool = False) -> None:
        """A closed curve through the points."""
        self.poly(smooth(points, closed=True), lit=lit)

    def disc(self, x: float, y: float, radius: float, *, lit: bool = False) -> None:
        turns = [index * math.tau / 36 for index in range(36)]
        self.poly([(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns], lit=lit)

    def stroke(self, points: Sequence[Point], width: float, end: float | None = None, *, lit: bool = False) -> None:
        """A smooth line whose width runs from `width` to `end`."""
        path = smooth(points)
        last = len(path) - 1
        left: list[Point] = []
        right: list[Point] = []
        for index, (x, y) in enumerate(path):
            ahead, behind = path[min(index + 1, last)], path[max(index - 1, 0)]
            dx, dy = ahead[0] - behind[0], ahead[1] - behind[1]
            length = math.hypot(dx, dy) or 1.0
            half = (width + ((width if end is None else end) - width) * index / max(last, 1)) / 2
            left.append((x - dy / length * half, y + dx / length * half))
            right.append((x + dy / length * half, y - dx / length * half))
        self.poly(left + right[::-1], lit=lit)

    def _at(self, point: Point) -> Point:
        x = -point[0] if self.mirrored else point[0]
        return self.x + x * self.scale, self.y + point[1] * self.scale


@dataclass(frozen=True)
class Stencil:
    """A pair of masks to draw a silhouette on, and to print through."""

    body: Image.Image
    light: Image.Image

    @classmethod
    def blank(cls, size: tuple[int, int]) -> "Stencil":
        return cls(Image.new("L", size, 0), Image.new("L", size, 0))

    def pen(self, x: float, y: float, scale: float, *, mirrored: bool = False) -> Pen:
        return Pen(ImageDraw.Draw(self.body), ImageDraw.Draw(self.light), x, y, scale, mirrored)
