"""The paper's own tone: blotches, worn folds and darkened edges, as one small picture laid over everything."""

import base64
import io
from random import Random

import numpy as np
from PIL import Image

from lorekeeper.generators.map.ground import texture
from lorekeeper.generators.map.manners import Manner
from lorekeeper.generators.map.outline import Grid
from lorekeeper.generators.map.sheet import Sheet

_COARSE = 3.0
_STEPS = 5


def tone(sheet: Sheet, manner: Manner, rng: Random) -> str:
    """Black of varying transparency, as a data URI: no blend mode, which not every viewer of SVG knows."""
    dice = np.random.default_rng(rng.getrandbits(64))
    shape = (round(sheet.height / _COARSE), round(sheet.width / _COARSE))
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(float) * _COARSE
    blotches = texture(shape, dice, 2.4, _COARSE / 500)
    grain = texture(shape, dice, 0.5, _COARSE / 40)
    edge = np.minimum(np.minimum(x, sheet.width - x), np.minimum(y, sheet.height - y))
    worn = np.clip(1 - (edge + 18 * blotches) / 150, 0, 1) ** 2
    dark = 0.035 * np.clip(blotches + 0.8, 0, 3) + 0.02 * np.abs(grain) + 0.2 * worn
    for share in (1 / 3, 2 / 3) if sheet.width > sheet.height else (1 / 2,):
        dark += _fold(x - sheet.width * share - 3 * blotches)
    dark += _fold(y - sheet.height / 2 - 3 * blotches)
    alpha = (np.rint(255 * manner.age * dark / _STEPS) * _STEPS).clip(0, 255).astype(np.uint8)
    shade = Image.fromarray(alpha)
    out = io.BytesIO()
    Image.merge("LA", (Image.new("L", shade.size, 0), shade)).save(out, "PNG", compress_level=5)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _fold(away: Grid) -> Grid:
    return np.asarray(0.07 * np.exp(-((away / 4.0) ** 2)) + 0.03 * np.exp(-(((away - 8) / 22.0) ** 2)))
