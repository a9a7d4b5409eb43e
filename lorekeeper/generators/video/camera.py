"""A still picture in motion: where a camera stands over it at each moment, and what it sees, to parts of a pixel."""

import math
from dataclasses import dataclass

from PIL import Image

_EASED = 0.7
"""How much of a move is eased; the rest goes on at an even pace, so that nothing stands still before a cut."""


@dataclass(frozen=True)
class View:
    """A camera's place: the middle of what it sees, and its width, all as shares of the canvas's width and height."""

    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Canvas:
    """A picture to look at, of the film's own ratio."""

    image: Image.Image

    def seen(self, view: View, size: tuple[int, int]) -> Image.Image:
        """What the camera sees at `size`. The window has fractions of a pixel, so slow moves are smooth."""
        wide, tall = self.image.size
        width, height = view.width * wide, view.width * tall
        left = min(max(view.x * wide - width / 2, 0.0), wide - width)
        top = min(max(view.y * tall - height / 2, 0.0), tall - height)
        box = (left, top, min(left + width, wide), min(top + height, tall))
        return self.image.resize(size, Image.Resampling.BICUBIC, box=box)


@dataclass(frozen=True)
class Move:
    """From one view to another."""

    start: View
    end: View

    def at(self, share: float) -> View:
        """The view when `share` (0 to 1) of the time has gone. The width changes by equal *factors* in equal times, as
        an eye expects of a zoom, and the middle goes along with it, so that one point of the picture stays put.
        """
        share = eased(share)
        ratio = self.end.width / self.start.width
        width = self.start.width * ratio**share
        along = share if math.isclose(ratio, 1.0, abs_tol=1e-6) else (ratio**share - 1) / (ratio - 1)
        return View(
            self.start.x + (self.end.x - self.start.x) * along,
            self.start.y + (self.end.y - self.start.y) * along,
            width,
        )


def eased(share: float) -> float:
    """Slow at both ends, without ever standing still."""
    share = min(1.0, max(0.0, share))
    return (1 - _EASED) * share + _EASED * share * share * (3 - 2 * share)


def smooth(share: float) -> float:
    """From 0 to 1 with no corner at either end: for fades."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def within(view: View) -> View:
    """The nearest view that lies wholly on the canvas."""
    half = view.width / 2
    return View(min(max(view.x, half), 1 - half), min(max(view.y, half), 1 - half), view.width)
