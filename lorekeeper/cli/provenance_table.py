"""A derivation as a table: each piece of lore an asset was made from, with its version and the end of its id."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from lorekeeper.cli.terminal import short
from lorekeeper.contracts.snapshot import LoreSnapshot

ROWS_PER_KIND = 3
LONGEST_TEXT = 76
OTHER_COLUMNS = 36
"""Characters that kind, version and id take, with the space between."""


class Piece(NamedTuple):
    """One piece of lore as it was when the job was asked for."""

    text: str
    version: int | None
    id: UUID


def provenance_table(width: int) -> Table:
    """An empty table for `add_asset`, of at most this width."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="hint", pad_edge=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("what", no_wrap=True, overflow="ellipsis", width=min(LONGEST_TEXT, width - OTHER_COLUMNS))
    table.add_column("version", no_wrap=True, justify="right")
    table.add_column("id", no_wrap=True)
    return table


def add_asset(table: Table, kind: str, title: str, asset_id: UUID, snapshot: LoreSnapshot) -> None:
    """Adds the asset, and under it what it was derived from: some of each kind, and how many more there are."""
    table.add_row(f"[name]{kind}[/]", f"[name]{escape(title)}[/]", "", f"[id]…{short(asset_id)}[/]")
    for what, pieces in _kinds(snapshot):
        for number, piece in enumerate(pieces[:ROWS_PER_KIND]):
            version = "" if piece.version is None else f"v{piece.version}"
            label = f"  {what}" if number == 0 else ""
            table.add_row(label, escape(_clip(piece.text)), version, f"[id]…{short(piece.id)}[/]")
        if (more := len(pieces) - ROWS_PER_KIND) > 0:
            table.add_row("", f"[hint]and {more} more[/]")


def _kinds(snapshot: LoreSnapshot) -> Iterator[tuple[str, Sequence[Piece]]]:
    if snapshot.source:
        yield "source", [Piece(snapshot.source.title, snapshot.source.version, snapshot.source.id)]
    chunks = snapshot.source_chunks
    yield (
        "chunk",
        [Piece(f"{chunk.chunk_index + 1}: {_opening(chunk.content)}", chunk.version, chunk.id) for chunk in chunks],
    )
    yield (
        "claim",
        [Piece(f"{claim.sentence} ({claim.canon_state})", claim.version, claim.id) for claim in snapshot.claims],
    )
    yield (
        "entity",
        [Piece(f"{entity.name} ({entity.type.lower()})", entity.version, entity.id) for entity in snapshot.entities],
    )
    yield "asset", [Piece(f"{asset.type} of {asset.size_bytes} bytes", None, asset.id) for asset in snapshot.assets]


def _opening(text: str) -> str:
    return " ".join(text.split())


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1].rstrip()}…"
