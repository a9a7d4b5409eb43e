"""Holding lore as the app shows it against what the model remembers: every piece, every version, every snapshot."""

from typing import Any

from factories.lore import Made

from stateful.model.lore import Piece, content_of, living_chunks, reading
from stateful.model.values import Refusal, Unknown
from stateful.stage import Grounds

PATHS = {
    "world": "/worlds",
    "entity": "/entities",
    "source": "/sources",
    "source_chunk": "/source-chunks",
    "claim": "/claims",
}
LISTED = ("entity", "source", "claim", "source_chunk")
IN_SNAPSHOT = {"entity": "entities", "claim": "claims", "source_chunk": "source_chunks"}


class Reading(Grounds):
    def lore_is_as_written(self, turn: int) -> None:
        """One list, or one piece with one of its versions: each in its turn."""
        if turn % 2:
            self._list_is_as_written(self.worlds[turn // 2 % 2].id, LISTED[turn // 4 % len(LISTED)])
            return
        pieces = list(self.model.lore.values())
        piece = pieces[turn // 2 % len(pieces)]
        self._piece_is_as_written(piece)
        self._version_is_as_written(piece, 1 + turn % piece.version)

    def all_lore_is_as_written(self) -> None:
        for world in self.worlds:
            self.world_is_as_written(world.id)
        for piece in self.model.lore.values():
            if piece.version > 1 or not piece.is_there:
                self._piece_is_as_written(piece)
                for version in range(1, piece.version + 1):
                    self._version_is_as_written(piece, version)
        self._events_are_as_noted()

    def world_is_as_written(self, world_id: str) -> None:
        for kind in LISTED:
            self._list_is_as_written(world_id, kind)
        if self.model.declared.get(world_id):
            self.canon_is_as_written(world_id)

    def agree_in_piece(self, piece: Piece, told: Made) -> None:
        """What follows from its content, or was not known exactly, is learned."""
        wanted = reading(self.model.lore, piece)
        if isinstance(group := wanted.get("version_group_id"), Unknown):
            groups = [one.fields.get("version_group_id") for one in self.model.lore.values()]
            self.same("a version group of its own", told["version_group_id"] in groups, False)
            for one in self.model.lore.values():
                if one.fields.get("version_group_id") is group:
                    one.fields["version_group_id"] = told["version_group_id"]
            wanted = reading(self.model.lore, piece)
        learned = self._agree_in_content(f"{piece}", piece.kind, told, wanted)
        piece.stamps = {name: learned[name] for name in piece.stamps}

    def agree_in_snapshot(self, wanted: Made, told: Made) -> None:
        self.same("the world as it was", told["world"], wanted["world"])
        held = {kind: told[name] for kind, name in IN_SNAPSHOT.items()}
        held["source"] = [told["source"]] if told["source"] else []
        for kind, pieces in held.items():
            shown = {piece["id"]: (content, piece) for content, piece in wanted.get(kind, [])}
            self.same(f"the {kind} ids of a snapshot", sorted(one["id"] for one in pieces), sorted(shown))
            for one in pieces:
                content, piece = shown[one["id"]]
                self._agree_in_fields(f"{kind} {one['id']} as it was", one, piece)
                self._agree_in_hash(content, one["content_hash"])

    def canon_is_as_written(self, world_id: str) -> None:
        pairs = self.model.contradictions(world_id)
        told = self.onlooker.get(f"/worlds/{world_id}/contradictions", limit=1000)
        wanted: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for claim, other in pairs:
            about = claim.fields["subject_entity_id"], claim.fields["predicate"]
            wanted.setdefault(about, []).append((claim.id, other.id))
        found = {
            (one["subject_entity_id"], one["predicate"]): [
                (pair["claim"]["id"], pair["other"]["id"]) for pair in one["pairs"]
            ]
            for one in told["items"]
        }
        self.same("the contradictions", found, wanted)
        self.same("how many there are", told["total"], len(wanted))
        for one in told["items"]:
            for pair in one["pairs"]:
                for side in pair.values():
                    self.agree_in_piece(self.model.lore[side["id"]], side)

    # --- one after the other ---

    def _list_is_as_written(self, world_id: str, kind: str) -> None:
        wanted = sorted(self.model.of(world_id, kind), key=lambda piece: piece.id, reverse=True)
        path, filters = PATHS[kind], {"world_id": world_id}
        if kind == "source_chunk":
            (source,) = self.model.of(world_id, "source", there=None)
            wanted, path, filters = living_chunks(self.model.lore, source.id), f"/sources/{source.id}/chunks", {}
            if not source.is_there:
                self._is_forgotten(path)
                return
        told = self.onlooker.get(path, limit=1000, **filters)
        self.same(f"the list of {path}", [one["id"] for one in told["items"]], [piece.id for piece in wanted])
        self.same("the total", told["total"], len(wanted))
        for one, piece in zip(told["items"], wanted, strict=True):
            self.agree_in_piece(piece, one)

    def _piece_is_as_written(self, piece: Piece) -> None:
        path = f"{PATHS[piece.kind]}/{piece.id}"
        if piece.is_there:
            self.agree_in_piece(piece, self.onlooker.get(path))
        else:
            self._is_forgotten(path)
        told = self.onlooker.get(f"{path}/versions", limit=1000)
        versions = [*piece.past, reading(self.model.lore, piece)]
        self.same(f"the versions of {piece}", [one["version"] for one in told["items"]], [*range(len(versions), 0, -1)])
        replaced_at = None
        for one, wanted in zip(told["items"], reversed(versions), strict=True):
            self.learned("when it began", one["updated_at"], wanted["updated_at"])
            self.same("when it ended", one["replaced_at"], replaced_at)
            self._agree_in_hash(content_of(piece.kind, wanted), one["content_hash"])
            replaced_at = one["updated_at"]
        self.learned("when it was deleted", told["items"][0]["deleted_at"], piece.gone_at)

    def _version_is_as_written(self, piece: Piece, version: int) -> None:
        told = self.onlooker.get(f"{PATHS[piece.kind]}/{piece.id}/versions/{version}")
        if version == piece.version:
            self.agree_in_piece(piece, told)
        else:
            self._agree_in_content(f"version {version} of {piece}", piece.kind, told, piece.past[version - 1])

    def _is_forgotten(self, path: str) -> None:
        self.is_refused("read", self.onlooker.ask("GET", path), Refusal(404, "not_found"))

    def _events_are_as_noted(self) -> None:
        """Of each piece by kind: one with each change, none without."""
        rows = self.stage.database.execute(
            """SELECT subject_id AS id, kind, count(*) AS often FROM event
               WHERE world_id = ANY(%s::uuid[]) AND subject_id = ANY(%s) GROUP BY subject_id, kind""",
            [[world.id for world in self.worlds], list(self.model.lore)],
        )
        told = {(row["id"], row["kind"]): row["often"] for row in rows}
        wanted = dict(+self.model.events)
        self.same("the events", dict(told.items() - wanted.items()), dict(wanted.items() - told.items()))

    def _agree_in_content(self, what: str, kind: str, told: Made, wanted: Made) -> Made:
        self._agree_in_hash(content_of(kind, wanted), told["content_hash"])
        return self._agree_in_fields(what, told, wanted)

    def _agree_in_fields(self, what: str, told: Made, wanted: Made) -> Made:
        self.same(f"the fields of {what}", sorted(told.keys() - {"content_hash"}), sorted(wanted))
        return {name: self.learned(f"{name} of {what}", told[name], value) for name, value in wanted.items()}

    def _agree_in_hash(self, content: Any, told: str) -> None:
        self.same("the content hash", told, self.model.hashes.setdefault(content, told), content)
        self.same("contents to a hash", [*self.model.hashes.values()].count(told), 1)
