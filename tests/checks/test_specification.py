"""Every piece of the specification stands in `docs/architecture.md`, beside the code and the tests that prove it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
SPECIFICATION = ROOT.parent / "shared" / "specification.md"
LINK = re.compile(r"\[`(?P<name>\w+)`\]\(\.\./(?P<file>[\w./-]+)\)")
NAME = re.compile(r"`([/A-Za-z_][\w/{}.-]*)`")


def table() -> list[list[str]]:
    text = PAGE.read_text(encoding="utf-8")
    part = text[text.index("## Where each piece of the specification lives") : text.index("## Speed")]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in lines if cells[0].strip() != "specification"]


def names_of(cell: str) -> set[str]:
    return set(NAME.findall(cell))


ROWS = table()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
class TestARow:
    def test_links_to_code_that_has_its_names(self, row: list[str]) -> None:
        files = [ROOT / file for _, file in LINK.findall(row[1])]
        code = "\n".join(file.read_text(encoding="utf-8") for file in files)
        names = {name for name in names_of(row[0]) if re.fullmatch(r"\w+", name)}

        assert files
        assert {name for name in names if not re.search(rf"\b{name}\b", code, re.IGNORECASE)} == set()

    def test_links_to_tests_that_there_are(self, row: list[str]) -> None:
        proofs = LINK.findall(row[2])

        assert proofs
        for name, file in proofs:
            assert file.startswith("tests/")
            source = (ROOT / file).read_text(encoding="utf-8")
            assert re.search(rf"^\s*(?:(?:async )?def|class) {name}\b", source, re.MULTILINE), (name, file)


def asked_for() -> set[str]:
    """The names in the specification's lists: what is in backticks, and the bold models and functions."""
    if not SPECIFICATION.exists():
        pytest.skip(f"{SPECIFICATION} is not here: the shared folder was not checked out beside the repository")
    text = SPECIFICATION.read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line.startswith(("- `", "**POST**", "**GET**", "**PATCH**"))]
    names = {name for line in listed for name in re.findall(r"`([^`]+)`", line)}
    names = {name.removesuffix("()") for name in names if "." not in name or name.startswith("/")}
    settings = re.findall(r"^(S3_\w+)", text, re.MULTILINE)
    tables = re.findall(r"^(asset\w*) \(", text, re.MULTILINE)
    return names | {*settings, *tables}


# `add_derivation_claims/entities/source_chunks()` names three functions in one; the placeholder of a key is no name.
SEVERAL = {"add_derivation_claims/entities/source_chunks"}
NO_NAMES = {"world_id/asset_type/timestamp_filename"}


def test_every_name_of_the_specification_has_a_row() -> None:
    told = {name for row in ROWS for name in names_of(row[0])}

    assert asked_for() - SEVERAL - NO_NAMES - told == set()
    assert len(asked_for()) > 70
