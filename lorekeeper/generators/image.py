"""IMAGE: a plate of the referenced lore, printed in a few inks and seeded by the input hash (Pillow, Typst)."""

from random import Random

from PIL import Image

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import ImagePromptSpec
from lorekeeper.generators.plate.casting import Actor, cast_of, speaks_of_water
from lorekeeper.generators.plate.frame import draw_frame, draw_seals
from lorekeeper.generators.plate.layout import Layout, plan, plate_size
from lorekeeper.generators.plate.lettering import Words, set_lettering
from lorekeeper.generators.plate.palette import Manner, manner_for
from lorekeeper.generators.plate.press import age
from lorekeeper.generators.plate.scene import paint_scene
from lorekeeper.generators.plate.wording import words_of
from lorekeeper.sdk.handling import JobContext, JobError, MadeFile

OVERSAMPLING = 2


def make_image(job: ClaimedJob, context: JobContext) -> MadeFile:
    """Compose and print the plate. The same input gives the same bytes with the same Pillow and Typst.

    Raises `JobError`: `nothing_to_depict`, `aspect_ratio_not_possible`, `invalid_prompt_spec`, `lettering_failed`.
    """
    prompt = _read_prompt(job)
    lore = job.derivation.lore_snapshot
    if not (lore.entities or lore.claims or lore.source_chunks or prompt.title or prompt.description):
        raise JobError("nothing_to_depict", "A plate needs lore, a title or a description.")
    rng = Random(int(job.input_hash, 16))  # noqa: S311 - chance that must repeat, no secret
    width, height = plate_size(prompt.aspect_ratio, prompt.quality)
    manner = manner_for(prompt.style, rng.randrange(1 << 16))
    cast = cast_of(lore, rng)
    layout = plan(width, height, len(cast))
    context.progress(5, "drawing", f"{manner.name}, {width} x {height}")
    sheet = _print(layout, manner, cast, rng, context, water=speaks_of_water(lore))
    context.progress(80, "lettering")
    plate = _letter(sheet, layout, manner, words_of(job, prompt, cast), rng)
    context.progress(90, "writing")
    path = context.work_dir / "plate.png"
    plate.save(path, "PNG", compress_level=6)
    with Image.open(path) as made:
        size = made.size
    context.progress(100, "done")
    metadata = {"width": size[0], "height": size[1], "resolution": f"{size[0]}x{size[1]}", "manner": manner.name}
    return MadeFile(path, "png", "image/png", metadata=metadata)


def _read_prompt(job: ClaimedJob) -> ImagePromptSpec:
    try:
        return ImagePromptSpec.model_validate(job.prompt_spec)
    except ValueError as error:
        raise JobError("invalid_prompt_spec", str(error)) from error


def _print(
    layout: Layout, manner: Manner, cast: list[Actor], rng: Random, context: JobContext, *, water: bool
) -> Image.Image:
    """Everything but the words, drawn at twice the size and brought down for smooth edges."""
    large = Image.new("RGB", (layout.width * OVERSAMPLING, layout.height * OVERSAMPLING), manner.paper)
    box = layout.picture
    left, top = round(box.x * OVERSAMPLING), round(box.y * OVERSAMPLING)
    size = (round(box.width * OVERSAMPLING), round(box.height * OVERSAMPLING))
    large.paste(paint_scene(size, manner, cast, rng, water=water), (left, top))
    context.progress(60, "framing")
    draw_frame(large, layout, manner, rng, OVERSAMPLING)
    draw_seals(large, layout, manner, cast, OVERSAMPLING)
    return large.reduce(OVERSAMPLING)


def _letter(sheet: Image.Image, layout: Layout, manner: Manner, words: Words, rng: Random) -> Image.Image:
    lettering = set_lettering(layout, manner, words)
    if lettering.size != sheet.size:
        lettering = lettering.crop((0, 0, *sheet.size))
    sheet.paste(lettering, mask=lettering)
    return age(sheet, rng, 0.6 if manner.dark else 1.0)
