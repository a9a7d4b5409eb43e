"""Asset jobs, as rows (specification section 6, Job Operations)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from lorekeeper.contracts.assets import AssetCreate
from lorekeeper.contracts.jobs import AssetJobListFilter, JobProgressUpdate, PaginatedAssetJobResponse
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.kit.database import Database, Row
from lorekeeper.kit.pagination import Paging, fetch_page
from lorekeeper.kit.queries import Queries

QUERIES = Queries(__package__)

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
    """Cancel a job whose `start_by` has passed."""
    await database.run(QUERIES.end_missed_job, id=job_id, **origin)


async def get_asset_job(database: Database, job_id: UUID) -> Row | None:
    """A job with its derivation and its asset."""
    return await database.one(QUERIES.get_asset_job, id=job_id)


async def read_asset_job(database: Database, job_id: UUID) -> Row | None:
    """A job, with its derivation and its asset as the JSON that is answered (bytes)."""
    return await database.one_unparsed(QUERIES.read_asset_job, id=job_id)


async def get_asset_job_and_upload(database: Database, job_id: UUID, storage_key: str) -> Row | None:
    """The same, with the upload behind a storage key as `upload`; None in it for a key that was never handed out."""
    return await database.one(QUERIES.get_asset_job_and_upload, id=job_id, storage_key=storage_key)


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
    return await database.all(QUERIES.claim_asset_jobs, **claim, **origin)


async def heartbeat(
    database: Database,
    job_id: UUID,
    *,
    lease_token: UUID,
    lease_expires_at: datetime,
    progress: JobProgressUpdate | None,
    provider_job_id: str | None,
    now: datetime,
    visible_worlds: list[UUID] | None,
    visible_providers: list[str] | None,
) -> Row | None:
    """Renew a lease; None when it is not the caller's."""
    return await database.one(
        QUERIES.heartbeat,
        id=job_id,
        lease_token=lease_token,
        lease_expires_at=lease_expires_at,
        progress=Jsonb(progress.model_dump()) if progress else None,
        provider_job_id=provider_job_id,
        now=now,
        visible_worlds=visible_worlds,
        visible_providers=visible_providers,
    )


async def update_asset_job_status(database: Database, job_id: UUID, move: Row, *, origin: Origin) -> Row | None:
    """Move a job from the status it was judged by; None when it has moved on, or the lease is not the caller's."""
    return await database.one(QUERIES.update_asset_job_status, id=job_id, **move, **origin)


async def cancel_asset_job(database: Database, job_id: UUID, *, origin: Origin) -> bool:
    """Cancel a job, or ask its worker to stop; False when it is over already."""
    return await database.one(QUERIES.cancel_asset_job, id=job_id, **origin) is not None


async def complete_asset_job(
    database: Database, job_id: UUID, file: AssetCreate, *, asset_id: UUID, lease_token: UUID | None, origin: Origin
) -> Row | None:
    """Make the asset and finish the job; the answer is the job with its asset. None when the job is not RUNNING under
    this lease, or the upload not PENDING: somebody was quicker.
    """
    parameters = file.model_dump(include=set(AssetCreate.model_fields)) | {"metadata": Jsonb(file.metadata)}
    return await database.one(
        QUERIES.complete_asset_job, id=job_id, lease_token=lease_token, asset_id=asset_id, **parameters, **origin
    )


async def count_jobs_by_status(database: Database) -> dict[str, int]:
    return {row["status"]: row["jobs"] for row in await database.all(QUERIES.count_jobs_by_status)}


async def lease_ages(database: Database, now: datetime) -> Row:
    return await database.one(QUERIES.lease_ages, now=now) or {}
