"""Silhouettes of what carries people. Each stands or floats on y = 0 and reaches up to about y = -1."""

import math

from lorekeeper.generators.plate.pen import Pen, Point, smooth


def longship(pen: Pen) -> None:
    pen.stroke([(0.0, -0.1), (0.0, -1.02)], 0.03)
    pen.blob([(-0.36, -0.9), (0.0, -0.94), (0.36, -0.9), (0.42, -0.62), (0.34, -0.36), (0.0, -0.32), (-0.32, -0.36),
              (-0.28, -0.62)])  # fmt: skip
    for x in (-0.2, 0.02, 0.24):
        pen.poly([(x - 0.045, -0.9), (x + 0.045, -0.9), (x + 0.085, -0.62), (x + 0.03, -0.36), (x - 0.045, -0.36),
                  (x, -0.62)], lit=True)  # fmt: skip
    pen.poly([(0.0, -1.02), (0.2, -1.07), (0.14, -1.02), (0.2, -0.98), (0.0, -0.97)])
    hull = [(-0.72, -0.58), (-0.62, -0.3), (-0.36, -0.15), (0.0, -0.11), (0.36, -0.15), (0.62, -0.3), (0.72, -0.58)]
    keel = [(0.76, -0.5), (0.68, -0.16), (0.42, 0.03), (0.0, 0.07), (-0.42, 0.03), (-0.68, -0.16), (-0.76, -0.5)]
    pen.blob(hull + keel)
    pen.stroke([(0.72, -0.5), (0.76, -0.66), (0.88, -0.68), (0.87, -0.58), (0.81, -0.6)], 0.07, 0.02)
    pen.stroke([(-0.72, -0.5), (-0.78, -0.64), (-0.88, -0.62), (-0.85, -0.54)], 0.06, 0.02)
    for x in (-0.4, -0.2, 0.0, 0.2, 0.4):
        pen.disc(x, -0.07 - 0.12 * x * x, 0.055, lit=True)
        pen.disc(x, -0.07 - 0.12 * x * x, 0.02)


def barque(pen: Pen) -> None:
    """Three masts: square sails on two, a fore-and-aft on the last, jibs before."""
    pen.poly([(-0.82, -0.27), (-0.6, -0.2), (0.0, -0.15), (0.5, -0.19), (0.8, -0.26), (0.7, -0.08), (0.6, 0.06),
              (-0.66, 0.06), (-0.74, -0.06)])  # fmt: skip
    pen.stroke([(0.68, -0.24), (1.02, -0.4)], 0.035, 0.014)
    for x, top in ((-0.5, -0.98), (-0.06, -1.2), (0.38, -1.13)):
        pen.stroke([(x, -0.15), (x, top)], 0.03, 0.014)
    for x, tall in ((-0.06, 1.07), (0.38, 1.0)):
        for half, foot, head in ((0.2, -0.27, -0.49), (0.17, -0.545, -0.75), (0.13, -0.805, -0.97)):
            _square_sail(pen, x, half, foot * tall, head * tall)
    pen.poly([(-0.53, -0.27), (-0.53, -0.64), (-0.78, -0.74), (-0.9, -0.31)])
    pen.poly([(-0.53, -0.68), (-0.53, -0.94), (-0.73, -0.76)])
    for foot, head, low in ((0.98, -0.98, 0.62), (0.82, -0.74, 0.61)):
        pen.poly([(foot, -0.39), (0.5 + (foot - 0.82) * 0.5, head), (low, -0.34)])
    pen.stroke([(-0.7, -0.11), (0.0, -0.06), (0.68, -0.12)], 0.028, lit=True)


