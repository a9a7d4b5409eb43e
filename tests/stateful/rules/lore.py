"""What writers do with lore: editing, deleting, bringing back, new editions."""

from typing import Any

from factories.lore import Made
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from stateful.looking import Looking
from stateful.model.lore import Piece
from stateful.model.values import Refusal
from stateful.reading import PATHS
from stateful.stage import step

TEXTS = ("The sea went out.", "Salt everywhere.", "Ash.", "The sea went out and stayed.", "Nobody came.")
FIVE: Made = {"label": None, "sort": 5.0}
EDITS: dict[str, tuple[Made, ...]] = {
    "world": (
        {"name": "Ash"},
        {"name": "Salt"},
        {"description": "Dry."},
        {"description": None},
        {"metadata": {"n": 1}},
    ),
    "entity": (
        *({"name": "Ash"}, {"name": "Salt"}, {"aliases": ["Grey"]}, {"aliases": []}, {"summary": "Old."}),
        *({"tags": ["old"]}, {"tags": []}, {"metadata": {"n": 1}}, {"metadata": {"n": 1.0}}, {}),
    ),
    "source": (
        *({"title": "Ash"}, {"title": "Salt"}, {"origin": "a shelf"}, {"origin": None}, {"metadata": {"n": 1}}),
        *({"author_ids": []}, {"author_ids": ["entity"]}, {"author_ids": ["entity"], "title": "Ash"}),
    ),
    "source_chunk": (
        *({"content": text} for text in TEXTS[:3]),
        *({"metadata": {"heading": "Ash"}}, {"metadata": {}}, {"content": TEXTS[3], "metadata": {"n": 1}}),
    ),
    "claim": (
        *({"object_value": "Ash.", "object_entity_id": None}, {"object_value": "Salt."}, {"tags": ["old"]}),
        *({"object_value": None, "object_entity_id": "entity"}, {"canon_state": "DRAFT"}, {"canon_state": "STRICT"}),
        *({"subject_entity_id": "entity"}, {"confidence": 1}, {"confidence": 0.5}, {"predicate": "keeps"}),
        *({"source_chunk_id": None}, {"source_chunk_id": "source_chunk"}, {"asserted_by_entity_id": None}),
        *({"supersedes_claim_id": None}, {"supersedes_claim_id": "claim"}, {"supersedes_claim_id": "claim"}),
        *({"valid_from": FIVE}, {"valid_to": FIVE}, {"valid_from": None}, {"valid_to": None}, {"tags": []}),
    ),
}
"""A kind stands for the id of some piece of that kind."""
WORLD = st.sampled_from([0, 0, 0, 1])
WHICH = st.integers(0, 11)
IF_MATCH = st.sampled_from(["nothing", "nothing", "nothing", "what is there", "what was there", "anything", "several"])


