"""An asset's lineage as a tree: the lore it was made from, and through the assets it was made from, down to theirs."""

from collections.abc import Mapping
from uuid import UUID

from rich.markup import escape
from rich.tree import Tree

from lorekeeper.cli.terminal import short
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.sdk import Client

NAMED = 3
LONGEST = 56


def lineage(client: Client, asset_id: UUID, titles: Mapping[UUID, str]) -> Tree:
    """The tree below an asset, read over the API. It ends by itself: nothing is derived from what came after it."""
    asset = client.assets.get(asset_id)
    title = escape(titles.get(asset_id, ""))
    tree = Tree(f"[name]{asset.type:<5}[/] {title} [id]…{short(asset_id)}[/]", guide_style="hint")
    for derivation in asset.derivations:
        for kind, names in _lore(derivation.lore_snapshot).items():
            if names:
                tree.add(f"[hint]{kind:<6}[/] {escape(_listed(names))}")
        for used in derivation.lore_snapshot.assets:
            tree.children.append(lineage(client, used.id, titles))
    return tree


def _lore(snapshot: LoreSnapshot) -> dict[str, list[str]]:
    return {
        "chunk": [
            f"{one.source_title}, {one.heading or one.chunk_index + 1} v{one.version}" for one in snapshot.source_chunks
        ],
        "claim": [f"{claim.sentence} v{claim.version}" for claim in snapshot.claims],
        "entity": [f"{entity.name} v{entity.version}" for entity in snapshot.entities],
    }


def _listed(names: list[str]) -> str:
    shown = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…" for name in names[:NAMED]]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return "; ".join(shown) + more
