"""Silhouettes of places, things and ideas. Each stands on y = 0 and reaches up to about y = -1."""

import math

from lorekeeper.generators.plate.pen import Pen, Point, smooth


def spire(pen: Pen) -> None:
    pen.poly([(-0.1, 0.02), (-0.085, -0.66), (0.085, -0.66), (0.1, 0.02)])
    pen.poly([(-0.13, -0.64), (0.0, -1.06), (0.13, -0.64)])
    _window(pen, 0.0, -0.5)
    _window(pen, 0.0, -0.26)


def tower(pen: Pen) -> None:
    pen.poly([(-0.19, 0.02), (-0.15, -0.7), (0.15, -0.7), (0.19, 0.02)])
    pen.poly([(-0.2, -0.68), (-0.22, -0.84), (-0.13, -0.84), (-0.13, -0.78), (-0.05, -0.78), (-0.05, -0.84),
              (0.05, -0.84), (0.05, -0.78), (0.13, -0.78), (0.13, -0.84), (0.22, -0.84), (0.2, -0.68)])  # fmt: skip
    pen.stroke([(0.0, -0.78), (0.0, -1.08)], 0.018)
    pen.poly([(0.0, -1.08), (0.2, -1.02), (0.0, -0.95)])
    _window(pen, 0.0, -0.5)
    _window(pen, -0.06, -0.24)


def citadel(pen: Pen) -> None:
    pen.poly([(-0.68, 0.02), (-0.66, -0.24), (0.66, -0.24), (0.68, 0.02)])
    for step in range(11):
        x = -0.62 + step * 0.124
        pen.poly([(x - 0.035, -0.22), (x - 0.035, -0.3), (x + 0.035, -0.3), (x + 0.035, -0.22)])
    pen.sub(-0.5, 0.0, 0.58).poly([(-0.16, 0), (-0.16, -0.8), (0.16, -0.8), (0.16, 0)])
    tower(pen.sub(-0.5, 0.0, 0.62))
    spire(pen.sub(-0.2, 0.0, 0.84))
    tower(pen.sub(0.06, 0.0, 1.0))
    spire(pen.sub(0.32, 0.0, 0.68))
    tower(pen.sub(0.54, 0.0, 0.52))
    pen.blob([(-0.06, 0.0), (-0.06, -0.1), (0.0, -0.16), (0.06, -0.1), (0.06, 0.0)], lit=True)


def hall(pen: Pen) -> None:
    """A long mead-hall with horned gables."""
    pen.poly([(-0.6, 0.02), (-0.57, -0.24), (0.57, -0.24), (0.6, 0.02)])
    roof: list[Point] = [
        (-0.7, -0.2),
        (-0.56, -0.62),
        (-0.3, -0.565),
        (0.0, -0.55),
        (0.3, -0.565),
        (0.56, -0.62),
        (0.7, -0.2),
    ]
    pen.poly(roof)
    for side in (-1, 1):
        pen.stroke([(side * 0.54, -0.56), (side * 0.63, -0.76), (side * 0.59, -0.9)], 0.04, 0.012)
        pen.stroke([(side * 0.58, -0.58), (side * 0.49, -0.76), (side * 0.52, -0.88)], 0.04, 0.012)
    pen.poly([(-0.07, -0.54), (-0.06, -0.64), (0.06, -0.64), (0.07, -0.54)])
    pen.blob([(-0.06, 0.01), (-0.06, -0.13), (0.0, -0.19), (0.06, -0.13), (0.06, 0.01)], lit=True)
    for x in (-0.4, -0.24, 0.24, 0.4):
        pen.poly([(x - 0.03, -0.1), (x - 0.03, -0.17), (x + 0.03, -0.17), (x + 0.03, -0.1)], lit=True)


def mountain(pen: Pen) -> None:
    pen.poly([(-0.68, 0.02), (-0.44, -0.42), (-0.36, -0.38), (-0.16, -0.78), (-0.1, -0.74), (0.04, -1.04),
              (0.18, -0.72), (0.26, -0.76), (0.42, -0.36), (0.5, -0.4), (0.7, 0.02)])  # fmt: skip
    pen.poly(
        [(-0.1, -0.74), (0.04, -1.04), (0.18, -0.72), (0.12, -0.76), (0.07, -0.66), (0.0, -0.76), (-0.05, -0.68)],
        lit=True,
    )


