"""Draws a plan, from the sea up to the lettering."""

import math
from dataclasses import replace
from random import Random

from lorekeeper.generators.map.canvas import Canvas, Point, disc_of
from lorekeeper.generators.map.furniture import draw_cartouche, draw_legend
from lorekeeper.generators.map.kinds import Kind
from lorekeeper.generators.map.labels import Inked
from lorekeeper.generators.map.laying import Plan
from lorekeeper.generators.map.lettering import Face, Letters, outlines
from lorekeeper.generators.map.marks import draw_mark, mark_reach
from lorekeeper.generators.map.ornament import draw_border, draw_compass, draw_silhouette, roomiest
from lorekeeper.generators.map.paper import tone
from lorekeeper.generators.map.relief import Relief, boxes_of, courses
from lorekeeper.generators.map.roads import mask_of
from lorekeeper.generators.map.scene import draw_borders, draw_land, draw_roads, draw_sea, draw_waters, tint_at
from lorekeeper.generators.map.sheet import Box
from lorekeeper.generators.map.strokes import LAKES
from lorekeeper.generators.plate import beasts, vessels
from lorekeeper.sdk.handling import JobContext

_SWIMMERS = (vessels.barque, beasts.serpent, vessels.longship, beasts.whale)
_ROOM = (52.0, 92.0)
_NUMBER = Face(weight="semibold")


def draw_map(plan: Plan, rng: Random, context: JobContext) -> str:
    """The SVG document."""
    canvas = Canvas()
    sheet, manner, frame = plan.sheet, plan.manner, plan.sheet.frame
    canvas.define(
        f'<clipPath id="frame"><rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" '
        f'height="{frame.height:.1f}"/></clipPath>'
    )
    letters: list[Letters] = []
    with canvas.group('clip-path="url(#frame)"'):
        draw_sea(canvas, sheet, plan.ground, manner, rng, plan.compass[:2])
        draw_land(canvas, plan.ground, manner, rng)
        draw_waters(canvas, plan.ground, plan.rivers, manner)
        draw_borders(canvas, plan.ground, plan.book.places, manner, rng)
        draw_roads(canvas, plan.roads, manner)
        context.progress(58, "planting")
        sown = _draw_relief(canvas, plan, rng)
        letters += _draw_places(canvas, plan)
        letters += draw_compass(canvas, *plan.compass, manner, plan.lettering)
        _draw_swimmers(canvas, plan, rng)
    context.progress(66, "lettering")
    letters += draw_border(canvas, sheet, manner, plan.lettering)
    draw_cartouche(canvas, plan.furniture, manner, plan.lettering)
    grounds = [name for name, count in sown.items() if count > 3]
    grounds += [LAKES] if any(place.kind is Kind.LAKE for place in plan.book.places) else []
    draw_legend(canvas, plan.furniture, replace(plan.legend, grounds=grounds), manner, plan.lettering)
    letters += plan.furniture.letters
    letters.append(_imprint(plan))
    canvas.raw(outlines(sheet, letters))
    canvas.picture(tone(sheet, manner, rng), sheet.width, sheet.height)
    told = ", ".join(name.text for name in plan.names)
    return canvas.document(sheet.pixels, sheet.width, sheet.height, plan.titles.title, f"{plan.titles.under}: {told}")


def _draw_relief(canvas: Canvas, plan: Plan, rng: Random) -> dict[str, int]:
    ground = plan.ground
    kept = [box for setting in plan.labelling.settings.values() for box in setting.boxes]
    kept += [_mark_box(plan, index) for index in range(len(plan.names)) if not plan.names[index].place.is_area]
    kept += [*plan.furniture.clear, plan.compass_box]
    ways = Inked(ground, mask_of(plan.roads, ground) + courses(ground, plan.rivers))
    return Relief(ground, plan.manner, boxes_of(kept, 2.0), ways, rng).draw(canvas)


def _mark_box(plan: Plan, index: int) -> Box:
    place = plan.names[index].place
    reach = mark_reach(place.kind, plan.mark_size)
    return Box(place.x - reach, place.y - reach, 2 * reach, 2 * reach)


def _draw_places(canvas: Canvas, plan: Plan) -> list[Letters]:
    """Marks, and the names beside them; a number on a disc where a name found no room."""
    letters: list[Letters] = []
    numbers = {index: number for number, index in enumerate(plan.labelling.numbered, 1)}
    for index, name in sorted(enumerate(plan.names), key=lambda pair: pair[1].place.y):
        place = name.place
        if index in numbers:
            letters.append(_draw_number(canvas, plan, place.x, place.y, numbers[index]))
            continue
        lit = replace(plan.manner, land=tint_at(plan.ground, plan.manner, place.x, place.y))
        draw_mark(canvas, place.kind, place.x, place.y, plan.mark_size, lit)
        letters.extend(
            replace(item, ground=tint_at(plan.ground, plan.manner, *_middle(item)))
            for item in plan.labelling.settings[index].letters
        )
    return letters


def _middle(item: Letters) -> Point:
    turn = math.radians(item.angle)
    return item.x + item.width / 2 * math.cos(turn), item.y + item.width / 2 * math.sin(turn) - 0.3 * item.size


def _draw_number(canvas: Canvas, plan: Plan, x: float, y: float, number: int) -> Letters:
    manner, text = plan.manner, str(number)
    radius = 0.32 * plan.mark_size
    canvas.path(disc_of(x, y, radius), fill=manner.paper, stroke=manner.ink, width=1.4)
    extent = plan.lettering.extent(text, _NUMBER)
    size = min(1.3 * radius, 1.6 * radius / extent.width)
    width = extent.width * size
    return Letters(text, _NUMBER, size, x - width / 2, y + extent.above * size / 2, manner.accent, width)


def _draw_swimmers(canvas: Canvas, plan: Plan, rng: Random) -> None:
    """A ship or two and what they fear, where the sea is empty."""
    least, wanted = _ROOM
    taken = [box for setting in plan.labelling.settings.values() for box in setting.boxes]
    taken += [*plan.furniture.clear, plan.compass_box]
    devices = rng.sample(_SWIMMERS, len(_SWIMMERS))
    for device in devices[: 2 if plan.sheet.width * plan.sheet.height < 4.5e6 else 3]:
        x, y, room = roomiest(plan.ground, plan.sheet, taken, at_sea=True, wanted=wanted)
        if room < least:
            return
        size = 0.82 * min(room, wanted)
        draw_silhouette(canvas, device, x, y + 0.4 * size, size, plan.manner, mirrored=rng.random() < 0.5)
        taken.append(Box(x - 3 * room, y - 3 * room, 6 * room, 6 * room))


def _imprint(plan: Plan) -> Letters:
    text, size = plan.titles.imprint, 11.0
    face = Face(smallcaps=True, tracking=0.08)
    width = plan.lettering.extent(text, face).width * size
    x = plan.sheet.width / 2 - width / 2
    return Letters(text, face, size, x, plan.sheet.height - 12, plan.manner.faint, width)
