"""Pictures that a film is given: laid on a ground of the film's ratio, with what is worth going close to found."""

import html
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typst
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter, ImageOps, UnidentifiedImageError

from lorekeeper.contracts.snapshot import AssetSnapshot
from lorekeeper.generators.plate.layout import Box, plan
from lorekeeper.generators.titled import TITLE
from lorekeeper.generators.video.camera import Canvas, View
from lorekeeper.generators.video.shape import Shape
from lorekeeper.sdk.handling import JobError

MARGIN = 0.045
"""Ground left round a picture seen whole, as a share of the frame."""

_LARGEST = 2.3
_SMALLEST = 1.3
_KEPT_LARGE = 8
_GRID = 96
_STEEPEST = 0.3
_CLOSE = 0.97
_NEAR_FILLING = 0.95
_LOOKED_AT = 800
_SEALS = range(41)
"""Numbers of seals that make from no row to as many as any plate has."""

_EDGED = 0.88
_STEP = 9
_RULE = 0.009
"""What of a scene's edge is left out, for its rule: a share of the plate's measure."""

_DRAWN_AT = 1600
_READ = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF", "BMP")
_MOST_PIXELS = 80_000_000
_SVG_HEAD = 8192
_SVG_TITLE = re.compile(r"<title>([^<]{1,200})</title>")


class Mounted:
    """A picture on its canvas. `whole` sees all of it with room about it, `near` just all of it.

    `close` are views inside the scene of one of this package's plates, the busiest first, and none of another picture:
    whoever made that may have put lettering anywhere, and close by it would be cut.
    """

    def __init__(self, picture: Image.Image, shape: Shape, among: int = 1) -> None:
        """`among` is how many there are: of many, each is kept smaller, so that all find room in memory."""
        wide, tall = picture.size
        ratio = shape.width / shape.height
        fills = abs(math.log(wide / tall / ratio)) < 0.03
        inner = 1.0 if fills else 1 - 2 * MARGIN
        needed = max(wide / inner, tall / inner * ratio)
        largest = max(_SMALLEST, _LARGEST * min(1.0, math.sqrt(_KEPT_LARGE / among)))
        factor = min(max(needed, _SMALLEST * shape.width), largest * shape.width) / needed
        size = (max(1, round(wide * factor)), max(1, round(tall * factor)))
        canvas_size = (round(needed * factor), round(needed * factor / ratio))
        if fills:
            sheet = picture.resize(canvas_size, Image.Resampling.LANCZOS)
            size = canvas_size
        else:
            sheet = _laid_out(picture.resize(size, Image.Resampling.LANCZOS), canvas_size)
        self.canvas = Canvas(sheet)
        self.whole = View(0.5, 0.5, 1.0)
        self.near = View(0.5, 0.5, _NEAR_FILLING if fills else inner + 0.01)
        shares = (min(1.0, size[0] / canvas_size[0]), min(1.0, size[1] / canvas_size[1]))
        scene = scene_of(picture)
        self.scene = _onto(scene, shares) if scene else None
        self.close = self._close(picture, scene, shares) if scene else []

    def _close(self, picture: Image.Image, scene: "Region", shares: tuple[float, float]) -> list[View]:
        inside = _onto(scene, shares)
        width = min(inside.width, inside.height) * _CLOSE
        spots = _worth_seeing(picture, scene, (width / shares[0], width / shares[1]))
        return [_view_at(_onto(spot, shares), width, inside) for spot in spots]


def _view_at(spot: "Region", width: float, inside: "Region") -> View:
    """A close view of a spot, inside the scene."""
    middle = [
        min(max((low + high) / 2, first + width / 2), max(last - width / 2, first + width / 2))
        for low, high, first, last in (
            (spot.left, spot.right, inside.left, inside.right),
            (spot.top, spot.bottom, inside.top, inside.bottom),
        )
    ]
    return View(middle[0], middle[1], width)


