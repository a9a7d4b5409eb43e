"""Names on a map: none on another, none on a mark, all within the frame; and that what is measured is what is drawn."""

from itertools import combinations
from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorekeeper.generators.map.canvas import Canvas
from lorekeeper.generators.map.furniture import Furniture, Legend, Title, draw_legend
from lorekeeper.generators.map.ground import grow
from lorekeeper.generators.map.kinds import AREAS, Kind
from lorekeeper.generators.map.labels import Inked, Labeller, Labelling
from lorekeeper.generators.map.lettering import Face, Lettering, Letters, outlines
from lorekeeper.generators.map.manners import PARCHMENT
from lorekeeper.generators.map.marks import mark_reach
from lorekeeper.generators.map.naming import Name, names_of, to_measure
from lorekeeper.generators.map.press import print_png
from lorekeeper.generators.map.reading import Place
from lorekeeper.generators.map.sheet import Box, sheet_for

SHEET = sheet_for("4:3", "draft")
GROUND = grow(SHEET, [], Random(7), detail="coarse", ranges=3)
FURNITURE = [Box(90, 90, 500, 220), Box(1900, 1300, 320, 340)]
MARK = 36.0
LETTERING = Lettering()

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=60)
words = st.sampled_from(["Old", "Grey", "Harbour", "upon", "the", "Water", "Wick", "Saint", "Mary", "Ford"])
english = st.lists(words, min_size=1).map(" ".join)
spots = st.tuples(st.floats(80, SHEET.width - 80), st.floats(80, SHEET.height - 80))
places = st.tuples(st.one_of(english, texts), st.sampled_from(list(Kind)), spots, st.floats(1, 5))


def place_all(drawn: list[tuple[str, Kind, tuple[float, float], float]]) -> tuple[list[Name], Labelling]:
    found = []
    for name, kind, (x, y), weight in drawn:
        apart = all(abs(x - other.x) > MARK * 1.3 or abs(y - other.y) > MARK * 1.3 for other in found)
        free = not any(box.inset(-30).overlaps(Box(x, y, 0, 0)) for box in FURNITURE)
        if apart and free:
            found.append(Place(name[:72], kind, frozenset(), "", weight, x=x, y=y))
    names = names_of(found, PARCHMENT)
    LETTERING.measure(to_measure(names))
    land = GROUND.land.astype(float)
    labeller = Labeller(
        SHEET,
        GROUND,
        PARCHMENT,
        LETTERING,
        FURNITURE,
        Inked(GROUND, 0.3 * GROUND.peaks),
        Inked(GROUND, land),
        MARK,
        180,
    )
    return names, labeller.place(names)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(places, min_size=1, max_size=45))
def test_names_never_overlap(drawn: list[tuple[str, Kind, tuple[float, float], float]]) -> None:
    names, done = place_all(drawn)
    assert sorted([*done.settings, *done.numbered]) == list(range(len(names)))
    boxes = [(index, box) for index, setting in done.settings.items() for box in setting.boxes]
    for (one, box), (other, another) in combinations(boxes, 2):
        assert one == other or not box.overlaps(another)
    marks = [name for name in names if name.place.kind not in AREAS]
    for index, box in boxes:
        assert SHEET.frame.holds(box)
        assert not any(box.overlaps(taken) for taken in FURNITURE)
        for mark in marks:
            reach = mark_reach(mark.place.kind, MARK)
            around = Box(mark.place.x - reach, mark.place.y - reach, 2 * reach, 2 * reach)
            assert not box.overlaps(around), (index, mark.index)


def test_two_hundred_places_are_named_or_numbered() -> None:
    rng = Random(3)
    drawn = [
        (f"{rng.choice(('Old', 'Grey', 'Upper'))} {rng.choice(('Harbour', 'Wick', 'Ford'))} {index}", Kind.TOWN,
         (rng.uniform(80, SHEET.width - 80), rng.uniform(80, SHEET.height - 80)), 1.0)
        for index in range(280)
    ]  # fmt: skip
    names, done = place_all(drawn)
    assert len(names) > 180
    assert len(done.settings) > 0.9 * len(names)


