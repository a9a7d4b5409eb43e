"""The plate: its exact size, its bytes, and that it can be made of anything."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image
from test_generators_lore import HOSTILE, VERSE, Context, checksum_in_another_process, chunk, claim, entity, job, make

from lorekeeper.contracts.enums import AssetTypeEnum, EntityType
from lorekeeper.generators import HANDLERS
from lorekeeper.generators.plate.layout import plan, plate_size
from lorekeeper.generators.plate.palette import ENGRAVING, MANNERS, NOCTURNE, manner_for
from lorekeeper.sdk.handling import JobError

EVERYONE = [entity(f"The {kind.title()}", kind, "A thing of the coast.") for kind in EntityType]


def test_a_plate_is_a_png_of_what_its_metadata_says(tmp_path: Path) -> None:
    context = Context(tmp_path)
    made = HANDLERS[AssetTypeEnum.IMAGE](job(AssetTypeEnum.IMAGE, {"title": "Heorot"}, entities=EVERYONE), context)
    with Image.open(made.path) as plate:
        plate.load()
        assert (plate.format, plate.mode) == ("PNG", "RGB")
        assert (made.metadata["width"], made.metadata["height"]) == plate.size
        assert made.metadata["resolution"] == f"{plate.width}x{plate.height}"
        assert max(plate.size) == 1600
        assert len(plate.resize((64, 80)).getcolors(64 * 80) or []) > 500
    assert (made.format, made.content_type) == ("png", "image/png")
    assert context.told == sorted(context.told)
    assert context.told[-1] == 100


def test_the_same_job_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    made_from = job(AssetTypeEnum.IMAGE, {"quality": "draft"}, entities=EVERYONE)
    here = hashlib.sha256(make(made_from, tmp_path).path.read_bytes()).hexdigest()
    assert checksum_in_another_process(made_from, tmp_path) == here


def test_another_input_hash_gives_another_plate(tmp_path: Path) -> None:
    one = make(job(AssetTypeEnum.IMAGE, {"quality": "draft", "n": 1}, entities=EVERYONE), tmp_path).path.read_bytes()
    two = make(job(AssetTypeEnum.IMAGE, {"quality": "draft", "n": 2}, entities=EVERYONE), tmp_path).path.read_bytes()
    assert one != two


@pytest.mark.parametrize(
    "ratio", ["16:9", "1:1", "2:3", "21:9", "4:5", "1:12", "12:1", "1920:1080", "1000:999", "2391:1000"]
)
@pytest.mark.parametrize("quality", [None, "draft", "high", "unheard of"])
def test_aspect_ratio_is_exact(ratio: str, quality: str | None) -> None:
    width, height = plate_size(ratio, quality)
    wide, tall = map(int, ratio.split(":"))
    assert width * tall == height * wide
    assert min(width, height) >= 200


@pytest.mark.parametrize("ratio", ["9999:9998", "9999:1", "1:30"])
def test_ratio_that_cannot_be_exact_is_refused(ratio: str, tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        make(job(AssetTypeEnum.IMAGE, {"title": "x", "aspect_ratio": ratio}), tmp_path)
    assert refused.value.code == "aspect_ratio_not_possible"


def test_malformed_ratio_is_an_invalid_prompt(tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        make(job(AssetTypeEnum.IMAGE, {"title": "x", "aspect_ratio": "wide"}), tmp_path)
    assert refused.value.code == "invalid_prompt_spec"


@pytest.mark.parametrize(("ratio", "count"), [("16:9", 40), ("1:12", 9), ("12:1", 16), ("1:1", 0), ("3:4", 1)])
def test_every_shape_and_size_of_cast_can_be_printed(ratio: str, count: int, tmp_path: Path) -> None:
    cast = (EVERYONE * 4)[:count]
    prompt = {"quality": "draft", "aspect_ratio": ratio, "title": None if count else "The Empty Coast"}
    made = make(job(AssetTypeEnum.IMAGE, prompt, entities=cast), tmp_path)
    wide, tall = map(int, ratio.split(":"))
    assert made.metadata["width"] * tall == made.metadata["height"] * wide


@pytest.mark.parametrize("actors", [0, 1, 7, 40])
@pytest.mark.parametrize("ratio", ["16:9", "1:1", "2:3", "1:12", "12:1", "1:20", "20:1"])
def test_nothing_on_a_plate_lies_outside_its_frame(ratio: str, actors: int) -> None:
    layout = plan(*plate_size(ratio, "draft"), actors)
    for box in (layout.picture, layout.title, layout.caption, layout.imprint, *layout.seals):
        assert box.width > 0
        assert box.height > 0
        assert box.x >= layout.frame.x - 0.01
        assert box.y >= layout.frame.y - 0.01
        assert box.x + box.width <= layout.frame.x + layout.frame.width + 0.01
        assert box.y + box.height <= layout.frame.y + layout.frame.height + 0.01


@pytest.mark.parametrize("manner", [manner.name for manner in MANNERS])
def test_every_manner_is_reached_by_its_own_name(manner: str, tmp_path: Path) -> None:
    made = make(job(AssetTypeEnum.IMAGE, {"style": manner, "quality": "draft"}, entities=EVERYONE[:4]), tmp_path)
    assert made.metadata["manner"] == manner


def test_styles_are_read_in_the_callers_own_words() -> None:
    assert manner_for("A moody Night piece", 3) is NOCTURNE
    assert manner_for("vaporwave", 3) is ENGRAVING
    assert manner_for(None, 3) is MANNERS[3]


def test_claims_and_chunks_and_words_alone_are_enough(tmp_path: Path) -> None:
    for lore in ({"claims": [claim("Beowulf", "slew", "Grendel")]}, {"source_chunks": [chunk(0, VERSE)]}, {}):
        prompt = {"quality": "draft", "description": "A hall by the sea."}
        assert make(job(AssetTypeEnum.IMAGE, prompt, **lore), tmp_path).metadata["width"] == 640


def test_hostile_names_are_lettered_as_text(tmp_path: Path) -> None:
    cast = [entity(HOSTILE, "OTHER", HOSTILE), entity("Ω" * 400), entity("محمد", "LOCATION"), entity("  ", "CREATURE")]
    prompt = {"title": HOSTILE * 3, "style": "#x", "quality": "draft", "more": {"a": 1}}
    made = make(job(AssetTypeEnum.IMAGE, prompt, world=HOSTILE, entities=cast), tmp_path)
    assert made.path.stat().st_size > 10_000
