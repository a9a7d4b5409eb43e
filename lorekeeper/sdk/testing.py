"""Trying a handler without a server.

    tried = try_handler(sing, asset_type="AUDIO", prompt_spec={"style": "shanty"}, chunks=["The tide went out."])
    assert tried.made is not None and tried.made.format == "ogg"

    tried = try_handler(sing, ..., provider_job_id="order-7")   # it must go on with that order
    tried = try_handler(sing, ..., cancel_after=2)              # cancelled at its third word to LoreKeeper
    assert tried.cancelled

Lore can be given as plain text (an entity's name, a claim's three parts, a chunk's text) or as the snapshots that a job
carries. Ids and hashes are made from it, so the same call gives the handler the same job.
"""

import hashlib
import mimetypes
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Iterable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from lorekeeper.contracts.assets import AssetDerivationResponse
from lorekeeper.contracts.enums import (
    AssetJobStatusEnum,
    AssetTypeEnum,
    CanonState,
    DerivationOrigin,
    EntityType,
)
from lorekeeper.contracts.hashing import compute_content_basis, compute_input_hash, content_hash
from lorekeeper.contracts.jobs import ClaimedJob, JobProgress
from lorekeeper.contracts.references import AssetJobReferences
from lorekeeper.contracts.snapshot import (
    AssetSnapshot,
    ClaimSnapshot,
    EntitySnapshot,
    LoreSnapshot,
    SourceChunkSnapshot,
    WorldSnapshot,
    claim_sentence,
)
from lorekeeper.sdk.calling import EventLoopThread, HandlerCall, Registered
from lorekeeper.sdk.context import as_progress, not_referenced, remembering
from lorekeeper.sdk.handling import AsyncHandler, Handler, JobCancelled, JobError, MadeFile
from lorekeeper.sdk.making import as_completion, timed_out, what_it_made

__all__ = ["InputFile", "Tried", "try_handler"]

LEASE_SECONDS = 60
THEN = datetime(2026, 1, 1, tzinfo=UTC)

_TYPES = {"image": AssetTypeEnum.IMAGE, "audio": AssetTypeEnum.AUDIO, "video": AssetTypeEnum.VIDEO}


@dataclass(frozen=True)
class InputFile:
    """An asset that the job refers to, where its type and length cannot be told from the name of its file."""

    path: Path
    asset_type: AssetTypeEnum | str
    duration_seconds: float | None = None


@dataclass(eq=False)
class Tried:
    """What a handler made of a job, and said meanwhile. Its `work_dir` lasts as long as this does."""

    job: ClaimedJob
    work_dir: Path
    made: MadeFile | None = None
    progress: list[JobProgress] = field(default_factory=list)
    provider_job_id: str | None = None
    """What the next attempt would go on with."""
    error: JobError | JobCancelled | None = None
    """As the worker would report it: what the handler raised, if it was another error, is its `__cause__`."""

    @property
    def cancelled(self) -> bool:
        """Whether it stopped because the job was cancelled."""
        return isinstance(self.error, JobCancelled)


def try_handler(
    handler: Handler | AsyncHandler,
    *,
    asset_type: AssetTypeEnum | str,
    prompt_spec: Mapping[str, Any],
    provider: str = "local",
    model_id: str | None = None,
    world: str = "A world",
    entities: Iterable[EntitySnapshot | str] = (),
    claims: Iterable[ClaimSnapshot | tuple[str, str, str]] = (),
    chunks: Iterable[SourceChunkSnapshot | str] = (),
    assets: Mapping[UUID, Path | InputFile] | None = None,
    provider_job_id: str | None = None,
    attempt: int = 1,
    cancel_after: int | None = None,
    timeout_seconds: float | None = None,
) -> Tried:
    """Runs a handler on a job made up of this, as a worker would, and tells what came of it. It raises nothing of it.

    `cancel_after` is after how many words to LoreKeeper (`progress`, `check`, `remember_provider_job`) the job is
    cancelled: the next word raises `JobCancelled`. `assets` are the files that `input_asset` gives, by asset id.
    """
    files = {asset_id: _as_input(file) for asset_id, file in (assets or {}).items()}
    lore = _lore(world, entities, claims, chunks, files)
    asked = _Asked(AssetTypeEnum(asset_type), dict(prompt_spec), provider, model_id)
    job = _job(asked, lore, attempt=attempt, provider_job_id=provider_job_id)
    work_dir = Path(tempfile.mkdtemp(prefix="lorekeeper-try-"))
    tried = Tried(job, work_dir, provider_job_id=provider_job_id)
    weakref.finalize(tried, shutil.rmtree, work_dir, ignore_errors=True)
    context = _Context(tried, {asset_id: file.path for asset_id, file in files.items()}, cancel_after)
    loop = EventLoopThread()
    try:
        call = Registered(handler).start(job, context, loop)
        _judge(tried, context, call, timeout_seconds)
    finally:
        loop.close()
    return tried