def lugger(pen: Pen) -> None:
    """An open boat, one mast and one sail, someone at the tiller."""
    pen.stroke([(0.1, -0.1), (0.1, -1.0)], 0.032, 0.02)
    pen.poly(smooth([(0.44, -0.28), (0.42, -0.5), (0.34, -0.74)]) + smooth([(0.34, -0.74), (-0.26, -1.12)])
             + smooth([(-0.26, -1.12), (-0.36, -0.7), (-0.38, -0.3)])
             + smooth([(-0.38, -0.3), (0.0, -0.24), (0.44, -0.28)]))  # fmt: skip
    pen.stroke([(0.4, -0.69), (-0.32, -1.16)], 0.034, 0.026)
    for y in (-0.4, -0.52):
        pen.stroke([(-0.34, y - 0.02), (0.0, y + 0.04), (0.37, y)], 0.018, lit=True)
    pen.blob([(-0.6, -0.16), (-0.58, -0.3), (-0.5, -0.36), (-0.42, -0.3), (-0.4, -0.16)])
    pen.disc(-0.5, -0.41, 0.065)
    sheer: list[Point] = [(-0.76, -0.24), (-0.4, -0.15), (0.1, -0.14), (0.5, -0.2), (0.8, -0.34)]
    keel: list[Point] = [(0.8, -0.34), (0.68, -0.08), (0.52, 0.06), (0.0, 0.08), (-0.56, 0.07), (-0.7, -0.04)]
    pen.poly(smooth(sheer) + smooth(keel))
    pen.stroke([(-0.7, -0.15), (-0.38, -0.07), (0.1, -0.06), (0.46, -0.11), (0.72, -0.22)], 0.024, lit=True)


def wagon(pen: Pen) -> None:
    """With a canvas tilt on hoops."""
    pen.blob([(-0.56, -0.4), (-0.62, -0.7), (-0.5, -0.88), (0.0, -0.92), (0.5, -0.88), (0.62, -0.7), (0.56, -0.4)])
    for x in (-0.36, -0.12, 0.12, 0.36):
        pen.stroke([(x, -0.46), (x * 1.06, -0.68), (x, -0.88)], 0.02, lit=True)
    pen.poly([(-0.6, -0.48), (0.6, -0.48), (0.54, -0.24), (-0.54, -0.24)])
    pen.stroke([(0.5, -0.3), (0.74, -0.24), (0.92, -0.2)], 0.04, 0.026)
    for x, radius in ((-0.36, 0.24), (0.38, 0.2)):
        _wheel(pen, x, -radius, radius)


def sledge(pen: Pen) -> None:
    """On two runners that curl up before, laden, with a rail to push it by."""
    pen = pen.sub(0.0, -0.07, 0.92)
    pen.stroke([(-0.78, -0.01), (0.5, -0.01), (0.72, -0.07), (0.8, -0.24), (0.7, -0.32)], 0.05, 0.035)
    for x in (-0.5, -0.08, 0.36):
        pen.stroke([(x, -0.02), (x, -0.26)], 0.045)
    pen.poly([(-0.66, -0.22), (0.66, -0.22), (0.72, -0.3), (-0.66, -0.3)])
    pen.stroke([(-0.6, -0.24), (-0.68, -0.6), (-0.82, -0.76)], 0.045, 0.035)
    for x, size in ((-0.38, 0.2), (0.24, 0.22), (-0.06, 0.26)):
        pen.blob([(x - size, -0.28), (x - size * 0.9, -0.28 - size), (x - 0.05, -0.3 - size * 1.5),
                  (x - 0.09, -0.38 - size * 1.6), (x + 0.09, -0.38 - size * 1.6), (x + 0.05, -0.3 - size * 1.5),
                  (x + size * 0.9, -0.28 - size), (x + size, -0.28)])  # fmt: skip
        pen.stroke([(x - 0.07, -0.3 - size * 1.5), (x + 0.07, -0.3 - size * 1.5)], 0.024, lit=True)


def _square_sail(pen: Pen, x: float, half: float, foot: float, head: float) -> None:
    """Bellied by a wind from behind, under its yard."""
    pen.blob([(x - half, foot), (x - half * 0.86, (foot + head) / 2), (x - half * 0.84, head), (x, head - 0.005),
              (x + half * 0.84, head), (x + half * 0.98, (foot + head) / 2), (x + half, foot),
              (x, foot - 0.035)])  # fmt: skip


def _wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.disc(x, y, radius)
    pen.disc(x, y, radius * 0.78, lit=True)
    for step in range(4):
        turn = math.pi * (step + 0.5) / 4
        dx, dy = radius * 0.85 * math.cos(turn), radius * 0.85 * math.sin(turn)
        pen.stroke([(x - dx, y - dy), (x + dx, y + dy)], 0.03)
    pen.disc(x, y, radius * 0.2)
