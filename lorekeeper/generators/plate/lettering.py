"""Lettering, set by Typst on a clear sheet: shaped, kerned and fitted, in the fonts that Typst carries with it."""

import io
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import typst
from PIL import Image

from lorekeeper.generators.passages import one_line, soften
from lorekeeper.generators.plate.layout import Box, Layout
from lorekeeper.generators.plate.palette import Colour, Manner, mix
from lorekeeper.sdk.handling import JobError


@dataclass(frozen=True)
class Words:
    """What a plate says."""

    title: str
    caption: str
    imprint: str
    names: list[str]


def set_lettering(layout: Layout, manner: Manner, words: Words) -> Image.Image:
    """The words at their places, on an otherwise clear image of the plate's size."""
    unit = layout.unit
    quiet = mix(manner.ink, manner.paper, 0.3)
    items = [
        _item(words.title, layout.title, 6.4 * unit, manner.ink, tracking=0.05, smallcaps=True),
        _item(words.caption, layout.caption, 2.15 * unit, mix(manner.ink, manner.paper, 0.12), style="italic"),
        _item(words.imprint, layout.imprint, 1.12 * unit, quiet, tracking=0.12, smallcaps=True),
    ]
    for name, cell in zip(words.names, layout.seals, strict=False):
        label = Box(cell.x + 0.3 * unit, cell.y + 9.1 * unit, cell.width - 0.6 * unit, 3.4 * unit)
        items.append(_item(name, label, 1.5 * unit, manner.ink, tracking=0.03, smallcaps=True, top=True))
    sheet = {"width": layout.width, "height": layout.height, "items": [item for item in items if item["text"]]}
    try:
        png = typst.compile(
            (files("lorekeeper.generators.plate") / "plate.typ").read_bytes(),
            format="png",
            ppi=72,
            ignore_system_fonts=True,
            sys_inputs={"plate": json.dumps(sheet, ensure_ascii=False)},
            timestamp=0,
        )
    except typst.TypstError as error:
        raise JobError("lettering_failed", error.message) from error
    if not isinstance(png, bytes):
        raise TypeError("Typst gave back several pages where one was asked for")
    return Image.open(io.BytesIO(png)).convert("RGBA")


def _item(
    text: str,
    box: Box,
    size: float,
    colour: Colour,
    *,
    style: str = "normal",
    tracking: float = 0.0,
    smallcaps: bool = False,
    top: bool = False,
) -> dict[str, Any]:
    return {
        "text": soften(one_line(text)),
        "x": box.x,
        "y": box.y,
        "width": box.width,
        "height": box.height,
        "size": size,
        "colour": "#{:02x}{:02x}{:02x}".format(*colour),
        "style": style,
        "tracking": tracking,
        "smallcaps": smallcaps,
        "top": top,
    }