def _lore(
    world: str,
    entities: Iterable[EntitySnapshot | str],
    claims: Iterable[ClaimSnapshot | tuple[str, str, str]],
    chunks: Iterable[SourceChunkSnapshot | str],
    files: Mapping[UUID, InputFile],
) -> LoreSnapshot:
    return LoreSnapshot(
        taken_at=THEN,
        world=WorldSnapshot(id=_id("world", world), name=world),
        entities=[_entity(one) if isinstance(one, str) else one for one in entities],
        claims=[_claim(*one) if isinstance(one, tuple) else one for one in claims],
        source_chunks=[_chunk(n, one) if isinstance(one, str) else one for n, one in enumerate(chunks)],
        assets=[_asset(asset_id, file) for asset_id, file in files.items()],
    )


def _judge(tried: Tried, context: "_Context", call: HandlerCall, timeout_seconds: float | None) -> None:
    try:
        if wait([call.done], timeout_seconds).not_done:
            call.interrupt()
            raise timed_out(timeout_seconds)
        made = what_it_made(call)
        as_completion(tried.job, made)
        tried.made = made
    except JobCancelled as stopped:
        tried.error = stopped
        if not context.was_cancelled:
            tried.error = JobError("handler_stopped", str(stopped) or "the handler stopped by itself", retryable=True)
            tried.error.__cause__ = stopped
    except JobError as error:
        tried.error = error
        if error.provider_job_over:
            tried.provider_job_id = None


class _Context:
    """A `JobContext` with nobody at the other end."""

    def __init__(self, tried: Tried, files: Mapping[UUID, Path], cancel_after: int | None) -> None:
        self._tried = tried
        self._files = files
        self._words_left = cancel_after
        self._lock = threading.Lock()
        self.was_cancelled = False

    @property
    def work_dir(self) -> Path:
        return self._tried.work_dir

    @property
    def provider_job_id(self) -> str | None:
        return self._tried.provider_job_id

    def progress(self, percent: float, stage: str | None = None, message: str | None = None) -> None:
        self.check()
        self._tried.progress.append(as_progress(percent, stage, message))

    def check(self) -> None:
        with self._lock:
            if self._words_left is None:
                return
            self._words_left -= 1
            self.was_cancelled = self._words_left < 0
        if self.was_cancelled:
            raise JobCancelled("the job was cancelled")

    def remember_provider_job(self, provider_job_id: str) -> None:
        remembering(self._tried.job, provider_job_id, LEASE_SECONDS)
        # On record before the cancellation is told of, as with a server.
        self._tried.provider_job_id = provider_job_id
        self.check()

    def input_asset(self, asset_id: UUID) -> Path:
        if asset_id not in self._files:
            raise not_referenced(asset_id)
        given = self._files[asset_id]
        if not given.is_file():
            raise JobError("input_asset_missing", f"The file of asset {asset_id} is gone.")
        path = self.work_dir / "inputs" / f"{asset_id}{given.suffix}"
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(given, path)
        return path


@dataclass(frozen=True)
class _Asked:
    asset_type: AssetTypeEnum
    prompt_spec: dict[str, Any]
    provider: str
    model_id: str | None


