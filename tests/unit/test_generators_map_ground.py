"""The ground of a map and what lies on it: rivers fall, roads keep to land, places are where the lore puts them."""

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from test_generators_lore import Context, claim, entity, job, uid

from lorekeeper.contracts.enums import AssetTypeEnum
from lorekeeper.contracts.snapshot import ClaimSnapshot
from lorekeeper.generators.map.ground import Ground, grow
from lorekeeper.generators.map.kinds import Kind, nature_of
from lorekeeper.generators.map.laying import Plan, lay_out
from lorekeeper.generators.map.manners import PARCHMENT
from lorekeeper.generators.map.outline import area, rings
from lorekeeper.generators.map.reading import Place, read_places, read_relation
from lorekeeper.generators.map.sheet import sheet_for
from lorekeeper.generators.map.titles import Titles
from lorekeeper.generators.map.water import drain, find_rivers

WORDS = ("Harbour", "Ford", "Bridge", "Town", "Village", "Castle", "Peak", "Wood", "Isle", "Mere", "Cape", "Ruin")


def between(one: str, predicate: str, other: str) -> ClaimSnapshot:
    return claim(one, predicate, other).model_copy(
        update={"object_entity_id": uid(other), "object_name": other, "object_value": None}
    )


def plan_of(names: list[str], claims: list[ClaimSnapshot], seed: int, folder: Path) -> Plan:
    lore = job(AssetTypeEnum.MAP, entities=[entity(name, "LOCATION") for name in names], claims=claims)
    book = read_places(lore.derivation.lore_snapshot)
    sheet, titles = sheet_for(None, "draft"), Titles("A Map", "of places", "imprint")
    return lay_out(sheet, book, PARCHMENT, titles, Random(seed), Context(folder), detail="coarse")


@pytest.fixture(scope="module", params=[1, 2])
def plan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    """Thirty-six places of many kinds."""
    names = [f"{colour} {word}" for colour in ("Grey", "Red", "White") for word in WORDS]
    claims = [between("Grey Town", "road_to", "Red Town"), between("White Town", "near", "Grey Harbour")]
    yield plan_of(names, claims, request.param, tmp_path_factory.mktemp("map"))


def land_around(ground: Ground, x: float, y: float, reach: int) -> list[bool]:
    row, column = ground.node(x, y)
    patch = ground.land[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
    return [bool(node) for node in patch.ravel()]


@pytest.mark.parametrize("seed", range(5))
def test_rivers_never_rise_and_end_in_the_sea_or_in_a_river(seed: int) -> None:
    sheet, rng = sheet_for("3:2", "draft"), Random(seed)
    ground = grow(sheet, [sheet.frame.inset(700)], rng, detail="coarse", ranges=3)
    rivers = find_rivers(drain(ground, rng), rng, most=12)
    assert rivers
    bed = {point for river in rivers for point in map(ground_cell, river.points[:-1])}
    for river in rivers:
        assert river.heights == sorted(river.heights, reverse=True)
        end = river.points[-1]
        at_edge = not (20 < end[0] < sheet.width - 20 and 20 < end[1] < sheet.height - 20)
        at_sea = river.heights[-1] == 0 and not all(land_around(ground, *end, 1))
        assert (ground_cell(end) in bed or near(end, bed)) if river.joins else (at_sea or at_edge)


def ground_cell(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0] / 12), round(point[1] / 12)


def near(point: tuple[float, float], bed: set[tuple[int, int]]) -> bool:
    column, row = ground_cell(point)
    return any((column + dx, row + dy) in bed for dx in (-1, 0, 1) for dy in (-1, 0, 1))


def test_roads_keep_off_the_sea_and_lakes(plan: Plan) -> None:
    assert plan.roads
    for road in plan.roads:
        for start, end in zip(road.points[1:-2], road.points[2:-1], strict=True):
            for share in (0.0, 0.5):
                x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
                assert plan.ground.dry(x, y)


def test_roads_end_at_places_and_go_round_steep_ground(plan: Plan) -> None:
    marks = {(place.x, place.y) for place in plan.book.places if not place.is_area}
    assert {end for road in plan.roads for end in (road.points[0], road.points[-1])} <= marks
    trodden = [plan.ground.at(plan.ground.peaks, *point) for road in plan.roads for point in road.points]
    assert sum(trodden) / len(trodden) < 0.8 * plan.ground.peaks[plan.ground.land].mean() + 0.05


def test_a_road_that_is_told_of_is_built(plan: Plan) -> None:
    names = {place.name: place for place in plan.book.places}
    ends = {(names[name].x, names[name].y) for name in ("Grey Town", "Red Town")}
    assert any(road.great and {road.points[0], road.points[-1]} == ends for road in plan.roads)


def test_each_kind_lies_where_it_belongs(plan: Plan) -> None:
    ground = plan.ground
    wet = [point for river in plan.rivers for point in river.points]
    for place in plan.book.places:
        at = (place.x, place.y)
        if place.kind is Kind.HARBOUR:
            assert ground.dry(*at)
            assert not all(land_around(ground, *at, 1)), "a harbour touches water"
        elif place.kind in {Kind.FORD, Kind.BRIDGE}:
            assert min(math.dist(at, point) for point in wet) < 1
        elif place.kind is Kind.ISLAND:
            assert ground.land[ground.node(*at)]
        elif place.kind is Kind.LAKE:
            assert ground.at(ground.lake, *at) > 0.5
        elif not place.is_area:
            assert ground.dry(*at)
    peaks = [ground.at(ground.peaks, place.x, place.y) for place in plan.book.places if place.kind is Kind.PEAK]
    assert min(peaks) > ground.peaks[ground.land].mean()


