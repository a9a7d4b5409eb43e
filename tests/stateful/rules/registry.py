"""Assets once they are there, what lies behind them, and lists."""

from factories.jobs import JOBS, store
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from lorekeeper.assets.cleanup import sweep
from stateful.looking import Looking
from stateful.model.records import ABANDONED_AFTER, Asset
from stateful.model.values import Refusal
from stateful.rules.moves import STATES
from stateful.stage import ASSETS, TYPES, Hold, jobs, step

there_are_assets = precondition(lambda self: self.model.assets)


class Registry(Looking):
    @there_are_assets
    @step(which=st.integers(0, 5), of=st.sampled_from(["all", "all", "inputs"]))
    def delete(self, which: int, of: str) -> None:
        """Any, or one that a job needs which is not over."""
        needed = [asset for asset in self.model.assets if any(job.needs(asset) for job in self.model.jobs)]
        asset = needed[which % len(needed)] if of == "inputs" and needed else self._asset(which)
        answer, now = self.send(self.stage.editor, "DELETE", f"{ASSETS}/{asset.id}")
        was_ready = asset.is_ready
        refusal = self.judged(lambda: self.model.delete(asset, now))
        if refusal is not None:
            self.is_refused("delete", answer, refusal)
            return
        self.stage.seen[f"delete: {'done' if was_ready else 'again'}"] += 1
        self.same("the answer", answer.status_code, 200, answer.text)
        self.agree_in_asset_alone(asset, answer.json())

    @there_are_assets
    @step(which=st.integers(0, 5), inline=st.booleans())
    def download(self, which: int, inline: bool) -> None:
        asset = self._asset(which)
        body = {"disposition": "inline"} if inline else {}
        answer, _ = self.send(self.onlooker, "POST", f"{ASSETS}/{asset.id}/presign-download", json=body)
        if not asset.is_ready:
            self.is_refused("download", answer, Refusal(410, "asset_gone"))
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        file = store.get(answer.json()["url"])
        self.same("the bytes", file.content == asset.upload.holds, True, file.status_code)
        self.stage.seen["download: the file"] += 1

    @step(later=st.sampled_from([0, 0, 600, 4500]))
    def sweep(self, later: int) -> None:
        """Uploads that nobody came for are given up, and the store is rid of what no asset needs."""
        self.later(later)
        runtime = self.stage.app.app.state.runtime
        _, now = self.bid(lambda: sweep(runtime, abandoned_after=ABANDONED_AFTER))
        abandoned, removed = self.judged(lambda: self.model.sweep(now))
        self.stage.seen["sweep: given up"] += abandoned
        self.stage.seen["sweep: removed"] += removed
        self.uploads_are_as_handed_out()
        for upload in list(self.model.uploads.values())[-3:]:
            found, _ = self.bid(lambda key=upload.key: runtime.store.head_object(key))
            told = found and {"size_bytes": found.size_bytes, "content_type": found.content_type}
            kept = upload.stored and {name: upload.stored[name] for name in ("size_bytes", "content_type")}
            self.same(f"what lies under {upload.key}", told, kept)

    @step(seconds=st.sampled_from([30, 30, 60, 600]))
    def let_time_pass(self, seconds: int) -> None:
        self.later(seconds)

    @step(
        world=st.sampled_from([None, 0, 1]),
        provider=st.sampled_from([0, 1]),
        status=st.sampled_from([None, *STATES]),
        asset_type=st.sampled_from([None, *TYPES]),
        limit=st.integers(1, 5),
    )
    def list_jobs(
        self, world: int | None, provider: int, status: str | None, asset_type: str | None, limit: int
    ) -> None:
        """By any filters, page by page."""
        filters = {
            "world_id": None if world is None else self.worlds[world].id,
            "provider": self.providers[provider],
            "status": status,
            "asset_type": asset_type,
        }
        asked = {name: value for name, value in filters.items() if value is not None}
        expected = [
            job.id
            for job in reversed(self.model.jobs)
            if all((job.fixed | job.seen)[name] == value for name, value in asked.items())
        ]
        page = self.stage.editor.get(JOBS, **asked, limit=limit)
        self.same("the total", page["total"], len(expected), asked)
        walked = self.stage.editor.walk(JOBS, **asked, limit=limit)
        self.same("the jobs of a list", [job["id"] for job in walked], expected, asked)

    @step(kind=st.sampled_from(["claim", "entity", "source_chunk"]), asset_type=st.sampled_from([None, *TYPES]))
    def list_assets(self, kind: str, asset_type: str | None) -> None:
        """Made from a piece of lore."""
        (piece,) = self.lore[0][f"{kind}_ids"]
        made = [
            asset.id
            for asset in self.model.assets
            if piece in asset.references.get(f"{kind}_ids", []) and asset_type in (None, asset.seen["type"])
        ]
        filters = {f"related_{kind}_id": piece} | ({"type": asset_type} if asset_type else {})
        told = self.stage.editor.get(ASSETS, **filters)
        self.same("the assets of a piece of lore", sorted(asset["id"] for asset in told["items"]), sorted(made))

    @step(hold=jobs)
    def read_job(self, hold: Hold) -> None:
        self.agree_in_full(hold.job, self.read(hold.job))

    def _asset(self, which: int) -> Asset:
        return self.model.assets[which % len(self.model.assets)]