@dataclass(frozen=True)
class Region:
    """A rectangle in shares of a width and a height."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


def _onto(region: Region, shares: tuple[float, float]) -> Region:
    """A region of the picture as one of the canvas, on which the picture takes these shares in the middle."""
    left, top = (1 - shares[0]) / 2, (1 - shares[1]) / 2
    return Region(
        left + region.left * shares[0],
        top + region.top * shares[1],
        left + region.right * shares[0],
        top + region.bottom * shares[1],
    )


def title_in(path: Path, asset: AssetSnapshot) -> str:
    """The title that a picture's file bears: an SVG's element, a PNG's text; empty where it has none."""
    if asset.content_type == "image/svg+xml":
        with path.open("rb") as file:
            found = _SVG_TITLE.search(file.read(_SVG_HEAD).decode("utf-8", "replace"))
        return html.unescape(found.group(1)).strip() if found else ""
    try:
        with Image.open(path, formats=_READ) as picture:
            title = picture.info.get(TITLE)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
        return ""
    return title.strip() if isinstance(title, str) else ""


def open_picture(path: Path, asset: AssetSnapshot) -> Image.Image:
    """The picture in an asset's file, as RGB on white. Raises `JobError` `input_asset_unusable`."""
    try:
        if asset.content_type == "image/svg+xml":
            found = Image.open(io.BytesIO(_draw_svg(path.read_bytes())))
        else:
            found = Image.open(path, formats=_READ)
        if found.width * found.height > _MOST_PIXELS:
            raise JobError("input_asset_unusable", f"The {asset.type} {asset.id} is larger than 80 million pixels.")
        picture = ImageOps.exif_transpose(found).convert("RGBA")
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        message = f"The {asset.type} {asset.id} ({asset.content_type}) is no picture that can be shown: {error}"
        raise JobError("input_asset_unusable", message) from error
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).convert("RGB")