def test_what_is_numbered_is_named_in_the_legend() -> None:
    room = Box(100, 100, 330, 420)
    furniture = Furniture(Title(("A",), 20.0, "", 0.0), Box(900, 100, 300, 100), room, (0, 0))
    index = [f"A Place of Some Length {number}" for number in range(24)] + ["É" * 72]
    legend = Legend([Kind.CITY, Kind.FORD], [], ["Woods"], index, 5.0, days=False)
    draw_legend(Canvas(), furniture, legend, PARCHMENT, LETTERING)
    told = " ".join(item.text for item in furniture.letters)
    assert all(name in told for name in index[:-1])
    assert room.holds(furniture.legend)
    for item in furniture.letters:
        assert furniture.legend.x <= item.x
        assert item.x + item.width <= furniture.legend.right
        assert furniture.legend.y < item.y < furniture.legend.bottom


def test_a_legend_with_fewer_rows_than_were_planned_holds_them() -> None:
    """Ten were, in two columns; nine come, and no more height."""
    room = Box(100, 100, 390, 62 + 5 * 31 + 66)
    furniture = Furniture(Title(("A",), 20.0, "", 0.0), Box(900, 100, 300, 100), room, (0, 0))
    legend = Legend(
        [Kind.CITY, Kind.FORD, Kind.PEAK, Kind.HALL], [], ["Woods", "Marsh", "Sands", "Lake", "Mountains"], [], 5, False
    )
    draw_legend(Canvas(), furniture, legend, PARCHMENT, LETTERING)
    rows = [
        item for item in furniture.letters if item.text in {*legend.grounds, *(kind.value for kind in legend.kinds)}
    ]
    assert len(rows) == 9
    assert all(item.y < furniture.legend.bottom - 60 for item in rows), "above the scale"


def test_a_name_on_a_coast_lies_on_one_side_of_it() -> None:
    """Where it can: the choice that crosses fewer coasts costs less, all else being alike."""
    rows, columns = np.nonzero(np.abs(GROUND.shore[20:-20, 20:-20]) < GROUND.cell)
    x, y = float(columns[7] + 20) * GROUND.cell, float(rows[7] + 20) * GROUND.cell
    land = Inked(GROUND, GROUND.land.astype(float))
    labeller = Labeller(SHEET, GROUND, PARCHMENT, LETTERING, [], Inked(GROUND, 0.0 * GROUND.peaks), land, MARK, 180)
    over = labeller._crossed(np.array([[x - 60, y - 12, x + 60, y + 12]]))
    inland = np.unravel_index(int(GROUND.shore.argmax()), GROUND.shore.shape)
    middle = inland[1] * GROUND.cell, inland[0] * GROUND.cell
    on_land = labeller._crossed(np.array([[middle[0] - 20, middle[1] - 9, middle[0] + 20, middle[1] + 9]]))
    assert over[0] > on_land[0] == 0


def test_ink_stays_within_what_was_measured() -> None:
    face, size, x, y = Face(smallcaps=True, weight="semibold", tracking=0.03), 90.0, 300.0, 500.0
    canvas = Canvas()
    text = "Ágypt Fjörd"
    extent = LETTERING.extent(text, face)
    letters = Letters(text, face, size, x, y, "#000000", extent.width * size)
    canvas.raw(outlines(SHEET, [letters]))
    printed = print_png(canvas.document(SHEET.pixels, SHEET.width, SHEET.height, "t", "d"), SHEET)
    rows, columns = np.nonzero(np.asarray(printed.convert("L")) < 128)
    unit = SHEET.pixels[0] / SHEET.width
    box = Box(x, y - extent.above * size, extent.width * size, (extent.above + extent.below) * size)
    assert box.inset(-3).holds(
        Box(columns.min() / unit, rows.min() / unit, np.ptp(columns) / unit, np.ptp(rows) / unit)
    )
    assert np.ptp(columns) / unit > 0.9 * box.width
    assert np.ptp(rows) / unit > 0.9 * box.height
