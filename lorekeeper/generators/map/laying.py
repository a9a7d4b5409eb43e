"""Everything a map shows, decided before a line of it is drawn."""

from dataclasses import dataclass
from random import Random

import numpy as np

from lorekeeper.generators.map.furniture import Furniture, Legend, plan_furniture
from lorekeeper.generators.map.ground import Ground, grow
from lorekeeper.generators.map.kinds import Kind
from lorekeeper.generators.map.labels import Inked, Labeller, Labelling
from lorekeeper.generators.map.lettering import Lettering
from lorekeeper.generators.map.manners import Manner
from lorekeeper.generators.map.naming import Name, names_of, to_measure
from lorekeeper.generators.map.ornament import cell_name, roomiest
from lorekeeper.generators.map.outline import Grid
from lorekeeper.generators.map.reading import Gazetteer
from lorekeeper.generators.map.relief import courses
from lorekeeper.generators.map.roads import Road, find_roads, mask_of
from lorekeeper.generators.map.sheet import Box, Sheet
from lorekeeper.generators.map.siting import Settlement, bring_home, settle
from lorekeeper.generators.map.titles import Titles
from lorekeeper.generators.map.water import River, drain, find_rivers, outflow
from lorekeeper.sdk.handling import JobContext

_RANGES = 4
_RIVERS = 12
_GROUNDS = ({Kind.MARSH}, {Kind.FLATS, Kind.STRAND}, {Kind.LAKE})
_COMPASS = (46.0, 128.0)
# The letters of the rose stand out a little, and want air about them.
_ROSE = 1.12


@dataclass
class Plan:
    """A map ready to be drawn. `compass` is its middle and radius."""

    sheet: Sheet
    manner: Manner
    titles: Titles
    book: Gazetteer
    ground: Ground
    rivers: list[River]
    roads: list[Road]
    names: list[Name]
    labelling: Labelling
    lettering: Lettering
    furniture: Furniture
    legend: Legend
    compass: tuple[float, float, float]
    mark_size: float

    def counts(self) -> dict[str, int]:
        return {
            "places": len(self.book.places),
            "named": len(self.labelling.settings),
            "numbered": len(self.labelling.numbered),
            "rivers": len(self.rivers),
            "roads": len(self.roads),
        }

    @property
    def compass_box(self) -> Box:
        x, y, radius = self.compass
        reach = _ROSE * radius
        return Box(x - reach, y - reach, 2 * reach, 2 * reach)


def lay_out(
    sheet: Sheet, book: Gazetteer, manner: Manner, titles: Titles, rng: Random, context: JobContext, *, detail: str
) -> Plan:
    """Furniture, ground, rivers, places, roads, names: each with regard to those before it."""
    lettering = Lettering()
    names = names_of(book.places, manner)
    lettering.measure(to_measure(names))
    kinds = [kind for kind in Kind if any(place.kind is kind and not place.is_area for place in book.places)]
    grounds = sum(any(place.kind in some for place in book.places) for some in _GROUNDS)
    rows = len(kinds) + 4 + grounds + (sum(place.kind is Kind.REGION for place in book.places) > 1)
    furniture = plan_furniture(sheet, titles.title, titles.under, rows, len(names), lettering, rng)
    context.progress(8, "raising the land")
    ground = grow(sheet, furniture.clear, rng, detail=detail, ranges=_RANGES)
    drainage = drain(ground, rng)
    rivers = find_rivers(drainage, rng, most=_RIVERS)
    context.progress(18, "siting")
    settlement = settle(book, ground, rivers, sheet, furniture.clear, rng)
    for place in book.places:
        if place.kind is Kind.LAKE:
            stream = outflow(drainage, place.x, place.y, rng)
            rivers += [stream] if stream else []
    bring_home(book, ground, rivers)
    context.progress(26, "building roads")
    roads = find_roads(book, ground, rivers, rng, spacing=settlement.spacing)
    context.progress(36, "naming")
    mark_size = 34.0 + 22.0 * float(np.exp(-len(names) / 40))
    compass = _find_compass(ground, sheet, furniture, book)
    plan = Plan(
        sheet, manner, titles, book, ground, rivers, roads, names, Labelling(), lettering, furniture,
        Legend(kinds, [], [], [], settlement.mile, days=_in_days(book)), compass, mark_size,
    )  # fmt: skip
    plan.labelling = _label(plan, settlement)
    plan.legend = _legend(plan)
    return plan


def _label(plan: Plan, settlement: Settlement) -> Labelling:
    taken = [*plan.furniture.clear, plan.compass_box]
    labeller = Labeller(
        plan.sheet, plan.ground, plan.manner, plan.lettering, taken, Inked(plan.ground, _drawn(plan)),
        Inked(plan.ground, plan.ground.land.astype(float)), plan.mark_size, settlement.spacing,
    )  # fmt: skip
    return labeller.place(plan.names)


def _drawn(plan: Plan) -> Grid:
    """How much a name would hide at each node: coast, rivers, roads, peaks."""
    ground = plan.ground
    coast = (np.abs(ground.shore) < 0.8 * ground.cell).astype(float)
    wet = courses(ground, plan.rivers) * (ground.land & (ground.lake < 0.4))
    wet = np.maximum(wet, ground.lake > 0.4)
    trodden = mask_of(plan.roads, ground)
    return np.asarray(np.maximum(np.maximum(coast, 0.8 * wet), np.maximum(0.7 * trodden, 0.25 * ground.peaks)))


def _find_compass(ground: Ground, sheet: Sheet, furniture: Furniture, book: Gazetteer) -> tuple[float, float, float]:
    """At sea where there is room for it, else on land, off every place."""
    least, wanted = _COMPASS
    near = min(wanted, 0.13 * min(sheet.frame.width, sheet.frame.height))
    places = [Box(place.x - 30, place.y - 30, 60, 60) for place in book.places]
    taken = [*furniture.clear, *places]
    x, y, room = roomiest(ground, sheet, taken, at_sea=True, wanted=near + 12)
    if room < least:
        x, y, room = roomiest(ground, sheet, taken, at_sea=False, wanted=near)
    return x, y, max(24.0, min(room - 12, near))


def _legend(plan: Plan) -> Legend:
    lines = []
    if any(road.great for road in plan.roads):
        lines.append(("Great road", plan.manner.road, 2.6, "11 4"))
    if any(not road.great for road in plan.roads):
        lines.append(("Road", plan.manner.road, 1.9, "5.5 4.5"))
    if sum(place.kind is Kind.REGION for place in plan.book.places) > 1:
        lines.append(("Border", plan.manner.accent, 1.7, "0.1 6.5"))
    index = [
        f"{plan.names[number].text} ({cell_name(plan.sheet, plan.names[number].place.x, plan.names[number].place.y)})"
        for number in plan.labelling.numbered
    ]
    return Legend(plan.legend.kinds, lines, [], index, plan.legend.mile, plan.legend.days)


def _in_days(book: Gazetteer) -> bool:
    stated = [relation.miles for relation in book.relations if relation.miles]
    return bool(stated) and all(miles % 20 == 0 for miles in stated)
