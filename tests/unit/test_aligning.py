"""Which chunk of a new edition is which of the present one."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorekeeper.lore.aligning import alike, gaps, in_order, same_text

BOOK = [f"Of the {n}th night it is told that king {n * 7919} rode out with {n} men to the ford." for n in range(40)]


def compared(old: list[str], new: list[str]) -> tuple[dict[int, int], list[int], dict[int, int]]:
    """Pairs of the same text, those of them that kept their order, and pairs of changed text."""
    pairs = same_text(old, new)
    anchors = in_order(pairs)
    changed = {}
    for gap in gaps(len(old), len(new), pairs, anchors):
        changed |= alike(gap, dict(enumerate(old)), dict(enumerate(new)))
    return pairs, anchors, changed


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "the sea went out", "the sea came back", "a hall stood on the hill"]))


@given(TEXTS, TEXTS)
def test_each_chunk_has_one_partner_at_most_and_every_text_that_can_have_one_has_it(old, new):
    pairs, anchors, changed = compared(old, new)
    assert all(old[there] == new[here] for here, there in pairs.items())
    partners = [*pairs.values(), *changed.values()]
    assert len(partners) == len(set(partners))
    assert not pairs.keys() & changed.keys()
    assert len(pairs) == sum(min(old.count(text), new.count(text)) for text in set(old))
    assert [pairs[place] for place in anchors] == sorted(pairs[place] for place in anchors)


@given(TEXTS)
def test_the_same_again_is_the_same_throughout(texts):
    pairs, anchors, changed = compared(texts, texts)
    assert anchors == list(range(len(texts)))
    assert all(here == there for here, there in pairs.items())
    assert not changed


def test_one_more_of_what_is_often_there_moves_nothing():
    pairs, anchors, _ = compared(["* * *", *BOOK, "* * *"], ["* * *", *BOOK[:5], "* * *", *BOOK[5:], "* * *"])
    assert len(anchors) == len(pairs) == 42
    assert 6 not in pairs


def test_an_edited_chunk_finds_its_old_self_among_others():
    new = [*BOOK[:10], "Something else entirely, of a dragon.", BOOK[10] + " And back again.", *BOOK[12:]]
    _, _, changed = compared(BOOK, new)
    assert changed[11] == 10


def test_a_split_chunk_lives_on_in_its_larger_half():
    whole = " ".join(f"word{n}" for n in range(100))
    words = whole.split()
    _, _, changed = compared([BOOK[0], whole, BOOK[1]], [BOOK[0], " ".join(words[:30]), " ".join(words[30:]), BOOK[1]])
    assert changed == {2: 1}


@pytest.mark.parametrize(("new", "changed"), [(["x", "new", "y"], {1: 1}), (["x", "new", "newer", "y"], {})])
def test_what_stands_in_its_place_replaces_it_where_that_is_plain(new, changed):
    assert compared(["x", "old", "y"], new)[2] == changed


def test_a_hundred_thousand_chunks_take_seconds():
    old = [
        f"In the year {n} of the world, so they say, stood house {n * 31} by water {n * 17}." for n in range(100_000)
    ]
    new = old[:20_000] + [text + " No more." for text in old[20_000:30_000]] + old[40_000:] + old[30_000:35_000]
    began = time.process_time()
    pairs, anchors, changed = compared(old, new)
    assert time.process_time() - began < 15
    assert (len(pairs), len(anchors)) == (85_000, 80_000)
    assert 9_700 < len(changed) <= 10_000
