"""Files that come in one piece: sent to the store, handed in, or brought in without a job."""

import hashlib
from uuid import uuid4

from factories.jobs import JOBS, File, put
from factories.lore import Made
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from stateful.looking import Looking
from stateful.model.files import FILE
from stateful.model.records import Job, Upload
from stateful.model.values import Refusal
from stateful.stage import ASSETS, TYPES, WHOSE, Hold, Parcel, expiry_of, jobs, leases, parcels, parts, step

WRONG = st.sampled_from([None, None, None, "size_bytes", "checksum", "content_type", "storage_key"])


class Files(Looking):
    @step(
        target=parcels,
        world=st.sampled_from([0, 0, 0, 1]),
        asset_type=st.sampled_from(TYPES),
        declared=st.booleans(),
        is_put=st.sampled_from([True, True, True, False]),
    )
    def send_file(self, world: int, asset_type: str, declared: bool, is_put: bool) -> Parcel:
        """To a place that was handed out for it; or not yet."""
        return self.sent_file(self.worlds[world].id, asset_type, declared=declared, is_put=is_put)

    @step(parcel=parcels, bytes_of=st.sampled_from(["the file", "another"]))
    def send_file_again(self, parcel: Parcel, bytes_of: str) -> None:
        """A place takes one file, and never another than was declared."""
        data = parcel.file.data if bytes_of == "the file" else File().data
        answer = put(parcel.issued, data)
        upload = parcel.upload
        declared = upload.checksum in (None, hashlib.sha256(data).hexdigest())
        if upload.holds is None and declared:  # nothing was declared: any bytes are as good
            self.same("the upload", answer.status_code, 200, answer.text)
            upload.holds, parcel.file.__dict__["data"] = data, data
        elif declared:
            self.same("a second upload", answer.status_code, 412, answer.text)
        else:
            self.same("an upload of other bytes is refused", answer.status_code in (400, 412), True, answer.text)

    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        parcel=st.one_of(parcels, parts),
        wrong=WRONG,
        said=st.sampled_from([{}, {"metadata": {"width": 3}, "duration_seconds": 1.5}]),
    )
    def complete(self, hold: Hold, whose: str, parcel: Parcel, wrong: str | None, said: Made) -> None:
        """With any file, mostly declared as what it is."""
        self.finish(*self.worker(hold, whose), parcel, wrong, said)

    @step(
        hold=st.one_of(leases, jobs),
        whose=WHOSE,
        wrong=st.sampled_from([None, None, "size_bytes", "checksum"]),
        declared=st.booleans(),
    )
    def send_file_and_complete(self, hold: Hold, whose: str, wrong: str | None, declared: bool) -> None:
        """As a worker does it."""
        job, token = self.worker(hold, whose)
        parcel = self.sent_file(job.world_id, job.fixed["asset_type"], declared=declared, is_put=True)
        self.finish(job, token, parcel, wrong, {})

    @precondition(lambda self: any(job.asset for job in self.model.jobs))
    @step(
        which=st.integers(0, 5),
        change=st.sampled_from(
            [{}, {}, {"metadata": {"width": 4}}, {"format": "gif"}, {"size_bytes": 7}, {"duration_seconds": 2.0}]
        ),
        token=st.sampled_from(["none", "another"]),
    )
    def complete_again(self, which: int, change: Made, token: str) -> None:
        done = [job for job in self.model.jobs if job.asset]
        job = done[which % len(done)]
        assert job.asset is not None
        payload = {name: job.asset.seen[name] for name in FILE} | change
        self._hand_in(job, None if token == "none" else str(uuid4()), payload)

    @step(
        parcel=st.one_of(parcels, parts),
        wrong=WRONG,
        title=st.sampled_from("ab"),
        refers=st.sampled_from(["to nothing", "to nothing", "to one of each", "to another world", "to assets"]),
    )
    def bring_in(self, parcel: Parcel, wrong: str | None, title: str, refers: str) -> None:
        """A file that no job made."""
        self._bring_in(parcel, wrong, title, refers)

    @step(world=st.sampled_from([0, 0, 1]), asset_type=st.sampled_from(TYPES), declared=st.booleans())
    def send_file_and_bring_in(self, world: int, asset_type: str, declared: bool) -> None:
        parcel = self.sent_file(self.worlds[world].id, asset_type, declared=declared, is_put=True)
        self._bring_in(parcel, None, "a", "to nothing")

    @precondition(lambda self: any(asset.asked for asset in self.model.assets))
    @step(which=st.integers(0, 5), change=st.sampled_from([{}, {}, {"format": "gif"}, {"prompt_spec": {"title": "z"}}]))
    def bring_in_again(self, which: int, change: Made) -> None:
        asked = [asset.asked for asset in self.model.assets if asset.asked]
        body = {name: value for name, value in asked[which % len(asked)].items() if name != "snapshot"}
        self._ask_to_bring_in(body | change)

    def sent_file(self, world_id: str, asset_type: str, *, declared: bool, is_put: bool) -> Parcel:
        file = File()
        said = {"size_bytes": len(file.data), "checksum": file.checksum} if declared else {}
        issued = self.issued("presign-upload", 200, file, said | {"world_id": world_id, "asset_type": asset_type})
        upload = Upload(
            issued["storage_key"],
            world_id,
            asset_type,
            file.content_type,
            said.get("size_bytes"),
            said.get("checksum"),
            expiry_of(issued),
        )
        self.model.uploads[upload.key] = upload
        if is_put:
            self.same("the upload", put(issued, file.data).status_code, 200)
            upload.holds = file.data
        return Parcel(file, issued, upload)

    def issued(self, path: str, status: int, file: File, said: Made) -> Made:
        """A place to upload to."""
        body = {"filename": file.filename, "content_type": file.content_type, **said}
        answer, _ = self.send(self.stage.worker, "POST", f"{ASSETS}/{path}", json=body)
        self.same("the answer", answer.status_code, status, answer.text)
        issued: Made = answer.json()
        key = issued["storage_key"]
        self.same("a storage key is new", key in self.model.uploads, False)
        place = f"{said['world_id']}/{said['asset_type']}/"
        self.same("a storage key's place", key.startswith(place), True)
        return issued

    def finish(self, job: Job, token: str | None, parcel: Parcel, wrong: str | None, said: Made) -> None:
        self._hand_in(job, token, self._declared(parcel, wrong, f"{job.world_id}/IMAGE") | said)

    def _declared(self, parcel: Parcel, wrong: str | None, place: str) -> Made:
        """What is said of a file; one thing of it may be wrong."""
        file = parcel.file.declared(parcel.upload.key)
        lies: Made = {
            "size_bytes": file["size_bytes"] + 1,
            "checksum": "0" * 64,
            "content_type": "image/jpeg",
            "storage_key": f"{place}/20260101T000000000000Z_plate.png",
        }
        return file | ({wrong: lies[wrong]} if wrong else {})

    def _hand_in(self, job: Job, token: str | None, payload: Made) -> None:
        sent = payload | {"lease_token": token}
        answer, now = self.send(self.stage.worker, "POST", f"{JOBS}/{job.id}/complete", json=sent)
        kind = "complete" if job.asset is None else "complete again"
        by = self.stage.worker.key_id
        self.moved(kind, job, answer, lambda: self.model.complete(job, token, payload, by, now))

    def _bring_in(self, parcel: Parcel, wrong: str | None, title: str, refers: str) -> None:
        upload = parcel.upload
        here = 0 if upload.world_id == self.worlds[0].id else 1
        references = {
            "to nothing": {},
            "to one of each": self.lore[here],
            "to another world": self.lore[1 - here],
            "to assets": {"asset_ids": self.ready_assets(upload.world_id)[-2:]},
        }
        self._ask_to_bring_in(
            self._declared(parcel, wrong, f"{upload.world_id}/IMAGE")
            | {
                "world_id": upload.world_id,
                "type": upload.asset_type,
                "prompt_spec": {"title": title},
                "references": references[refers],
            }
        )

    def _ask_to_bring_in(self, body: Made) -> None:
        answer, now = self.send(self.stage.editor, "POST", ASSETS, json=body)
        verdict = self.judged(lambda: self.model.bring_in(body, now))
        if isinstance(verdict, Refusal):
            self.is_refused("bring in", answer, verdict)
            return
        new = verdict is None
        self.stage.seen[f"bring in: {'new' if new else 'found'}"] += 1
        self.same("the answer", answer.status_code, 201 if new else 200, answer.text)
        self.same("Idempotent-Replayed", answer.headers.get("idempotent-replayed"), None if new else "true")
        asset = verdict or self.model.add_brought_in(body, self.stage.editor.key_id, now)
        self.agree_in_asset_alone(asset, answer.json())
