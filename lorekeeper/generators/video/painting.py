"""Pictures that a film draws for itself where it is given none: full scenes of those spoken of at the time."""

from collections.abc import Sequence
from random import Random

from PIL import Image, ImageStat

from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.generators.plate.casting import Actor, cast_of, speaks_of_water
from lorekeeper.generators.plate.palette import Manner
from lorekeeper.generators.plate.press import age
from lorekeeper.generators.plate.scene import paint_scene
from lorekeeper.generators.video.camera import Canvas
from lorekeeper.generators.video.shape import Shape

_ROOM = 1.22
"""How much larger than the frame a scene is, so that a camera can go close without losing sharpness."""

_FOOT = 0.1
"""How much more ground lies below a scene, so that subtitles hide nobody's feet."""

_OVERSAMPLING = 1.6
_MOST_ACTORS = 4


def paint(shape: Shape, manner: Manner, cast: list[Actor], rng: Random, *, water: bool) -> Canvas:
    """A scene that fills the frame."""
    size = (round(shape.width * _ROOM), round(shape.height * _ROOM))
    drawn = (size[0], round(size[1] * (1 - _FOOT)))
    large = (round(drawn[0] * _OVERSAMPLING), round(drawn[1] * _OVERSAMPLING))
    scene = paint_scene(large, manner, cast, rng, water=water).resize(drawn, Image.Resampling.LANCZOS)
    ground = ImageStat.Stat(scene.crop((0, drawn[1] - 2, *drawn))).median
    sheet = Image.new("RGB", size, tuple(ground))
    sheet.paste(scene, (0, 0))
    return Canvas(age(sheet, rng, 0.35))


def casts_for(lore: LoreSnapshot, told: Sequence[str], rng: Random) -> list[list[Actor]]:
    """Who appears while each of these texts is told: those it names, else the next of those not seen yet."""
    everyone = cast_of(lore, rng)
    names = _spoken_names(lore, everyone)
    unseen = list(everyone)
    casts = []
    for text in told:
        lowered = text.casefold()
        cast = [actor for actor in everyone if any(name in lowered for name in names[actor.name])]
        cast = _mixed(cast) or _mixed(unseen)[:3] or _mixed(everyone)
        unseen = [actor for actor in unseen if actor not in cast]
        casts.append(cast)
    return casts


def _mixed(actors: list[Actor]) -> list[Actor]:
    """A few who make a scene together: of each role the first, then others."""
    firsts = list({actor.role: actor for actor in reversed(actors)}.values())[::-1]
    return [*firsts, *(actor for actor in actors if actor not in firsts)][:_MOST_ACTORS]


def shows_water(lore: LoreSnapshot) -> bool:
    """True where the lore puts its scenes by the sea."""
    return speaks_of_water(lore)


def _spoken_names(lore: LoreSnapshot, cast: list[Actor]) -> dict[str, list[str]]:
    """By name, what a text may call them: the name with and without its article, aliases, a person's first name."""
    called = {actor.name: [actor.name] for actor in cast}
    for entity in lore.entities:
        called.setdefault(entity.name, []).extend([entity.name, *entity.aliases])
    return {
        name: [word for word in (_plain(one) for one in several) if len(word) > 2] for name, several in called.items()
    }


def _plain(name: str) -> str:
    return name.casefold().removeprefix("the ").strip()
