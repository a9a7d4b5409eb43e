"""Where names stand: none on another, none on a mark, off coasts and rivers where it can be had. What finds no room is
numbered on the map and named in the legend."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lorekeeper.generators.map.ground import Ground
from lorekeeper.generators.map.kinds import Kind
from lorekeeper.generators.map.lettering import Lettering
from lorekeeper.generators.map.manners import Manner
from lorekeeper.generators.map.marks import mark_reach
from lorekeeper.generators.map.naming import Name, Setting, across_area, around_mark
from lorekeeper.generators.map.outline import Grid, Mask
from lorekeeper.generators.map.sheet import Box, Sheet
from lorekeeper.generators.map.siting import radius_of

_CLASH = 30.0
_GAP = 3.0
_SWEEPS = 4
_LIKED = 6.0


class Inked:
    """How much is drawn in any rectangle, from running sums."""

    def __init__(self, ground: Ground, amount: Grid) -> None:
        self._cell = ground.cell
        self._sums = np.pad(np.cumsum(np.cumsum(amount, axis=0), axis=1), ((1, 0), (1, 0)))

    def mean(self, boxes: Grid) -> Grid:
        """Of boxes given as rows of left, top, right, bottom."""
        rows, columns = self._sums.shape
        left, right = (np.clip(np.rint(boxes[:, i] / self._cell).astype(int), 0, columns - 2) for i in (0, 2))
        top, bottom = (np.clip(np.rint(boxes[:, i] / self._cell).astype(int), 0, rows - 2) for i in (1, 3))
        total = (
            self._sums[bottom + 1, right + 1] - self._sums[top, right + 1]
            - self._sums[bottom + 1, left] + self._sums[top, left]
        )  # fmt: skip
        return np.asarray(total / ((right - left + 1) * (bottom - top + 1)))


@dataclass
class Labelling:
    """`settings` by the index of the place; `numbered` are those left without room, in order."""

    settings: dict[int, Setting] = field(default_factory=dict)
    numbered: list[int] = field(default_factory=list)


@dataclass
class Labeller:
    """Finds room for all names of a map."""

    sheet: Sheet
    ground: Ground
    manner: Manner
    lettering: Lettering
    taken: Sequence[Box]
    lines: Inked
    land: Inked
    mark_size: float
    spacing: float
    _marks: Grid = field(default_factory=lambda: np.zeros((0, 4)))
    _owner: Grid = field(default_factory=lambda: np.zeros(0))

    def place(self, names: Sequence[Name]) -> Labelling:
        marks = [name for name in names if not name.place.is_area]
        kept_off = [*marks, *(name for name in names if name.place.kind is Kind.LAKE)]
        self._marks = _rows(self.mark_box(name) for name in kept_off)
        self._owner = np.array([name.index for name in kept_off])
        done = Labelling()
        for name in sorted((name for name in names if name.place.is_area), key=lambda name: -name.size):
            self._spread(name, done)
        self._crowd(sorted(marks, key=lambda name: (-name.place.weight, name.index)), done)
        done.numbered.sort(key=lambda index: (names[index].text.casefold(), index))
        return done

    def mark_box(self, name: Name) -> Box:
        """What a mark covers, or the middle of a lake: no name but its own may lie there."""
        lake = name.place.kind is Kind.LAKE
        reach = 0.7 * radius_of(name.place, self.spacing) if lake else mark_reach(name.place.kind, self.mark_size)
        return Box(name.place.x - reach, name.place.y - reach, 2 * reach, 2 * reach)

    def _spread(self, name: Name, done: Labelling) -> None:
        """The best of bows and shifts over the area, at the largest size that has room."""
        standing = _rows(box for setting in done.settings.values() for box in setting.boxes)
        for scale in (1.0, 0.86, 0.74, 0.62):
            best: tuple[float, Setting] | None = None
            for setting in self._bows(name, scale):
                if best and setting.cost >= best[0]:
                    continue
                boxes = _rows(setting.boxes)
                strangers = self._marks[self._owner != name.index]
                if self._blocked(boxes) or _clashes(boxes, standing, 2 * _GAP) or _clashes(boxes, strangers, _GAP):
                    continue
                dry = float(self.land.mean(boxes).mean())
                under = self.lines.mean(boxes)
                cost = setting.cost + 4.0 * float(under.mean()) + 2.0 * float(under.max())
                if name.place.kind not in {Kind.ISLAND, Kind.STRAND, Kind.LAKE}:
                    cost += 5 * dry if name.place.kind in {Kind.SEA, Kind.BAY} else 9 * (1 - dry)
                if best is None or cost < best[0]:
                    best = cost, setting
            if best:
                done.settings[name.index] = best[1]
                return
        done.numbered.append(name.index)

    def _bows(self, name: Name, scale: float) -> Iterable[Setting]:
        place = name.place
        aside = place.kind is Kind.ISLAND
        reach = {Kind.SEA: 1.0, Kind.REGION: 0.75, Kind.RANGE: 0.6}.get(place.kind, 0.42) * self.spacing
        tint = self.manner.sea if name.on_water else self.manner.land
        far = 1.4 * name.size
        beneath = radius_of(place, self.spacing) + 0.9 * name.size if aside else 0.0
        if place.kind in {Kind.LAKE, Kind.STRAND}:
            yield from self._by_water(name, scale, tint)
            return
        for dx in (0.0, -far, far, -2.5 * far, 2.5 * far):
            for dy in (0.3 * name.size, beneath, -beneath, -far, far, -2 * far, 2 * far, -3.5 * far, 3.5 * far):
                centre = (place.x + dx, place.y + dy)
                away = (0.4 if aside else 0.25) * max(0.0, math.hypot(dx, dy) - beneath) / name.size
                for bend in (0.5, -0.5, 0.0) if name.spread else (0.0,):
                    if name.spread:
                        found = across_area(name, self.lettering, centre, reach, scale, bend, tint)
                        yield Setting(found.letters, found.boxes, found.cost + away + (0.2 if bend == 0.0 else 0.0))
                    else:
                        yield self._straight(name, centre, scale, tint, away)

    def _by_water(self, name: Name, scale: float, tint: str) -> Iterable[Setting]:
        """A lake's name on the lake if it holds it, else beside it; a strand's along its shore, on sand or at sea."""
        place = name.place
        radius = radius_of(place, self.spacing)
        lake = place.kind is Kind.LAKE
        if lake:
            inside = self._straight(name, (place.x, place.y), scale, tint, 0.0)
            if self._afloat(inside.boxes[0]):
                yield replace(inside, cost=inside.cost - _LIKED)
        for share in (0.8, 1.0, 1.3) if lake else (0.0, 0.4, 0.8):
            for found in around_mark(name, self.lettering, share * radius, scale, tint):
                crossed = float(self._crossed(_rows(found.boxes))[0])
                yield replace(found, cost=found.cost + crossed + 0.4 * share + (2.0 if lake else 0.0))

    def _afloat(self, box: Box) -> bool:
        """True where all of the box lies on a lake."""
        at = [(x, y) for x in (box.x, box.centre[0], box.right) for y in (box.y, box.centre[1], box.bottom)]
        return all(self.ground.at(self.ground.lake, *point) > 0.5 for point in at)

    def _crossed(self, boxes: Grid) -> Grid:
        """What it costs each box that coasts run through it: a name that lies over two is read as of neither."""
        wet = ~self.ground.land | (self.ground.lake > 0.5)
        along = np.linspace(0, 1, 15)
        most = np.zeros(len(boxes))
        for share in (0.15, 0.5, 0.85):
            x = boxes[:, :1] + (boxes[:, 2:3] - boxes[:, :1]) * along
            y = boxes[:, 1:2] + (boxes[:, 3:4] - boxes[:, 1:2]) * share
            row = np.clip(np.rint(y / self.ground.cell).astype(int), 0, wet.shape[0] - 1)
            column = np.clip(np.rint(x / self.ground.cell).astype(int), 0, wet.shape[1] - 1)
            most = np.maximum(most, np.abs(np.diff(wet[row, column].astype(int), axis=1)).sum(axis=1))
        return np.asarray(0.6 * most + 2.0 * (most > 1))

    def _straight(self, name: Name, centre: tuple[float, float], scale: float, tint: str, away: float) -> Setting:
        """Letters that must not be parted, on one line or more about the centre."""
        found = around_mark(name, self.lettering, 0.0, scale, tint)
        chosen = min(found, key=lambda s: s.boxes[0].width + 3 * s.boxes[0].height)
        box = chosen.boxes[0]
        dx, dy = centre[0] - box.centre[0], centre[1] - box.centre[1]
        letters = tuple(replace(item, x=item.x + dx, y=item.y + dy) for item in chosen.letters)
        return Setting(letters, (Box(box.x + dx, box.y + dy, box.width, box.height),), chosen.cost + away)

    def _crowd(self, names: Sequence[Name], done: Labelling) -> None:
        """Each mark's best setting, then by turns each as the others let it, until nothing betters."""
        fixed = _rows(box for setting in done.settings.values() for box in setting.boxes)
        choices = [self._choices(name, fixed, (1.0, 0.86)) for name in names]
        boxes = [_rows(setting.boxes[0] for setting, _ in found) for found in choices]
        costs = [np.array([cost for _, cost in found]) for found in choices]
        chosen = [int(cost.argmin()) if len(cost) else -1 for cost in costs]
        standing = np.array([boxes[i][chosen[i]] if chosen[i] >= 0 else (-9e9,) * 4 for i in range(len(names))])
        for sweep in range(_SWEEPS):
            changed = False
            for i in range(len(names)):
                if chosen[i] < 0:
                    continue
                others = standing if sweep else standing[:i]
                clash = _overlap_counts(boxes[i], others, skip=i)
                best = int((costs[i] + _CLASH * clash).argmin())
                changed |= best != chosen[i]
                chosen[i] = best
                standing[i] = boxes[i][best]
            if sweep and not changed:
                break
        self._keep(names, choices, chosen, fixed, done)

    def _keep(
        self,
        names: Sequence[Name],
        choices: Sequence[Sequence[tuple[Setting, float]]],
        chosen: Sequence[int],
        fixed: Grid,
        done: Labelling,
    ) -> None:
        """The weightier of two that still clash stays; the other is tried smaller, else numbered."""
        kept = [tuple(row) for row in fixed.tolist()]
        for name, found, choice in zip(names, choices, chosen, strict=True):
            standing = np.array(kept).reshape(-1, 4)
            order = [found[choice]] if choice >= 0 else []
            order += sorted(found, key=lambda pair: pair[1])
            fits = next((s for s, _ in order if not _clashes(_rows(s.boxes), standing, _GAP)), None)
            if fits is None:
                smaller = self._choices(name, fixed, (0.74, 0.66))
                ordered = sorted(smaller, key=lambda pair: pair[1])
                fits = next((s for s, _ in ordered if not _clashes(_rows(s.boxes), standing, _GAP)), None)
            if fits is None:
                done.numbered.append(name.index)
                continue
            done.settings[name.index] = fits
            kept.extend(tuple(row) for row in _rows(fits.boxes).tolist())

    def _choices(self, name: Name, fixed: Grid, scales: Sequence[float]) -> list[tuple[Setting, float]]:
        """What blocks nothing that stands fast, with its cost."""
        reach = mark_reach(name.place.kind, self.mark_size)
        found = [s for scale in scales for s in around_mark(name, self.lettering, reach, scale, self.manner.land)]
        boxes = _rows(setting.boxes[0] for setting in found)
        strangers = self._marks[self._owner != name.index]
        free = ~_any_overlap(boxes, _rows(self.taken), 4.0) & ~_any_overlap(boxes, strangers, 1.5)
        free &= ~_any_overlap(boxes, fixed, _GAP) & self._inside(boxes)
        lines, dry = self.lines.mean(boxes), self.land.mean(boxes)
        cost = np.array([setting.cost for setting in found]) + 5.0 * lines + 2.4 * np.sqrt(dry * (1 - dry))
        cost = cost + self._crossed(boxes)
        return [(found[i], float(cost[i])) for i in np.nonzero(free)[0].tolist()]

    def _inside(self, boxes: Grid) -> Mask:
        room = self.sheet.frame.inset(8)
        return np.asarray(
            (boxes[:, 0] > room.x) & (boxes[:, 1] > room.y) & (boxes[:, 2] < room.right) & (boxes[:, 3] < room.bottom)
        )

    def _blocked(self, boxes: Grid) -> bool:
        return not bool(self._inside(boxes).all()) or _clashes(boxes, _rows(self.taken), 6.0)


def _rows(boxes: Iterable[Box]) -> Grid:
    return np.array([(box.x, box.y, box.right, box.bottom) for box in boxes], dtype=float).reshape(-1, 4)


def _overlaps(boxes: Grid, others: Grid, gap: float) -> Mask:
    return np.asarray(
        (boxes[:, None, 0] < others[None, :, 2] + gap)
        & (others[None, :, 0] < boxes[:, None, 2] + gap)
        & (boxes[:, None, 1] < others[None, :, 3] + gap)
        & (others[None, :, 1] < boxes[:, None, 3] + gap)
    )


def _any_overlap(boxes: Grid, others: Grid, gap: float) -> Mask:
    return np.asarray(_overlaps(boxes, others, gap).any(axis=1))


def _overlap_counts(boxes: Grid, others: Grid, skip: int) -> Grid:
    found = _overlaps(boxes, others, _GAP)
    if skip < found.shape[1]:
        found[:, skip] = False
    return np.asarray(found.sum(axis=1))


def _clashes(boxes: Grid, others: Grid, gap: float) -> bool:
    return bool(_overlaps(boxes, others, gap).any())
