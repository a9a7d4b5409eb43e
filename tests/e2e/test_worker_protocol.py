"""docs/worker-protocol.md: its commands, run in their order in one shell, give what the page shows."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from real_commands import environment

PAGE = Path(__file__).parents[2] / "docs" / "worker-protocol.md"
NEEDED = ("bash", "curl", "jq")
MARK = "--- the end of a block ---"

# What is another each time. All the rest of an answer is as the page has it: the keys, the statuses, the numbers.
ANEW = [
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "an id"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "a time"),
    (re.compile(r"\b\d{8}T\d{12}Z"), "a time"),
    (re.compile(r'("request_id": ?")[0-9a-f]{32}'), r"\1a request"),
]


@dataclass(frozen=True)
class Block:
    commands: str
    shown: str
    """What the page shows below; empty where it shows nothing."""


def blocks(page: str) -> list[Block]:
    """Each block of commands with what directly follows it."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    following = [*found[1:], ("", "")]
    return [
        Block(text, after if kind_after in {"json", "text"} else "")
        for (kind, text), (kind_after, after) in zip(found, following, strict=True)
        if kind == "sh"
    ]


def run(commands: list[str], place: Path) -> list[str]:
    """What each prints. One shell for all of them: what one sets, the next has."""
    marked = "".join(f"{text}\nprintf '\\n{MARK}\\n'\n" for text in commands)
    done = subprocess.run(
        ["bash", "-eu", "-c", marked],
        cwd=place,
        env=environment(PATH=f"{place}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(f"\n{MARK}\n")[:-1]


def timeless(text: str) -> Any:
    """Without what is another each time; JSON as JSON, however it is laid out."""
    for pattern, name in ANEW:
        text = pattern.sub(name, text)
    decoder, values, rest = json.JSONDecoder(), [], text.strip()
    try:
        while rest:
            value, end = decoder.raw_decode(rest)
            values.append(value)
            rest = rest[end:].lstrip()
    except ValueError:
        return text.strip().splitlines()
    return values


@pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED), reason=f"the page needs {', '.join(NEEDED)} on this machine"
)
def test_the_commands_of_the_page_do_what_it_says(server, tmp_path):
    (tmp_path / "lore-data").symlink_to(server.data_dir)
    command = tmp_path / "lorekeeper"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lorekeeper "$@"\n')
    command.chmod(0o755)
    given = blocks(PAGE.read_text(encoding="utf-8"))
    assert len(given) > 20

    printed = run([block.commands for block in given], tmp_path)

    for block, out in zip(given, printed, strict=True):
        assert timeless(out) == timeless(block.shown), block.commands
