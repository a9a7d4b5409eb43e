"""Silhouettes of persons, and their heads for seals. Each stands on y = 0 and reaches up to about y = -1."""

from lorekeeper.generators.plate.pen import Pen


def figure(pen: Pen) -> None:
    """A cloaked person, from behind."""
    for side in (-1, 1):
        pen.poly([(side * 0.02, -0.2), (side * 0.03, 0.01), (side * 0.13, 0.01), (side * 0.1, -0.04),
                  (side * 0.11, -0.2)])  # fmt: skip
    pen.poly([(-0.2, -0.1), (-0.175, -0.4), (-0.17, -0.64), (-0.14, -0.74), (-0.05, -0.79), (0.05, -0.79),
              (0.14, -0.74), (0.17, -0.64), (0.18, -0.4), (0.24, -0.08), (0.1, -0.13), (0.0, -0.09)])  # fmt: skip
    _bare_head(pen)


def spearman(pen: Pen) -> None:
    figure(pen)
    pen.stroke([(0.25, 0.0), (0.24, -1.12)], 0.022)
    pen.poly([(0.205, -1.1), (0.24, -1.28), (0.275, -1.1), (0.24, -1.06)])
    pen.disc(-0.15, -0.4, 0.15)
    pen.disc(-0.15, -0.4, 0.045, lit=True)


def crowned(pen: Pen) -> None:
    """A king: a mantle that trails, a crown, a sword's hilt under one hand."""
    pen.blob([(-0.13, -0.74), (-0.2, -0.5), (-0.27, -0.2), (-0.42, 0.0), (-0.1, 0.015), (0.0, -0.3), (0.0, -0.7)])
    plain(pen)
    _sword_in_hand(pen)
    _crown(pen, 0.085, 0.12)


def princely(pen: Pen) -> None:
    """A prince: young, a short cloak from one shoulder, a circlet, a sword's hilt under one hand."""
    pen.blob([(-0.12, -0.76), (-0.22, -0.6), (-0.27, -0.42), (-0.3, -0.28), (-0.14, -0.32), (-0.02, -0.5),
              (0.04, -0.74)])  # fmt: skip
    plain(pen)
    _sword_in_hand(pen)
    _crown(pen, 0.075, 0.06)


def queenly(pen: Pen) -> None:
    """A queen or a princess: a gown and a crown."""
    pen.blob([(0.0, -0.72), (-0.2, -0.4), (-0.28, -0.16), (-0.4, 0.0), (-0.1, 0.015)])
    gowned(pen)
    _crown(pen, 0.075, 0.1)


def _crown(pen: Pen, half: float, tall: float) -> None:
    """Open, of three points, on a bare head."""
    foot, valley = -0.935, -0.96 - 0.35 * tall
    pen.poly([(-half, foot), (-1.35 * half, -0.96 - tall), (-0.55 * half, valley), (0.0, -0.98 - tall),
              (0.55 * half, valley), (1.35 * half, -0.96 - tall), (half, foot)])  # fmt: skip
    pen.stroke([(-half, foot - 0.012), (half, foot - 0.012)], 0.018, lit=True)


def _sword_in_hand(pen: Pen) -> None:
    pen.stroke([(0.11, -0.72), (0.22, -0.6), (0.235, -0.47)], 0.07, 0.05)
    pen.poly([(0.215, -0.4), (0.24, 0.0), (0.265, -0.4)])
    pen.stroke([(0.16, -0.4), (0.32, -0.4)], 0.028)
    pen.stroke([(0.24, -0.5), (0.24, -0.4)], 0.026)
    pen.disc(0.24, -0.51, 0.024)


def wanderer(pen: Pen) -> None:
    """Hooded, with a crooked staff."""
    figure(pen)
    pen.blob([(-0.12, -0.66), (-0.11, -0.88), (-0.02, -1.0), (0.07, -0.94), (0.11, -0.8), (0.12, -0.66)])
    pen.stroke([(-0.27, 0.0), (-0.25, -0.6), (-0.26, -1.0), (-0.2, -1.1), (-0.14, -1.03), (-0.18, -0.97)], 0.026, 0.02)


def bearer(pen: Pen) -> None:
    """With a banner in the wind."""
    figure(pen)
    pen.stroke([(-0.22, 0.0), (-0.22, -1.3)], 0.022)
    pen.blob([(-0.22, -1.28), (-0.02, -1.32), (0.2, -1.24), (0.42, -1.28), (0.34, -1.12), (0.42, -0.98), (0.18, -0.96),
              (-0.02, -1.04), (-0.22, -0.98)])  # fmt: skip
    pen.disc(0.02, -1.14, 0.06, lit=True)


