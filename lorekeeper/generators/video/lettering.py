"""A film's lettering, set by Typst on clear sheets: the title, the credits, each subtitle with its shadow."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import typst
from PIL import Image, ImageDraw, ImageFilter

from lorekeeper.generators.passages import soften
from lorekeeper.generators.video.shape import Shape
from lorekeeper.generators.video.subtitles import Cue
from lorekeeper.generators.video.telling import Opening, Section
from lorekeeper.sdk.handling import JobError

LIGHT = (250, 243, 226)
ACCENT = (226, 178, 104)
DARK = (12, 9, 7)
_STRIP = 14.4
"""How high the sheet of a subtitle is, in units."""

_BELOW = 1.4
"""How much of it, below the letters, is for their shadow."""

_SHADOW = 0.7
_GROUND = 185
"""How dark the middle of a subtitle's ground is, of 255: white under it leaves the letters a contrast above 7:1."""

_SIZE_OF_SUBTITLES = 4.0
_LETTER = 0.43
_SHARE_OF_LINES = 0.86


class Lettering:
    """All sheets of a film, set at once and read one by one: there may be hundreds."""

    def __init__(self, shape: Shape, opening: Opening, cues: Sequence[Cue]) -> None:
        self._shape = shape
        self._cards: list[dict[str, Any]] = [{"kind": "title", **{k: soften(v) for k, v in asdict(opening).items()}}]
        self._cards += [{"kind": "subtitle", "lines": [soften(line) for line in cue.lines]} for cue in cues]
        self._subtitles = len(cues)
        self._sheets: list[bytes] = []

    def add_credits(self, cards: Sequence[Sequence[Section]], closing: str) -> None:
        """Cards of credits; the last one bears the closing line."""
        for number, sections in enumerate(cards, 1):
            told = {"kind": "credits", "sections": [asdict(section) for section in sections]}
            self._cards.append({**told, "closing": closing if number == len(cards) else ""})

    def set(self) -> None:
        """Typesets everything. Raises `JobError` `lettering_failed`."""
        film = {
            "width": self._shape.width,
            "height": self._shape.height,
            "strip": _STRIP * self._shape.unit,
            "unit": self._shape.unit,
            "light": _hexadecimal(LIGHT),
            "accent": _hexadecimal(ACCENT),
            "cards": self._cards,
        }
        try:
            made = typst.compile(
                (files("lorekeeper.generators.video") / "film.typ").read_bytes(),
                format="png",
                ppi=72,
                ignore_system_fonts=True,
                sys_inputs={"film": json.dumps(film, ensure_ascii=False)},
                timestamp=0,
            )
        except typst.TypstError as error:
            raise JobError("lettering_failed", error.message) from error
        self._sheets = [made] if isinstance(made, bytes) else [sheet for sheet in made if sheet]

    def title(self) -> Image.Image:
        """The title card, of the frame's size."""
        return self._shadowed(self._sheets[0])

    def credits(self) -> list[Image.Image]:
        """The cards of credits, of the frame's size."""
        return [self._shadowed(sheet) for sheet in self._sheets[1 + self._subtitles :]]

    def subtitle(self, number: int) -> Image.Image:
        """A subtitle on a strip as wide as the frame, to be laid `subtitle_top` pixels from above."""
        return self._shadowed(self._sheets[1 + number], strength=3.4)

    def ground(self, subtitle: Image.Image) -> Image.Image:
        """How dark it is to be behind a subtitle, of the strip's size: a soft box round its lines."""
        unit = self._shape.unit
        mask = Image.new("L", subtitle.size)
        if box := subtitle.getchannel("A").point([255 * (value > 128) for value in range(256)]).getbbox():
            wide, tall = 1.9 * unit, 0.7 * unit
            sides = (box[0] - wide, max(0, box[1] - tall), box[2] + wide, min(mask.height, box[3] + tall))
            ImageDraw.Draw(mask).rounded_rectangle(sides, 1.2 * unit, fill=_GROUND)
        return mask.filter(ImageFilter.GaussianBlur(0.55 * unit))

    @property
    def subtitle_top(self) -> int:
        """Above the lower edge by what televisions may cut off, and telephones cover in an upright film."""
        upright = self._shape.height > 1.2 * self._shape.width
        foot = self._shape.height * (0.13 if upright else 0.045)
        return round(self._shape.height - foot - (_STRIP - _BELOW) * self._shape.unit)

    def _shadowed(self, sheet: bytes, strength: float = 1.2) -> Image.Image:
        """The letters over a dark halo of their own form, so that they stand out on any picture."""
        letters = Image.open(io.BytesIO(sheet)).convert("RGBA")
        blur = _SHADOW * self._shape.unit
        mask = letters.getchannel("A")
        halo = mask.filter(ImageFilter.GaussianBlur(blur * 1.6))
        near = mask.filter(ImageFilter.GaussianBlur(blur * 0.5))
        halo = Image.blend(halo, near, 0.5).point([min(235, round(value * strength)) for value in range(256)])
        ground = Image.new("RGBA", letters.size, (*DARK, 0))
        ground.putalpha(halo)
        return Image.alpha_composite(ground, letters)


def columns_of(shape: Shape) -> int:
    """How many letters of a subtitle's size a line holds."""
    return max(16, min(46, int(shape.width * _SHARE_OF_LINES / (_SIZE_OF_SUBTITLES * shape.unit * _LETTER))))


def _hexadecimal(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
