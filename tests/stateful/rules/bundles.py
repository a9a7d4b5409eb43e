"""Worlds taken out as a bundle, and brought in again when they have changed."""

from hypothesis import strategies as st

from stateful.rules.lore import WHICH, WORLD, Lore
from stateful.stage import step


class Bundles(Lore):
    @step(world=WORLD)
    def take_out(self, world: int) -> None:
        self._take_out(self.worlds[world].id)

    def _take_out(self, world_id: str) -> None:
        """As it is now, in the place of what was taken out before."""
        self.kept[world_id] = self.model.keep(world_id), self.onlooker.get(f"/worlds/{world_id}/export")

    @step(
        world=WORLD,
        edits=st.lists(st.tuples(WHICH, st.integers(0, 20), WHICH), max_size=3),
        deleted=st.lists(WHICH, max_size=2),
        dry_run=st.sampled_from([False, False, False, True]),
    )
    def bring_back(self, world: int, edits: list[tuple[int, int, int]], deleted: list[int], dry_run: bool) -> None:
        """What was taken out at some time, once more has changed since."""
        world_id = self.worlds[world].id
        if world_id not in self.kept:
            self._take_out(world_id)
        for which, change, at in edits:
            self.edit_piece(self.piece_of(world, which), change, at, "nothing")
        for which in deleted:
            if (piece := self.piece_of(world, which)).kind != "world":
                self.delete_piece(piece, "nothing", cascade=True)
        kept, bundle = self.kept[world_id]
        path, params = f"/worlds/{world_id}/import", {"dry_run": "true"} if dry_run else {}
        answer, now = self.send(self.stage.editor, "POST", path, json=bundle, params=params)
        self.same("the answer", answer.status_code, 200, answer.text)
        if dry_run:
            return
        counts = self.model.bring_back(world_id, kept, now)
        told = answer.json()
        changes = {kind: {name: often for name, often in one.items() if often} for kind, one in told["changes"].items()}
        self.same("what came of it", changes, {kind: dict(one) for kind, one in counts.items()})
        self.agree_in_piece(self.model.lore[world_id], told["world"])
        self.world_is_as_written(world_id)
        changed = any(one.keys() - {"unchanged"} for one in counts.values())
        self.stage.seen[f"bring back: {'changes' if changed else 'nothing'}"] += 1
