"""The manners a map can be drawn in: paper, inks, how land and water are told apart."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Manner:
    """Colours are SVG hex codes. `shore` is how the sea meets the land; `bands` are land tints from low to high."""

    name: str
    paper: str
    sea: str
    land: str
    ink: str
    faint: str
    water: str
    wood: str
    road: str
    accent: str
    names: str
    shore: Literal["lines", "hatching", "steps"]
    bands: tuple[str, ...] = ()
    sea_bands: tuple[str, ...] = ()
    rhumbs: bool = False
    age: float = 1.0
    dark: bool = False


PARCHMENT = Manner(
    "parchment",
    paper="#ecdcb6",
    sea="#dccba0",
    land="#f0e2c0",
    ink="#3a2616",
    faint="#8a6a45",
    water="#5b6a63",
    wood="#5d5a32",
    road="#8c3b22",
    accent="#9a2f1c",
    names="#2b1a0e",
    shore="lines",
)
CHART = Manner(
    "chart",
    paper="#f1ead6",
    sea="#e9e3d0",
    land="#f4eedd",
    ink="#1d1d1f",
    faint="#77746c",
    water="#2f3a44",
    wood="#5f6058",
    road="#2a2a2a",
    accent="#7c2a22",
    names="#121214",
    shore="hatching",
    rhumbs=True,
    age=0.55,
)
ATLAS = Manner(
    "atlas",
    paper="#f3ecd7",
    sea="#b5d0cf",
    land="#dfe0b4",
    ink="#33332b",
    faint="#6f7a74",
    water="#33687c",
    wood="#3f6238",
    road="#a23c2b",
    accent="#a8352a",
    names="#1f2223",
    shore="steps",
    bands=("#d3dcae", "#e3dfae", "#ead59c", "#e4c592", "#d9b083"),
    sea_bands=("#a9c8ca", "#bdd6d4", "#cde1dc", "#dcebe3"),
    age=0.45,
)
MIDNIGHT = Manner(
    "midnight",
    paper="#131d33",
    sea="#16233f",
    land="#22304d",
    ink="#e6d3a1",
    faint="#8794ac",
    water="#7fa6c4",
    wood="#9fb59b",
    road="#d69a54",
    accent="#e0a94f",
    names="#f4e6c1",
    shore="lines",
    age=0.5,
    dark=True,
)

MANNERS = (PARCHMENT, CHART, ATLAS, MIDNIGHT)

_WORDS = {
    MIDNIGHT: ("midnight", "night", "dark", "noir", "gothic", "moon", "star", "nocturne", "gold"),
    ATLAS: ("atlas", "colour", "color", "painted", "watercolour", "vivid", "bright", "school", "modern", "tint"),
    CHART: ("chart", "engrav", "etch", "nautical", "portolan", "admiralty", "line", "copper", "black", "minimal"),
    PARCHMENT: ("parchment", "ink", "hand", "sepia", "vintage", "old", "medieval", "fantasy", "vellum", "antique"),
}


def manner_for(style: str | None, choice: int) -> Manner:
    """The manner a style asks for in its own words. An unknown one is parchment; without one, `choice` decides."""
    if style is None:
        return MANNERS[choice % len(MANNERS)]
    asked = style.casefold()
    return next((manner for manner, words in _WORDS.items() if any(word in asked for word in words)), PARCHMENT)


def mixed(one: str, other: str, share: float) -> str:
    """`share` of the other colour in the one."""
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
