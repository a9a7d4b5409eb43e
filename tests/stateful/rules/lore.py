"""Editing lore. There is no endpoint for it yet, so it is done by SQL, as an endpoint would do it."""

import hashlib
from typing import Any

from hypothesis import strategies as st
from psycopg import sql

from stateful.looking import Looking
from stateful.model.lore import Piece
from stateful.stage import step

COLUMNS = {"claim": "object_value", "entity": "name", "source": "title", "source_chunk": "content"}
TEXTS = ("Ash.", "Salt.")


class Lore(Looking):
    @step(world=st.sampled_from([0, 0, 0, 1]), which=st.integers(0, 4), text=st.sampled_from(TEXTS))
    def edit(self, world: int, which: int, text: str) -> None:
        """What is asked for afterwards is something else, until it says the same as before again."""
        piece = self._pieces(world)[which]
        text = next(one for one in (text, *TEXTS) if one != piece.says)
        piece.says, piece.version = text, piece.version + 1
        self._update(
            piece.kind,
            piece.id,
            sql.SQL("version = version + 1, updated_at = %(now)s, content_hash = %(hash)s, {} = %(text)s").format(
                sql.Identifier(COLUMNS[piece.kind])
            ),
            text=text,
            hash=hashlib.sha256(f"{piece.id} {text}".encode()).hexdigest(),
        )

    @step(world=st.sampled_from([0, 1]), which=st.integers(0, 4))
    def relabel(self, world: int, which: int) -> None:
        """Nothing that can be depicted: nobody notices."""
        piece = self._pieces(world)[which]
        column = "tags = ARRAY['old']" if piece.kind in ("claim", "entity") else "metadata = '{\"shelf\": 3}'"
        self._update(piece.kind, piece.id, sql.SQL(column))

    @step(world=st.sampled_from([0, 1]), which=st.integers(0, 4))
    def take_away_or_bring_back(self, world: int, which: int) -> None:
        piece = self._pieces(world)[which]
        piece.is_there = not piece.is_there
        self._update(
            piece.kind,
            piece.id,
            sql.SQL("deleted_at = %(gone)s"),
            gone=None if piece.is_there else self.stage.clock.now(),
        )

    def _pieces(self, world: int) -> list[Piece]:
        return [piece for piece in self.model.lore.values() if piece.world_id == self.worlds[world].id]

    def _update(self, table: str, id: str, change: sql.Composable, **values: Any) -> None:
        statement = sql.SQL("UPDATE {} SET {} WHERE id = %(id)s").format(sql.Identifier(table), change)
        done = self.stage.database.execute(statement, {"id": id, "now": self.stage.clock.now(), **values})
        assert done.rowcount == 1
