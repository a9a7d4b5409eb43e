"""Which picture is seen when, and how the camera moves over it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from lorekeeper.generators.video.camera import Canvas, Move, View, within
from lorekeeper.generators.video.mounting import Mounted
from lorekeeper.generators.video.timing import Slot

_PACE = 0.055
"""How fast a zoom may be: the logarithm of its factor a second. Faster makes a viewer seasick."""

_GLIDE = 0.03
"""How fast a camera may glide: widths of its view a second."""

_CLOSEST = 0.84
"""How close a camera goes to a scene that fills the frame."""


@dataclass(frozen=True)
class Shot:
    """A canvas on the screen in a slot of frames, under a moving camera. `lettered`: words may stand on it."""

    canvas: Canvas
    slot: Slot
    move: Move
    lettered: bool = False


def shots_of_pictures(pictures: Sequence[Mounted], slots: Sequence[Slot], rate: int, rng: Random) -> list[Shot]:
    """The pictures in turn, each time with another move: first over the whole, then over what is worth seeing."""
    shots = []
    for number, slot in enumerate(slots):
        picture = pictures[number % len(pictures)]
        move = _over_picture(picture, number % len(pictures), number // len(pictures), slot.frames / rate, rng)
        shots.append(Shot(picture.canvas, slot, move, lettered=True))
    return shots


def shots_of_scenes(scenes: Sequence[Canvas], slots: Sequence[Slot], rate: int, rng: Random) -> list[Shot]:
    """A scene for each slot."""
    return [
        Shot(scene, slot, _over_scene(number, slot.frames / rate, rng))
        for number, (scene, slot) in enumerate(zip(scenes, slots, strict=True))
    ]


def drifting(seconds: float) -> Move:
    """The slow approach behind a title or credits."""
    return Move(View(0.5, 0.5, 1.0), View(0.5, 0.5, math.exp(-min(0.012 * seconds, 0.25))))


def _over_picture(picture: Mounted, number: int, turn: int, seconds: float, rng: Random) -> Move:
    """All of it, along its scene, into a detail, slowly onto another; and again with other details.

    Never from the scene to the whole: on the way there the lettering is cut. A picture without a known scene is seen
    whole each time.
    """
    kind = turn % 4
    if kind == 0 or not picture.close:
        return _bounded(_about(picture, number + turn, rng), seconds, keep_end=False)
    first, second = (picture.close[(turn // 4 + later) % len(picture.close)] for later in (0, 1))
    if kind == 1:
        return _bounded(_along(picture, first, rng), seconds, keep_end=False)
    chosen = first if kind == 2 else second
    move = Move(chosen, replace(chosen, width=chosen.width * _CLOSEST))
    return _bounded(Move(move.end, move.start) if kind == 3 else move, seconds, keep_end=False)


def _about(picture: Mounted, number: int, rng: Random) -> Move:
    """Onto the whole picture, back from it, or a little past it, and always with all of it to be seen."""
    if number % 3 < 2:
        ends = (picture.whole, picture.near)
        return Move(*ends) if number % 3 == 0 else Move(*reversed(ends))
    width = (picture.whole.width + picture.near.width) / 2
    reach = (picture.whole.width - picture.near.width) / 4 * rng.choice((-1, 1))
    return Move(View(0.5 - reach, 0.5, width), View(0.5 + reach, 0.5, width))


def _along(picture: Mounted, close: View, rng: Random) -> Move:
    """From one end of the scene to the other, along the side that leaves the most to see."""
    scene, half = picture.scene, close.width / 2
    if scene is None:
        return Move(close, close)
    if scene.width >= scene.height:
        ends = [replace(close, x=scene.left + half), replace(close, x=scene.right - half)]
    else:
        ends = [replace(close, y=scene.top + half), replace(close, y=scene.bottom - half)]
    rng.shuffle(ends)
    return Move(ends[0], ends[1])


def _bounded(move: Move, seconds: float, *, keep_end: bool) -> Move:
    """The same move, shortened to what can be followed in the time; its wider or later end stays as asked."""
    change = abs(math.log(move.end.width / move.start.width))
    distance = math.hypot(move.end.x - move.start.x, move.end.y - move.start.y)
    widest = max(move.start.width, move.end.width)
    share = min(
        1.0,
        _PACE * seconds / change if change else 1.0,
        2.2 * _GLIDE * seconds * widest / distance if distance else 1.0,
    )
    if keep_end:
        return Move(_between(move.end, move.start, share), move.end)
    return Move(move.start, _between(move.start, move.end, share))


def _between(first: View, second: View, share: float) -> View:
    return within(
        View(
            first.x + (second.x - first.x) * share,
            first.y + (second.y - first.y) * share,
            first.width * (second.width / first.width) ** share,
        )
    )


def _over_scene(number: int, seconds: float, rng: Random) -> Move:
    """Into the scene, out of it, or along it."""
    at = View(rng.choice((0.4, 0.6)), 0.56, _CLOSEST)
    whole = View(0.5, 0.5, 1.0)
    kind = number % 3
    if kind == 0:
        return _bounded(Move(whole, within(at)), seconds, keep_end=False)
    if kind == 1:
        return _bounded(Move(within(at), whole), seconds, keep_end=True)
    reach = min(_GLIDE * seconds, 1 - _CLOSEST) / 2 * rng.choice((-1, 1))
    return Move(View(0.5 - reach, 0.54, _CLOSEST), View(0.5 + reach, 0.54, _CLOSEST))
