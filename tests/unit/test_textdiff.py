"""A diff loses nothing of either text, whatever they are, and is soon there."""

import random
import re
import time

from hypothesis import given
from hypothesis import strategies as st

from lorekeeper.lore.textdiff import line_diff, word_diff

texts = st.text(alphabet="ab \n.é", max_size=60)


@given(texts, texts)
def test_both_texts_can_be_read_out_of_the_lines(before: str, after: str) -> None:
    lines = line_diff(before.splitlines(), after.splitlines()).split("\n")

    assert [line[2:] for line in lines if line[:2] in {"  ", "- "}] == before.splitlines()
    assert [line[2:] for line in lines if line[:2] in {"  ", "+ "}] == after.splitlines()


@given(texts, texts)
def test_both_texts_can_be_read_out_of_the_words(before: str, after: str) -> None:
    words = word_diff(before, after)
    gone, come = re.compile(r"\[-(.*?)-\]", re.DOTALL), re.compile(r"\{\+(.*?)\+\}", re.DOTALL)

    assert gone.sub(r"\1", come.sub("", words)) == before
    assert come.sub(r"\1", gone.sub("", words)) == after


def test_hostile_texts_keep_nobody_waiting() -> None:
    """Few different words, many times: compared pair by pair that is minutes of work."""
    draw = random.Random(1)
    first, second = ("\n".join(" ".join(draw.choice("abc") for _ in range(60)) for _ in range(1600)) for _ in range(2))
    began = time.process_time()

    word_diff(first, second)
    line_diff(first.splitlines(), second.splitlines())
    word_diff(first.replace("\n", " "), second.replace("\n", " "))

    assert time.process_time() - began < 5
