"""Where to stop when not all fits: at the end of a sentence, else of a line; and at a pace that fills the time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lorekeeper.generators.audio.reading import Utterance, ends_sentence, split_sentences
from lorekeeper.generators.audio.speaking import Speech

_FURTHEST_BACK = 12.0
_FURTHEST_SHARE = 0.3
_PAUSE = 0.03
_SLOWEST = 0.9


@dataclass(frozen=True)
class Ending:
    """The utterances before `index` whole, and of that one the first `length` characters."""

    index: int
    length: int


def endings(utterances: Sequence[Utterance], speech: Sequence[Speech], fitting: int) -> Iterator[Ending]:
    """Where speech of which the first `fitting` utterances fit may end, the best first.

    Ends of sentences from the last to the first of those near, also such as lie inside a verse line; then the end of
    the last line that is no heading.
    """
    back, far = 0.0, _furthest([one.seconds for one in speech[:fitting]])
    for index in range(min(fitting, len(utterances) - 1), -1, -1):
        one = utterances[index]
        if back > far:
            break
        # Of the utterance that fits no more, a sentence at its beginning may fit.
        yield from (Ending(index, stop) for stop in _stops(one) if index < fitting or stop < len(one.text))
        back += speech[index].seconds if index < fitting else 0.0
    last = next((at for at in range(fitting - 1, -1, -1) if not utterances[at].heading), fitting - 1)
    yield Ending(last, len(utterances[last].text))


def shortened(
    utterances: list[Utterance], speech: list[Speech], ending: Ending
) -> tuple[list[Utterance], list[Speech]]:
    """What is said up to the ending."""
    last, sound = utterances[ending.index], speech[ending.index]
    if ending.length < len(last.text):
        until = next((at for position, at in sound.words if position >= ending.length), sound.seconds)
        samples = sound.samples[: max(1, round((until - _PAUSE) * sound.rate))]
        words = [word for word in sound.words if word[1] < until]
        last, sound = replace(last, text=last.text[: ending.length]), Speech(samples, sound.rate, words)
    return [*utterances[: ending.index], last], [*speech[: ending.index], sound]


def slower_by(speech: Sequence[Speech], spare: float) -> float:
    """How fast to say it (1 or less) so that seconds to spare are filled."""
    spoken = sum(one.seconds for one in speech)
    return max(_SLOWEST, spoken / max(0.01, spoken + spare)) if spare > 0 else 1.0


def last_sentence(texts: Sequence[str], seconds: Sequence[float]) -> int:
    """How many of the texts, said in so many seconds each, to keep so that the last one ends a sentence that is near.

    All of them where none does.
    """
    back, far = 0.0, _furthest(seconds)
    for count in range(len(texts), 0, -1):
        if back > far:
            break
        if ends_sentence(texts[count - 1]):
            return count
        back += seconds[count - 1]
    return len(texts)


def _furthest(seconds: Sequence[float]) -> float:
    return min(_FURTHEST_BACK, _FURTHEST_SHARE * sum(seconds))


def _stops(utterance: Utterance) -> list[int]:
    """Where sentences end in its text, the last one first; none in a heading."""
    if utterance.heading:
        return []
    stops, at = [], 0
    for sentence in split_sentences(utterance.text):
        at = utterance.text.index(sentence, at) + len(sentence)
        if ends_sentence(sentence):
            stops.append(at)
    return stops[::-1]
