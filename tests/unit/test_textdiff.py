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


def test_many_hostile_lines_wait_no_longer_than_one() -> None:
    """No two neighbours are alike, so each word is found by a search of its own, in each of a hundred lines."""
    signs = [chr(code) for code in range(0x2200, 0x2400)]
    first = [signs[number % 100] for number in range(1900)]
    second = [sign for pair in zip(first, signs[100:] * 5, strict=False) for sign in pair][:1900]
    before, after = ("\n".join(f"{''.join(line)}\n= {n} =" for n in range(100)) for line in (first, ["&", *second]))
    began = time.process_time()

    word_diff(before, after)

    assert time.process_time() - began < 5
