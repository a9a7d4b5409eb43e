"""The parts of a film by themselves: its frame, its cuts, its camera, its subtitles, its credits."""

import math
import uuid
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from test_generators_lore import THEN

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.prompts import VideoPromptSpec
from lorekeeper.contracts.snapshot import AssetSnapshot, LoreSnapshot, WorldSnapshot
from lorekeeper.generators.passages import read_passage
from lorekeeper.generators.plate.layout import Layout, plan
from lorekeeper.generators.titled import titled
from lorekeeper.generators.video.camera import Canvas, Move, View
from lorekeeper.generators.video.directing import Shot, shots_of_pictures
from lorekeeper.generators.video.lettering import Lettering
from lorekeeper.generators.video.mounting import MARGIN, Mounted, title_in
from lorekeeper.generators.video.screening import Screening
from lorekeeper.generators.video.shape import Shape, film_shape, level_for
from lorekeeper.generators.video.sound import Sound, plan_with, share_heard
from lorekeeper.generators.video.subtitles import Cue, Said, as_srt, cues_of, said_in
from lorekeeper.generators.video.telling import Opening, Section, cards_of, credits_of, shortened
from lorekeeper.generators.video.timing import Plan, Slot, Voice, cut, plan_film
from lorekeeper.sdk.handling import JobError