def pine(pen: Pen) -> None:
    pen.poly([(-0.025, 0.02), (-0.025, -0.2), (0.025, -0.2), (0.025, 0.02)])
    for base, width, top in ((-0.1, 0.24, -0.5), (-0.34, 0.19, -0.72), (-0.58, 0.14, -1.0)):
        pen.poly([(-width, base), (-width * 0.3, base - 0.12), (0.0, top), (width * 0.3, base - 0.12), (width, base),
                  (0.0, base - 0.05)])  # fmt: skip


def grove(pen: Pen) -> None:
    for x, size in ((-0.48, 0.62), (0.5, 0.66), (-0.24, 0.86), (0.26, 0.8), (0.0, 1.04)):
        pine(pen.sub(x, 0.0, size))


def barrow(pen: Pen) -> None:
    """A mound with a door, and a stone upon it."""
    pen.blob([(-0.72, 0.03), (-0.46, -0.3), (0.0, -0.5), (0.46, -0.3), (0.72, 0.03), (0.0, 0.06)])
    pen.poly([(-0.07, -0.42), (-0.06, -0.8), (0.0, -0.88), (0.06, -0.78), (0.08, -0.42)])
    pen.poly([(-0.1, 0.02), (-0.09, -0.2), (0.09, -0.2), (0.1, 0.02)], lit=True)


def stones(pen: Pen) -> None:
    pen.poly([(-0.5, 0.02), (-0.47, -0.56), (-0.36, -0.66), (-0.28, -0.55), (-0.27, 0.02)])
    pen.poly([(-0.14, 0.02), (-0.12, -0.8), (0.0, -0.98), (0.12, -0.84), (0.14, 0.02)])
    pen.poly([(0.28, 0.02), (0.3, -0.5), (0.42, -0.6), (0.5, -0.46), (0.5, 0.02)])
    pen.stroke([(0.0, -0.3), (0.0, -0.74)], 0.026, lit=True)
    pen.stroke([(0.0, -0.7), (0.07, -0.6), (0.0, -0.5)], 0.026, lit=True)


def sword(pen: Pen) -> None:
    pen.poly([(-0.05, -0.3), (-0.04, -0.94), (0.0, -1.06), (0.04, -0.94), (0.05, -0.3)])
    pen.stroke([(0.0, -0.36), (0.0, -0.86)], 0.016, 0.006, lit=True)
    pen.blob([(-0.25, -0.34), (-0.1, -0.31), (0.1, -0.31), (0.25, -0.34), (0.22, -0.26), (0.0, -0.245), (-0.22, -0.26)])
    pen.poly([(-0.026, -0.26), (-0.026, -0.06), (0.026, -0.06), (0.026, -0.26)])
    pen.disc(0.0, -0.03, 0.055)


def ring(pen: Pen) -> None:
    pen.disc(0.0, -0.38, 0.38)
    pen.disc(0.0, -0.38, 0.27, lit=True)
    pen.poly([(-0.16, -0.82), (-0.09, -0.96), (0.09, -0.96), (0.16, -0.82), (0.0, -0.64)])
    pen.poly([(-0.07, -0.82), (0.0, -0.9), (0.07, -0.82), (0.0, -0.72)], lit=True)


def cup(pen: Pen) -> None:
    pen.poly([*_arc(0.0, -0.88, 0.34, 0.0, math.pi, 1.25), (-0.34, -0.92), (0.34, -0.92)])
    pen.stroke([(0.0, -0.5), (0.0, -0.08)], 0.08)
    pen.disc(0.0, -0.34, 0.07)
    pen.blob([(-0.26, 0.0), (-0.2, -0.07), (0.0, -0.13), (0.2, -0.07), (0.26, 0.0), (0.0, 0.02)])
    pen.stroke([(-0.29, -0.8), (0.0, -0.76), (0.29, -0.8)], 0.03, lit=True)


