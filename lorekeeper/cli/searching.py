"""`lorekeeper search`: what fits a question, as a list to read or, to a program, as JSON lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lorekeeper.cli.bringing.worlds import find_world
from lorekeeper.cli.terminal import CommandError, connect, json_line, out, short
from lorekeeper.contracts.search import SearchHit, SearchKind, Span
from lorekeeper.sdk.filters import SearchFilters


def search(
    question: Annotated[
        str, typer.Argument(metavar="QUERY", help='Words, "phrases", -not, or; the last word may be begun.')
    ],
    world: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only in this world: its exact name or its id.")
    ] = None,
    kind: Annotated[
        list[SearchKind] | None, typer.Option(case_sensitive=False, help="Only these; may be given again.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Only what has this tag; may be given again.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many hits to show.")] = 10,
    data_dir: Annotated[
        Path | None, typer.Option(help="Use the server that runs on this data folder.", metavar="D")
    ] = None,
) -> None:
    """Search entities, claims and texts."""
    filters: SearchFilters = {}
    if kind:
        filters["kind"] = kind
    if tag:
        filters["tag"] = tag
    with connect(data_dir) as client:
        if world is not None:
            found = find_world(client, world)
            if found is None:
                raise CommandError(f"there is no world named {world!r}")
            filters["world_id"] = found.id
        answer = client.search(question, limit=limit, **filters)
    if not out.is_terminal:
        for hit in answer.items:
            json_line(**hit.model_dump(mode="json"))
        return
    for hit in answer.items:
        out.print(_head(hit), soft_wrap=True)
        if hit.snippet:
            out.print(_marked(hit.snippet.replace("\n", " "), hit.snippet_marks, "      "))
    more = "more than " if answer.total_is_estimate else ""
    out.print(f"[hint]{len(answer.items)} of {more}{answer.total}[/]" if answer.items else "Nothing fits.")


def _head(hit: SearchHit) -> Text:
    kind = "text" if hit.kind is SearchKind.SOURCE_CHUNK else hit.kind.value
    told = [hit.type or hit.canon_state or "", f"no. {hit.chunk_index}" if hit.chunk_index is not None else ""]
    about = "  ".join(filter(None, [*told, f"…{short(hit.id)}"]))
    return Text.assemble((f"{kind:<7}", "hint"), _marked(hit.title, hit.title_marks), (f"  {about}", "hint"))


def _marked(text: str, marks: Sequence[Span], indent: str = "") -> Text:
    """Text of the user's own, which is never read as mark-up."""
    shown = Text(indent + text)
    for mark in marks:
        shown.stylize("bold green", len(indent) + mark.start, len(indent) + mark.end)
    return shown
