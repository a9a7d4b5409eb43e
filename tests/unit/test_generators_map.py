"""The map: its exact size, its bytes, its formats, and that it can be made of anything."""

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from test_generators_lore import HOSTILE, Context, checksum_in_another_process, claim, entity, job, make

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.generators import HANDLERS
from lorekeeper.generators.map.manners import ATLAS, CHART, MANNERS, MIDNIGHT, PARCHMENT, manner_for
from lorekeeper.generators.map.sheet import sheet_for
from lorekeeper.sdk.handling import JobCancelled, JobError

COAST = [
    entity("Hollin Staithe", "LOCATION", "A harbour town."),
    entity("The Slack", "LOCATION", "The bare sea bed between the town and the water."),
    entity("Grey Fells", "LOCATION", "Mountains in the north."),
    entity("Ravenswood", "LOCATION"),
    entity("Old Ford", "LOCATION"),
    entity("The Whale-Road", "LOCATION", "A sea."),
    entity("Somebody", "PERSON"),
]
ODD_NAMES = [
    HOSTILE, "東京", "محمد العربية", "שלום עולם", " ", "é" * 300, "<script>&'\"]]>", "a " * 60, "🐉 Rest", "ﬃ ß İ ŉ",
    "\u202eabc", "Sea of " + "Ω" * 50,
]  # fmt: skip


def test_a_map_is_a_png_of_what_its_metadata_says(tmp_path: Path) -> None:
    made_from = job(AssetTypeEnum.MAP, {"title": "The Ebb", "quality": "draft"}, entities=COAST)
    context = Context(tmp_path)
    made = HANDLERS[AssetTypeEnum.MAP](made_from, context)
    with Image.open(made.path) as drawn:
        drawn.load()
        assert (drawn.format, drawn.mode) == ("PNG", "RGB")
        assert (made.metadata["width"], made.metadata["height"]) == drawn.size == (1200, 900)
        small = drawn.convert("L").resize((60, 45))
        inked = [small.crop((x, y, x + 12, y + 9)).getextrema() for x in range(0, 60, 12) for y in range(0, 45, 9)]
        assert all(darkest < lightest for darkest, lightest in inked)
        assert len(drawn.crop((300, 200, 800, 600)).getcolors(200_000) or []) > 1000
    assert (made.format, made.content_type, made.metadata["format"]) == ("png", "image/png", "png")
    assert made.metadata["resolution"] == "1200x900"
    assert made.metadata["places"] == made.metadata["named"] + made.metadata["numbered"] == 6
    assert context.told == sorted(context.told)
    assert context.told[-1] == 100
    here = hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert checksum_in_another_process(made_from, tmp_path) == here


def test_an_svg_needs_nothing_but_itself_whatever_the_names(tmp_path: Path) -> None:
    places = [entity(name, "LOCATION", name) for name in ODD_NAMES]
    prompt = {"format": "svg", "quality": "draft", "title": HOSTILE, "description": HOSTILE, "aspect_ratio": "3:2"}
    claims = [claim(HOSTILE, "near", "東京")]
    made = make(job(AssetTypeEnum.MAP, prompt, world=HOSTILE, entities=places, claims=claims), tmp_path)
    text = made.path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (int(root.attrib["width"]), int(root.attrib["height"])) == (made.metadata["width"], made.metadata["height"])
    ids = {item.attrib["id"] for item in root.iter() if "id" in item.attrib}
    for item in root.iter():
        assert item.tag.rpartition("}")[2] not in {"script", "style", "text", "foreignObject", "a"}
        for name, value in item.attrib.items():
            if name.endswith("href"):
                assert value.startswith("data:image/png;base64,") or value.removeprefix("#") in ids
            for inner in re.findall(r"url\(([^)]*)\)", value):
                assert inner.removeprefix("#") in ids
            assert not name.startswith("on")
    assert (made.format, made.content_type) == ("svg", "image/svg+xml")


@pytest.mark.parametrize("ratio", [None, "16:9", "1:1", "2:3", "21:9", "1:10", "10:1", "1920:1080", "1000:999"])
@pytest.mark.parametrize("quality", [None, "draft", "HIGH"])
def test_aspect_ratio_is_exact(ratio: str | None, quality: str | None) -> None:
    sheet = sheet_for(ratio, quality)
    wide, tall = map(int, (ratio or "4:3").split(":"))
    assert sheet.pixels[0] * tall == sheet.pixels[1] * wide
    assert sheet.width / sheet.height == pytest.approx(wide / tall)
    assert min(sheet.pixels) >= 300


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ({"aspect_ratio": "9999:9998"}, "aspect_ratio_not_possible"),
        ({"aspect_ratio": "1:30"}, "aspect_ratio_not_possible"),
        ({"aspect_ratio": "wide"}, "invalid_prompt_spec"),
        ({"format": "pdf"}, "unknown_format"),
        ({"format": ["svg"]}, "unknown_format"),
        ({"quality": "ultra"}, "unknown_quality"),
        ({"quality": ["high"]}, "unknown_quality"),
    ],
)
def test_what_cannot_be_made_is_refused(prompt: dict[str, object], code: str, tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        make(job(AssetTypeEnum.MAP, prompt, entities=COAST), tmp_path)
    assert refused.value.code == code
    assert not refused.value.retryable


def test_a_world_without_places_has_no_map(tmp_path: Path) -> None:
    lore = {"entities": [entity("Beowulf")], "claims": [claim("Beowulf", "slew", "Grendel")]}
    with pytest.raises(JobError) as refused:
        make(job(AssetTypeEnum.MAP, {"title": "x"}, **lore), tmp_path)
    assert refused.value.code == "no_places"


def test_a_cancelled_map_stops_at_its_next_step(tmp_path: Path) -> None:
    class Cancelled(Context):
        def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
            super().progress(percent, stage, message)
            if percent > 5:
                raise JobCancelled

    context = Cancelled(tmp_path)
    with pytest.raises(JobCancelled):
        HANDLERS[AssetTypeEnum.MAP](job(AssetTypeEnum.MAP, entities=COAST), context)
    assert len(context.told) == 2
    assert not list(tmp_path.iterdir())


def test_styles_are_read_in_the_callers_own_words() -> None:
    assert manner_for("An engraved sea chart", 0) is CHART
    assert manner_for("Coloured school ATLAS", 0) is ATLAS
    assert manner_for("by night", 0) is MIDNIGHT
    assert manner_for("vaporwave", 3) is PARCHMENT
    assert {manner_for(None, choice) for choice in range(8)} == set(MANNERS)
    for manner in MANNERS:
        assert manner_for(manner.name, 0) is manner
