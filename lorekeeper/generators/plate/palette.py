"""The manners a plate can be printed in: a paper, a few inks, and how they are laid on."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Manner:
    """Inks from the top of the sky to the foreground. `screen` is the pitch of the engraver's lines (0: flat inks)."""

    name: str
    paper: Colour
    ink: Colour
    sky: tuple[Colour, Colour]
    disc: Colour
    land: tuple[Colour, Colour]
    water: Colour
    accent: Colour
    line: Colour
    screen: float
    weight: float
    dark: bool = False


def _rgb(code: str) -> Colour:
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def _manner(name: str, inks: str, *, screen: float, weight: float = 1.0, dark: bool = False) -> Manner:
    """`inks`: paper, ink, sky above, sky below, disc, far land, near land, water, accent, line."""
    paper, ink, high, low, disc, far, near, water, accent, line = (_rgb(code) for code in inks.split())
    return Manner(name, paper, ink, (high, low), disc, (far, near), water, accent, line, screen, weight, dark)


ENGRAVING = _manner("engraving", "f2e8d3 2b241f d9d2bd f3dfb4 c4503a cfbf9d 3b342d b4bcae 9a3a2a 3a322b", screen=0.62)
WOODCUT = _manner(
    "woodcut", "f0e7d8 151311 f0e7d8 eab04f b42f1e e3d3b4 151311 e6d8bd b42f1e 151311", screen=1.15, weight=1.25
)
SCREENPRINT = _manner(
    "screenprint", "f5ebd9 27264a ee9f5e f9dfa6 fff4d8 e08a62 27264a 5f9495 c8452f 27264a", screen=0.0
)
NOCTURNE = _manner(
    "nocturne", "101a30 e9dfc4 0d1935 3a5878 f4e7bf 36506f 0a1122 1d3757 d9b45b 7f9fba", screen=0.72, dark=True
)
GILDED = _manner(
    "gilded", "f4e9cd 2a2118 23476f 8fb0b5 dba93b 93a27c 25331f 3f6f88 a33226 1f2a33", screen=0.78, weight=0.8
)
NORTHERN = _manner("northern", "e9ede8 1b2a33 b9ced3 f1efe0 d9694a a9bec1 20323d 7b9fa9 b3512f 2b414d", screen=0.7)
EMBER = _manner(
    "ember", "1c1210 f3ddb8 3b1614 d9602c ffd98a 8c3420 140b0a 5c2018 e9a13b f0a35c", screen=0.8, weight=0.7, dark=True
)

MANNERS = (ENGRAVING, WOODCUT, SCREENPRINT, NOCTURNE, GILDED, NORTHERN, EMBER)

_WORDS = {
    WOODCUT: ("woodcut", "woodblock", "linocut", "block", "bold", "folk"),
    SCREENPRINT: ("screen", "poster", "flat", "modern", "minimal", "mural", "travel"),
    NOCTURNE: ("noct", "night", "moon", "dark", "noir", "gothic", "dream"),
    GILDED: ("gild", "gold", "illumin", "manuscript", "medieval", "icon", "fresco", "oil"),
    NORTHERN: ("north", "winter", "cold", "ice", "snow", "sea", "water"),
    EMBER: ("ember", "fire", "dusk", "sunset", "blood", "war", "epic"),
    ENGRAVING: ("engrav", "etch", "ink", "intaglio", "line", "sepia", "vintage"),
}


def manner_for(style: str | None, choice: int) -> Manner:
    """The manner a style asks for in its own words. An unknown one is engraved; without one, `choice` decides."""
    if style is None:
        return MANNERS[choice % len(MANNERS)]
    asked = style.casefold()
    for manner, words in _WORDS.items():
        if any(word in asked for word in words):
            return manner
    return ENGRAVING


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second ink in the first."""
    one, two, three = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return one, two, three
