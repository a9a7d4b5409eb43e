"""What is written is so: the documents are held to the code."""

import re
from pathlib import Path

import pytest
import typer

from lorekeeper.cli.main import app
from lorekeeper.contracts import errors
from lorekeeper.kit import http
from lorekeeper.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every Markdown table."""
    lines = (line.strip() for line in text.splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def _error_classes(base: type[errors.LoreKeeperError] = errors.LoreKeeperError) -> list[type[errors.LoreKeeperError]]:
    return [base, *(found for child in base.__subclasses__() for found in _error_classes(child))]


def test_the_errors_page_lists_every_code_with_its_status() -> None:
    known = {
        code: cls.status
        for cls in _error_classes()
        if cls.__module__ in {errors.__name__, http.__name__}
        for code in cls.codes()
    }
    # What the framework itself refuses has no class of ours.
    known |= {"bad_request": 400, "method_not_allowed": 405}

    told = {cells[0].strip("`"): int(cells[1]) for cells in rows(read("docs/errors.md")) if cells[0].startswith("`")}

    assert told == known


def test_every_code_is_met_by_a_test() -> None:
    """Over the wire: in a test of the running app, or of the commands."""
    tests = "".join(
        file.read_text(encoding="utf-8")
        for kind in ("integration", "e2e")
        for file in (ROOT / "tests" / kind).glob("test_*.py")
    )
    codes = [cells[0].strip("`") for cells in rows(read("docs/errors.md")) if cells[0].startswith("`")]

    assert [code for code in codes if f'"{code}"' not in tests] == []


def test_the_drawing_of_the_errors_names_every_class() -> None:
    assert errors.__doc__ is not None
    for cls in _error_classes():
        if cls.__module__ == errors.__name__:
            line = next((line for line in errors.__doc__.splitlines() if cls.__name__ in line), "")
            assert cls is errors.LoreKeeperError or str(cls.status) in line, cls.__name__


def test_the_settings_page_lists_every_setting_and_no_other() -> None:
    prefix = str(Settings.model_config["env_prefix"])
    known = {
        str(field.validation_alias or f"{prefix}{name}".upper()): field for name, field in Settings.model_fields.items()
    }

    told = {cells[0].strip("`"): cells for cells in rows(read("docs/settings.md")) if cells[0].startswith("`")}

    assert set(told) == set(known)
    for name, field in known.items():
        if isinstance(field.default, int | str) and not isinstance(field.default, bool):
            assert f"`{field.default}`" in told[name][1], name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestEveryPage:
    def test_names_only_files_that_are_there(self, page: Path) -> None:
        named = re.findall(r"`((?:lorekeeper|tests|docs|benchmarks|requirements)/[\w./-]+)`", page.read_text("utf-8"))

        assert [name for name in named if not (ROOT / name).exists()] == []

    def test_links_only_to_pages_that_are_there(self, page: Path) -> None:
        links = re.findall(r"\]\((?!https?://|mailto:)([^)#\s]+)(?:#[\w-]*)?\)", page.read_text("utf-8"))

        assert [link for link in links if not (page.parent / link).exists()] == []

    def test_gives_only_commands_that_there_are(self, page: Path) -> None:
        text = page.read_text("utf-8")
        given = re.findall(r"(?:^|[\s`/])lorekeeper ([a-z]+)((?: [a-z]+)?)((?: [^\n`|]*)?)", _code_of(text))
        group = typer.main.get_command(app)
        context = typer.Context(group)
        wrong = []
        for name, word, rest in given:
            command = group.get_command(context, name)  # type: ignore[attr-defined]
            if command is not None and hasattr(command, "commands") and word.strip():
                command = command.commands.get(word.strip())
            options = {option for parameter in (command.params if command else ()) for option in parameter.opts}
            unknown = [option for option in re.findall(r"(?<!\S)\[?(--[a-z-]+)", rest) if option not in options]
            if command is None or [option for option in unknown if option != "--help"]:
                wrong.append(f"lorekeeper {name}{word}{rest}")

        assert wrong == []

    def test_gives_only_make_targets_that_there_are(self, page: Path) -> None:
        targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))

        assert set(re.findall(r"(?:^|`)make ([a-z-]+)", _code_of(page.read_text("utf-8")), re.MULTILINE)) <= targets


def _code_of(text: str) -> str:
    """The code of a page: its blocks, and what stands between backticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return "\n".join([*blocks, *inline])


def test_the_changelog_has_a_place_for_what_is_new() -> None:
    text = read("CHANGELOG.md")

    assert "Keep a Changelog" in text
    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE)


def test_the_architecture_page_tells_of_every_room() -> None:
    text = read("docs/architecture.md")
    rooms = {
        path.name
        for path in (ROOT / "lorekeeper").iterdir()
        if path.is_dir() and (path / "__init__.py").exists() and path.name != "__pycache__"
    }

    assert {room for room in rooms if f"`lorekeeper/{room}`" not in text} == set()
