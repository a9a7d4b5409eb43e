"""What came too late to be an asset, for as long as it is kept."""

from datetime import timedelta
from uuid import UUID

from lorekeeper.access.context import Context
from lorekeeper.assets.downloads import content_disposition, download_name
from lorekeeper.contracts.errors import AssetGoneError, ConflictError
from lorekeeper.contracts.late_results import LateResult, LateResultDownloadResponse
from lorekeeper.contracts.s3 import PresignedDownloadRequest
from lorekeeper.jobs import repository
from lorekeeper.jobs.service import visible_job


async def presign_late_download(
    ctx: Context, job_id: UUID, body: PresignedDownloadRequest, *, expires_seconds: int
) -> LateResultDownloadResponse:
    """A URL to fetch the file from. Raises `NotFoundError`, `ConflictError` where the job has no late result, and
    `AssetGoneError` once it was let go.
    """
    row = visible_job(ctx, job_id, await repository.get_late_result_to_download(ctx.database, job_id))
    if row["storage_key"] is None:
        raise ConflictError(f"The job {job_id} has no late result.")
    late = LateResult.model_validate(row)
    if not late.kept:
        raise AssetGoneError(f"The late result of job {job_id} was kept until {row['keep_until']}; its file is gone.")
    filename = download_name(body.filename or row["filename"])
    signed = ctx.store.generate_download_presigned_url(
        late.storage_key,
        disposition=content_disposition(body.disposition, filename),
        content_type=late.content_type,
        expires_seconds=expires_seconds,
    )
    return LateResultDownloadResponse(
        job_id=job_id,
        url=signed.url,
        filename=filename,
        content_type=late.content_type,
        size_bytes=late.size_bytes,
        checksum=late.checksum,
        expires_at=ctx.now + timedelta(seconds=expires_seconds),
        keep_until=late.keep_until,
    )