def helm(pen: Pen) -> None:
    """A helmeted head, for seals."""
    _shoulders(pen)
    pen.blob([(-0.2, -0.3), (-0.24, -0.6), (-0.17, -0.86), (0.0, -0.96), (0.17, -0.86), (0.24, -0.6), (0.2, -0.3)])
    pen.poly([(-0.025, -0.9), (0.0, -1.06), (0.025, -0.9)])
    for side in (-1, 1):
        pen.blob([(side * 0.035, -0.5), (side * 0.06, -0.58), (side * 0.16, -0.58), (side * 0.17, -0.5),
                  (side * 0.1, -0.45)], lit=True)  # fmt: skip
    pen.stroke([(0.0, -0.4), (0.0, -0.26)], 0.035, lit=True)


def monarch(pen: Pen) -> None:
    """A crowned head, for seals."""
    _shoulders(pen)
    pen.blob(
        [(-0.17, -0.34), (-0.19, -0.58), (-0.13, -0.76), (0.13, -0.76), (0.19, -0.58), (0.17, -0.34), (0.0, -0.24)]
    )
    pen.poly([(-0.2, -0.7), (-0.26, -1.0), (-0.12, -0.84), (0.0, -1.04), (0.12, -0.84), (0.26, -1.0), (0.2, -0.7)])
    pen.stroke([(-0.2, -0.68), (0.0, -0.65), (0.2, -0.68)], 0.035, lit=True)
    pen.disc(0.0, -0.8, 0.035, lit=True)


def hood(pen: Pen) -> None:
    """A hooded head, for seals."""
    pen.blob([(-0.5, 0.0), (-0.42, -0.3), (-0.27, -0.52), (-0.24, -0.82), (0.0, -1.02), (0.24, -0.82), (0.27, -0.52),
              (0.42, -0.3), (0.5, 0.0)])  # fmt: skip
    pen.blob([(-0.13, -0.42), (-0.15, -0.66), (0.0, -0.84), (0.15, -0.66), (0.13, -0.42), (0.0, -0.3)], lit=True)
    pen.blob([(-0.085, -0.42), (-0.1, -0.6), (0.0, -0.72), (0.1, -0.6), (0.085, -0.42), (0.0, -0.33)])


def _shoulders(pen: Pen) -> None:
    pen.blob([(-0.52, 0.02), (-0.46, -0.2), (-0.22, -0.32), (0.22, -0.32), (0.46, -0.2), (0.52, 0.02), (0.0, 0.04)])


def plain(pen: Pen) -> None:
    """Standing at ease in a coat, bareheaded, nothing in hand."""
    for side in (-1, 1):
        pen.poly([(side * 0.012, -0.4), (side * 0.022, -0.03), (side * 0.02, 0.01), (side * 0.14, 0.01),
                  (side * 0.09, -0.04), (side * 0.11, -0.4)])  # fmt: skip
        pen.stroke([(side * 0.115, -0.735), (side * 0.16, -0.58), (side * 0.165, -0.41)], 0.07, 0.045)
        pen.disc(side * 0.165, -0.395, 0.027)
    pen.blob([(-0.14, -0.31), (-0.1, -0.52), (-0.13, -0.7), (-0.1, -0.775), (0.1, -0.775), (0.13, -0.7), (0.1, -0.52),
              (0.14, -0.31), (0.0, -0.295)])  # fmt: skip
    _bare_head(pen)


def gowned(pen: Pen) -> None:
    """A woman in a long skirt and a shawl, her hair up."""
    pen.blob([(-0.22, 0.0), (-0.17, -0.26), (-0.08, -0.48), (0.08, -0.48), (0.17, -0.26), (0.22, 0.0), (0.0, 0.02)])
    pen.blob([(-0.17, -0.4), (-0.15, -0.6), (-0.1, -0.75), (0.0, -0.78), (0.1, -0.75), (0.15, -0.6), (0.17, -0.4),
              (0.07, -0.46), (0.0, -0.34), (-0.07, -0.46)])  # fmt: skip
    _bare_head(pen)
    pen.disc(-0.085, -0.93, 0.05)


def mariner(pen: Pen) -> None:
    """In an oilskin coat and a sou'wester, a lantern held out."""
    for side in (-1, 1):
        pen.poly([(side * 0.02, -0.22), (side * 0.03, 0.01), (side * 0.17, 0.01), (side * 0.13, -0.05),
                  (side * 0.125, -0.22)])  # fmt: skip
    pen.blob([(-0.23, -0.14), (-0.15, -0.45), (-0.155, -0.66), (-0.09, -0.75), (0.09, -0.75), (0.15, -0.66),
              (0.14, -0.45), (0.2, -0.14), (0.0, -0.12)])  # fmt: skip
    pen.stroke([(-0.13, -0.68), (-0.21, -0.52), (-0.2, -0.34)], 0.085, 0.06)
    pen.stroke([(0.11, -0.68), (0.24, -0.57), (0.38, -0.6)], 0.085, 0.055)
    pen.blob([(-0.07, -0.72), (-0.07, -0.88), (0.0, -0.93), (0.075, -0.88), (0.085, -0.82), (0.06, -0.73)])
    _oilskin_hat(pen.sub(0.005, -0.865, 0.9))
    pen.stroke([(0.38, -0.6), (0.38, -0.5)], 0.016)
    pen.poly([(0.305, -0.26), (0.32, -0.47), (0.38, -0.53), (0.44, -0.47), (0.455, -0.26)])
    pen.poly([(0.338, -0.3), (0.345, -0.44), (0.415, -0.44), (0.422, -0.3)], lit=True)