class Lore(Looking):
    @step(
        world=WORLD,
        edits=st.lists(st.tuples(WHICH, st.integers(0, 20), WHICH, IF_MATCH), min_size=1, max_size=4),
    )
    def edit(self, world: int, edits: list[tuple[int, int, int, str]]) -> None:
        """Any pieces, dead ones too: which, how, what they are to point at, and under which condition."""
        for which, change, at, if_match in edits:
            self.edit_piece(self.piece_of(world, which), change, at, if_match)

    def edit_piece(self, piece: Piece, change: int, at: int, if_match: str) -> None:
        edits = EDITS[piece.kind]
        changes = {name: self.filled(value, piece.world_id, at) for name, value in edits[change % len(edits)].items()}
        matching = self._if_match(piece, if_match)
        path = f"{PATHS[piece.kind]}/{piece.id}"
        answer, now = self.send(self.stage.editor, "PATCH", path, json=changes, headers=_headers(matching))
        edit, version = piece.edit, piece.version
        refusal = self.model.edit(piece, changes, matching, now)
        if refusal is not None:
            self.is_refused("edit", answer, refusal)
            return
        what = "a new version" if piece.version > version else "a label" if piece.edit > edit else "nothing"
        self._is_answered_with(f"edit: {what}", answer, piece)

    @step(world=WORLD, which=WHICH, cascade=st.booleans(), if_match=IF_MATCH)
    def delete_lore(self, world: int, which: int, cascade: bool, if_match: str) -> None:
        pieces = [piece for piece in self._pieces(world) if piece.kind != "world"]
        self.delete_piece(pieces[which % len(pieces)], if_match, cascade=cascade)

    def delete_piece(self, piece: Piece, if_match: str, *, cascade: bool) -> None:
        matching = self._if_match(piece, if_match)
        path = f"{PATHS[piece.kind]}/{piece.id}"
        params = {"cascade": "true"} if cascade else {}
        answer, now = self.send(self.stage.editor, "DELETE", path, params=params, headers=_headers(matching))
        deleted = self.model.delete_lore(piece, matching, now, cascade=cascade)
        if isinstance(deleted, Refusal):
            self.is_refused("delete lore", answer, deleted)
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        told = answer.json()
        self.learned("when it was deleted", told.pop("deleted_at"), now)
        self.same("what went", told, {"id": piece.id, **vars(deleted)})
        self.stage.seen["delete lore: with others" if len(deleted.claim_ids) else "delete lore: alone"] += 1

    @precondition(lambda self: any(piece.edit > 1 for piece in self.model.lore.values()))
    @step(
        world=WORLD,
        which=WHICH,
        of=st.sampled_from(["the dead", "the dead", "all"]),
        back=st.sampled_from([1, 1, 1, 2, 3, 0, -1]),
        if_match=IF_MATCH,
    )
    def restore(self, world: int, which: int, of: str, back: int, if_match: str) -> None:
        """`back`: how many versions."""
        pieces = [piece for piece in self._pieces(world) if not piece.is_there] if of == "the dead" else []
        pieces = pieces or [piece for piece in self.model.lore.values() if piece.version > 1] or self._pieces(world)
        piece = pieces[which % len(pieces)]
        version = max(1, piece.version - back)
        matching = self._if_match(piece, if_match)
        path = f"{PATHS[piece.kind]}/{piece.id}/versions/{version}/restore"
        answer, now = self.send(self.stage.editor, "POST", path, headers=_headers(matching))
        before, was_there = piece.version, piece.is_there
        refusal = self.model.restore(piece, version, matching, now)
        if refusal is not None:
            self.is_refused("restore", answer, refusal)
            return
        what = "a tombstone" if not was_there else "an old version" if piece.version > before else "nothing"
        self._is_answered_with(f"restore: {what}", answer, piece)

    @precondition(lambda self: len(self.model.lore) < 40)
    @step(world=WORLD, texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), if_match=IF_MATCH)
    def new_edition(self, world: int, texts: list[str], if_match: str) -> None:
        (source,) = self.model.of(self.worlds[world].id, "source", there=None)
        matching = self._if_match(source, if_match)
        body = {"chunks": [{"content": text} for text in texts]}
        path = f"/sources/{source.id}"
        answer, now = self.send(self.stage.editor, "POST", f"{path}/editions", json=body, headers=_headers(matching))
        refusal = self.model.edition_refusal(source, matching)
        if refusal is not None:
            self.is_refused("new edition", answer, refusal)
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        told, chunks = answer.json(), self.onlooker.get(f"{path}/chunks", limit=1000)["items"]
        self.same("the chunks of the new edition", [chunk["content"] for chunk in chunks], texts)
        report = self.model.take_edition(source, texts, chunks, now)
        for chunk in chunks:
            self.agree_in_piece(self.model.lore[chunk["id"]], chunk)
        self.agree_in_piece(source, told.pop("source"))
        self.same("ETag", answer.headers["etag"], source.etag)
        self.same("kept and moved", told.pop("kept") + told.pop("moved"), report.pop("kept and moved"))
        counted = {name.removesuffix("_ids"): len(ids) for name, ids in report.items() if name.endswith("_ids")}
        counted["claims_citing_removed"] = len(report["claim_ids_citing_removed"])
        self.same("the report", told, report | counted)
        self.stage.seen[f"new edition: {'the same' if report['unchanged'] else 'another'}"] += 1

    def filled(self, value: Any, world_id: str, at: int) -> Any:
        """With an id for each kind that stands for one: mostly of this world."""
        if isinstance(value, list):
            return [self.filled(one, world_id, at) for one in value]
        if not isinstance(value, str) or value not in PATHS:
            return value
        worlds = [world_id] if at < 11 else [world.id for world in self.worlds if world.id != world_id]
        pieces = self.model.of(worlds[0], value, there=None)
        return pieces[at % len(pieces)].id

    def piece_of(self, world: int, which: int) -> Piece:
        pieces = self._pieces(world)
        return pieces[which % len(pieces)]

    def _pieces(self, world: int) -> list[Piece]:
        return [piece for piece in self.model.lore.values() if piece.world_id == self.worlds[world].id]

    def _if_match(self, piece: Piece, what: str) -> str | None:
        return {
            "nothing": None,
            "what is there": piece.etag,
            "what was there": f'"{piece.edit - 1}"',
            "anything": "*",
            "several": f'"{piece.edit + 1}", {piece.etag}',
        }[what]

    def _is_answered_with(self, what: str, answer: Any, piece: Piece) -> None:
        self.same("the answer", answer.status_code, 200, answer.text)
        self.same("ETag", answer.headers["etag"], piece.etag)
        self.agree_in_piece(piece, answer.json())
        self.stage.seen[what] += 1


def _headers(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}
