"""How large a film is and how it is encoded: exact ratios in even pixels, within a level that every player has."""

import math
from dataclasses import dataclass

from lorekeeper.sdk.handling import JobError

_SHORT_SIDE = {"draft": 360, "standard": 720, "high": 1080}
_QUALITIES = {
    "low": "draft",
    "preview": "draft",
    "360p": "draft",
    "medium": "standard",
    "normal": "standard",
    "hd": "standard",
    "720p": "standard",
    "best": "high",
    "ultra": "high",
    "full hd": "high",
    "1080p": "high",
}
_DEFAULT_RATIO = "16:9"
_WIDEST_BY_SHORT_SIDE = 16 / 9
_SMALLEST_SIDE = 96
_MACROBLOCK = 16
# Level 4.0 (H.264, table A-1): what televisions, browsers and telephones of the last fifteen years decode.
_MOST_MACROBLOCKS = 8192
_LONGEST_SIDE = 16 * math.isqrt(8 * _MOST_MACROBLOCKS)


@dataclass(frozen=True)
class Shape:
    """A film's frame: pixels, frames a second, and the quality that chose them."""

    width: int
    height: int
    rate: int
    quality: str

    @property
    def unit(self) -> float:
        """A hundredth of the frame's measure: what lettering and margins are counted in, in pixels."""
        return min(math.sqrt(self.width * self.height), 1.45 * min(self.width, self.height)) / 100


def film_shape(aspect_ratio: str | None, quality: str | None, rate: int) -> Shape:
    """1280x720 for 16:9 (`draft` 640x360, `high` 1920x1080), and about as much for any other ratio, which is exact.

    The short side decides up to 16:9 either way, the long one beyond. `JobError` `aspect_ratio_not_possible` for a
    ratio that no frame of even pixels can have within H.264's level 4.0.
    """
    wide, tall = _reduced(aspect_ratio or _DEFAULT_RATIO)
    asked = (quality or "standard").strip().casefold()
    named = _QUALITIES.get(asked, asked if asked in _SHORT_SIDE else "standard")
    short = _SHORT_SIDE[named]
    narrow, long = sorted((wide, tall))
    goal = short / narrow if long / narrow <= _WIDEST_BY_SHORT_SIDE + 1e-9 else short * _WIDEST_BY_SHORT_SIDE / long
    # One of the two is odd, so only even multiples give two even sides.
    times = max(2, 2 * round(goal / 2))
    while times > 2 and not _plays_everywhere(wide * times, tall * times):
        times -= 2
    if not _plays_everywhere(wide * times, tall * times) or narrow * times < _SMALLEST_SIDE:
        raise JobError(
            "aspect_ratio_not_possible",
            f"No film that plays everywhere has exactly the ratio {aspect_ratio} in even pixels; try a simpler one.",
        )
    return Shape(wide * times, tall * times, rate, named)


def level_for(shape: Shape) -> str:
    """The lowest of the usual levels that holds the frame at 25 frames a second."""
    blocks = _macroblocks(shape.width, shape.height)
    longest = max(shape.width, shape.height)
    for level, most in (("3.0", 1620), ("3.1", 3600), ("3.2", 5120)):
        if blocks <= most and longest <= _MACROBLOCK * math.isqrt(8 * most):
            return level
    return "4.0"


def _reduced(ratio: str) -> tuple[int, int]:
    """`2.39:1` is 239:100; hundredths are exact."""
    wide, tall = (round(float(side) * 100) for side in ratio.split(":"))
    divisor = math.gcd(wide, tall)
    return wide // divisor, tall // divisor


def _macroblocks(width: int, height: int) -> int:
    return math.ceil(width / _MACROBLOCK) * math.ceil(height / _MACROBLOCK)


def _plays_everywhere(width: int, height: int) -> bool:
    return _macroblocks(width, height) <= _MOST_MACROBLOCKS and max(width, height) <= _LONGEST_SIDE