def test_no_mark_lies_on_another_or_under_the_furniture(plan: Plan) -> None:
    marks = [place for place in plan.book.places if not place.is_area]
    assert all(
        math.dist((one.x, one.y), (other.x, other.y)) > 0.9 * plan.mark_size
        for index, one in enumerate(marks)
        for other in marks[:index]
    )
    for place in marks:
        for box in plan.furniture.clear:
            assert not (box.x < place.x < box.right and box.y < place.y < box.bottom)


def test_claims_put_places_where_they_say(tmp_path: Path) -> None:
    names = ["Midtown", "Upton", "Lowbury", "Eastwick", "Farham", "Nearham"]
    claims = [
        between("Upton", "north_of", "Midtown"),
        between("Lowbury", "lies_south_of", "Midtown"),
        between("Eastwick", "is_east_of", "Midtown"),
        between("Farham", "ten_days_from", "Midtown"),
        between("Nearham", "two_days_from", "Midtown"),
    ]
    for seed in (5, 6):
        at = {place.name: place for place in plan_of(names, claims, seed, tmp_path).book.places}
        assert at["Upton"].y < at["Midtown"].y - 20
        assert at["Lowbury"].y > at["Midtown"].y + 20
        assert at["Eastwick"].x > at["Midtown"].x + 20
        assert away(at["Farham"], at["Midtown"]) > 1.5 * away(at["Nearham"], at["Midtown"])


def test_a_road_reaches_what_is_an_area(tmp_path: Path) -> None:
    claims = [between("Danish Strand", "road_to", "Midtown"), between("Grey Mere", "road_to", "Midtown")]
    laid = plan_of(["Danish Strand", "Midtown", "Grey Mere"], claims, 5, tmp_path)
    strand, town, mere = laid.book.places
    great = [road for road in laid.roads if road.great]
    assert len(great) == 2
    for place in (strand, mere):
        ends = [min(math.dist(road.points[i], (place.x, place.y)) for i in (0, -1)) for road in great]
        assert min(ends) < 160
        assert any((town.x, town.y) in (road.points[0], road.points[-1]) for road in great)
    assert 0 < laid.ground.at(laid.ground.shore, strand.x, strand.y) < 60


def away(one: Place, other: Place) -> float:
    return math.dist((one.x, one.y), (other.x, other.y))


@pytest.mark.parametrize(
    ("name", "summary", "kind"),
    [
        ("Hollin Staithe", "A harbour town with everything that a harbour needs, except the sea.", Kind.HARBOUR),
        ("The Danish Strand", "The harbour where the coast-guard watches for ships.", Kind.HARBOUR),
        ("The Danish Strand", "", Kind.STRAND),
        ("Whale Beach", "Long and empty.", Kind.STRAND),
        ("Kesh", "A day from the shore.", Kind.PLACE),
        ("The Slack", "The bare sea bed between the town and the water.", Kind.FLATS),
        ("Grendel's Mere", "", Kind.LAKE),
        ("Heorot", "The great mead hall of Hrothgar, king of the Danes.", Kind.HALL),
        ("Ravenswood", "", Kind.FOREST),
        ("Grey Fells", "", Kind.RANGE),
        ("Isle of Wen", "", Kind.ISLAND),
        ("Oxenford", "", Kind.FORD),
        ("Skyhold", "A ruined tower.", Kind.RUIN),
        ("Kesh", "Where the road ends.", Kind.PLACE),
        ("Geatland", "", Kind.REGION),
        ("The Whale-Road", "The sea between the lands.", Kind.SEA),
    ],
)
def test_words_tell_the_kind(name: str, summary: str, kind: Kind) -> None:
    assert nature_of(name, summary, "").kind is kind


def test_predicates_tell_how_places_lie() -> None:
    assert read_relation(0, 1, "north_of").toward == pytest.approx((0, -1))
    assert read_relation(0, 1, "lies_south-west_of").toward == pytest.approx((-math.sqrt(0.5), math.sqrt(0.5)))
    assert read_relation(0, 1, "two_days_from").miles == 40
    assert read_relation(0, 1, "lies 3 leagues from").miles == 9
    assert read_relation(0, 1, "part_of").inside
    assert (read_relation(0, 1, "contains").one, read_relation(0, 1, "contains").inside) == (1, True)
    assert read_relation(0, 1, "road_to").road
    assert read_relation(0, 1, "near").near
    assert not read_relation(0, 1, "is_not_near").near


def test_texts_and_claims_alone_are_read() -> None:
    told = job(
        AssetTypeEnum.MAP,
        entities=[entity("Dock", "LOCATION", "A dock a day north of Hollin."), entity("Hollin", "LOCATION")],
    )
    (relation,) = read_places(told.derivation.lore_snapshot).relations
    assert (relation.one, relation.other, relation.miles) == (0, 1, 20)
    assert relation.toward == pytest.approx((0, -1))
    spoken = job(AssetTypeEnum.MAP, claims=[between("Black Harbour", "north_of", "Red Tower"), claim("Ann", "is", "x")])
    assert [place.name for place in read_places(spoken.derivation.lore_snapshot).places] == [
        "Black Harbour",
        "Red Tower",
    ]


def test_level_lines_close_around_what_is_high() -> None:
    sheet = sheet_for("1:1", "draft")
    ground = grow(sheet, [], Random(4), detail="coarse", ranges=2)
    found = rings(ground.coast, 0.0, ground.cell)
    covered = abs(sum(area(ring) for ring in found)) / ground.cell**2
    assert covered == pytest.approx(ground.land.sum(), rel=0.03)
