"""Where places lie: each where its kind belongs and where the lore puts it, none on top of another."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from lorekeeper.generators.map.ground import Ground, add_island, measure_shore, patches, ridge_field, texture
from lorekeeper.generators.map.kinds import Kind
from lorekeeper.generators.map.outline import Grid, Mask, blurred
from lorekeeper.generators.map.reading import Gazetteer, Place, Relation
from lorekeeper.generators.map.sheet import Box, Sheet
from lorekeeper.generators.map.water import River

_CANDIDATES = 2200
_NEVER = 60.0
_OVERSEAS = 12.0
_CLOSEST = 46.0
_HINT_RIVER = 26.0
_GREAT = frozenset({Kind.REGION, Kind.SEA, Kind.ISLAND, Kind.RANGE})


@dataclass(frozen=True)
class Sites:
    """Points where a place might be, and what is there. `x`, `y` in units; `u`, `v` over the map, -1 to 1. `isle` is
    the number of the connected land, 0 at sea, and `vast` how much of all land that is, 0 to 1."""

    x: Grid
    y: Grid
    u: Grid
    v: Grid
    shore: Grid
    peaks: Grid
    wood: Grid
    river: Grid
    flow: Grid
    landward: Grid
    mainland: Grid
    edge: Grid
    clear: Grid
    dry: Grid
    isle: Grid
    vast: Grid


def sites_of(ground: Ground, rivers: Sequence[River], sheet: Sheet, clear: Sequence[Box], rng: Random) -> Sites:
    """A shaken lattice, the coast, and the rivers, without what the furniture covers."""
    room = sheet.frame.inset(58)
    step = math.sqrt(room.width * room.height / _CANDIDATES)
    dice = np.random.default_rng(rng.getrandbits(64))
    lattice = np.mgrid[room.x : room.right : step, room.y : room.bottom : step].reshape(2, -1)
    lattice = lattice + dice.uniform(-0.4, 0.4, lattice.shape) * step
    rows, columns = np.nonzero(ground.land & (ground.shore < 1.2 * ground.cell))
    kept = slice(None, None, max(1, len(rows) // 900))
    coast = np.array([columns[kept], rows[kept]]) * ground.cell
    courses = [np.array(river.points[2:-2]) for river in rivers if len(river.points) > 6]
    wet = np.vstack(courses).T if courses else np.zeros((2, 0))
    points = np.hstack([lattice, coast, wet[:, ::2]])
    away = np.full(points.shape[1], 900.0)
    for box in clear:
        dx = np.maximum(np.maximum(box.x - points[0], points[0] - box.right), 0)
        dy = np.maximum(np.maximum(box.y - points[1], points[1] - box.bottom), 0)
        away = np.minimum(away, np.hypot(dx, dy))
    free = (
        (away > 34) & (points[0] > room.x) & (points[0] < room.right) & (points[1] > room.y) & (points[1] < room.bottom)
    )
    x, y = points[:, free]
    return _surveyed(ground, rivers, sheet, x, y, away[free], wet)


def _surveyed(ground: Ground, rivers: Sequence[River], sheet: Sheet, x: Grid, y: Grid, clear: Grid, wet: Grid) -> Sites:
    row = np.clip(np.rint(y / ground.cell).astype(int), 0, ground.shape[0] - 1)
    column = np.clip(np.rint(x / ground.cell).astype(int), 0, ground.shape[1] - 1)
    landward = blurred(ground.land.astype(float), max(1, round(60 / ground.cell)), 1)
    mainland = blurred(ground.land.astype(float), max(1, round(150 / ground.cell)), 1)
    river, flow = np.full(len(x), 400.0), np.zeros(len(x))
    if wet.shape[1]:
        away = np.hypot(x[:, None] - wet[0], y[:, None] - wet[1])
        gathered = np.concatenate([np.array(r.flow[2:-2]) for r in rivers if len(r.points) > 6])
        nearest = away.argmin(axis=1)
        river, flow = np.minimum(away.min(axis=1), 400.0), gathered[nearest]
    frame = sheet.frame
    u = (x - frame.centre[0]) / (frame.width / 2)
    v = (y - frame.centre[1]) / (frame.height / 2)
    edge = np.minimum(np.minimum(x - frame.x, frame.right - x), np.minimum(y - frame.y, frame.bottom - y))
    at = (row, column)
    isle, vast = _lands(ground, x, y)
    dry = ground.land[at] & (ground.lake[at] < 0.3)
    return Sites(
        x, y, u, v, ground.shore[at], ground.peaks[at], ground.wood[at], river, flow, landward[at], mainland[at], edge,
        clear, dry.astype(float), isle, vast,
    )  # fmt: skip


def _lands(ground: Ground, x: Grid, y: Grid) -> tuple[Grid, Grid]:
    """Which connected land each point is on, and its share of all land."""
    land = ground.land[::2, ::2]
    numbers, shares = np.zeros(land.shape), np.zeros(land.shape)
    whole = max(1, int(land.sum()))
    for number, (patch, _) in enumerate(patches(land), 1):
        rows, columns = zip(*patch, strict=True)
        numbers[list(rows), list(columns)] = number
        shares[list(rows), list(columns)] = len(patch) / whole
    row = np.clip((y / ground.cell / 2).astype(int), 0, land.shape[0] - 1)
    column = np.clip((x / ground.cell / 2).astype(int), 0, land.shape[1] - 1)
    return numbers[row, column], shares[row, column]


def radius_of(place: Place, spacing: float) -> float:
    """How far an area reaches, in units."""
    share = {
        Kind.ISLAND: 0.34, Kind.LAKE: 0.19, Kind.FOREST: 0.34, Kind.MARSH: 0.28, Kind.FLATS: 0.4, Kind.RANGE: 0.42,
        Kind.REGION: 1.1, Kind.SEA: 0.6, Kind.BAY: 0.4, Kind.RIVER: 0.3, Kind.STRAND: 0.3,
    }.get(place.kind, 0.3)  # fmt: skip
    return min(max(share * spacing, 0.3 * 130 * share / 0.3), 560 * share)


def _inland(site: Sites, room: float = 20.0) -> Grid:
    return np.where(site.shore < room, _NEVER, 0.0) + np.where(site.dry < 0.5, _NEVER, 0.0) + 1.2 * site.peaks


_COSTS: dict[Kind, Callable[[Sites, float], Grid]] = {
    Kind.HARBOUR: lambda s, _: np.where(s.dry < 0.5, _NEVER, 0) + np.clip(s.shore, 0, 200) * 0.5 + 2 * s.peaks,
    Kind.HEADLAND: lambda s, _: np.where(s.dry < 0.5, _NEVER, 0) + np.clip(s.shore, 0, 200) * 0.3 + 5 * s.landward
    + 8 * np.clip(0.2 - s.vast, 0, 0.2) / 0.2,
    Kind.STRAND: lambda s, _: np.where(s.dry < 0.5, _NEVER, 0) + np.abs(s.shore - 14) * 0.2 + 3 * s.peaks
    + np.where(s.river < 30, 1.5, 0) + np.clip(130 - s.edge, 0, 130) / 50,
    Kind.PEAK: lambda s, _: _inland(s, 30) - 9 * s.peaks + np.where(s.river < 24, 6, 0),
    Kind.PASS: lambda s, _: _inland(s, 30) - 6 * s.peaks + np.where(s.river < 24, 3, 0),
    Kind.CAVE: lambda s, _: _inland(s, 26) - 2.6 * np.minimum(s.peaks, 0.6),
    Kind.FORD: lambda s, _: np.clip(s.river - 2, 0, 400) * 0.4 + np.where(s.shore < 30, 8, 0) - s.flow / 4000,
    Kind.BRIDGE: lambda s, _: np.clip(s.river - 2, 0, 400) * 0.4 + np.where(s.shore < 30, 8, 0) - s.flow / 2000,
    Kind.RIVER: lambda s, _: np.clip(s.river - 2, 0, 400) * 0.4 - s.flow / 900,
    Kind.CITY: lambda s, _: _inland(s) + np.minimum(s.river, 90) / 70 + np.clip(s.shore, 0, 200) / 160,
    Kind.TOWN: lambda s, _: _inland(s) + np.minimum(s.river, 90) / 100,
    Kind.RUIN: lambda s, _: _inland(s) - 0.5 * s.wood,
    Kind.LAKE: lambda s, r: _inland(s, 1.5 * r + 24) + 3 * s.peaks + np.where(s.edge < r + 40, 8, 0),
    Kind.ISLAND: lambda s, r: (
        np.where(s.shore > -(1.45 * r + 22), _NEVER, 0) + np.abs(s.shore + 1.6 * r + 70) / 90
        + np.where(np.minimum(s.edge, s.clear) < 1.5 * r + 20, _NEVER / 2, 0)
    ),
    Kind.SEA: lambda s, _: np.where(s.shore > -60, _NEVER / 2, 0) - np.minimum(-s.shore, 240) / 40
    + np.clip(230 - s.edge, 0, 200) / 50 + np.clip(130 - s.clear, 0, 130) / 30,
    Kind.BAY: lambda s, _: np.where(s.shore > -24, _NEVER / 2, 0) + np.abs(s.shore + 60) / 40 - 5 * s.landward
    + np.clip(150 - s.edge, 0, 200) / 50,
    Kind.RANGE: lambda s, r: _inland(s, 70) + np.where(s.river < 50, 2.0, 0) + np.clip(r + 60 - s.edge, 0, 200) / 40,
    Kind.FOREST: lambda s, r: _inland(s, 46) + 3 * s.peaks - 1.5 * s.wood + np.clip(r + 40 - s.edge, 0, 200) / 40,
    Kind.MARSH: lambda s, _: _inland(s, 30) + 4 * s.peaks + np.minimum(s.river, 100) / 60 + s.shore / 120,
    Kind.FLATS: lambda s, _: _inland(s, 34) + 4 * s.peaks + np.where(s.river < 40, 1.5, 0) + 1.5 * s.wood,
    Kind.REGION: lambda s, _: _inland(s, 60) + np.clip(200 - s.edge, 0, 200) / 60 + np.where(s.river < 30, 0.7, 0),
}  # fmt: skip
_HINTS: dict[str, Callable[[Sites], Grid]] = {
    "coast": lambda s: np.clip(s.shore - 26, 0, 160) / 45,
    "river": lambda s: np.clip(s.river - _HINT_RIVER, 0, 160) / 45 + np.where(s.river < 18, 2, 0),
    "high": lambda s: -1.6 * np.minimum(s.peaks, 0.5),
    "wood": lambda s: -0.9 * s.wood,
    "bog": lambda s: np.minimum(s.river, 100) / 120,
}


@dataclass
class Settlement:
    """All places being set down at once, by turns."""

    book: Gazetteer
    site: Sites
    rng: Random
    spacing: float
    mile: float

    def __post_init__(self) -> None:
        self.of: dict[int, list[Relation]] = {}
        for relation in self.book.relations:
            self.of.setdefault(relation.one, []).append(relation)
            self.of.setdefault(relation.other, []).append(relation)
        dice = np.random.default_rng(self.rng.getrandbits(64))
        count = len(self.book.places)
        self.whim = dice.uniform(0, 1.1, (count, len(self.site.x)))
        self.set_down: set[int] = set()
        # What each place that is set down costs a mark, or an area, at each site; and the sums of these.
        self._pressure = {asks: np.zeros((count, len(self.site.x))) for asks in (False, True)}
        self._pressures = {asks: np.zeros(len(self.site.x)) for asks in (False, True)}

    def set_all_down(self) -> None:
        """As the places stand now."""
        for index in range(len(self.book.places)):
            self._press(index)

    def settle(self, movable: Callable[[Place], bool], sweeps: int) -> None:
        places = self.book.places
        order = sorted(
            (index for index, place in enumerate(places) if movable(place)),
            key=lambda index: (-len(self.of.get(index, ())) - places[index].weight, index),
        )
        for _ in range(sweeps):
            for index in order:
                cost = self._cost(index)
                best = int(cost.argmin())
                places[index].x, places[index].y = float(self.site.x[best]), float(self.site.y[best])
                self._press(index)

    def _cost(self, index: int) -> Grid:
        place, site = self.book.places[index], self.site
        kind = _COSTS.get(place.kind)
        cost = kind(site, radius_of(place, self.spacing)) if kind else _inland(site)
        cost = cost + self.whim[index]
        for hint in sorted(place.hints) if not place.is_area else ():
            if hint in _HINTS:
                cost = cost + _HINTS[hint](site)
        if "isle" not in place.hints and (not place.is_area or place.kind is Kind.STRAND):
            cost = cost + 1.6 * np.clip(0.4 - site.mainland, 0, 0.4) / 0.4
        if place.toward:
            cost = cost - 2.4 * (site.u * place.toward[0] + site.v * place.toward[1])
        cost = cost + np.clip(90 - site.edge, 0, 90) / 60
        for relation in self.of.get(index, ()):
            other = relation.other if relation.one == index else relation.one
            if other in self.set_down:
                cost = cost + self._told(relation, self.book.places[other], back=relation.one != index)
        area = place.is_area
        return np.asarray(cost + self._pressures[area] - self._pressure[area][index])

    def _told(self, relation: Relation, other: Place, *, back: bool) -> Grid:
        dx, dy = self.site.x - other.x, self.site.y - other.y
        away = np.hypot(dx, dy) + 1e-6
        cost = np.zeros_like(away)
        if relation.toward:
            sign = -1 if back else 1
            turn = sign * (dx * relation.toward[0] + dy * relation.toward[1]) / away
            cost += 9.0 * (1 - turn) + 0.5 * np.clip(away / self.spacing - 2, 0, 6)
        if relation.miles:
            cost += 2.5 * np.abs(away / (relation.miles * self.mile) - 1)
        elif relation.inside:
            reach = radius_of(other, self.spacing) * (0.8 if other.is_area else 1.2)
            cost += 4.0 * np.clip(away / reach - 1, 0, 8)
        elif relation.near:
            cost += 2.0 * np.clip(away / (0.75 * self.spacing) - 1, 0, 8)
        elif relation.far:
            cost += 2.0 * np.clip(3 - away / self.spacing, 0, 3)
        elif not relation.toward:
            cost += 0.35 * np.clip(away / self.spacing - 1, 0, 6)
        if relation.road and other.kind is not Kind.ISLAND:
            cost += np.where(self.site.isle == self.site.isle[away.argmin()], 0.0, _OVERSEAS)
        return cost

    def _press(self, index: int) -> None:
        """Keep others off a place: marks far from marks, areas from areas; the two less so."""
        place = self.book.places[index]
        away = np.hypot(self.site.x - place.x, self.site.y - place.y)
        for asks in (False, True):
            wanted = (1.5 if place.is_area and asks else 1.0 if not place.is_area and not asks else 0.45) * self.spacing
            force = 4.0
            if asks and place.kind in {Kind.REGION, Kind.SEA}:
                wanted, force = 1.7 * wanted, 10.0
            pressure = force * np.clip(1 - away / wanted, 0, 1) ** 2 + np.where(away < _CLOSEST, _NEVER, 0.0)
            self._pressures[asks] += pressure - self._pressure[asks][index]
            self._pressure[asks][index] = pressure
        self.set_down.add(index)


def settle(
    book: Gazetteer, ground: Ground, rivers: Sequence[River], sheet: Sheet, clear: Sequence[Box], rng: Random
) -> Settlement:
    """Place everything, shape the ground to what is named on it, and set the marks down anew on that ground."""
    count = max(1, len(book.places))
    land = float(ground.land.sum()) * ground.cell**2
    spacing = min(max(0.85 * math.sqrt(land / count), 60.0), 430.0)
    stated = sorted(relation.miles for relation in book.relations if relation.miles)
    mile = 1.5 * spacing / stated[len(stated) // 2] if stated else rng.choice((4.0, 6.0, 9.0))
    first = Settlement(book, sites_of(ground, rivers, sheet, clear, rng), rng, spacing, mile)
    first.settle(lambda place: place.kind in _GREAT, 4)
    first.settle(lambda _: True, 3)
    for place in book.places:
        _shape(ground, place, radius_of(place, spacing), rng)
    measure_shore(ground)
    second = Settlement(book, sites_of(ground, rivers, sheet, clear, rng), rng, spacing, mile)
    second.set_all_down()
    second.settle(lambda place: not place.is_area, 2)
    return second


def _shape(ground: Ground, place: Place, radius: float, rng: Random) -> None:
    if place.kind is Kind.ISLAND:
        add_island(ground, place.x, place.y, radius, rng)
        return
    if place.kind is Kind.RANGE:
        turn = rng.uniform(-0.6, 0.6)
        step = radius / 3
        ridge = [
            (place.x + i * step * math.cos(turn), place.y + i * step * math.sin(turn) + rng.uniform(-0.3, 0.3) * step)
            for i in range(-3, 4)
        ]
        rough = texture(ground.shape, np.random.default_rng(rng.getrandbits(64)), 2.2, ground.cell / 200)
        risen = ridge_field(ground, ridge, 58, rough) * np.clip(ground.shore / 40 - 0.4, 0, 1)
        ground.peaks = np.maximum(ground.peaks, risen)
        ground.wood = ground.wood * (ground.peaks < 0.4)
        return
    field = {Kind.FOREST: "wood", Kind.MARSH: "bog", Kind.FLATS: "sand", Kind.STRAND: "sand", Kind.LAKE: "lake"}.get(
        place.kind
    )
    if field is None:
        return
    ragged = texture(ground.shape, np.random.default_rng(rng.getrandbits(64)), 2.2, ground.cell / (0.7 * radius))
    if field == "lake":
        ragged = np.clip(ragged, -0.9, 0.9)  # one water, not several
    blob = ground.spot(place.x, place.y, radius, ragged, rng.uniform(1.0, 1.35), rng.uniform(-0.5, 0.5))
    if place.kind is Kind.STRAND:
        blob = blob * (ground.land & (ground.shore < 34))
    else:
        blob = blob * (ground.land & (ground.shore > (20 if field == "lake" else 12)))
    setattr(ground, field, np.maximum(getattr(ground, field), blob))
    if field in {"lake", "bog", "sand"}:
        ground.wood = ground.wood * (blob < 0.3)
        ground.peaks = ground.peaks * (1 - np.clip(blob * 1.6, 0, 1))
    else:
        ground.peaks = ground.peaks * (1 - np.clip(blob * 1.2, 0, 1))


def bring_home(book: Gazetteer, ground: Ground, rivers: Sequence[River]) -> None:
    """Harbours to the water's edge, fords and bridges onto a river."""
    edge = ground.land & ~_eroded(ground.land) & (ground.lake < 0.3)
    rows, columns = np.nonzero(edge)
    wet = [point for river in rivers for point in river.points[2:-2]]
    for index, place in enumerate(book.places):
        others = [other for at, other in enumerate(book.places) if at != index and not other.is_area]
        if place.kind is Kind.HARBOUR and len(rows):
            _snap(
                place, list(zip((columns * ground.cell).tolist(), (rows * ground.cell).tolist(), strict=True)), others
            )
        elif place.kind in {Kind.FORD, Kind.BRIDGE} and wet:
            _snap(place, [point for point in wet if ground.dry(*point)], others)


def _snap(place: Place, points: Sequence[tuple[float, float]], others: Sequence[Place]) -> None:
    near = sorted(points, key=lambda point: math.dist(point, (place.x, place.y)))[:500]
    for point in near:
        if all(math.dist(point, (other.x, other.y)) > _CLOSEST * 0.8 for other in others):
            place.x, place.y = point
            return
    if near:
        place.x, place.y = near[0]


def _eroded(land: Mask) -> Mask:
    padded = np.pad(land, 1, mode="edge")
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(land & around)
