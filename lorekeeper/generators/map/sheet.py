"""The sheet a map is drawn on: pixels outside, drawing units inside, and what of it the furniture takes."""

import math
from dataclasses import dataclass

from lorekeeper.generators.plate.layout import long_side_for
from lorekeeper.sdk.handling import JobError

_LONG_SIDE = {"draft": 1200, "standard": 2400, "high": 3600}
_SHORT_SIDE = 0.3
_LARGEST_AREA = 2.2
_ALWAYS_POSSIBLE = 16_000_000
_STEEPEST = 10
_DEFAULT_RATIO = (4, 3)
_UNITS = 2000.0
_MARGIN = 62.0


@dataclass(frozen=True)
class Box:
    """A rectangle in drawing units."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def inset(self, by: float) -> "Box":
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)

    def overlaps(self, other: "Box", gap: float = 0.0) -> bool:
        return (
            self.x < other.right + gap
            and other.x < self.right + gap
            and self.y < other.bottom + gap
            and other.y < self.bottom + gap
        )

    def holds(self, other: "Box") -> bool:
        return self.x <= other.x and self.y <= other.y and self.right >= other.right and self.bottom >= other.bottom


@dataclass(frozen=True)
class Sheet:
    """Everything is drawn in units that do not depend on the pixels; `frame` is what the border encloses."""

    pixels: tuple[int, int]
    width: float
    height: float
    frame: Box


def sheet_for(aspect_ratio: str | None, quality: str | None) -> Sheet:
    """About 2400 pixels on the long side (`draft` 1200, `high` 3600), in exactly the ratio asked for.

    Raises `JobError` `aspect_ratio_not_possible` where no sensible size has it exactly, and `unknown_quality`.
    """
    wide, tall = map(int, aspect_ratio.split(":")) if aspect_ratio else _DEFAULT_RATIO
    divisor = math.gcd(wide, tall)
    wide, tall = wide // divisor, tall // divisor
    long_side = long_side_for(quality, _LONG_SIDE)
    times = max(round(long_side / max(wide, tall)), math.ceil(long_side * _SHORT_SIDE / min(wide, tall)), 1)
    most = max(_LARGEST_AREA * long_side**2, _ALWAYS_POSSIBLE)
    if max(wide, tall) > _STEEPEST * min(wide, tall) or wide * tall * times**2 > most:
        raise JobError(
            "aspect_ratio_not_possible", f"No map can be made of the exact ratio {wide}:{tall}; try a simpler one."
        )
    pixels = (wide * times, tall * times)
    unit = min(math.sqrt(pixels[0] * pixels[1]), 1.75 * min(pixels)) / _UNITS
    width, height = pixels[0] / unit, pixels[1] / unit
    return Sheet(pixels, width, height, Box(0, 0, width, height).inset(_MARGIN))
