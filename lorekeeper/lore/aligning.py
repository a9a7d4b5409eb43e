"""Which chunk of a new edition is which chunk of the present one.

    same text, wherever it stands ──▶ anchors: those in the same order ──▶ gaps between them ──▶ similar text in a gap

Chunks of the same text are the same chunk: first texts that occur once, then their neighbours, then the rest, which is
Heckel's way (1978). The longest run of them that kept its order anchors the two editions to one another. In a gap
between two anchors a new chunk takes the place of the old one that it shares most word pairs with. All in time nearly
linear in the number of chunks.
"""

import zlib
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import nsmallest
from itertools import pairwise
from typing import NamedTuple

Pairs = dict[int, int]
"""From a chunk's place in the new edition to its place in the present one."""

LEAST_LIKENESS = 0.2
"""Of 1: below it, two chunks are different ones. Unrelated prose of one book shares about 0.05."""

_CLEARLY = 0.8
_FEW = 400
_BAND = 2
_COMMON = 8
_WORTH_A_LOOK = 8
_FEATURES = 8
_SAME_PLACE = 4
_SHORT = 8
_REMEMBERED = 4096
_SPREAD = 0x9E3779B1
"""2^32 by the golden ratio: spreads checksums, so that the smallest pairs are not those of a few words."""


class Gap(NamedTuple):
    """Chunks without a partner that stand between the same two anchors."""

    old: list[int]
    new: list[int]


def same_text(old: Sequence[str], new: Sequence[str]) -> Pairs:
    """Pair chunks by their hashes, each with one other at the most."""
    pairs, taken = _unique(old, new)
    _spread(old, new, pairs, taken, step=1)
    _spread(old, new, pairs, taken, step=-1)
    left: dict[str, deque[int]] = {}
    for place, text in enumerate(old):
        if place not in taken:
            left.setdefault(text, deque()).append(place)
    for place, text in enumerate(new):
        if place not in pairs and (same := left.get(text)):
            pairs[place] = same.popleft()
    return pairs


def _unique(old: Sequence[str], new: Sequence[str]) -> tuple[Pairs, set[int]]:
    often_old, often_new = Counter(old), Counter(new)
    place_of = {text: place for place, text in enumerate(old) if often_old[text] == 1}
    pairs = {place: place_of[text] for place, text in enumerate(new) if often_new[text] == 1 and text in place_of}
    return pairs, set(pairs.values())


def _spread(old: Sequence[str], new: Sequence[str], pairs: Pairs, taken: set[int], *, step: int) -> None:
    """Neighbours of a pair that are alike are a pair too. Before the first chunk, and behind the last, stands one."""
    places = range(len(new)) if step > 0 else range(len(new) - 1, -1, -1)
    before = -1 if step > 0 else len(old)
    for place in places:
        if place not in pairs:
            there = before + step
            if not 0 <= there < len(old) or there in taken or old[there] != new[place]:
                before = len(old) if step > 0 else -1  # nothing to go on from until the next pair
                continue
            pairs[place] = there
            taken.add(there)
        before = pairs[place]


def in_order(pairs: Pairs) -> list[int]:
    """The places (in the new edition) of the longest run of pairs that stand in the same order in both editions."""
    places = sorted(pairs)
    ends: list[int] = []
    end_places: list[int] = []
    before: dict[int, int] = {}
    for place in places:
        length = bisect_left(ends, pairs[place])
        if length:
            before[place] = end_places[length - 1]
        ends[length : length + 1] = [pairs[place]]
        end_places[length : length + 1] = [place]
    run: list[int] = []
    here = end_places[-1] if end_places else None
    while here is not None:
        run.append(here)
        here = before.get(here)
    return run[::-1]


