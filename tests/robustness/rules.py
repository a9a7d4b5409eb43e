"""What must hold between the tables, whatever happened: a query each, whose rows are what breaks it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    says: str
    query: str
    """Its rows have one column, `subject`."""


RULES = (
    Rule(
        "made for more than one job",
        """SELECT asset_id AS subject FROM asset_derivation WHERE asset_id IS NOT NULL
           GROUP BY asset_id HAVING count(*) > 1""",
    ),
    Rule(
        "an asset that nothing tells the origin of",
        """SELECT id AS subject FROM asset
           WHERE NOT EXISTS (SELECT FROM asset_derivation WHERE asset_id = asset.id)""",
    ),
    Rule(
        "a living job or asset for inputs that have another one already",
        """SELECT input_hash AS subject FROM asset_job
           WHERE status IN ('QUEUED', 'RUNNING', 'SUCCEEDED') AND asset_deleted_at IS NULL
           GROUP BY world_id, input_hash HAVING count(*) > 1""",
    ),
    Rule(
        "two assets of one upload",
        "SELECT storage_key AS subject FROM asset GROUP BY storage_key HAVING count(*) > 1",
    ),
    Rule(
        "an asset whose upload is not as the asset is",
        """SELECT asset.storage_key AS subject
           FROM asset LEFT JOIN upload ON upload.storage_key = asset.storage_key
           WHERE upload.state IS DISTINCT FROM CASE asset.status WHEN 'DELETED' THEN 'RELEASED' ELSE 'USED' END""",
    ),
    Rule(
        "an upload that was used for nothing",
        """SELECT storage_key AS subject FROM upload
           WHERE state IN ('USED', 'QUARANTINED', 'RELEASED')
             AND (state = 'QUARANTINED'
                  OR NOT EXISTS (SELECT FROM asset WHERE asset.storage_key = upload.storage_key))
             AND (state = 'USED'
                  OR NOT EXISTS (SELECT FROM late_result WHERE late_result.storage_key = upload.storage_key))""",
    ),
    Rule(
        "a late result of a job that was not cancelled, or of a file that an asset was made of",
        """SELECT asset_job_id AS subject FROM late_result JOIN asset_job AS job ON job.id = late_result.asset_job_id
           WHERE job.status <> 'CANCELLED'
              OR EXISTS (SELECT FROM asset WHERE asset.storage_key = late_result.storage_key)""",
    ),
    Rule(
        "an asset of other bytes than were declared for its upload",
        """SELECT asset.storage_key AS subject
           FROM asset JOIN upload ON upload.storage_key = asset.storage_key
           WHERE upload.size_bytes <> asset.size_bytes OR upload.checksum <> asset.checksum""",
    ),
    Rule(
        "a job that was finished before it was started",
        "SELECT id AS subject FROM asset_job WHERE finished_at < started_at",
    ),
    Rule(
        "an event without an effect: a deleted asset that is not",
        """SELECT subject_id AS subject FROM event
           WHERE kind = 'asset.deleted'
             AND NOT EXISTS (SELECT FROM asset WHERE id = subject_id::uuid AND status = 'DELETED')""",
    ),
)
