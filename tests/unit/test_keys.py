"""The form of an API key, and what may be kept of it."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorekeeper.access.keys import make_key, read_key


def test_a_new_key_reads_as_itself() -> None:
    text, parts = make_key()

    assert re.fullmatch(r"lk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", text)
    assert read_key(text) == parts
    assert parts.id == text[3:15]
    assert parts.secret_hash == hashlib.sha256(text[16:48].encode()).digest()


def test_no_two_keys_are_alike() -> None:
    keys = [make_key() for _ in range(200)]

    assert len({parts.id for _, parts in keys}) == 200
    assert len({parts.secret_hash for _, parts in keys}) == 200


@given(place=st.integers(0, 53), letter=st.sampled_from("0aZ_-é "))
def test_one_wrong_letter_is_noticed(place: int, letter: str) -> None:
    text, _ = make_key()
    wrong = text[:place] + letter + text[place + 1 :]

    assert (read_key(wrong) is None) is (wrong != text)


@given(st.text(max_size=80))
def test_no_other_text_is_a_key(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize("change", [lambda key: key + "\n", lambda key: " " + key, str.upper, lambda key: key[:-1]])
def test_a_key_is_taken_exactly(change) -> None:
    assert read_key(change(make_key()[0])) is None