def gaps(old_count: int, new_count: int, pairs: Pairs, anchors: Sequence[int]) -> Iterator[Gap]:
    """Where chunks went and others came, between the same two anchors."""
    taken = set(pairs.values())
    old_start = new_start = 0
    for anchor in [*anchors, None]:
        old_end, new_end = (old_count, new_count) if anchor is None else (pairs[anchor], anchor)
        gap = Gap(
            [place for place in range(old_start, old_end) if place not in taken],
            [place for place in range(new_start, new_end) if place not in pairs],
        )
        if gap.old and gap.new:
            yield gap
        old_start, new_start = old_end + 1, new_end + 1


def alike(gap: Gap, old: Mapping[int, str], new: Mapping[int, str]) -> Pairs:
    """Pair the chunks of a gap by what they share, the most alike first.

    Where as many are left over on either side, and few, they stand in one another's place, however little they share.
    """
    pairs: Pairs = {}
    taken: set[int] = set()
    for _, _, place, there in sorted(_scored(gap, old, new)):
        if place not in pairs and there not in taken:
            pairs[place] = there
            taken.add(there)
    left_old = [place for place in gap.old if place not in taken]
    left_new = [place for place in gap.new if place not in pairs]
    if len(left_old) == len(left_new) <= _SAME_PLACE:
        pairs.update(zip(left_new, left_old, strict=True))
    return pairs


def _scored(gap: Gap, old: Mapping[int, str], new: Mapping[int, str]) -> Iterator[tuple[float, int, int, int]]:
    """Pairs that are alike enough: how alike (less is more), how far apart, new place, old place.

    In a small gap each is held against each; in a large one against those that share most of a few picked word pairs,
    and those that stand about there.
    """
    word_pairs = _word_pairs()
    read_old = lru_cache(_REMEMBERED)(lambda place: word_pairs(old[place]))
    is_small = len(gap.old) * len(gap.new) <= _FEW
    by_feature = {} if is_small else _by_feature(gap, read_old)
    for number, place in enumerate(gap.new):
        mine = word_pairs(new[place])
        candidates = range(len(gap.old)) if is_small else _worth_a_look(gap, number, mine, by_feature)
        for candidate in candidates:
            likeness = _likeness(mine, read_old(gap.old[candidate]))
            if likeness >= LEAST_LIKENESS:
                yield -likeness, abs(candidate - number), place, gap.old[candidate]
            if likeness >= _CLEARLY and not is_small:
                break


def _by_feature(gap: Gap, read_old: Callable[[int], frozenset[int]]) -> dict[int, list[int]]:
    """Which old chunks, as places in the gap, have a word pair among their picked ones."""
    having: dict[int, list[int]] = {}
    for number, place in enumerate(gap.old):
        for feature in nsmallest(_FEATURES, read_old(place)):
            numbers = having.setdefault(feature, [])
            if len(numbers) <= _COMMON:
                numbers.append(number)
    return having


def _worth_a_look(gap: Gap, number: int, mine: frozenset[int], by_feature: Mapping[int, list[int]]) -> Sequence[int]:
    about = number * len(gap.old) // len(gap.new)
    shared = Counter(range(max(0, about - _BAND), min(len(gap.old), about + _BAND + 1)))
    for feature in nsmallest(_FEATURES, mine):
        having = by_feature.get(feature, ())
        if len(having) <= _COMMON:
            shared.update(having)
    return [candidate for candidate, _ in shared.most_common(_WORTH_A_LOOK)]


def _likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """Of 1 (Dice's coefficient)."""
    size = len(one) + len(other)
    return 2 * len(one & other) / size if size else 0.0


def _word_pairs() -> Callable[[str], frozenset[int]]:
    """Reads a text as the checksums of its neighbouring words; a short one as those of its words as well."""
    checksums: dict[str, int] = {}

    def checksum(word: str) -> int:
        found = checksums.get(word)
        if found is None:
            found = checksums[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        return found

    def read(text: str) -> frozenset[int]:
        words = [checksum(word) for word in text.lower().split()]
        pairs = [(one * _SPREAD ^ other) & 0xFFFFFFFF for one, other in pairwise(words)]
        return frozenset(pairs + words if len(words) < _SHORT else pairs)

    return read
