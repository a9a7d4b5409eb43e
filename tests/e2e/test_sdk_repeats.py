"""What the SDK may send again does no more twice than once: each such call is sent twice, as after a lost answer."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import httpx
import pytest
from test_sdk_page import LORE, what_is_told

from lorekeeper.contracts.assets import AssetImport
from lorekeeper.contracts.batches import AssetJobCompleteBatch, AssetJobFailBatch, AssetJobHeartbeatBatch
from lorekeeper.contracts.editing import ClaimUpdate, EntityUpdate, SourceChunkUpdate, SourceUpdate, WorldUpdate
from lorekeeper.contracts.enums import AssetTypeEnum, Role
from lorekeeper.contracts.jobs import (
    AssetJobClaim,
    AssetJobComplete,
    AssetJobCreate,
    AssetJobFail,
    AssetJobHeartbeat,
    AssetJobRelease,
)
from lorekeeper.contracts.keys import KeyCreate
from lorekeeper.contracts.lore import ClaimCreate, SourceChunkText, SourceCreate
from lorekeeper.contracts.prompt_schemas import PromptSchemaCreate
from lorekeeper.contracts.s3 import (
    AbortMultipartUploadRequest,
    CompleteMultipartUploadRequest,
    PresignedMultipartUploadRequest,
    PresignedUploadRequest,
)
from lorekeeper.sdk import ConflictError, PreconditionFailedError, UploadedFile

DATA = b"a map of the sea"
UPDATES = {
    "worlds": WorldUpdate(description="d"),
    "entities": EntityUpdate(summary="s"),
    "sources": SourceUpdate(title="t"),
    "sources.chunks": SourceChunkUpdate(content="d"),
    "claims": ClaimUpdate(object_value="dry"),
}
MAP = AssetTypeEnum.MAP


@dataclass
class Stage:
    """A world with something in it, and jobs in it of a provider of its own."""

    client: Any
    world: Any
    entity: Any

    @property
    def provider(self) -> str:
        return f"p-{self.world.id}"

    def wanted(self, title: str = "t") -> AssetJobCreate:
        return AssetJobCreate(
            world_id=self.world.id, asset_type=MAP, provider=self.provider, prompt_spec={"title": title}
        )

    def claimed(self) -> Any:
        self.client.jobs.create(self.wanted())
        claim = AssetJobClaim(worker_id="w", providers=[self.provider], lease_seconds=60)
        return self.client.jobs.claim(claim).jobs[0]

    def uploaded(self, tmp_path: Any) -> Any:
        path = tmp_path / "sea.tiff"
        path.write_bytes(DATA)
        return self.client.assets.upload(path, world_id=self.world.id, asset_type=MAP)

    def of(self, sent: UploadedFile) -> AssetImport:
        return AssetImport(world_id=self.world.id, type=MAP, format="tiff", **asdict(sent))

    def upload(self) -> dict[str, Any]:
        return {"world_id": self.world.id, "asset_type": MAP, "filename": "a", "content_type": "image/tiff"}

    def jobs(self) -> list[Any]:
        return list(self.client.jobs.iterate(world_id=self.world.id))

    def assets(self) -> list[Any]:
        return list(self.client.assets.iterate(world_id=self.world.id))

    def piece(self, kind: str) -> Any:
        """Of each kind of lore one."""
        fields = {"world_id": self.world.id}
        if kind in {"sources", "sources.chunks"}:
            source = self.client.sources.create(
                SourceCreate(**fields, title="S", chunks=[SourceChunkText(content="c")])
            )
            return source if kind == "sources" else next(iter(self.client.sources.iterate_chunks(source.id)))
        if kind == "claims":
            claim = ClaimCreate(**fields, subject_entity_id=self.entity.id, predicate="is", object_value="wet")
            return self.client.claims.create(claim)
        return self.world if kind == "worlds" else self.entity


Proof = Callable[[Stage, Path], tuple[Callable[[], Any], Callable[[], Any]]]
PROOFS: dict[str, Proof] = {}


def proves(*names: str) -> Callable[[Proof], Proof]:
    """Of a function from a stage to what is sent twice, and to what must be the same after both times."""

    def note(function: Proof) -> Proof:
        PROOFS.update(dict.fromkeys(names, function))
        return function

    return note


@proves("jobs.create")
def _(stage: Stage, _path: Path) -> Any:
    return lambda: stage.client.jobs.create(stage.wanted(), idempotency_key=f"k-{stage.world.id}"), stage.jobs


@proves("jobs.retry")
def _(stage: Stage, _path: Path) -> Any:
    job = stage.client.jobs.create(stage.wanted())
    stage.client.jobs.cancel(job.id)
    return lambda: stage.client.jobs.retry(job.id, idempotency_key=f"k-{stage.world.id}"), stage.jobs


@proves("jobs.cancel")
def _(stage: Stage, _path: Path) -> Any:
    job = stage.client.jobs.create(stage.wanted())
    return lambda: stage.client.jobs.cancel(job.id), stage.jobs


@proves("jobs.heartbeat", "jobs.heartbeat_batch")
def _(stage: Stage, _path: Path) -> Any:
    """The lease grows by what passes between the two."""
    job = stage.claimed()
    beat = {"lease_token": job.lease_token, "lease_seconds": 60, "progress": {"percent": 7}}

    def look() -> Any:
        return [job.model_copy(update={"lease_expires_at": None}) for job in stage.jobs()]

    def send() -> None:
        stage.client.jobs.heartbeat(job.id, AssetJobHeartbeat.model_validate(beat))
        stage.client.jobs.heartbeat_batch(
            AssetJobHeartbeatBatch.model_validate({"items": [{"job_id": job.id, **beat}]})
        )

    return send, look


@proves("jobs.complete", "jobs.complete_batch")
def _(stage: Stage, path: Path) -> Any:
    job, sent = stage.claimed(), stage.uploaded(path)
    done = {**asdict(sent), "format": "tiff", "lease_token": job.lease_token}

    def send() -> None:
        stage.client.jobs.complete(job.id, AssetJobComplete.model_validate(done))
        batch = AssetJobCompleteBatch.model_validate({"items": [{"job_id": job.id, **done}]})
        assert stage.client.jobs.complete_batch(batch).items[0].status == 200

    return send, lambda: (stage.jobs(), stage.assets())


@proves("jobs.fail", "jobs.fail_batch")
def _(stage: Stage, _path: Path) -> Any:
    job = stage.claimed()
    failed = {"error_code": "e", "error_message": "m", "retryable": True, "lease_token": job.lease_token}

    def send() -> None:
        stage.client.jobs.fail_batch(AssetJobFailBatch.model_validate({"items": [{"job_id": job.id, **failed}]}))
        with suppress(ConflictError):
            stage.client.jobs.fail(job.id, AssetJobFail.model_validate(failed))

    return send, stage.jobs


@proves("jobs.release")
def _(stage: Stage, _path: Path) -> Any:
    job = stage.claimed()
    return lambda: stage.client.jobs.release(job.id, AssetJobRelease(lease_token=job.lease_token)), stage.jobs


@proves("assets.import_file")
def _(stage: Stage, path: Path) -> Any:
    sent = stage.uploaded(path)
    return lambda: stage.client.assets.import_file(stage.of(sent)), stage.assets


@proves("assets.delete")
def _(stage: Stage, path: Path) -> Any:
    asset = stage.client.assets.import_file(stage.of(stage.uploaded(path)))
    return lambda: stage.client.assets.delete(asset.id), stage.assets


@proves(
    "assets.presign_upload", "assets.create_multipart_upload", "assets.presign_download", "jobs.presign_late_result"
)
def _(stage: Stage, path: Path) -> Any:
    asset = stage.client.assets.import_file(stage.of(stage.uploaded(path)))

    def send() -> None:
        stage.client.assets.presign_download(asset.id)
        stage.client.assets.presign_upload(PresignedUploadRequest(**stage.upload()))
        stage.client.assets.create_multipart_upload(
            PresignedMultipartUploadRequest(**stage.upload(), size_bytes=len(DATA))
        )

    return send, stage.assets


@proves("assets.complete_multipart_upload", "assets.abort_multipart_upload")
def _(stage: Stage, _path: Path) -> Any:
    assets = stage.client.assets
    whole, given_up = (
        assets.create_multipart_upload(PresignedMultipartUploadRequest(**stage.upload(), size_bytes=len(DATA)))
        for _ in range(2)
    )
    httpx.put(whole.parts[0].url, content=DATA, headers=whole.parts[0].headers, trust_env=False).raise_for_status()
    answers = []

    def send() -> None:
        done = assets.complete_multipart_upload(CompleteMultipartUploadRequest(upload_id=whole.upload_id))
        gone = assets.abort_multipart_upload(AbortMultipartUploadRequest(upload_id=given_up.upload_id))
        answers.append((done, gone))

    return send, lambda: (answers[-1], assets.parts(whole.upload_id))


@proves("canon.declare")
def _(stage: Stage, _path: Path) -> Any:
    canon = stage.client.canon
    return (
        lambda: canon.declare(stage.world.id, "lives in", single_valued=True),
        lambda: list(canon.iterate_predicates(stage.world.id)),
    )


@proves("prompt_schemas.create", "prompt_schemas.withdraw")
def _(stage: Stage, _path: Path) -> Any:
    """Both twice: what was withdrawn is put in force again by the second round, so each is sent twice by itself."""
    schemas = stage.client.prompt_schemas
    body = PromptSchemaCreate.model_validate(
        {"asset_type": "MAP", "provider": stage.provider, "schema": {"type": "object"}}
    )
    first = schemas.create(body)
    assert schemas.create(body) == first
    return lambda: schemas.withdraw(first.id), lambda: list(schemas.iterate(provider=stage.provider))


@proves("keys.revoke")
def _(stage: Stage, _path: Path) -> Any:
    key = stage.client.keys.create(KeyCreate(name="n", role=Role.READER))
    return lambda: stage.client.keys.revoke(key.id), lambda: stage.client.keys.get(key.id)


@proves("worlds.preview_import", "worlds.import_into")
def _(stage: Stage, _path: Path) -> Any:
    worlds, world_id = stage.client.worlds, stage.world.id
    bundle = worlds.export(world_id)

    def send() -> None:
        worlds.preview_import(bundle)
        worlds.import_into(world_id, bundle, dry_run=True)

    return send, lambda: (worlds.list().total, worlds.export(world_id))


@proves(*(f"{kind}.{verb}" for kind in LORE for verb in ("update", "restore")))
def _(stage: Stage, _path: Path) -> Any:
    """Of every kind, an edit and its undoing."""
    kinds = {kind: (attrgetter(kind)(stage.client), stage.piece(kind)) for kind in LORE}

    def send() -> None:
        for kind, (group, piece) in kinds.items():
            with suppress(PreconditionFailedError):
                group.update(piece.id, UPDATES[kind], etag=piece.etag)
            group.restore(piece.id, 1)

    return send, lambda: [group.list_versions(piece.id).items for group, piece in kinds.values()]


def test_every_call_that_is_sent_again_is_proved() -> None:
    assert set(PROOFS) == {name for name, again in what_is_told().items() if again != "no"}


@pytest.mark.parametrize("function", sorted(set(PROOFS.values()), key=lambda f: f.__code__.co_firstlineno))
def test_it_does_no_more_twice_than_once(function, client, world, entity, tmp_path):
    send, look = function(Stage(client, world, entity), tmp_path)
    send()
    once = look()
    with suppress(ConflictError):
        send()
    assert look() == once
