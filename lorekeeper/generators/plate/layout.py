"""Where things stand on a plate: its size in pixels, the picture, the seals, the lettering."""

import math
from dataclasses import dataclass

from lorekeeper.sdk.handling import JobError

_LONG_SIDE = {"draft": 800, "standard": 1600, "high": 2400}
_QUALITIES = {
    "low": "draft",
    "preview": "draft",
    "medium": "standard",
    "normal": "standard",
    "best": "high",
    "ultra": "high",
    "hd": "high",
}
_SHORT_SIDE = 0.26
_LARGEST_SIDE = 6000
_STEEPEST = 20
_DEFAULT_RATIO = (4, 5)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the finished plate."""

    x: float
    y: float
    width: float
    height: float

    def inset(self, by: float) -> "Box":
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)


@dataclass(frozen=True)
class Layout:
    """The plan of a plate. `unit` is the measure of margins and lettering."""

    width: int
    height: int
    unit: float
    frame: Box
    picture: Box
    title: Box
    caption: Box
    imprint: Box
    seals: list[Box]


def plate_size(aspect_ratio: str | None, quality: str | None) -> tuple[int, int]:
    """The size in pixels for an exact ratio, about 1600 on the long side (`draft` 800, `high` 2400).

    A long and narrow plate grows beyond that, so that its lettering stays legible. `JobError` for a ratio that
    cannot be had exactly at a sensible size.
    """
    wide, tall = map(int, aspect_ratio.split(":")) if aspect_ratio else _DEFAULT_RATIO
    divisor = math.gcd(wide, tall)
    wide, tall = wide // divisor, tall // divisor
    asked = (quality or "standard").casefold()
    long_side = _LONG_SIDE.get(_QUALITIES.get(asked, asked), _LONG_SIDE["standard"])
    times = max(round(long_side / max(wide, tall)), math.ceil(long_side * _SHORT_SIDE / min(wide, tall)), 1)
    if max(wide, tall) > _STEEPEST * min(wide, tall) or max(wide, tall) * times > max(_LARGEST_SIDE, 5.3 * long_side):
        raise JobError(
            "aspect_ratio_not_possible", f"No plate can be made of the exact ratio {wide}:{tall}; try a simpler one."
        )
    return wide * times, tall * times


def plan(width: int, height: int, actors: int) -> Layout:
    """Lettering and seals below the picture; beside it on a plate that is very wide."""
    unit = min(math.sqrt(width * height), 1.75 * min(width, height)) / 100
    frame = Box(0, 0, width, height).inset(2.4 * unit)
    inner = frame.inset(2.6 * unit)
    if width > 1.3 * height:
        return _beside(width, height, unit, frame, inner, actors)
    columns = max(1, int(inner.width / (11.5 * unit)))
    rows = 0 if actors == 0 else min(math.ceil(actors / columns), _rows(width, height))
    seal_height = 13.2 * unit * rows
    title_height = min(9.5 * unit, 0.16 * inner.height) if inner.width > 62 * unit else 13 * unit
    caption_height = 6.2 * unit if inner.width > 62 * unit else 9 * unit
    below = seal_height + title_height + caption_height + 2.2 * unit
    picture = Box(inner.x, inner.y, inner.width, inner.height - below - 1.6 * unit)
    y = picture.y + picture.height + 1.6 * unit
    seals = _grid(Box(inner.x, y, inner.width, seal_height), min(actors, columns * rows), columns, rows)
    title = Box(inner.x + 2 * unit, y + seal_height, inner.width - 4 * unit, title_height)
    caption = Box(inner.x + 3 * unit, title.y + title_height, inner.width - 6 * unit, caption_height)
    imprint = Box(inner.x, caption.y + caption_height, inner.width, 2.2 * unit)
    return Layout(width, height, unit, frame, picture, title, caption, imprint, seals)


def _beside(width: int, height: int, unit: float, frame: Box, inner: Box, actors: int) -> Layout:
    side = min(max(0.27 * inner.width, 34 * unit), 95 * unit)
    picture = Box(inner.x + side + 1.8 * unit, inner.y, inner.width - side - 1.8 * unit, inner.height)
    columns = max(1, int(side / (11.2 * unit)))
    room = max(1, int((inner.height - 30 * unit) / (13.2 * unit)))
    rows = min(math.ceil(actors / columns), room)
    seal_height = 13.2 * unit * rows
    caption_height = (11 if inner.height > 60 * unit else 7.5) * unit
    title_height = (inner.height - seal_height - caption_height - 3 * unit) * (1 if rows else 0.72)
    title = Box(inner.x + unit, inner.y + 1.5 * unit, side - 2 * unit, title_height - 2.5 * unit)
    caption = Box(inner.x + 1.5 * unit, inner.y + title_height, side - 3 * unit, caption_height)
    area = Box(inner.x, caption.y + caption_height + 0.5 * unit, side, seal_height)
    seals = _grid(area, min(actors, columns * rows), columns, rows)
    imprint = Box(inner.x, inner.y + inner.height - 2.2 * unit, side, 2.2 * unit)
    return Layout(width, height, unit, frame, picture, title, caption, imprint, seals)


def _rows(width: int, height: int) -> int:
    return 1 if height < 1.2 * width else 2 if height < 2 * width else 4


def _grid(area: Box, count: int, columns: int, rows: int) -> list[Box]:
    """Cells in even rows, each row centred."""
    cells: list[Box] = []
    if not count:
        return cells
    rows = min(rows, math.ceil(count / columns))
    each = math.ceil(count / rows)
    tall = area.height / rows
    wide = min(area.width / each, tall * 1.3)
    for index in range(count):
        row = index // each
        in_row = min(each, count - row * each)
        left = area.x + (area.width - wide * in_row) / 2
        cells.append(Box(left + (index % each) * wide, area.y + row * tall, wide, tall))
    return cells
