"""What the words of `style` mean: the music under the voice, and the voice."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from lorekeeper.sdk.handling import JobError

_WORDS = re.compile(r"[^\W_]+")
SLOWEST_BEAT, FASTEST_BEAT = 40.0, 200.0


@dataclass(frozen=True)
class Voice:
    """How one speaks. `rate` in words a minute, `pitch` and `range` as the synthesizer counts them (0 to 99)."""

    variants: tuple[str, ...] = ("m3", "f2")
    accents: tuple[str, ...] = ("en-gb-x-rp",)
    rate: int = 142
    pitch: tuple[int, int] = (34, 44)
    range: int = 56
    rest: float = 1.0
    """Factor on every pause."""
    chorus: bool = False
    """A second voice speaks along."""
    room: float = 0.16
    """Share of reverberation."""


@dataclass(frozen=True)
class Style:
    """`modes` and `progressions` (degrees of the scale, one for each bar of a phrase) are chosen from by chance."""

    name: str
    words: frozenset[str]
    tempo: float
    beats: int
    modes: tuple[str, ...]
    progressions: tuple[tuple[int, ...], ...]
    pad: str
    bass: str
    bass_steps: tuple[tuple[float, int], ...]
    """Beat in the bar, and which degree of the chord (0 the root, 2 the fifth)."""
    lead: str
    rhythms: tuple[tuple[float, ...], ...]
    """Lengths of the melody's notes in beats, a bar each; negative ones are rests."""
    strum: str | None = None
    strum_beats: tuple[float, ...] = ()
    drums: tuple[tuple[str, float, float], ...] = ()
    """Drum, beat in the bar, loudness."""
    root: tuple[int, int] = (48, 55)
    """Lowest and highest keynote, as MIDI counts them."""
    hall: float = 1.6
    """Seconds of reverberation."""
    wet: float = 0.22
    levels: dict[str, float] = field(default_factory=dict)
    """Decibels on pad, bass, lead, strum, drums."""
    voice: Voice = Voice()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HYMN = Style(
    name="hymn",
    words=_words(
        "hymn solemn sacred holy choral choir chorale church chant liturgy prayer psalm reverent organ requiem "
        "gregorian monastic cathedral ceremonial anthem"
    ),
    tempo=66,
    beats=4,
    modes=("ionian", "dorian", "mixolydian"),
    progressions=((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 2, 3, 0)),
    pad="choir",
    bass="organ",
    bass_steps=((0.0, 0),),
    lead="organ",
    rhythms=((2.0, 2.0), (1.0, 1.0, 2.0), (2.0, 1.0, 1.0), (3.0, 1.0)),
    root=(48, 53),
    hall=3.2,
    wet=0.36,
    levels={"pad": 1.0, "bass": -2.0, "lead": -3.0},
    voice=Voice(rate=126, pitch=(28, 36), range=42, rest=1.25, chorus=True, room=0.3),
)
SHANTY = Style(
    name="shanty",
    words=_words(
        "shanty sea folk sailor sailors tavern jig reel dance merry jolly cheerful lively fiddle accordion pub "
        "drinking work song sung country maritime nautical festive ballad bawdy"
    ),
    tempo=104,
    beats=4,
    modes=("mixolydian", "dorian", "ionian"),
    progressions=((0, 6, 0, 4), (0, 3, 0, 4), (0, 0, 6, 0), (0, 3, 6, 0)),
    pad="reed",
    bass="pluckbass",
    bass_steps=((0.0, 0), (2.0, 2)),
    lead="fiddle",
    rhythms=(
        (1.0, 0.5, 0.5, 1.0, 1.0),
        (0.5, 0.5, 1.0, 0.5, 0.5, 1.0),
        (1.5, 0.5, 1.0, 1.0),
        (1.0, 1.0, 2.0),
    ),
    strum="lute",
    strum_beats=(1.0, 3.0),
    drums=(("stomp", 0.0, 1.0), ("clap", 1.0, 0.6), ("stomp", 2.0, 0.8), ("clap", 3.0, 0.7), ("shaker", 3.5, 0.4)),
    root=(50, 57),
    hall=0.9,
    wet=0.14,
    levels={"pad": -5.0, "bass": 0.0, "lead": -4.0, "strum": -1.0, "drums": -3.0},
    voice=Voice(
        variants=("m1", "m3", "m7"),
        accents=("en-gb-scotland", "en-gb-x-rp"),
        rate=152,
        pitch=(38, 48),
        range=68,
        rest=0.85,
        room=0.1,
    ),
)
LULLABY = Style(
    name="lullaby",
    words=_words(
        "lullaby calm gentle soft quiet peaceful sleepy bedtime soothing tender dreamy serene cradle ambient relaxing "
        "warm sweet cosy cozy slow intimate"
    ),
    tempo=72,
    beats=3,
    modes=("ionian", "lydian"),
    progressions=((0, 3, 0, 4), (0, 5, 3, 4), (0, 2, 3, 0), (0, 4, 3, 0)),
    pad="strings",
    bass="pluckbass",
    bass_steps=((0.0, 0),),
    lead="musicbox",
    rhythms=((2.0, 1.0), (1.0, 1.0, 1.0), (3.0,), (1.5, 0.5, 1.0)),
    strum="harp",
    strum_beats=(0.0, 1.0, 2.0),
    root=(48, 55),
    hall=2.0,
    wet=0.28,
    levels={"pad": -3.0, "bass": -5.0, "lead": -3.0, "strum": -3.0},
    voice=Voice(variants=("f2", "f5", "f3"), rate=122, pitch=(40, 50), range=44, rest=1.3, room=0.2),
)
MARCH = Style(
    name="march",
    words=_words(
        "march epic heroic battle war triumphant military martial grand cinematic orchestral fanfare victory majestic "
        "royal imperial adventure bold stirring drums noble legend legendary saga"
    ),
    tempo=96,
    beats=4,
    modes=("aeolian", "dorian", "ionian"),
    progressions=((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 6), (0, 5, 6, 0)),
    pad="strings",
    bass="brass",
    bass_steps=((0.0, 0), (2.0, 0), (3.0, 2)),
    lead="brass",
    rhythms=((1.5, 0.5, 2.0), (1.0, 1.0, 1.0, 1.0), (3.0, 1.0), (2.0, 1.5, 0.5)),
    drums=(
        ("timpani", 0.0, 1.0),
        ("snare", 1.0, 0.5),
        ("timpani", 2.0, 0.6),
        ("snare", 2.5, 0.25),
        ("snare", 3.0, 0.5),
        ("snare", 3.5, 0.3),
        ("snare", 3.75, 0.3),
    ),
    root=(46, 52),
    hall=2.2,
    wet=0.26,
    levels={"pad": 0.0, "bass": -4.0, "lead": -4.0, "drums": -1.0},
    voice=Voice(variants=("m3", "m7", "m1"), rate=138, pitch=(24, 32), range=70, rest=1.05, room=0.22),
)
DARK = Style(
    name="dark",
    words=_words(
        "dark ominous horror eerie sinister grim creepy haunting haunted gothic doom menacing tense suspense spooky "
        "nightmare shadow cold bleak brooding evil funeral noir whispered"
    ),
    tempo=54,
    beats=4,
    modes=("phrygian", "aeolian"),
    progressions=((0, 1, 0, 6), (0, 5, 1, 0), (0, 0, 1, 0), (0, 3, 1, 0)),
    pad="drone",
    bass="drone",
    bass_steps=((0.0, 0),),
    lead="bell",
    rhythms=((-2.0, 2.0), (4.0,), (-1.0, 3.0), (-4.0,), (1.0, 3.0)),
    drums=(("heart", 0.0, 1.0), ("heart", 0.45, 0.6)),
    root=(43, 48),
    hall=3.6,
    wet=0.4,
    levels={"pad": 0.0, "bass": -3.0, "lead": -6.0, "drums": 0.0},
    voice=Voice(variants=("m3", "m7"), rate=122, pitch=(12, 20), range=38, rest=1.35, room=0.28),
)
ELEGY = Style(
    name="elegy",
    words=_words(
        "elegy sad sorrow sorrowful mournful lament melancholy melancholic mourning grief wistful nostalgic plaintive "
        "tragic lonely regret farewell blue rainy"
    ),
    tempo=62,
    beats=4,
    modes=("aeolian", "dorian"),
    progressions=((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 4), (0, 2, 3, 0)),
    pad="strings",
    bass="strings",
    bass_steps=((0.0, 0),),
    lead="flute",
    rhythms=((3.0, 1.0), (2.0, 2.0), (2.0, 1.0, 1.0), (-1.0, 1.0, 2.0)),
    strum="harp",
    strum_beats=(0.0, 1.0, 2.0, 3.0),
    root=(45, 52),
    hall=2.6,
    wet=0.32,
    levels={"pad": -1.0, "bass": -5.0, "lead": -4.0, "strum": -5.0},
    voice=Voice(variants=("f3", "m3", "f2"), rate=126, pitch=(32, 42), range=46, rest=1.25, room=0.22),
)
MYSTIC = Style(
    name="mystic",
    words=_words(
        "mystic mystical magic magical ethereal dream enchanted fairy faerie fey elven celestial cosmic wonder "
        "otherworldly mysterious strange ancient arcane floating space oracle prophecy myth mythic"
    ),
    tempo=70,
    beats=4,
    modes=("lydian", "dorian"),
    progressions=((0, 1, 0, 1), (0, 4, 1, 0), (0, 2, 1, 0), (0, 5, 1, 4)),
    pad="choir",
    bass="drone",
    bass_steps=((0.0, 0),),
    lead="bell",
    rhythms=((1.0, 1.0, 2.0), (-1.0, 1.0, 2.0), (3.0, 1.0), (-2.0, 0.5, 0.5, 1.0)),
    strum="harp",
    strum_beats=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5),
    root=(48, 55),
    hall=3.4,
    wet=0.38,
    levels={"pad": -1.0, "bass": -6.0, "lead": -5.0, "strum": -7.0},
    voice=Voice(variants=("f2", "f3"), rate=130, pitch=(38, 48), range=50, rest=1.2, room=0.3),
)
TALE = Style(
    name="tale",
    words=_words("tale story narration narrator storyteller fireside bard minstrel medieval fantasy lute harp"),
    tempo=76,
    beats=4,
    modes=("dorian", "mixolydian", "aeolian"),
    progressions=((0, 6, 3, 0), (0, 3, 6, 0), (0, 2, 3, 4), (0, 5, 6, 0)),
    pad="strings",
    bass="pluckbass",
    bass_steps=((0.0, 0), (2.0, 2)),
    lead="flute",
    rhythms=((1.0, 1.0, 2.0), (1.5, 0.5, 2.0), (2.0, 1.0, 1.0), (-1.0, 1.0, 1.0, 1.0)),
    strum="lute",
    strum_beats=(0.0, 1.0, 1.5, 2.0, 3.0, 3.5),
    root=(48, 55),
    hall=1.6,
    wet=0.22,
    levels={"pad": -3.0, "bass": -2.0, "lead": -6.0, "strum": -1.0},
)
STYLES = (HYMN, SHANTY, LULLABY, MARCH, DARK, ELEGY, MYSTIC, TALE)
_PLAIN = _words("plain spoken unaccompanied dry audiobook speech voiceover podcast")

