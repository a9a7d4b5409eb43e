"""Holding what the app says against what the model says."""

from collections.abc import Callable

import httpx
from factories.jobs import JOBS
from factories.lore import Made

from stateful.model.records import Asset, Job
from stateful.model.values import Refusal
from stateful.reading import Reading
from stateful.stage import ASSETS

LOOKS_CLOSER = 3
KINDS = ("claim_ids", "entity_ids", "source_chunk_ids", "asset_ids")


class Looking(Reading):
    def look_around(self) -> None:
        """Everything is as the model says: a part of it after each step, the rest in turns."""
        rows = self.onlooker.get(JOBS, limit=1000)["items"]
        self.same("the jobs", sorted(row["id"] for row in rows), sorted(job.id for job in self.model.jobs))
        for row in rows:
            self.agree(self.model.job(row["id"]), row)
        self._hashes_are_as_inputs(rows)
        self.turn += 1
        if self.turn % LOOKS_CLOSER == 0:
            self._assets_are_as_made()
        elif self.turn % LOOKS_CLOSER == 1 and self.model.jobs:  # one after the other in full
            job = self.model.jobs[self.turn // LOOKS_CLOSER % len(self.model.jobs)]
            self.agree_in_full(job, self.read(job))
        elif self.turn % LOOKS_CLOSER == 2:
            self.lore_is_as_written(self.turn // LOOKS_CLOSER)

    def teardown(self) -> None:
        if self.sound:
            self._assets_are_as_made()
            self.uploads_are_as_handed_out()
            for job in self.model.jobs:
                self.agree_in_full(job, self.read(job))
            for asset in self.model.assets:
                self.agree_in_asset_alone(asset, self.onlooker.get(f"{ASSETS}/{asset.id}"))
            self.all_lore_is_as_written()
        self.onlooker.close()

    def _assets_are_as_made(self) -> None:
        """Newest first, and those that are deleted among them."""
        told = self.onlooker.get(ASSETS, limit=1000)["items"]
        made = sorted(self.model.assets, key=lambda asset: asset.id, reverse=True)
        self.same("the assets", [one["id"] for one in told], [asset.id for asset in made])
        for one, asset in zip(told, made, strict=True):
            self.agree_in_asset(asset, one)

    def uploads_are_as_handed_out(self) -> None:
        rows = self.stage.database.execute(
            "SELECT storage_key, state, removed_at IS NOT NULL AS removed FROM upload WHERE world_id = ANY(%s::uuid[])",
            [[world.id for world in self.worlds]],
        )
        told = {row["storage_key"]: (row["state"], row["removed"]) for row in rows}
        self.same(
            "the uploads", told, {key: (upload.state, upload.removed) for key, upload in self.model.uploads.items()}
        )

    def _hashes_are_as_inputs(self, rows: list[Made]) -> None:
        in_the_way = [row["input_hash"] for row in rows if self.model.job(row["id"]).is_in_the_way]
        self.same("hashes of live or succeeded jobs", len(in_the_way), len(set(in_the_way)), in_the_way)
        pairs = {(self.model.job(row["id"]).inputs, row["input_hash"]) for row in rows}
        self.same("inputs to a hash", len(pairs), len({inputs for inputs, _ in pairs}))
        self.same("hashes of the inputs", len(pairs), len({hashed for _, hashed in pairs}))

    def moved(self, kind: str, job: Job, answer: httpx.Response, judge: Callable[[], Refusal | None]) -> None:
        """It answers with the job as it is after it, or with the refusal that it must."""
        before = job.status
        refusal = self.judged(judge)
        if refusal is not None:
            self.is_refused(kind, answer, refusal)
            return
        self.stage.seen[f"{kind}: {before} to {job.status}"] += 1
        self.same("the answer", answer.status_code, 200, answer.text)
        self.agree_in_full(job, answer.json())

    def read(self, job: Job) -> Made:
        told: Made = self.onlooker.get(f"{JOBS}/{job.id}")
        return told

    def agree(self, job: Job, told: Made, only: tuple[str, ...] | None = None) -> None:
        """What the app tells of a job is what the model has; what that could not know exactly it learns here."""
        for name in only or job.seen:
            job.seen[name] = self.learned(f"{name} of {job}", told[name], job.seen[name])
        if only is None:
            for name, value in job.fixed.items():
                self.same(f"{name} of {job}", told[name], value)

    def agree_in_full(self, job: Job, told: Made) -> None:
        self.agree(job, told)
        if job.asset is None or told["asset"] is None:
            self.same(f"the asset of {job}", told["asset"], job.asset)
        else:
            self.agree_in_asset(job.asset, told["asset"])
        self.agree_in_derivation(job, told["derivation"])

    def agree_in_asset(self, asset: Asset, told: Made) -> None:
        if "id" not in asset.seen:  # just made
            self.same("an asset of two files", told["id"] in [other.id for other in self.model.assets], False)
            asset.seen["id"] = told["id"]
            self.model.assets.append(asset)
        for name, value in asset.seen.items():
            asset.seen[name] = self.learned(f"{name} of the asset of {asset.job}", told[name], value)
        self.same("what an asset has", sorted(told.keys() - {"derivations"}), sorted(asset.seen))

    def agree_in_asset_alone(self, asset: Asset, told: Made) -> None:
        """As it is read by itself: with its derivations."""
        self.agree_in_asset(asset, told)
        (derivation,) = told["derivations"]
        if asset.job is not None:
            self.agree_in_derivation(asset.job, derivation)
            return
        if asset.derivation is None:
            self._agree_in_references(asset.asked["references"], asset.asked["snapshot"], derivation)
            self.same("its origin", (derivation["origin"], derivation["asset_job_id"]), ("IMPORT", None))
            self.same("its asset", derivation["asset_id"], asset.id)
            said = asset.asked["prompt_spec"] | {"checksum": asset.seen["checksum"]}
            self.same("what is said of how it was made", derivation["prompt_spec"], said)
            asset.derivation = derivation
        self.same("the derivation of an asset", derivation, asset.derivation)

    def agree_in_derivation(self, job: Job, told: Made) -> None:
        if job.derivation is None:
            self._agree_in_references(job.request["references"], job.snapshot, told)
            self.same(f"the prompt of {job}", told["prompt_spec"], job.request["prompt_spec"])
            self.same(f"the derivation of {job}", (told["origin"], told["asset_job_id"]), ("JOB", job.id))
            job.derivation = told | {"asset_id": None}
        job.derivation["asset_id"] = job.asset.id if job.asset else None
        self.same(f"the derivation of {job}", told, job.derivation)

    def _agree_in_references(self, asked: Made, snapshot: Made, told: Made) -> None:
        references: Made = {kind: sorted(set(asked.get(kind, []))) for kind in KINDS}
        source_id = asked.get("source_id")
        references["source_id"] = source_id and source_id.lower()
        self.same("the references", told["references"], references)
        self.agree_in_snapshot(snapshot, told["lore_snapshot"])