def crown(pen: Pen) -> None:
    pen.poly([(-0.42, -0.1), (-0.52, -0.74), (-0.24, -0.44), (0.0, -0.9), (0.24, -0.44), (0.52, -0.74), (0.42, -0.1)])
    for x, y in ((-0.52, -0.76), (0.0, -0.93), (0.52, -0.76)):
        pen.disc(x, y, 0.055)
    pen.stroke([(-0.4, -0.2), (0.0, -0.17), (0.4, -0.2)], 0.04, lit=True)


def book(pen: Pen) -> None:
    for side in (-1, 1):
        pen.poly(
            [
                (0.0, -0.14),
                (side * 0.2, -0.24),
                (side * 0.54, -0.16),
                (side * 0.54, -0.8),
                (side * 0.2, -0.88),
                (0.0, -0.78),
            ]
        )
        for row in range(5):
            y = -0.68 + row * 0.11
            pen.stroke([(side * 0.1, y), (side * 0.25, y - 0.05), (side * 0.45, y - 0.01)], 0.022, lit=True)


def bell(pen: Pen) -> None:
    pen.disc(0.0, -0.94, 0.075)
    pen.disc(0.0, -0.94, 0.035, lit=True)
    pen.disc(0.0, -0.07, 0.09)
    half = [(-0.06, -0.9), (-0.2, -0.8), (-0.26, -0.5), (-0.32, -0.26), (-0.46, -0.12)]
    pen.poly(smooth(half) + smooth([(-x, y) for x, y in reversed(half)]))
    pen.stroke([(-0.31, -0.28), (0.0, -0.25), (0.31, -0.28)], 0.03, lit=True)


def harp(pen: Pen) -> None:
    pen.stroke([(-0.3, 0.0), (-0.34, -0.5), (-0.2, -0.95)], 0.08, 0.06)
    pen.stroke([(-0.22, -0.92), (0.0, -0.78), (0.2, -0.86), (0.38, -1.0)], 0.07, 0.06)
    pen.stroke([(0.36, -0.96), (0.2, -0.45), (-0.28, -0.02)], 0.09, 0.1)
    for step in range(6):
        x = -0.2 + step * 0.085
        pen.stroke([(x, -0.84), (x, -0.16 - step * 0.085)], 0.012)


def horn(pen: Pen) -> None:
    pen.stroke([(-0.46, -0.82), (-0.36, -0.42), (0.0, -0.22), (0.4, -0.4)], 0.26, 0.04)
    pen.stroke([(-0.6, -0.8), (-0.32, -0.84)], 0.05)
    pen.stroke([(-0.2, -0.42), (-0.11, -0.2)], 0.03, lit=True)
    pen.stroke([(-0.5, -0.62), (-0.27, -0.68)], 0.03, lit=True)


def key(pen: Pen) -> None:
    pen.disc(0.0, -0.8, 0.22)
    pen.disc(0.0, -0.8, 0.12, lit=True)
    pen.stroke([(0.0, -0.6), (0.0, 0.0)], 0.07)
    for y in (-0.04, -0.2):
        pen.poly([(0.0, y), (0.2, y), (0.2, y - 0.08), (0.0, y - 0.08)])


def lantern(pen: Pen) -> None:
    pen.poly([(-0.24, -0.02), (-0.2, -0.12), (-0.2, -0.62), (0.0, -0.86), (0.2, -0.62), (0.2, -0.12), (0.24, -0.02)])
    pen.blob([(0.0, -0.2), (-0.09, -0.3), (0.0, -0.56), (0.09, -0.3)], lit=True)
    pen.disc(0.0, -0.92, 0.08)
    pen.disc(0.0, -0.92, 0.04, lit=True)


def hammer(pen: Pen) -> None:
    pen.stroke([(0.0, 0.0), (0.0, -0.7)], 0.09)
    pen.poly([(-0.38, -0.94), (-0.32, -0.62), (0.32, -0.62), (0.38, -0.94), (0.0, -1.0)])
    pen.stroke([(-0.28, -0.78), (0.28, -0.78)], 0.03, lit=True)