WHOLE = View(0.5, 0.5, 1.0)
RATIOS = ["1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "239:100", "2.39:1", "1.85:1", "5:4", "1920:1080", "1:3"]


@pytest.mark.parametrize("quality", [None, "draft", "high", "1080p", "unheard of"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_the_ratio_is_exact_in_even_pixels_within_level_4(ratio: str, quality: str | None) -> None:
    shape = film_shape(ratio, quality, 25)
    wide, tall = (round(float(side) * 100) for side in ratio.split(":"))
    assert shape.width * tall == shape.height * wide
    assert shape.width % 2 == shape.height % 2 == 0
    assert math.ceil(shape.width / 16) * math.ceil(shape.height / 16) <= 8192
    assert level_for(shape) in {"3.0", "3.1", "3.2", "4.0"}


def test_the_usual_sizes_are_the_usual_ones() -> None:
    sizes = [
        (film_shape("16:9", quality, 24).width, level_for(film_shape("16:9", quality, 24)))
        for quality in ("draft", None, "high")
    ]
    assert sizes == [(640, "3.0"), (1280, "3.1"), (1920, "4.0")]
    assert film_shape(None, "HD", 24) == film_shape("16:9", "standard", 24)


def test_a_prompt_says_a_ratio_as_film_does() -> None:
    assert VideoPromptSpec(description="d", aspect_ratio="2.39:1").aspect_ratio == "2.39:1"
    with pytest.raises(ValueError, match="pattern"):
        VideoPromptSpec(description="d", aspect_ratio="2.:1")


@pytest.mark.parametrize("ratio", ["9999:9998", "1:30", "9999:1", "1999:1000"])
def test_a_ratio_that_cannot_be_had_is_refused(ratio: str) -> None:
    with pytest.raises(JobError) as refused:
        film_shape(ratio, "draft", 24)
    assert refused.value.code == "aspect_ratio_not_possible"


# --- the camera ------------------------------------------------------------------------------------------------------


def textured(width: int, height: int) -> Image.Image:
    grain = np.random.default_rng(7).integers(0, 256, (height, width), dtype=np.uint8)
    return (
        Image.fromarray(grain)
        .filter(ImageFilter.GaussianBlur(6))
        .point([min(255, max(0, (v - 110) * 8)) for v in range(256)])
        .convert("RGB")
    )


def shift(before: Image.Image, after: Image.Image) -> NDArray[np.float64]:
    """How far the picture moved, in pixels, by least squares over its gradients."""
    one, two = (np.asarray(image.convert("L"), np.float64)[20:-20, 20:-20] for image in (before, after))
    down, across = np.gradient((one + two) / 2)
    slopes = np.stack([across.ravel(), down.ravel()], 1)
    found: NDArray[np.float64] = np.linalg.lstsq(slopes, (one - two).ravel(), rcond=None)[0]
    return found


def test_a_slow_pan_moves_by_the_same_fraction_of_a_pixel_each_frame() -> None:
    canvas = Canvas(textured(520, 300))
    move = Move(View(0.45, 0.48, 0.8), View(0.53, 0.52, 0.8))
    views = [move.at(0.4 + number / 240) for number in range(25)]
    frames = [canvas.seen(view, (320, 185)) for view in views]
    moved = np.array([shift(before, after) for before, after in pairwise(frames)])
    planned = np.array([((b.x - a.x) / b.width * 320, (b.y - a.y) / b.width * 185) for a, b in pairwise(views)])
    assert 0.1 < np.abs(planned[:, 0]).mean() < 0.6
    assert np.abs(moved + planned).max() < 0.06  # the picture goes where the camera comes from
    assert np.abs(np.diff(moved, axis=0)).max() < 0.03


def test_a_zoom_keeps_one_point_of_the_picture_in_its_place() -> None:
    move = Move(View(0.5, 0.5, 1.0), View(0.6, 0.4, 0.5))
    views = [move.at(number / 10) for number in range(11)]
    assert (views[0], views[-1]) == (move.start, pytest.approx(move.end, abs=1e-9)) or views[-1].width == pytest.approx(
        0.5
    )
    steady = [(0.7 - view.x) / view.width for view in views]  # 0.7, 0.3 is where the move leads
    assert max(steady) - min(steady) < 1e-9
    factors = [after.width / before.width for before, after in pairwise(views)]
    assert max(factors) <= 1.0


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (640, 100), (100, 640), (3, 3), (640, 360)])
@pytest.mark.parametrize("frame", [(320, 180), (180, 320), (478, 200)])
def test_no_move_leaves_the_canvas_or_rushes(size: tuple[int, int], frame: tuple[int, int]) -> None:
    picture = Mounted(textured(*size), Shape(*frame, 24, "draft"))
    slots = [Slot(number * 120, number * 120 + 120) for number in range(9)]
    assert picture.canvas.image.width / picture.canvas.image.height == pytest.approx(frame[0] / frame[1], rel=0.02)
    for shot in shots_of_pictures([picture], slots, 24, Random(3)):
        for view in (shot.move.start, shot.move.end):
            assert view.width / 2 - 1e-9 <= view.x <= 1 - view.width / 2 + 1e-9
            assert view.width / 2 - 1e-9 <= view.y <= 1 - view.width / 2 + 1e-9
        assert abs(math.log(shot.move.end.width / shot.move.start.width)) <= 0.055 * 5 + 1e-6


def lettered_plate(layout: Layout) -> Image.Image:
    """A plate as this package lays it out, with a scene and, beside it, what stands for lettering."""
    plate = Image.new("RGB", (layout.width, layout.height), (236, 226, 200))
    box = layout.picture
    plate.paste(textured(round(box.width), round(box.height)), (round(box.x), round(box.y)))
    plate.paste(
        (60, 40, 30), tuple(round(side) for side in (box.x, layout.title.y, box.x + box.width, layout.title.y + 9))
    )
    return plate


@pytest.mark.parametrize("size", [(320, 400), (480, 270)])
def test_a_camera_is_close_in_a_plates_scene_or_sees_all_of_it(size: tuple[int, int]) -> None:
    layout = plan(*size, 3)
    picture = Mounted(lettered_plate(layout), Shape(320, 180, 24, "draft"))
    slots = [Slot(number * 120, number * 120 + 120) for number in range(8)]
    kinds = set()
    for shot in shots_of_pictures([picture], slots, 24, Random(3)):
        for share in (0.0, 0.5, 1.0):
            view = shot.move.at(share)
            left, top = view.x - view.width / 2, view.y - view.width / 2
            inside = picture.scene is not None and (
                picture.scene.left - 1e-6 <= left < left + view.width <= picture.scene.right + 1e-6
                and picture.scene.top - 1e-6 <= top < top + view.width <= picture.scene.bottom + 1e-6
            )
            assert inside or view.width >= picture.near.width
            kinds.add(inside)
    assert kinds == {True, False}


def test_a_picture_of_unknown_making_is_only_ever_seen_whole() -> None:
    picture = Mounted(textured(400, 300), Shape(320, 180, 24, "draft"))
    assert (picture.scene, picture.close) == (None, [])
    slots = [Slot(number * 120, number * 120 + 120) for number in range(8)]
    for shot in shots_of_pictures([picture], slots, 24, Random(3)):
        assert min(shot.move.start.width, shot.move.end.width) > 1 - 2 * MARGIN


def test_two_letterings_never_mix() -> None:
    """Between two pictures the screen is dark, and before that only the one is seen, after it only the other."""
    shots = [
        Shot(Canvas(Image.new("RGB", (64, 36), colour)), slot, Move(WHOLE, WHOLE), lettered=True)
        for colour, slot in (((255, 0, 0), Slot(0, 24)), ((0, 255, 0), Slot(24, 48)))
    ]
    lettering = Lettering(Shape(64, 36, 24, "draft"), Opening("", "", ""), [])
    lettering.set()
    frames = Screening(Shape(64, 36, 24, "draft"), Plan(24, 48, Slot(0, 0), Slot(48, 48), 0, 0.0), shots, lettering, [])
    seen = [frame.getpixel((2, 2)) for frame in frames.frames()]
    assert all(min(red, green) <= 20 for red, green, _ in seen)
    assert sum(max(pixel) < 100 for pixel in seen[12:36]) < 10


def test_a_subtitle_is_legible_on_white_and_on_lettering() -> None:
    shape = Shape(640, 360, 24, "draft")
    lettering = Lettering(shape, Opening("", "T", ""), [Cue(0, 1, ("Bow to his bidding,",))])
    lettering.set()
    busy = textured(640, 360).point(lambda value: 255 * (value > 128))
    shot = Shot(Canvas(busy), Slot(0, 24), Move(WHOLE, WHOLE))
    plan_of_one = Plan(24, 24, Slot(0, 0), Slot(24, 24), 0, 0.0)
    frames = list(Screening(shape, plan_of_one, [shot], lettering, [Cue(0, 1, ("Bow to his bidding,",))]).frames())
    sheet = lettering.subtitle(0)
    left, top, right, bottom = sheet.getchannel("A").point(lambda value: 255 * (value > 250)).getbbox() or (0, 0, 0, 0)
    strip = np.asarray(frames[12].crop((left, top + lettering.subtitle_top, right, bottom + lettering.subtitle_top)))
    light = luminance(strip)
    letters, ground = np.percentile(light, 98), light[light < 0.4]
    assert (letters + 0.05) / (np.percentile(ground, 90) + 0.05) > 4.5


def luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Relative luminance (WCAG 2.2)."""
    linear = (pixels / 255.0) ** 2.2
    found: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return found


# --- parts in time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [1, 2.5, 8, 20, 59.99, 600])
@pytest.mark.parametrize("voice", [None, Voice(0.6, 0.1, 0.5), Voice(18.0, 1.5, 16.0), Voice(300.0, 5.0, 290.0)])
@pytest.mark.parametrize("cards", [1, 5])
def test_the_parts_fill_the_film_exactly(asked: float, voice: Voice | None, cards: int) -> None:
    plan = plan_film(asked, voice, cards, 24)
    assert plan.frames == round(asked * 24)
    assert 0 == plan.title.begin < plan.title.end <= plan.credits.begin < plan.credits.end == plan.frames
    assert 1 <= plan.cards <= cards
    assert plan.sound_at >= 0
    slots = cut(plan, None, [3.0, 7.7, 11.0])
    assert (slots[0].begin, slots[-1].end) == (plan.title.end, plan.credits.begin)
    assert all(before.end == after.begin for before, after in pairwise(slots))


def test_a_film_without_a_length_is_as_long_as_its_sound() -> None:
    plan = plan_film(None, Voice(30.0, 4.0, 26.0), 1, 24)
    assert 30.5 < plan.seconds < 32
    assert plan.title.end / 24 <= plan.sound_at + 4.0  # the title is over when the voice begins
    assert plan.credits.begin / 24 >= plan.sound_at + 26.0
    assert plan_film(None, None, 2, 24).seconds > 20


def test_a_recording_too_long_for_the_film_fades_at_a_line_before_the_credits() -> None:
    texts = ["One is a line,", "two is its end.", "Three is long,", "four goes on", "and five."] * 4
    spans = [(3.0 + 2 * number, 4.7 + 2 * number, text) for number, text in enumerate(texts)]
    sound = Sound(Path("told.wav"), 50.0, spans)
    film, heard = plan_with(sound, 24.0, 1, 24)
    assert film.fade is not None
    begin, seconds = film.fade
    assert heard.spans[-1][2] in {"two is its end.", "and five."}
    assert begin == pytest.approx(film.sound_at + heard.spans[-1][1])
    assert begin + seconds <= film.sound_at + spans[len(heard.spans)][0] + 1e-9
    assert begin < film.credits.begin / 24
    assert share_heard(film, sound) == pytest.approx((begin + seconds - film.sound_at) / 50)
    whole, _ = plan_with(sound, None, 1, 24)
    assert (whole.fade, share_heard(whole, sound)) == (None, 1.0)


def test_cuts_fall_between_sentences_where_they_can() -> None:
    plan = Plan(24, 24 * 30, Slot(0, 96), Slot(24 * 26, 24 * 30), 1, 0.5)
    edges = {slot.begin for slot in cut(plan, None, [9.2, 14.6, 21.0])[1:]}
    assert {round(9.2 * 24), round(14.6 * 24), round(21.0 * 24)} & edges
    with pytest.raises(JobError, match="30 pictures"):
        cut(plan, 30, [])


# --- words -----------------------------------------------------------------------------------------------------------

VERSE = """I.

WASHING DAY

The sea went out on a washing day
    with the sheets still on the line,
and the boats went out.

Scrape, my love, scrape."""


def test_verse_keeps_its_lines_and_stanzas_and_its_heading_apart() -> None:
    texts = [
        "I. WASHING DAY",
        "The sea went out on a washing day",
        "with the sheets still on the line,",
        "and the boats went out.",
        "Scrape, my love, scrape.",
    ]
    spans = [(2.0 * number, 2.0 * number + 1.8, text) for number, text in enumerate(texts)]
    cues = cues_of(said_in(spans, [read_passage(VERSE)], 1.0), 42, 60.0)
    assert [cue.lines for cue in cues] == [(texts[0],), (texts[1], texts[2]), (texts[3],), (texts[4],)]
    assert cues[0].begin == 1.0
    assert all(before.end <= after.begin for before, after in pairwise(cues))


def test_a_long_sentence_is_shown_in_pieces_of_two_lines() -> None:
    text = "word " * 60 + "end."
    cues = cues_of([Said(1.0, 21.0, text)], 40, 20.0)
    assert " ".join(" ".join(cue.lines) for cue in cues) == text[: len(" ".join(" ".join(cue.lines) for cue in cues))]
    assert all(len(cue.lines) <= 2 and max(map(len, cue.lines)) <= 40 for cue in cues)
    assert all(cue.end <= 20.0 for cue in cues)
    assert cues_of([Said(1.0, 2.0, "x" * 200)], 40, 20.0)


def test_a_subtitle_file_is_one() -> None:
    told = as_srt([Cue(1.5, 3.25, ("One", "two")), Cue(3661.0, 3662.0, ("three",))])
    assert told == "1\n00:00:01,500 --> 00:00:03,250\nOne\ntwo\n\n2\n01:01:01,000 --> 01:01:02,000\nthree\n"


def test_credits_name_files_by_title_or_kind_never_by_hash() -> None:
    told = AssetSnapshot(
        id=uuid.uuid4(), type=AssetTypeEnum.AUDIO, format="mp3", content_type="audio/mpeg", size_bytes=900_000,
        checksum="ab" * 32, duration_seconds=75.2,
    )  # fmt: skip
    lore = LoreSnapshot(taken_at=THEN, world=WorldSnapshot(id=uuid.uuid4(), name="World"), assets=[told])
    (named,) = credits_of(lore, {told.id: "The Long Ebb"})
    (unnamed,) = credits_of(lore)
    assert named.entries == [("The Long Ebb", "", "recording")]
    assert unnamed.entries == [("A recording", "", "MP3, 1:15")]


def test_a_pictures_own_file_tells_its_title(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plate.png", pnginfo=titled("Æsc & Élan"))
    (tmp_path / "map.svg").write_text("<svg><title>Æsc &amp; Élan</title></svg>", encoding="utf-8")
    for name, kind in (("plate.png", "image/png"), ("map.svg", "image/svg+xml")):
        used = AssetSnapshot(
            id=uuid.uuid4(), type=AssetTypeEnum.MAP, format="", content_type=kind, size_bytes=9, checksum=""
        )
        assert title_in(tmp_path / name, used) == "Æsc & Élan"


def test_credits_are_cut_to_the_cards_there_is_time_for() -> None:
    sections = [
        Section("From", [("A book", "", "chunk 1")]),
        Section("By the claims", [(f"C{n}", "is", "so") for n in range(40)]),
    ]
    cards = cards_of(sections)
    assert sum(len(section.entries) for card in cards for section in card) == 41
    assert shortened(cards, 99) == cards
    (only,) = shortened(cards, 1)
    shown = sum(len(section.entries) for section in cards[0])
    assert only[-1].entries == [(f"and {41 - shown} more in the derivation", "", "")]