def _job(asked: _Asked, lore: LoreSnapshot, *, attempt: int, provider_job_id: str | None) -> ClaimedJob:
    derivation = _derivation(asked, lore)
    return ClaimedJob(
        id=_id("job", derivation.input_hash),
        world_id=lore.world.id,
        asset_type=asked.asset_type,
        provider=asked.provider,
        model_id=asked.model_id,
        status=AssetJobStatusEnum.RUNNING,
        priority=0,
        requested_by="try_handler",
        input_hash=derivation.input_hash,
        prompt_spec=asked.prompt_spec,
        attempt=attempt,
        max_attempts=max(attempt, 3),
        available_at=THEN,
        created_at=THEN,
        provider_job_id=provider_job_id,
        lease_token=uuid.uuid4(),
        derivation=derivation,
    )


def _derivation(asked: _Asked, lore: LoreSnapshot) -> AssetDerivationResponse:
    references = AssetJobReferences(
        entity_ids=[one.id for one in lore.entities],
        claim_ids=[one.id for one in lore.claims],
        source_chunk_ids=[one.id for one in lore.source_chunks],
        asset_ids=[one.id for one in lore.assets],
    )
    input_hash = compute_input_hash(
        world_id=lore.world.id,
        asset_type=asked.asset_type,
        provider=asked.provider,
        model_id=asked.model_id,
        prompt_spec=asked.prompt_spec,
        references=references,
        lore_snapshot=lore,
    )
    return AssetDerivationResponse(
        id=_id("derivation", input_hash),
        world_id=lore.world.id,
        origin=DerivationOrigin.JOB,
        asset_job_id=_id("job", input_hash),
        prompt_spec=asked.prompt_spec,
        input_hash=input_hash,
        content_basis=compute_content_basis(references, lore),
        references=references,
        lore_snapshot=lore,
        created_at=THEN,
    )


def _id(kind: str, name: str) -> UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"lorekeeper:{kind}:{name}")


def _versioned(kind: str, *parts: str) -> dict[str, Any]:
    text = "\x1f".join(parts)
    return {"id": _id(kind, text), "version": 1, "updated_at": THEN, "content_hash": content_hash({kind: list(parts)})}


def _entity(name: str) -> EntitySnapshot:
    return EntitySnapshot(**_versioned("entity", name), type=EntityType.OTHER, name=name)


def _claim(subject: str, predicate: str, value: str) -> ClaimSnapshot:
    return ClaimSnapshot(
        **_versioned("claim", subject, predicate, value),
        sentence=claim_sentence(subject, predicate, None, value),
        subject_entity_id=_id("entity", subject),
        subject_name=subject,
        predicate=predicate,
        object_value=value,
        canon_state=CanonState.STRICT,
        confidence=1.0,
    )


def _chunk(index: int, content: str) -> SourceChunkSnapshot:
    return SourceChunkSnapshot(
        **_versioned("source_chunk", str(index), content),
        source_id=_id("source", "A text"),
        source_title="A text",
        chunk_index=index,
        content=content,
    )


def _as_input(file: Path | InputFile) -> InputFile:
    if isinstance(file, InputFile):
        return file
    content_type, _ = mimetypes.guess_type(file.name)
    kind = AssetTypeEnum.PDF if content_type == "application/pdf" else _TYPES.get((content_type or "").split("/")[0])
    if kind is None:
        raise ValueError(f"which type of asset is {file.name}? Say it: InputFile(path, asset_type)")
    return InputFile(file, kind)


def _asset(asset_id: UUID, file: InputFile) -> AssetSnapshot:
    # A file that is not there stands for an asset whose file was deleted.
    content = file.path.read_bytes() if file.path.is_file() else b"gone"
    return AssetSnapshot(
        id=asset_id,
        type=AssetTypeEnum(file.asset_type),
        format=file.path.suffix.lstrip(".").lower() or "bin",
        content_type=mimetypes.guess_type(file.path.name)[0] or "application/octet-stream",
        size_bytes=len(content),
        checksum=hashlib.sha256(content).hexdigest(),
        duration_seconds=file.duration_seconds,
    )
