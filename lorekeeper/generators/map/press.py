"""PNG from SVG: the very same document, rasterised by Typst."""

import io

import typst
from PIL import Image

from lorekeeper.generators.map.sheet import Sheet
from lorekeeper.sdk.handling import JobError

_PAGE = b"""
#set page(width: int(sys.inputs.width) * 1pt, height: int(sys.inputs.height) * 1pt, margin: 0pt, fill: white)
#image(bytes(sys.inputs.svg), format: "svg", width: 100%, height: 100%)
"""


def print_png(svg: str, sheet: Sheet) -> Image.Image:
    """The document as an image of the sheet's pixels."""
    width, height = sheet.pixels
    try:
        made = typst.compile(
            _PAGE,
            format="png",
            ppi=72,
            ignore_system_fonts=True,
            sys_inputs={"svg": svg, "width": str(width), "height": str(height)},
            timestamp=0,
        )
    except typst.TypstError as error:
        raise JobError("printing_failed", error.message) from error
    if not isinstance(made, bytes):
        raise TypeError("Typst gave back several pages where one was asked for")
    return Image.open(io.BytesIO(made)).convert("RGB")
