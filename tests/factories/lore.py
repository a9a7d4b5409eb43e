"""A world of one's own, and lore in it."""

import uuid
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from harness.wire import Api

_numbers = count(1)

Made = dict[str, Any]


def fresh_name(what: str) -> str:
    return f"{what} {next(_numbers)} {uuid.uuid4().hex[:6]}"


@dataclass(frozen=True)
class World:
    """A world as one key works on it. `provider` is nobody else's, so a test's jobs are its own to claim."""

    api: Api
    id: str
    name: str
    provider: str = field(default_factory=lambda: f"p-{uuid.uuid4().hex[:12]}")

    @classmethod
    def made(cls, api: Api) -> "World":
        made = api.post("/worlds", {"name": fresh_name("World")})
        return cls(api, made["id"], made["name"])

    def seen_by(self, api: Api) -> "World":
        return replace(self, api=api)

    def entity(self, **fields: Any) -> Made:
        return self.api.post("/entities", {"world_id": self.id, "name": fresh_name("Entity"), **fields})

    def source(self, **fields: Any) -> Made:
        return self.api.post("/sources", {"world_id": self.id, "title": fresh_name("Source"), **fields})

    def chunks_of(self, source: Made) -> list[Made]:
        return self.api.walk(f"/sources/{source['id']}/chunks")

    def chunk(self, content: str = "The sea went out.") -> Made:
        """The only chunk of a new source."""
        return self.chunks_of(self.source(chunks=[{"content": content}]))[0]

    def claim(self, **fields: Any) -> Made:
        """Of a new entity, unless a subject is given."""
        subject = fields.pop("subject_entity_id", None) or self.entity()["id"]
        if "object_entity_id" not in fields:
            fields.setdefault("object_value", fresh_name("value"))
        return self.api.post(
            "/claims", {"world_id": self.id, "subject_entity_id": subject, "predicate": "keeps", **fields}
        )

    def one_of_each(self) -> Made:
        """References to a piece of lore of every kind."""
        chunk = self.chunk()
        return {
            "claim_ids": [self.claim()["id"]],
            "entity_ids": [self.entity()["id"]],
            "source_chunk_ids": [chunk["id"]],
            "source_id": chunk["source_id"],
        }
