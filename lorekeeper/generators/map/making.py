"""MAP: the places a job refers to, on ground grown from its input hash; SVG, or PNG printed from that SVG."""

from pathlib import Path
from random import Random
from xml.etree import ElementTree

from PIL import Image

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import MapPromptSpec
from lorekeeper.generators.map.drawing import draw_map
from lorekeeper.generators.map.laying import lay_out
from lorekeeper.generators.map.manners import manner_for
from lorekeeper.generators.map.press import print_png
from lorekeeper.generators.map.reading import read_places
from lorekeeper.generators.map.sheet import sheet_for
from lorekeeper.generators.map.titles import titles_of
from lorekeeper.generators.titled import titled
from lorekeeper.sdk.handling import JobContext, JobError, MadeFile

_FORMATS = {"png": "image/png", "svg": "image/svg+xml"}


def make_map(job: ClaimedJob, context: JobContext) -> MadeFile:
    """Draw the map. The same input gives the same bytes with the same numpy, Pillow and Typst.

    Raises `JobError`: `no_places`, `aspect_ratio_not_possible`, `unknown_format`, `unknown_quality`,
    `invalid_prompt_spec`, `lettering_failed`, `printing_failed`.
    """
    prompt = _read_prompt(job)
    form = _format(prompt)
    sheet = sheet_for(prompt.aspect_ratio, _quality(prompt))
    book = read_places(job.derivation.lore_snapshot)
    if not book.places:
        raise JobError("no_places", "A map needs places: reference at least one entity of the type LOCATION.")
    rng = Random(int(job.input_hash, 16))  # noqa: S311 - chance that must repeat, no secret
    manner = manner_for(prompt.style, rng.randrange(1 << 16))
    context.progress(3, "surveying", f"{len(book.places)} places, {manner.name}")
    titles = titles_of(job, prompt)
    detail = "coarse" if sheet.pixels[0] * sheet.pixels[1] < 1_500_000 else "fine"
    plan = lay_out(sheet, book, manner, titles, rng, context, detail=detail)
    context.progress(50, "drawing")
    svg = draw_map(plan, rng, context)
    context.progress(75, "printing" if form == "png" else "writing")
    path = context.work_dir / f"map.{form}"
    if form == "svg":
        path.write_text(svg, encoding="utf-8")
    else:
        print_png(svg, sheet).save(path, "PNG", compress_level=6, pnginfo=titled(titles.title))
    width, height = _size(path)
    context.progress(100, "done")
    metadata = {
        "width": width, "height": height, "resolution": f"{width}x{height}", "format": form, "manner": manner.name,
        **plan.counts(),
    }  # fmt: skip
    return MadeFile(path, form, _FORMATS[form], metadata=metadata)


def _read_prompt(job: ClaimedJob) -> MapPromptSpec:
    try:
        return MapPromptSpec.model_validate(job.prompt_spec)
    except ValueError as error:
        raise JobError("invalid_prompt_spec", str(error)) from error


def _quality(prompt: MapPromptSpec) -> str | None:
    asked = (prompt.model_extra or {}).get("quality")
    return None if asked is None else str(asked)


def _format(prompt: MapPromptSpec) -> str:
    asked = (prompt.model_extra or {}).get("format") or "png"
    form = asked.casefold().removeprefix("image/").removesuffix("+xml") if isinstance(asked, str) else ""
    if form not in _FORMATS:
        raise JobError("unknown_format", f"A map is made as png or svg, not as {asked!r}.")
    return form


def _size(path: Path) -> tuple[int, int]:
    """In pixels, as the file has it."""
    if path.suffix == ".png":
        with Image.open(path) as made:
            return made.size
    root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 - our own file, written above
    return int(root.attrib["width"]), int(root.attrib["height"])