def shield(pen: Pen) -> None:
    pen.blob(
        [
            (-0.4, -0.94),
            (0.0, -1.0),
            (0.4, -0.94),
            (0.38, -0.5),
            (0.22, -0.18),
            (0.0, 0.0),
            (-0.22, -0.18),
            (-0.38, -0.5),
        ]
    )
    pen.poly([(-0.33, -0.4), (0.0, -0.74), (0.33, -0.4), (0.29, -0.26), (0.0, -0.56), (-0.29, -0.26)], lit=True)
    pen.disc(0.0, -0.26, 0.06, lit=True)


def quartered(pen: Pen) -> None:
    """A round seal, quartered."""
    pen.disc(0.0, -0.5, 0.48)
    for first in (0, 2):
        wedge = _arc(0.0, -0.5, 0.39, first * math.pi / 2, (first + 1) * math.pi / 2, 1.0)
        pen.poly([(0.0, -0.5), *wedge], lit=True)
    pen.disc(0.0, -0.5, 0.1)


def comet(pen: Pen) -> None:
    for spread in (-0.24, -0.08, 0.08, 0.24):
        pen.stroke([(-0.26, -0.72), (0.1, -0.5 + spread), (0.56, -0.24 + spread * 1.8)], 0.1, 0.004)
    star(pen.sub(-0.28, -0.42, 0.62))


def flame(pen: Pen) -> None:
    pen.blob([(0.0, 0.0), (-0.3, -0.14), (-0.34, -0.42), (-0.16, -0.6), (-0.2, -0.78), (-0.02, -1.04), (0.06, -0.74),
              (0.2, -0.62), (0.24, -0.74), (0.36, -0.44), (0.28, -0.12)])  # fmt: skip
    pen.blob([(0.0, -0.05), (-0.14, -0.16), (-0.1, -0.34), (0.02, -0.52), (0.12, -0.32), (0.14, -0.15)], lit=True)


def star(pen: Pen) -> None:
    points = []
    for step in range(16):
        radius = (0.5, 0.13, 0.34, 0.13)[step % 4]
        turn = step * math.tau / 16 - math.pi / 2
        points.append((radius * math.cos(turn), -0.5 + radius * math.sin(turn)))
    pen.poly(points)


def eye(pen: Pen) -> None:
    pen.blob(
        [
            (-0.56, -0.5),
            (-0.28, -0.72),
            (0.0, -0.79),
            (0.28, -0.72),
            (0.56, -0.5),
            (0.28, -0.28),
            (0.0, -0.21),
            (-0.28, -0.28),
        ]
    )
    pen.disc(0.0, -0.5, 0.21, lit=True)
    pen.disc(0.0, -0.5, 0.1)
    for step in range(7):
        turn = math.pi * (0.14 + step * 0.12)
        pen.stroke(
            [
                (0.5 * math.cos(turn), -0.5 - 0.36 * math.sin(turn)),
                (0.62 * math.cos(turn), -0.5 - 0.52 * math.sin(turn)),
            ],
            0.03,
            0.01,
        )


def knot(pen: Pen) -> None:
    """Three interlaced rings."""
    for step in range(3):
        turn = step * math.tau / 3 - math.pi / 2
        x, y = 0.21 * math.cos(turn), -0.5 + 0.21 * math.sin(turn)
        circle = _arc(x, y, 0.27, 0.0, math.tau, 1.0)
        pen.stroke(circle[::3] + circle[:1], 0.062)


def _arc(x: float, y: float, radius: float, start: float, end: float, tall: float) -> list[Point]:
    turns = [start + (end - start) * step / 24 for step in range(25)]
    return [(x + radius * math.cos(turn), y + radius * tall * math.sin(turn)) for turn in turns]


def _window(pen: Pen, x: float, y: float) -> None:
    pen.poly(
        [(x - 0.026, y + 0.05), (x - 0.026, y - 0.03), (x, y - 0.07), (x + 0.026, y - 0.03), (x + 0.026, y + 0.05)],
        lit=True,
    )
