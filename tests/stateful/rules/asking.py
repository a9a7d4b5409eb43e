"""Asking for an asset, anew and again."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from factories.jobs import JOBS
from factories.lore import Made
from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition

from stateful.looking import Looking
from stateful.model.values import Refusal
from stateful.stage import TYPES, Hold, jobs, step

KEYS = ("k1", "k2", "k3")


class Asking(Looking):
    @step(
        target=jobs,
        world=st.sampled_from([0, 0, 0, 1]),
        provider=st.sampled_from([0, 0, 1]),
        asset_type=st.sampled_from(TYPES),
        title=st.sampled_from("ab"),
        references=st.sampled_from(
            ["none", "one of each", "all claims", "an asset", "an asset", "one missing", "one of the other world"]
        ),
        kind=st.sampled_from(["claim_ids", "entity_ids", "source_chunk_ids", "source_id", "asset_ids"]),
        fields=st.fixed_dictionaries(
            {},
            optional={
                "priority": st.sampled_from([-1, 0, 5]),
                "max_attempts": st.integers(1, 3),
                "allow_contradictions": st.booleans(),
            },
        ),
        start_by=st.sampled_from([None, None, None, 60, 600]),
        key=st.sampled_from([None, None, *KEYS]),
    )
    def ask(
        self,
        world: int,
        provider: int,
        asset_type: str,
        title: str,
        references: str,
        kind: str,
        fields: Made,
        start_by: int | None,
        key: str | None,
    ) -> Any:
        """For an asset; often for one that was asked for before."""
        named = self.references(world, references, kind)
        body = self.body_for(world, provider, asset_type, title, named, start_by) | fields
        return self.put_in(body, self._key(key))

    def body_for(
        self, world: int, provider: int, asset_type: str, title: str, references: Made, start_by: int | None
    ) -> Made:
        body: Made = {
            "world_id": self.worlds[world].id,
            "provider": self.providers[provider],
            "asset_type": asset_type,
            "prompt_spec": {"title": title},
            "references": references,
        }
        if start_by is not None:
            body["start_by"] = (self.stage.clock.now() + timedelta(seconds=start_by)).isoformat()
        return body

    @step(
        target=jobs,
        hold=jobs,
        written=st.sampled_from(["as before", "otherwise", "without start_by", "with another priority"]),
        key=st.sampled_from([None, None, *KEYS]),
    )
    def ask_again(self, hold: Hold, written: str, key: str | None) -> Any:
        """For just what this job is of."""
        return self.put_in(_rewritten(hold.job.request, written), self._key(key))

    @precondition(lambda self: self.model.keys)
    @step(
        target=jobs,
        which=st.integers(0, len(KEYS) - 1),
        written=st.sampled_from(
            ["as before", "as before", "otherwise", "with another title", "with another priority", "with no such lore"]
        ),
        in_header=st.booleans(),
    )
    def repeat(self, which: int, written: str, in_header: bool) -> Any:
        """A request with its idempotency key, or something else with the same key."""
        key = sorted(self.model.keys)[which % len(self.model.keys)]
        return self.put_in(_rewritten(self.model.keys[key][0], written), key, in_header=in_header)

    def _key(self, name: str | None) -> str | None:
        """Of this run's own."""
        return name and f"{self.run}-{name}"

    def references(self, world: int, which: str, kind: str) -> Made:
        """`kind`: of the one that is wrong, beside good ones."""
        match which:
            case "none":
                return {}
            case "one of each":
                return self.lore[world]
            case "all claims":
                return {"claim_ids": [claim.id for claim in self.model.of(self.worlds[world].id, "claim")]}
            case "an asset":
                return {"asset_ids": self.ready_assets(self.worlds[world].id)[-1:]}
        there = self.lore[1 - world] | {"asset_ids": self._assets_in(1 - world)}
        wrong = there[kind] if which == "one of the other world" and there[kind] else [str(uuid4())]
        if kind == "source_id":
            return self.lore[world] | {kind: wrong if isinstance(wrong, str) else wrong[0]}
        return self.lore[world] | {kind: [*wrong, *self.lore[world].get(kind, [])]}

    def _assets_in(self, world: int) -> list[str]:
        return [asset.id for asset in self.model.assets if asset.world_id == self.worlds[world].id]

    def put_in(self, body: Made, key: str | None, *, in_header: bool = False) -> Any:
        sent, headers = body, {}
        if key and in_header:
            headers = {"Idempotency-Key": key}
        elif key:
            sent = body | {"idempotency_key": key}
        answer, now = self.send(self.stage.editor, "POST", JOBS, json=sent, headers=headers)
        verdict = self.judged(lambda: self.model.create(body, key, now))
        if isinstance(verdict, Refusal):
            self.is_refused("create", answer, verdict)
            return multiple()
        new = verdict is None
        self.same("the answer", answer.status_code, 201 if new else 200, answer.text)
        self.same("Idempotent-Replayed", answer.headers.get("idempotent-replayed"), None if new else "true")
        told = answer.json()
        self.stage.seen[f"create: {'new' if new else 'found'}{' with a key' if key else ''}"] += 1
        if new:
            self.same("a new id", told["id"] in [job.id for job in self.model.jobs], False)
            verdict = self.model.add(told["id"], body, key, self.stage.editor.key_id, now)
        self.agree_in_full(verdict, told)
        return Hold(verdict) if new else multiple()


def _rewritten(body: Made, how: str) -> Made:
    match how:
        case "otherwise":  # but with the same meaning
            references = {
                kind: [*reversed(ids), *ids] if isinstance(ids, list) else ids.upper()
                for kind, ids in reversed(body["references"].items())
            }
            return {name: body[name] for name in reversed(body)} | {"references": references}
        case "without start_by":
            return {name: value for name, value in body.items() if name != "start_by"}
        case "with another priority":
            return body | {"priority": 9}
        case "with another title":
            return body | {"prompt_spec": {"title": "z"}}
        case "with no such lore":
            return body | {"references": {"claim_ids": [str(uuid4())]}}
    return body
