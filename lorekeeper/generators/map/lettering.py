"""Lettering by Typst, in the fonts it carries: measured first, then set as outlines that look the same everywhere."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import typst

from lorekeeper.generators.map.sheet import Sheet
from lorekeeper.generators.passages import one_line, soften
from lorekeeper.sdk.handling import JobError

_MEASURED_AT = 100.0
_LEAST_ABOVE, _LEAST_BELOW = 0.66, 0.02
# Outside the blocks of Unicode that the carried fonts letter: shown as empty boxes.
_UNLETTERED = re.compile(
    r"[^\u0020-\u058f\u0590-\u06ff\u0900-\u097f\u1e00-\u1fff\u2000-\u22ff\ufb00-\ufdff\ufe70-\ufeff]"
)
_ODD = re.compile(r"[\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Face:
    """How a kind of name is lettered."""

    style: Literal["normal", "italic"] = "normal"
    weight: Literal["regular", "semibold", "bold"] = "regular"
    smallcaps: bool = False
    tracking: float = 0.0


@dataclass(frozen=True)
class Extent:
    """Of a text at a size of 1: width, ink above and below the base line."""

    width: float
    above: float
    below: float


@dataclass(frozen=True)
class Letters:
    """A text set at a place: `x`, `y` is where its base line begins, turned by `angle` degrees about that point."""

    text: str
    face: Face
    size: float
    x: float
    y: float
    colour: str
    width: float
    angle: float = 0.0
    halo: float = 0.0
    ground: str = "#ffffff"


class Lettering:
    """Measures texts, each once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Face], Extent] = {}

    def measure(self, texts: Iterable[tuple[str, Face]]) -> None:
        """Measure many at once; later `extent` only looks up."""
        new = [pair for pair in dict.fromkeys(texts) if pair not in self._known]
        if not new:
            return
        asked = [{"text": text, **_face(face)} for text, face in new]
        given = {"width": 100, "height": 100, "items": [], "measure": asked}
        try:
            found = typst.query(
                _template(),
                "<extents>",
                field="value",
                one=True,
                sys_inputs={"lettering": json.dumps(given, ensure_ascii=False)},
                ignore_system_fonts=True,
            )
        except RuntimeError as error:
            raise JobError("lettering_failed", str(error)) from error
        for pair, (width, above, below) in zip(new, json.loads(found), strict=True):
            self._known[pair] = Extent(
                width / _MEASURED_AT,
                max(above / _MEASURED_AT, _LEAST_ABOVE),
                max(below / _MEASURED_AT, _LEAST_BELOW),
            )

    def extent(self, text: str, face: Face) -> Extent:
        if (text, face) not in self._known:
            self.measure([(text, face)])
        return self._known[text, face]


def outlines(sheet: Sheet, letters: Iterable[Letters]) -> str:
    """All lettering as SVG: each glyph defined once as an outline, and used where it stands."""
    items = [
        {
            "text": item.text, "x": item.x, "y": item.y, "angle": item.angle, "size": item.size, "width": item.width,
            "colour": item.colour, "halo": item.halo, "ground": item.ground, **_face(item.face),
        }
        for item in letters
        if item.text
    ]  # fmt: skip
    given = {"width": sheet.width, "height": sheet.height, "items": items}
    try:
        made = typst.compile(
            _template(),
            format="svg",
            ignore_system_fonts=True,
            sys_inputs={"lettering": json.dumps(given, ensure_ascii=False)},
            timestamp=0,
        )
    except typst.TypstError as error:
        raise JobError("lettering_failed", error.message) from error
    if not isinstance(made, bytes):
        raise TypeError("Typst gave back several pages where one was asked for")
    drawing = made.decode()
    return drawing[drawing.index(">") + 1 : drawing.rindex("</svg>")]


def legible(text: str) -> bool:
    """Whether the carried fonts have the letters."""
    return not _UNLETTERED.search(text)


def plain(text: str) -> str:
    """One line, without what has no shape or turns the direction of writing, nor a few stray signs without a glyph."""
    line = one_line(_ODD.sub(" ", soften(text).replace("\u200b", "")))
    rest = one_line(_UNLETTERED.sub(" ", line))
    told, kept = (sum(map(str.isalnum, each)) for each in (line, rest))
    return rest if 0 < told <= 2 * kept else line


@cache
def _template() -> bytes:
    return (files("lorekeeper.generators.map") / "map.typ").read_bytes()


def _face(face: Face) -> dict[str, Any]:
    return {"style": face.style, "weight": face.weight, "smallcaps": face.smallcaps, "tracking": face.tracking}