_SUNG = _words("sung sing sings singing song chant chanted chorus aria vocal vocals")
_SPOKEN = _words("spoken speech read recited narrated narration declaimed whispered")


def style_for(asked: str | None) -> Style:
    """The style most words of `asked` speak of, the earlier one of two alike; a tale where none is known."""
    said = [word.casefold() for word in _WORDS.findall(asked or "")]
    return max(
        STYLES, key=lambda style: (sum(word in style.words for word in said), style is TALE, -STYLES.index(style))
    )


def is_plain(asked: str | None) -> bool:
    """True where the voice is to stand alone, as in "plain" or "no music"."""
    said = [word.casefold() for word in _WORDS.findall(asked or "")]
    return any(word in _PLAIN for word in said) or any(
        pair in {("no", "music"), ("without", "music"), ("a", "cappella"), ("voice", "only")} for pair in pairwise(said)
    )


def is_sung(asked: str | None, *, lyrics: bool) -> bool:
    """Verse is sung where it is the words of a song, or where the style says so; never where it is to be spoken."""
    said = {word.casefold() for word in _WORDS.findall(asked or "")}
    return (lyrics or bool(said & _SUNG)) and not said & _SPOKEN


def check_tempo(asked: float | None) -> None:
    """Raises `JobError` `tempo_not_possible` for what is no tempo even halved or doubled (20 to 400)."""
    if asked is not None and not SLOWEST_BEAT / 2 <= asked <= FASTEST_BEAT * 2:
        bounds = f"{SLOWEST_BEAT / 2:g} to {FASTEST_BEAT * 2:g}"
        raise JobError("tempo_not_possible", f"A tempo lies from {bounds} beats (or words) a minute, not {asked:g}.")


def beats_a_minute(style: Style, asked: float | None) -> float:
    """The tempo asked for; one that no foot could follow is halved or doubled until one can (40 to 200)."""
    tempo = asked or style.tempo
    while tempo < SLOWEST_BEAT:
        tempo *= 2
    while tempo > FASTEST_BEAT:
        tempo /= 2
    return tempo