def face(pen: Pen) -> None:
    """A bare head above a coat's collar, for seals."""
    _shoulders(pen)
    pen.poly([(-0.09, -0.26), (-0.09, -0.5), (0.09, -0.5), (0.09, -0.26)])
    _collar(pen)
    pen.blob([(-0.17, -0.62), (-0.13, -0.44), (0.0, -0.36), (0.13, -0.44), (0.17, -0.62), (0.16, -0.82), (0.0, -0.93),
              (-0.16, -0.82)])  # fmt: skip
    pen.blob([(-0.2, -0.66), (-0.21, -0.84), (-0.08, -0.98), (0.1, -0.98), (0.21, -0.84), (0.2, -0.66), (0.14, -0.78),
              (-0.14, -0.78)])  # fmt: skip


def prince(pen: Pen) -> None:
    """A head with a circlet, for seals."""
    face(pen)
    pen.stroke([(-0.19, -0.82), (0.0, -0.79), (0.19, -0.82)], 0.05, lit=True)
    pen.poly([(-0.05, -0.82), (0.0, -0.94), (0.05, -0.82), (0.0, -0.76)], lit=True)


def queen(pen: Pen) -> None:
    """A woman's head with a crown, for seals."""
    lady(pen)
    pen.poly([(-0.2, -0.9), (-0.26, -1.14), (-0.12, -1.02), (0.0, -1.2), (0.12, -1.02), (0.26, -1.14), (0.2, -0.9)])
    pen.stroke([(-0.2, -0.9), (0.0, -0.87), (0.2, -0.9)], 0.035, lit=True)


def lady(pen: Pen) -> None:
    """A woman's head, her hair up, for seals."""
    face(pen)
    pen.disc(0.0, -1.05, 0.11)
    pen.blob([(-0.2, -0.5), (-0.24, -0.72), (-0.12, -0.94), (0.12, -0.94), (0.24, -0.72), (0.2, -0.5), (0.0, -0.8)])


def souwester(pen: Pen) -> None:
    """A head in profile under a sou'wester, for seals."""
    _shoulders(pen)
    pen.blob([(-0.22, -0.26), (-0.2, -0.46), (-0.12, -0.56), (0.13, -0.56), (0.2, -0.42), (0.22, -0.26), (0.0, -0.2)])
    pen.poly([(-0.16, -0.7), (0.17, -0.72), (0.175, -0.65), (0.235, -0.565), (0.18, -0.545), (0.19, -0.5),
              (0.17, -0.47), (0.18, -0.43), (0.13, -0.38), (-0.14, -0.4)])  # fmt: skip
    _collar(pen)
    _oilskin_hat(pen.sub(0.0, -0.68, 2.2))
    pen.stroke([(-0.19, -0.79), (0.0, -0.77), (0.19, -0.79)], 0.03, lit=True)


def _bare_head(pen: Pen) -> None:
    pen.poly([(-0.035, -0.74), (-0.035, -0.84), (0.035, -0.84), (0.035, -0.74)])
    pen.blob([(-0.065, -0.88), (-0.04, -0.815), (0.0, -0.8), (0.04, -0.815), (0.065, -0.88), (0.06, -0.95),
              (0.0, -0.985), (-0.06, -0.95)])  # fmt: skip


def _oilskin_hat(pen: Pen) -> None:
    """Round in the crown; the brim short before and long behind. Its wearer looks to the right, brow on y = 0."""
    pen.blob([(-0.09, -0.01), (-0.095, -0.09), (-0.04, -0.145), (0.04, -0.145), (0.09, -0.09), (0.09, -0.01)])
    pen.blob([(-0.085, -0.09), (-0.15, 0.0), (-0.21, 0.14), (-0.13, 0.13), (-0.06, 0.05), (0.06, 0.02), (0.15, 0.06),
              (0.165, 0.03), (0.085, -0.07)])  # fmt: skip


def _collar(pen: Pen) -> None:
    for side in (-1, 1):
        pen.stroke([(side * 0.15, -0.33), (side * 0.07, -0.2), (0.0, -0.06)], 0.028, 0.018, lit=True)
