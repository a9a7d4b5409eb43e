"""Names are found as whole words, however they are written, and hostile ones keep nobody waiting."""

import time

import pytest

from lorekeeper.search.mentions import mentions_in, tree_of


@pytest.mark.parametrize(
    ("names", "text", "found"),
    [
        (["Hrothgar", "King Hrothgar"], "King\n  Hrothgar rules; hrothgar", ["King\n  Hrothgar", "hrothgar"]),
        (["O'Neil"], "O'Neil, O'Neill, O 'Neil", ["O'Neil"]),
        (["C++", "C"], "C++ C+ _C_ C", ["C++", "C", "C"]),
        (["東京"], "東京都、東 京", ["東京"]),
        (["Am\u00e9lie", "Ame"], "Ame\u0301lie AM\u00c9LIE Ame Ame\u0301", ["Ame\u0301lie", "AM\u00c9LIE", "Ame"]),
        (["a b", "a b c d"], "a b c, a b c d", ["a b", "a b c d"]),
        ([" "], "anything", []),
    ],
)
def test_names_are_found_as_whole_words_the_longest_first(names: list[str], text: str, found: list[str]) -> None:
    mentions = mentions_in(text, tree_of(names))

    assert [mention.name for mention in mentions] == found
    assert [text[mention.start : mention.end] for mention in mentions] == found


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([f"{'a ' * 200}x{number}" for number in range(200)], "a " * 50_000),
        ([f"a b{number}" for number in range(200)], ("a" + " " * 500) * 200),
        (["x" * 400 + str(number) for number in range(200)], "x" * 100_000),
    ],
)
def test_two_hundred_names_that_almost_fit_keep_nobody_waiting(names: list[str], text: str) -> None:
    began = time.process_time()

    assert mentions_in(text, tree_of(names)) == []

    assert time.process_time() - began < 5
