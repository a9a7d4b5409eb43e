"""Laying ink on paper: gradients, engraver's screens, stipple, grain. All chance comes from the `Random` handed in."""

import math
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from lorekeeper.generators.plate.palette import Colour, Manner
from lorekeeper.generators.plate.pen import Stencil

Size = tuple[int, int]


def wash(size: Size, top: Colour, bottom: Colour) -> Image.Image:
    """A vertical gradient."""
    ramp = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)


def fading(size: Size, start: float, end: float, first: int, last: int) -> Image.Image:
    """A tone that runs from `first` at height `start` to `last` at height `end`, and stays so beyond."""
    width, height = size
    column = Image.new("L", (1, height))
    span = (end - start) or 1.0
    column.putdata([round(first + (last - first) * min(1.0, max(0.0, (y - start) / span))) for y in range(height)])
    return column.resize((width, height), Image.Resampling.NEAREST)


def around(size: Size, centre: tuple[float, float], reach: float, near: int, far: int) -> Image.Image:
    """A tone that runs from `near` at a point to `far` at a distance from it."""
    side = max(2, round(reach * 2))
    small = Image.radial_gradient("L").point([round(near + (far - near) * min(1.0, v / 180)) for v in range(256)])
    tone = Image.new("L", size, far)
    tone.paste(
        small.resize((side, side), Image.Resampling.BILINEAR), (round(centre[0] - reach), round(centre[1] - reach))
    )
    return tone


def line_screen(size: Size, pitch: float, slope: float, rng: Random) -> Image.Image:
    """Wavering parallel lines as a threshold: dark valleys where a line begins, light ridges between lines."""
    width, height = size
    drift = abs(slope) * width + pitch * 8
    tall = round(height + drift * 2)
    column = Image.new("L", (1, tall))
    column.putdata([round(255 * abs((y / pitch) % 1.0 * 2 - 1)) for y in range(tall)])
    strip = column.resize((8, tall), Image.Resampling.NEAREST)
    waves = [(rng.uniform(0.3, 0.8), rng.uniform(5, 14) * pitch * 7, rng.uniform(0, math.tau)) for _ in range(3)]

    def shift(x: float) -> float:
        wobble = sum(a * pitch * math.sin(x / length * math.tau + phase) for a, length, phase in waves)
        return drift + slope * (x - width / 2) + wobble

    step = max(16, width // 96)
    quads = []
    for left in range(0, width, step):
        right = min(left + step, width)
        a, b = shift(left), shift(right)
        quads.append(((left, 0, right, height), (0.0, a, 0.0, a + height, 8.0, b + height, 8.0, b)))
    return strip.transform(size, Image.Transform.MESH, quads, Image.Resampling.BILINEAR)


def stipple(size: Size, rng: Random, coarse: int = 2) -> Image.Image:
    """Noise as a threshold: tone becomes spray."""
    small = (max(1, size[0] // coarse + 1), max(1, size[1] // coarse + 1))
    noise = Image.frombytes("L", small, rng.randbytes(small[0] * small[1]))
    return noise.resize((small[0] * coarse, small[1] * coarse), Image.Resampling.NEAREST).crop((0, 0, *size))


@dataclass
class Press:
    """A sheet being printed. `unit` is the length all drawing is measured in, in pixels of the sheet."""

    sheet: Image.Image
    manner: Manner
    unit: float
    rng: Random

    def __post_init__(self) -> None:
        self.screens = [self._screen(slope) for slope in (0.0, 0.16, -0.16)]

    @property
    def size(self) -> Size:
        return self.sheet.size

    def _screen(self, slope: float) -> Image.Image:
        if self.manner.screen == 0:
            return stipple(self.size, self.rng)
        return line_screen(self.size, max(4.0, self.manner.screen * self.unit), slope, self.rng)

    def flat(self, mask: Image.Image, colour: Colour) -> None:
        self.sheet.paste(colour, mask=mask)

    def shade(self, tone: Image.Image, colour: Colour, *, within: Image.Image | None = None, screen: int = 0) -> None:
        """Engrave a tone (0 none, 255 solid) in lines of one ink, or in spray where the manner has no lines."""
        weighted = tone.point([min(255, round(v * self.manner.weight)) for v in range(256)])
        lines = ImageChops.add(weighted, self.screens[screen], offset=-255)
        sharp = 8 if self.manner.screen else 255
        mask = lines.point([min(255, v * sharp) for v in range(256)])
        self.flat(mask if within is None else ImageChops.multiply(mask, within), colour)

    def stamp(self, stencil: Stencil, body: Colour, light: Colour) -> None:
        self.flat(stencil.body, body)
        self.flat(stencil.light, light)

    def draw(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.sheet)


def age(sheet: Image.Image, rng: Random, strength: float = 1.0) -> Image.Image:
    """Paper's tooth and slow unevenness."""
    width, height = sheet.size
    tooth = Image.frombytes("L", sheet.size, rng.randbytes(width * height)).filter(ImageFilter.GaussianBlur(0.7))
    tooth = tooth.point([max(0, min(255, 255 - round(abs(v - 128) * 0.24 * strength))) for v in range(256)])
    cells = (max(2, width // 90), max(2, height // 90))
    clouds = Image.frombytes("L", cells, rng.randbytes(cells[0] * cells[1])).resize(
        sheet.size, Image.Resampling.BICUBIC
    )
    clouds = clouds.point([255 - round((255 - v) * 0.028 * strength) for v in range(256)])
    grain = ImageChops.multiply(tooth, clouds)
    return ImageChops.multiply(sheet, Image.merge("RGB", (grain, grain, grain)))
