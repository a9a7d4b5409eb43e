"""Asset jobs, as rows (specification section 6, Job Operations)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from lorekeeper.contracts.jobs import (
    AssetJobComplete,
    AssetJobFail,
    AssetJobHeartbeat,
    AssetJobListFilter,
    PaginatedAssetJobResponse,
)
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)
LEASES = Queries(__package__, "leases.sql")
COMPLETION = Queries(__package__, "completion.sql")
CLAIMING = Queries(__package__, "claiming.sql")

Origin = Mapping[str, Any]


async def create_asset_job(database: Database, job: Row, *, only_replayed: bool = False, origin: Origin) -> Row | None:
    """Insert a job with its derivation and links. The row says `created`, or holds the job that exists already.

    None: its idempotency key was used at this very moment. `id` None: another request is inserting the same job,
    or `only_replayed` kept this one from being made.
    """
    parameters = job | {
        "prompt_spec": Jsonb(job["prompt_spec"]),
        "lore_snapshot": Jsonb(job["lore_snapshot"], LoreSnapshot.model_dump_json),
        "only_replayed": True if only_replayed else None,
    }
    try:
        return await database.one(QUERIES.create_asset_job, **parameters, **origin)
    except UniqueViolation:
        return None


async def end_missed_job(database: Database, job_id: UUID, *, origin: Origin) -> None:
    """End a job that nobody is to work on any more, if time has ended it (`end_of_job` in db/schema.sql)."""
    await database.run(CLAIMING.end_missed_job, id=job_id, **origin)


async def get_asset_job(database: Database, job_id: UUID) -> Row | None:
    """A job with its derivation and its asset."""
    return await database.one(QUERIES.get_asset_job, id=job_id)


async def read_asset_job(database: Database, job_id: UUID) -> Row | None:
    """A job, with its derivation and its asset as the JSON that is answered (bytes)."""
    return await database.one_unparsed(QUERIES.read_asset_job, id=job_id)


async def read_asset_jobs(database: Database, job_ids: list[UUID]) -> list[Row]:
    """The same of several, in no order; one that does not exist has no row."""
    return await database.all_unparsed(QUERIES.read_asset_jobs, ids=job_ids) if job_ids else []


async def list_jobs_to_judge(database: Database, job_ids: list[UUID]) -> list[Row]:
    """What says whether a worker may write to them, in no order; one that does not exist has no row."""
    return await database.all(LEASES.list_jobs_to_judge, ids=job_ids)


async def find_jobs_to_complete(database: Database, asked: Mapping[UUID, AssetJobComplete]) -> list[Row]:
    """The same, each with the upload behind its storage key as `upload`; None for a key that was never handed out."""
    keys = [body.storage_key for body in asked.values()]
    return await database.all(COMPLETION.find_jobs_to_complete, ids=_array(asked), storage_keys=keys)


async def look_at_asset_jobs(database: Database, job_ids: list[UUID]) -> list[Row]:
    """What changes of these jobs while they are made."""
    return await database.all(QUERIES.look_at_asset_jobs, ids=job_ids)


async def get_asset_job_by_input_hash(database: Database, world_id: UUID, input_hash: str) -> Row | None:
    """The live or succeeded job with these inputs."""
    return await database.one(QUERIES.get_asset_job_by_input_hash, world_id=world_id, input_hash=input_hash)


async def list_asset_jobs(
    database: Database, filters: AssetJobListFilter, paging: Paging, *, visible_worlds: list[UUID] | None
) -> PaginatedAssetJobResponse:
    return await fetch_page(
        PaginatedAssetJobResponse,
        database,
        QUERIES.list_asset_jobs,
        paging,
        **filters.model_dump(),
        by_time=True if filters.created_after or filters.created_before else None,
        visible_worlds=visible_worlds,
    )


async def claim_asset_jobs(database: Database, claim: Row, *, origin: Origin) -> list[Row]:
    return await database.all_unparsed(CLAIMING.claim_asset_jobs, **claim, **origin)


async def claim_asset_job(database: Database, claim: Row, *, origin: Origin) -> Row | None:
    """Claim the job of this id; None when it is not to be had."""
    return await database.one_unparsed(CLAIMING.claim_asset_job, **claim, **origin)


async def release_asset_job(
    database: Database, job_id: UUID, *, lease_token: UUID, reason: str | None, origin: Origin
) -> Row | None:
    """Give a job back; None when the lease is not the caller's."""
    return await database.one(CLAIMING.release_asset_job, id=job_id, lease_token=lease_token, reason=reason, **origin)


