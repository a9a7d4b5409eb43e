"""The film's sound: a recording it is given, or a narration of its own; and when each sentence of it is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from lorekeeper.contracts.snapshot import AssetSnapshot
from lorekeeper.generators import audio, media
from lorekeeper.generators.audio.ending import last_sentence
from lorekeeper.generators.lyrics import SOUND_ONLY, Span, read_words
from lorekeeper.generators.passages import Passage
from lorekeeper.generators.video.listening import spans_heard
from lorekeeper.generators.video.timing import LONGEST, Plan, Voice, plan_film
from lorekeeper.sdk.handling import JobError

_FADE, _SHORTEST_FADE = 1.2, 0.25
_BEFORE_CREDITS = 0.3


@dataclass(frozen=True)
class Sound:
    """A file of any sound format, `seconds` long; `spans` are what is said in it, in its own time.

    `share_told` of the passages' text is said, as far as is known; of a recording it is not. `title`: what a recording
    calls itself.
    """

    path: Path
    seconds: float
    spans: Sequence[Span]
    share_told: float | None = None
    title: str = ""

    @property
    def voice(self) -> Voice:
        """From the first word to the last; all of it where no words are known."""
        if not self.spans:
            return Voice(self.seconds, 0.0, self.seconds)
        return Voice(self.seconds, self.spans[0][0], self.spans[-1][1])


def recorded(path: Path, asset: AssetSnapshot, passages: Sequence[str | Passage]) -> Sound:
    """A recording that was referred to. What is said in it, and when, it tells itself (timed lyrics), else its pauses.

    Raises `JobError` `input_asset_unusable`.
    """
    decoded = path.with_name(f"{path.name}.wav")
    plain = ["-map", "0:a:0", "-t", str(LONGEST), "-ar", "48000", "-ac", "2", "-c:a", "pcm_s16le"]
    try:
        media.run_ffmpeg([*SOUND_ONLY, *media.ONE_THREAD, "-i", path, *plain, *media.REPRODUCIBLE, decoded])
        probed = media.probe(decoded)
    except JobError as error:
        raise JobError(
            "input_asset_unusable", f"The {asset.type} {asset.id} ({asset.content_type}) cannot be heard: {error}"
        ) from error
    if probed.audio is None or not probed.duration:
        raise JobError("input_asset_unusable", f"There is no sound in the {asset.type} {asset.id}.")
    title, spans = read_words(path)
    return Sound(decoded, probed.duration, spans or spans_heard(decoded, passages), title=title)


def plan_with(sound: Sound, asked: float | None, cards: int, rate: int) -> tuple[Plan, Sound]:
    """The film's parts, and of the sound what is heard in it.

    A recording that is too long fades before the credits, at the end of a sentence, else of a line, that is known.
    """
    plan = plan_film(asked, sound.voice, cards, rate)
    if sound.share_told is not None or plan.sound_at + sound.voice.last <= plan.credits.begin / rate:
        return plan, sound
    fitting = next((count for count in range(len(sound.spans) - 1, 0, -1) if _fits(sound, count, asked, rate)), 0)
    if not fitting:
        begin = max(0.0, plan.credits.begin / rate - _FADE)
        return replace(plan, fade=(begin, _FADE)), sound
    spans = sound.spans[:fitting]
    count = last_sentence([text for _, _, text in spans], [end - begin for begin, end, _ in spans])
    plan = plan_film(asked, _voice_of(sound, count), cards, rate)
    last, following = sound.spans[count - 1][1], sound.spans[count][0]
    fade = min(_FADE, max(_SHORTEST_FADE, following - last))
    return replace(plan, fade=(plan.sound_at + last, fade)), replace(sound, spans=sound.spans[:count])


def share_heard(plan: Plan, sound: Sound) -> float:
    """How much of a sound the film lets one hear."""
    until = sum(plan.fade) if plan.fade else plan.seconds
    return min(1.0, (until - plan.sound_at) / sound.seconds)


def _fits(sound: Sound, count: int, asked: float | None, rate: int) -> bool:
    plan = plan_film(asked, _voice_of(sound, count), 1, rate)
    return plan.sound_at + sound.spans[count - 1][1] + _BEFORE_CREDITS <= plan.credits.begin / rate


def _voice_of(sound: Sound, count: int) -> Voice:
    """The voice of the sound's first spans."""
    last = sound.spans[count - 1][1]
    return Voice(last + _FADE, sound.spans[0][0], last)


def narrated(
    passages: Sequence[str | Passage],
    *,
    style: str | None,
    tempo: float | None,
    seconds: float | None,
    rng: Random,
    work_dir: Path,
    progress: Callable[[float], None],
) -> Sound:
    """The passages spoken, in `seconds` if that is given. Raises `JobError` as `audio.narrate` does."""
    made = audio.narrate(
        passages, style=style, tempo=tempo, seconds=seconds, rng=rng, work_dir=work_dir, progress=progress
    )
    return Sound(made.path, made.seconds, made.spans, made.spoken / max(1, made.characters))
