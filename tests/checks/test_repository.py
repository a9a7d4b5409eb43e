"""What must not be in the repository: paths of the machine it was written on, addresses of a package index, secrets."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/[\w.-]+")
INDEX = re.compile(r"--(?:extra-)?index-url|--find-links|https?://")
# AWS's own documentation has key ids that end in EXAMPLE.
SECRET = re.compile(
    r"lk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}|-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA(?!\w*EXAMPLE)[0-9A-Z]{16}\b"
)


def files() -> list[Path]:
    """What is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def found(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    hits = []
    for path in paths:
        text = path.read_bytes().decode("utf-8", "replace")
        if "\0" not in text:
            hits += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in pattern.finditer(text)]
    return hits


def test_no_path_of_this_machine() -> None:
    assert found(HOME, [path for path in files() if path != Path(__file__)]) == []


@pytest.mark.parametrize("name", ["dev", "local", "server"])
def test_no_index_in_a_lock_file_and_a_hash_for_every_package(name: str) -> None:
    path = ROOT / "requirements" / f"{name}.lock"
    packages = re.split(r"\n(?=[a-z])", "\n" + re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE))[1:]

    assert found(INDEX, [path]) == []
    assert len(packages) > 10
    for package in packages:
        assert re.match(r"[a-z0-9-]+(\[[\w,-]+\])?==\S+", package), package
        assert "--hash=sha256:" in package, package


def test_no_secret() -> None:
    assert found(SECRET, [path for path in files() if path != Path(__file__)]) == []
