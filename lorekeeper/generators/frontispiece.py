"""The picture that faces a book's opening: its cast in one scene, printed in a few inks (Pillow)."""

import re
from pathlib import Path
from random import Random

from PIL import Image

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.generators.passages import soften
from lorekeeper.generators.plate.casting import cast_of, speaks_of_water
from lorekeeper.generators.plate.palette import manner_for
from lorekeeper.generators.plate.press import age
from lorekeeper.generators.plate.scene import paint_scene

_WIDTH = 860
_OVERSAMPLING = 1.5
_INKS = 96
_MOST = 5
_USUAL = "engraving"


def draw_frontispiece(job: ClaimedJob, style: str | None, tallness: float, target: Path) -> list[str]:
    """Write a PNG, `tallness` times as high as wide, and give back the names of those on it; none: there is no picture.

    The same job gives the same bytes with the same Pillow.
    """
    lore = job.derivation.lore_snapshot
    rng = Random(int(job.input_hash, 16))  # noqa: S311 - chance that must repeat, no secret
    if not lore.entities:
        return []
    cast = cast_of(lore, rng)[:_MOST]
    size = (_WIDTH, round(_WIDTH * tallness))
    large = (round(size[0] * _OVERSAMPLING), round(size[1] * _OVERSAMPLING))
    scene = paint_scene(large, manner_for(style or _USUAL, 0), cast, rng, water=speaks_of_water(lore))
    sheet = age(scene.resize(size, Image.Resampling.LANCZOS), rng, 0.25)
    # As few colours as a print has inks and shades: a third of the bytes, and lines stay sharp.
    sheet.quantize(_INKS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(target, "PNG", optimize=False)
    names = [soften(actor.name) for actor in cast]
    return names[:1] + [re.sub(r"^The\b", "the", name) for name in names[1:]]