async def heartbeat(
    database: Database,
    asked: Mapping[UUID, AssetJobHeartbeat],
    *,
    lease_ends: list[datetime],
    now: datetime,
    visible_worlds: list[UUID] | None,
    visible_providers: list[str] | None,
) -> list[Row]:
    """Renew leases; a job whose lease is not the caller's has no row."""
    said = list(asked.values())
    return await database.all(
        LEASES.heartbeat,
        ids=list(asked),
        lease_tokens=[body.lease_token for body in said],
        lease_ends=lease_ends,
        progress=[Jsonb(body.progress.model_dump()) if body.progress else None for body in said],
        provider_job_ids=[body.provider_job_id for body in said],
        now=now,
        visible_worlds=visible_worlds,
        visible_providers=visible_providers,
    )


async def fail_asset_jobs(
    database: Database,
    asked: Mapping[UUID, AssetJobFail],
    *,
    visible_worlds: list[UUID] | None,
    visible_providers: list[str] | None,
    origin: Origin,
) -> list[Row]:
    """End jobs, or queue them again. A row has JSON parts as they are answered; a job that is not held has none."""
    said = list(asked.values())
    return await database.all_unparsed(
        LEASES.fail_asset_jobs,
        ids=list(asked),
        lease_tokens=[body.lease_token for body in said],
        error_codes=[body.error_code for body in said],
        error_messages=[body.error_message for body in said],
        retryable=[body.retryable for body in said],
        pauses=[body.retry_after_seconds for body in said],
        overs=[body.provider_job_over for body in said],
        visible_worlds=visible_worlds,
        visible_providers=visible_providers,
        **origin,
    )


async def update_asset_job_status(database: Database, job_id: UUID, move: Row, *, origin: Origin) -> Row | None:
    """Move a job from the status it was judged by; None when it has moved on, or the lease is not the caller's."""
    return await database.one(QUERIES.update_asset_job_status, id=job_id, **move, **origin)


async def cancel_asset_job(database: Database, job_id: UUID, *, origin: Origin) -> bool:
    """Cancel a job, or ask its worker to stop; False when it is over already."""
    return await database.one(CLAIMING.cancel_asset_job, id=job_id, **origin) is not None


async def complete_asset_jobs(
    database: Database,
    asked: Mapping[UUID, AssetJobComplete],
    *,
    asset_ids: list[UUID],
    uploads: list[Row],
    keep_until: datetime,
    origin: Origin,
) -> list[Row]:
    """Make the assets (or late results) and finish the jobs; `uploads` are theirs, in the same order. A row has `job`
    as the JSON that is answered (bytes). A job that is not RUNNING under this lease, or whose upload is not PENDING,
    has none: somebody was quicker.
    """
    said = list(asked.values())
    return await database.all_unparsed(
        COMPLETION.complete_asset_jobs,
        ids=_array(asked),
        lease_tokens=_array(body.lease_token for body in said),
        upload_ids=_array(upload["id"] for upload in uploads),
        world_ids=[UUID(world_id) for world_id in {upload["world_id"] for upload in uploads}],
        asset_ids=_array(asset_ids),
        formats=[body.format for body in said],
        content_types=[body.content_type for body in said],
        durations=[body.duration_seconds for body in said],
        sizes=[body.size_bytes for body in said],
        checksums=[body.checksum for body in said],
        metadata=[Jsonb(body.metadata) for body in said],
        keep_until=keep_until,
        **origin,
    )


def _array(ids: Iterable[UUID | str | None]) -> str:
    """Ids as PostgreSQL writes an array. psycopg looks at each item anew, which for a hundred jobs was to be felt."""
    return f"{{{','.join('NULL' if one is None else str(one) for one in ids)}}}"


async def get_late_result_to_download(database: Database, job_id: UUID) -> Row | None:
    """The late result of a job, with the name that its file was uploaded under; all None where it has none."""
    return await database.one(COMPLETION.get_late_result_to_download, id=job_id)


async def count_jobs_by_status(database: Database) -> dict[str, int]:
    return {row["status"]: row["jobs"] for row in await database.all(QUERIES.count_jobs_by_status)}


async def lease_ages(database: Database, now: datetime) -> Row:
    return await database.one(QUERIES.lease_ages, now=now) or {}
