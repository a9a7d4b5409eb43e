"""Files: what an asset can be made of, what is made of it, and what becomes of the file."""

from collections.abc import Mapping
from typing import Any

from stateful.model.known import Known, illegal
from stateful.model.lore import named_in, reference_refusal
from stateful.model.records import ABANDONED_AFTER, Asset, InParts, Job, Upload
from stateful.model.values import Made, Refusal, Span

FILE = ("storage_key", "format", "content_type", "size_bytes", "checksum", "duration_seconds", "metadata")


class Files(Known):
    def complete(self, job: Job, token: str | None, file: Made, by: str, now: Span) -> Refusal | None:
        """`file` is what is declared, `by` who does it."""
        if job.asset is not None:
            return None if _is_as_declared(job.asset, file) else Refusal(409, "already_completed")
        if (refusal := self.not_held(job, token, now)) is not None:
            return refusal
        if job.status != "RUNNING" or job.seen["cancel_requested_at"] is not None:
            return illegal(job, "SUCCEEDED")
        if (refusal := self._unfit(file, job.world_id, job.fixed["asset_type"])) is not None:
            return refusal
        job.change(
            status="SUCCEEDED", error_code=None, error_message=None, finished_at=now.not_before(job.seen["started_at"])
        )
        job.asset = self._made_of(file, by, now)
        job.asset.job = job
        return None

    def bring_in(self, asked: Made, now: Span) -> Refusal | Asset | None:
        """None: a new asset, to be added. An asset: that one is the answer."""
        upload = self.uploads.get(asked["storage_key"])
        if (
            upload is not None
            and _is_for(upload, asked["world_id"], asked["type"])
            and upload.state in ("USED", "RELEASED")
        ):
            asset = next(asset for asset in self.assets if asset.upload is upload)
            same = asset.job is None and _is_as_declared(asset, asked) and _made_from(asset.asked) == _made_from(asked)
            return asset if same else Refusal(422, "upload_already_used")
        if (refusal := reference_refusal(self.to_refer_to, asked["references"], asked["world_id"])) is not None:
            return refusal
        return self._unfit(asked, asked["world_id"], asked["type"])

    def add_brought_in(self, asked: Made, by: str, now: Span) -> Asset:
        asset = self._made_of(asked, by, now)
        asset.asked = asked | {"snapshot": self.snapshot_of(asked["references"], asked["world_id"])}
        return asset

    def delete(self, asset: Asset, now: Span) -> Refusal | None:
        needed = [job for job in self.jobs if job.needs(asset)]
        if asset.is_ready and needed:
            return Refusal(409, "asset_in_use", {"job_count": len(needed)})
        if asset.is_ready:
            asset.seen |= {"status": "DELETED", "deleted_at": now}
            asset.upload.state = "RELEASED"
            self._remove(asset.upload, now)
        return None

    def sweep(self, now: Span) -> tuple[int, int]:
        """How many uploads are given up, and of how many nothing is left."""
        due = [
            upload
            for upload in self.uploads.values()
            if upload.state == "PENDING" and now.is_past(upload.expires_at + ABANDONED_AFTER)
        ]
        for upload in due:
            upload.state = "ABANDONED"
        leftovers = [
            upload
            for upload in self.uploads.values()
            if upload.state in ("ABANDONED", "RELEASED") and not upload.removed and now.is_past(upload.expires_at)
        ]
        for upload in leftovers:
            self._remove(upload, now)
        return len(due), len(leftovers)

    # --- files in parts ---

    def put_together(self, upload: InParts, given: list[Made] | None, now: Span) -> Refusal | None:
        """`given`: what the sender says that the store answered."""
        if upload.state == "ABANDONED":
            return Refusal(422, "upload_abandoned")
        if upload.assembled_at is not None:
            return None
        there = {number: etag for number, (etag, _) in upload.parts.items()}
        wrong = [one for one in given or () if there.get(one["part_number"]) != one["etag"]]
        if upload.missing or wrong:
            return Refusal(422, "upload_incomplete")
        upload.assembled_at = now
        upload.holds = b"".join(data for _, (_, data) in sorted(upload.parts.items()))
        return None

    def abort(self, upload: InParts, now: Span) -> Refusal | None:
        if upload.state in ("USED", "RELEASED"):
            return Refusal(409, "upload_closed")
        if upload.state == "PENDING":
            upload.state = "ABANDONED"
            self._remove(upload, now)
        return None

    def no_parts(self, upload: InParts) -> Refusal | None:
        """Why no URL for a part is handed out any more."""
        if upload.state == "ABANDONED":
            return Refusal(422, "upload_abandoned")
        return Refusal(409, "upload_closed") if upload.assembled_at is not None else None

    # --- what both share ---

    def _unfit(self, file: Made, world_id: str, asset_type: str) -> Refusal | None:
        """Why no asset can be made of this file."""
        upload = self.uploads.get(file["storage_key"])
        if upload is None or not _is_for(upload, world_id, asset_type):
            return Refusal(422, "upload_not_issued")
        if upload.state != "PENDING":
            return Refusal(422, "upload_abandoned" if upload.state == "ABANDONED" else "upload_already_used")
        issued = {name: getattr(upload, name) for name in ("size_bytes", "content_type", "checksum")}
        wrong = _disagreeing(file, {name: value for name, value in issued.items() if value is not None})
        if wrong is None and upload.stored is None:
            return Refusal(422, "object_missing")
        wrong = wrong or _disagreeing(file, upload.stored or {})
        return wrong and Refusal(422, f"{wrong.removesuffix('_bytes')}_mismatch")

    def _made_of(self, file: Made, by: str, now: Span) -> Asset:
        upload = self.uploads[file["storage_key"]]
        upload.state = "USED"
        seen = {
            "duration_seconds": None,
            "metadata": {},
            **{name: file[name] for name in FILE if name in file},
            "world_id": upload.world_id,
            "type": upload.asset_type,
            "status": "READY",
            "created_by": by,
            "created_at": now,
            "deleted_at": None,
        }
        return Asset(upload, seen)

    def _remove(self, upload: Upload, now: Span) -> None:
        upload.holds = None
        upload.removed = now.is_past(upload.expires_at)
        if isinstance(upload, InParts):
            upload.parts = {}


def _is_for(upload: Upload, world_id: str, asset_type: str) -> bool:
    return (upload.world_id, upload.asset_type) == (world_id, asset_type)


def _is_as_declared(asset: Asset, file: Made) -> bool:
    """What a request leaves out, it declares to be nothing."""
    nothing: Made = {"duration_seconds": None, "metadata": {}}
    return all(asset.seen[name] == file.get(name, nothing.get(name)) for name in FILE)


def _made_from(asked: Made) -> Any:
    references = {kind: frozenset(ids) for kind, ids in named_in(asked["references"]).items()}
    return references, asked["prompt_spec"]


def _disagreeing(file: Made, known: Mapping[str, Any]) -> str | None:
    """The first of the three that is declared otherwise."""
    names = ("size_bytes", "content_type", "checksum")
    return next((name for name in names if name in known and file[name] != known[name]), None)
