"""Files that come in parts."""

from uuid import uuid4

from factories.jobs import File, put
from factories.lore import Made
from hypothesis import strategies as st

from stateful.model.records import InParts
from stateful.rules.files import Files
from stateful.stage import ASSETS, TYPES, Parcel, expiry_of, parts, step

PARTS = f"{ASSETS}/multipart-upload"
LEAST = 5 * 1024**2
"""What a part has to be at the least, unless it is the last."""


class Parts(Files):
    @step(
        target=parts,
        world=st.sampled_from([0, 0, 0, 1]),
        asset_type=st.sampled_from(TYPES),
        large=st.sampled_from([False, False, False, True]),
        declared=st.booleans(),
    )
    def begin_parts(self, world: int, asset_type: str, large: bool, declared: bool) -> Parcel:
        """One part, which is the last and may be small; or two."""
        data = (uuid4().bytes * (LEAST // 16) if large else b"") + File().data
        file, place = File(data), {"world_id": self.worlds[world].id, "asset_type": asset_type}
        said = {"size_bytes": len(data), **({"checksum": file.checksum} if declared else {})}
        issued = self.issued("multipart-upload", 201, file, place | said | {"part_size_bytes": LEAST})
        upload = InParts(
            issued["storage_key"],
            place["world_id"],
            asset_type,
            file.content_type,
            len(data),
            said.get("checksum"),
            expiry_of(issued),
            id=issued["upload_id"],
            part_size_bytes=LEAST,
        )
        self.model.uploads[upload.key] = upload
        self._pages_agree(upload, issued, 1)
        return Parcel(file, issued, upload)

    @step(parcel=parts, number=st.sampled_from([1, 1, 2]), bytes_of=st.sampled_from(["the file", "another"]))
    def send_part(self, parcel: Parcel, number: int, bytes_of: str) -> None:
        """Or send it again: what was sent last counts."""
        self._send_part(parcel, min(number, self._of(parcel).part_count), bytes_of)

    @step(parcel=parts, first=st.sampled_from([1, 1, 2]))
    def ask_for_part_urls(self, parcel: Parcel, first: int) -> None:
        """Which makes the upload good for longer."""
        upload = self._of(parcel)
        answer, _ = self.send(self.stage.worker, "GET", f"{PARTS}/{upload.id}/part-urls", params={"first": first})
        refusal = self.model.no_parts(upload)
        if refusal is not None:
            self.is_refused("part URLs", answer, refusal)
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        told = answer.json()
        self._pages_agree(upload, told, first)
        upload.expires_at = max(upload.expires_at, expiry_of(told))
        parcel.issued["parts"][first - 1 :] = told["parts"]

    @step(parcel=parts)
    def list_parts(self, parcel: Parcel) -> None:
        upload = self._of(parcel)
        answer, _ = self.send(self.stage.worker, "GET", f"{PARTS}/{upload.id}/parts")
        if upload.state == "ABANDONED":
            self.is_refused("list parts", answer, self.model.no_parts(upload))
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        told = answer.json()
        whole = upload.assembled_at is not None
        there = {} if whole else {number: len(data) for number, (_, data) in upload.parts.items()}
        self.same("the parts", {part["part_number"]: part["size_bytes"] for part in told["parts"]}, there)
        self.same("what is missing", told["missing_part_numbers"], [] if whole else upload.missing)
        upload.assembled_at = self.learned("assembled_at", told["assembled_at"], upload.assembled_at)

    @step(parcel=parts, given=st.sampled_from(["nothing", "nothing", "what the store said", "something else"]))
    def put_together(self, parcel: Parcel, given: str) -> None:
        self._put_together(parcel, given)

    @step(parcel=parts)
    def send_all_parts_and_put_together(self, parcel: Parcel) -> None:
        """As a worker does it."""
        self._send_all(parcel)
        self._put_together(parcel, "what the store said")

    @step(parcel=parts)
    def abort(self, parcel: Parcel) -> None:
        upload = self._of(parcel)
        answer, now = self.send(self.stage.worker, "POST", f"{PARTS}/abort", json={"upload_id": upload.id})
        refusal = self.judged(lambda: self.model.abort(upload, now))
        if refusal is not None:
            self.is_refused("abort", answer, refusal)
            return
        self.same("the answer", answer.status_code, 200, answer.text)
        self.same("its state", answer.json()["state"], "ABANDONED")

    def _send_part(self, parcel: Parcel, number: int, bytes_of: str) -> None:
        upload, begins = self._of(parcel), (number - 1) * LEAST
        data = parcel.file.data[begins : begins + LEAST]
        data = data if bytes_of == "the file" else bytes(len(data))
        answer = put(parcel.issued["parts"][number - 1], data)
        taken = upload.state == "PENDING" and upload.assembled_at is None
        self.stage.seen[f"send part: {'taken' if taken else 'refused'}"] += 1
        self.same("the store takes a part", answer.is_success, taken, answer.text)
        if taken:
            upload.parts[number] = (answer.headers["etag"], data)

    def _send_all(self, parcel: Parcel) -> None:
        for number in range(1, self._of(parcel).part_count + 1):
            self._send_part(parcel, number, "the file")

    def _put_together(self, parcel: Parcel, given: str) -> None:
        upload = self._of(parcel)
        said = [{"part_number": number, "etag": etag} for number, (etag, _) in sorted(upload.parts.items())]
        if given == "something else":
            said = [*said[1:], {"part_number": 1, "etag": '"0"'}]
        body = {"upload_id": upload.id} | ({"parts": said} if given != "nothing" else {})
        answer, now = self.send(self.stage.worker, "POST", f"{PARTS}/complete", json=body)
        refusal = self.judged(lambda: self.model.put_together(upload, said if given != "nothing" else None, now))
        if refusal is not None:
            self.is_refused("put together", answer, refusal)
            return
        self.stage.seen["put together: whole"] += 1
        self.same("the answer", answer.status_code, 200, answer.text)
        upload.assembled_at = self.learned("assembled_at", answer.json()["assembled_at"], upload.assembled_at)

    def _pages_agree(self, upload: InParts, told: Made, first: int) -> None:
        """The URLs that were handed out are those of all the parts from the first on."""
        numbers = list(range(first, upload.part_count + 1))
        self.same("the parts", [part["part_number"] for part in told["parts"]], numbers)
        self.same("their sizes", [part["size_bytes"] for part in told["parts"]], [upload.size_of(n) for n in numbers])
        self.same("no page after it", told["next_part_number"], None)

    def _of(self, parcel: Parcel) -> InParts:
        assert isinstance(parcel.upload, InParts)
        return parcel.upload
