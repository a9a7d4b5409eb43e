"""The examples are what the pages show, and as short as they say."""

import ast
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_shows_the_provider_as_it_is_run() -> None:
    example = (DOCS / "examples" / "remote_provider.py").read_text(encoding="utf-8")

    assert f"```python\n{example}```" in (DOCS / "providers.md").read_text(encoding="utf-8")


def test_a_provider_is_twenty_lines() -> None:
    """From its decorator to its last line."""
    tree = ast.parse((DOCS / "examples" / "remote_provider.py").read_text(encoding="utf-8"))
    (handler,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))

    assert handler.end_lineno is not None
    assert handler.end_lineno - handler.decorator_list[0].lineno + 1 <= 20
