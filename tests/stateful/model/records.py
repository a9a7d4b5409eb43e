"""What the model keeps of each job, upload and asset."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from stateful.model.lore import named_in
from stateful.model.values import Made

OVER = ("SUCCEEDED", "FAILED", "CANCELLED")
ABANDONED_AFTER = timedelta(minutes=10)
"""How long after its URL expired an upload that nobody came for is given up, when it is swept here."""


@dataclass(eq=False)
class Upload:
    """A place to upload to that was handed out, what was said of the file then, and what lies there."""

    key: str
    world_id: str
    asset_type: str
    content_type: str
    size_bytes: int | None
    checksum: str | None
    expires_at: datetime
    state: str = "PENDING"
    holds: bytes | None = None
    removed: bool = False

    @property
    def stored(self) -> Made | None:
        """What the store finds the object to be."""
        if self.holds is None:
            return None
        checksum = hashlib.sha256(self.holds).hexdigest()
        return {"size_bytes": len(self.holds), "content_type": self.content_type, "checksum": checksum}

    @property
    def deadlines(self) -> Iterable[datetime]:
        if not self.removed:
            yield self.expires_at
            yield self.expires_at + ABANDONED_AFTER


@dataclass(eq=False)
class InParts(Upload):
    """A file that comes in parts: what the store has of each, by number."""

    id: str = ""
    part_size_bytes: int = 0
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    assembled_at: Any = None

    @property
    def part_count(self) -> int:
        assert self.size_bytes is not None
        return -(-self.size_bytes // self.part_size_bytes)

    def size_of(self, number: int) -> int:
        assert self.size_bytes is not None
        return min(self.part_size_bytes, self.size_bytes - (number - 1) * self.part_size_bytes)

    @property
    def missing(self) -> list[int]:
        return [number for number in range(1, self.part_count + 1) if number not in self.parts]


@dataclass(eq=False)
class Asset:
    """`seen` is what a read shows; the id comes with the first one."""

    upload: Upload
    seen: Made
    job: "Job | None" = None
    asked: Made = field(default_factory=dict)
    """The import that made it, where no job did."""
    derivation: Made | None = None

    @property
    def id(self) -> str:
        return str(self.seen["id"])

    @property
    def world_id(self) -> str:
        return str(self.seen["world_id"])

    @property
    def is_ready(self) -> bool:
        return bool(self.seen["status"] == "READY")

    @property
    def references(self) -> Made:
        made_of: Made = (self.job.request if self.job else self.asked)["references"]
        return made_of


@dataclass(eq=False)
class Job:
    """`seen` has the fields that a read shows and that change; `fixed` those that never do."""

    number: int
    id: str
    request: Made
    inputs: Any
    """What its hash is of: what was asked for, and what the lore said at that moment."""
    fixed: Made
    seen: Made
    snapshot: Made
    """What each piece of lore it refers to said, word for word, by kind."""
    derivation: Made | None = None
    asset: Asset | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"job {self.number} ({self.seen['status']})"

    @property
    def status(self) -> str:
        return str(self.seen["status"])

    @property
    def world_id(self) -> str:
        return str(self.fixed["world_id"])

    @property
    def is_in_the_way(self) -> bool:
        """Of another one with the same inputs."""
        return self.status in ("QUEUED", "RUNNING") or (self.asset is not None and self.asset.is_ready)

    @property
    def deadlines(self) -> Iterable[datetime]:
        if self.status not in OVER:
            names = ("available_at", "lease_expires_at", "start_by")
            yield from (self.seen[name] for name in names if self.seen[name] is not None)

    def needs(self, asset: Asset) -> bool:
        return self.status not in OVER and asset.id in named_in(self.request["references"]).get("asset_ids", [])

    def change(self, **fields: Any) -> None:
        self.seen.update(fields)
        if self.status != "RUNNING":
            self.token = None
            self.seen["lease_expires_at"] = None
