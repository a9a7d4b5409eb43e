"""Log lines: each is one line of JSON, whatever stands in it."""

import json
from typing import Any

import pytest

from lorekeeper.kit.telemetry import as_json


@pytest.mark.parametrize(
    ("value", "written"),
    [("Beówulf\n\x00", "Beówulf\n\x00"), ("\ud800", "\ud800"), (2**70, 2**70), ({1: [None, 1.5]}, {"1": [None, 1.5]})],
)
def test_a_line_says_what_was_logged(value: Any, written: Any) -> None:
    line = as_json({"event": value}, repr)

    assert json.loads(line) == {"event": written}
    assert "\n" not in line


def test_what_is_no_json_is_written_as_text() -> None:
    assert json.loads(as_json({"event": object}, repr)) == {"event": repr(object)}