def _draw_svg(drawing: bytes) -> bytes:
    """As PNG. Typst reads no file and fetches nothing for it."""
    page = b"#set page(width: auto, height: auto, margin: 0pt)\n#image(bytes(sys.inputs.drawing), width: 1600pt)"
    try:
        png = typst.compile(
            page,
            format="png",
            ppi=72 * _DRAWN_AT / 1600,
            ignore_system_fonts=True,
            sys_inputs={"drawing": drawing.decode()},
        )
    except (typst.TypstError, RuntimeError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(png, bytes):
        raise TypeError("Typst gave back several pages where one was asked for")
    return png


def _laid_out(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in the middle of a ground of its own border's colour, darkened to the corners, with a soft shadow."""
    wide, tall = size
    left, top = (wide - picture.width) // 2, (tall - picture.height) // 2
    ground = Image.new("RGB", size, _border_colour(picture))
    small = (max(2, wide // 8), max(2, tall // 8))
    shadow = Image.new("L", small, 255)
    lowered = round(picture.height * 0.012)
    box = (left // 8, (top + lowered) // 8, (left + picture.width) // 8, (top + lowered + picture.height) // 8)
    shadow.paste(150, box)
    shadow = shadow.filter(ImageFilter.GaussianBlur(max(small) / 60))
    vignette = Image.radial_gradient("L").resize(small, Image.Resampling.BILINEAR)
    vignette = vignette.point([255 - round(max(0, value - 60) * 0.42) for value in range(256)])
    shade = ImageChops.multiply(shadow, vignette).resize(size, Image.Resampling.BICUBIC)
    ground = ImageChops.multiply(ground, Image.merge("RGB", (shade, shade, shade)))
    ground.paste(picture, (left, top))
    return ground


def _border_colour(picture: Image.Image) -> tuple[int, int, int]:
    """The middling colour along the four edges."""
    pixels = np.asarray(picture.resize((64, 64), Image.Resampling.BOX))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = (int(value) for value in np.median(edge, axis=0))
    return red, green, blue


def scene_of(picture: Image.Image) -> Region | None:
    """Where the scene of one of this package's plates is, without its border and lettering; None of other pictures.

    A plate's layout follows from its size, but for the rows of seals. That it is one, the four edges of its scene tell.
    """
    sheet = picture if max(picture.size) <= _LOOKED_AT else _reduced(picture)
    pixels = np.asarray(sheet.convert("RGB"), np.int16)
    boxes = {plan(*sheet.size, seals).picture: None for seals in _SEALS}
    best, box = max(((_edged(pixels, box), box) for box in boxes), key=lambda found: found[0])
    if best < _EDGED:
        return None
    wide, tall = sheet.size
    cut = _RULE * math.sqrt(wide * tall)
    left, top, right, bottom = box.x + cut, box.y + cut, box.x + box.width - cut, box.y + box.height - cut
    return Region(left / wide, top / tall, right / wide, bottom / tall)


def _reduced(picture: Image.Image) -> Image.Image:
    factor = _LOOKED_AT / max(picture.size)
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BOX)


def _edged(pixels: NDArray[np.int16], box: Box) -> float:
    """The share of the box's least distinct side along which the picture changes from one pixel to the next."""
    tall, wide = pixels.shape[:2]
    sides = (box.x, box.y, box.x + box.width, box.y + box.height)
    left, top, right, bottom = (round(side) for side in sides)
    if left < 4 or top < 4 or right > wide - 4 or bottom > tall - 4 or right - left < 16 or bottom - top < 16:
        return 0.0
    bands = (
        *(pixels[top + 3 : bottom - 3, at - 3 : at + 3] for at in (left, right)),
        *(pixels[at - 3 : at + 3, left + 3 : right - 3].transpose(1, 0, 2) for at in (top, bottom)),
    )
    return min(float((np.abs(np.diff(band, axis=1)).max((1, 2)) > _STEP).mean()) for band in bands)


def _worth_seeing(picture: Image.Image, scene: Region, window: tuple[float, float]) -> list[Region]:
    """Windows of this size in the scene in which much is drawn, the best first, well apart from each other."""
    pixels = np.asarray(picture.resize((_GRID * 4, _GRID * 4), Image.Resampling.BOX).convert("L"), np.float64)
    steep = np.minimum(np.hypot(*np.gradient(pixels / 255)), _STEEPEST)
    # Contrast counts up to a bound only, so that a bright edge does not outweigh a drawing.
    drawn = np.minimum(steep.reshape(_GRID, 4, _GRID, 4).mean((1, 3)), 0.06)
    across, down = (min(_GRID, max(1, round(share * _GRID))) for share in window)
    scores = _box_means(drawn, across, down) + 1e-6
    rows, columns = np.ogrid[: scores.shape[0], : scores.shape[1]]
    outside = (columns < scene.left * _GRID - 1) | (columns + across > scene.right * _GRID + 1)
    outside = outside | (rows < scene.top * _GRID - 1) | (rows + down > scene.bottom * _GRID + 1)
    if not outside.all():
        scores = np.where(outside, 0.0, scores)
    found = []
    for _ in range(3):
        row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        left, top = float(column) / _GRID, float(row) / _GRID
        found.append(Region(left, top, left + across / _GRID, top + down / _GRID))
        away = np.hypot((rows - row) / max(1, down), (columns - column) / max(1, across))
        scores = scores * np.clip(away / 0.9, 0.0, 1.0) ** 2
    return found


def _box_means(cells: NDArray[np.float64], across: int, down: int) -> NDArray[np.float64]:
    """The mean over every window, by a table of sums."""
    sums = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1))
    sums[1:, 1:] = cells.cumsum(0).cumsum(1)
    inside = sums[down:, across:] - sums[:-down, across:] - sums[down:, :-across] + sums[:-down, :-across]
    means: NDArray[np.float64] = inside / (across * down)
    return means
