-- name: claim_asset_jobs
-- Hands out jobs, each under a lease of its own, the first in rank first. What is overdue comes back into the queue, or
-- ends, in the same statement, so that nothing hangs on a background loop. The claim itself is in db/schema.sql (The queue).
SELECT granted_id AS id, granted_token AS lease_token, granted_job AS job
FROM claim_asset_jobs(%(providers)s::text[], %(asset_types)s::text[], %(world_ids)s::uuid[], %(limit)s, %(worker_id)s,
                      %(lease_expires_at)s, %(now)s, %(actor)s, %(request_id)s)

-- name: claim_asset_job
-- Hands out one job by its id. No row: it is not to be had now, not there, or not for this key.
SELECT granted_id AS id, granted_token AS lease_token, granted_job AS job
FROM claim_asset_job(%(id)s, %(visible_providers)s::text[], %(visible_worlds)s::uuid[], %(worker_id)s,
                     %(lease_expires_at)s, %(now)s, %(actor)s, %(request_id)s)

-- name: release_asset_job
-- Gives a job back: QUEUED at once, its attempt not counted; or over, where it was to be cancelled or is of no use any more.
-- No row: the lease is not (or no longer) the caller's.
WITH moved AS (
    UPDATE asset_job
    SET status = CASE WHEN over.is_so THEN 'CANCELLED' ELSE 'QUEUED' END,
        attempt = attempt - CASE WHEN over.is_so THEN 0 ELSE 1 END,
        available_at = CASE WHEN over.is_so THEN available_at ELSE %(now)s END,
        error_code = CASE WHEN over.is_so AND cancel_requested_at IS NULL THEN 'finish_by_passed' ELSE error_code END,
        finished_at = CASE WHEN over.is_so THEN greatest(%(now)s, started_at) END,
        lease_token = NULL, lease_expires_at = NULL
    FROM (
        SELECT id AS of, coalesce(cancel_requested_at IS NOT NULL OR finish_by <= %(now)s, false) AS is_so
        FROM asset_job WHERE id = %(id)s FOR UPDATE
    ) AS over
    WHERE id = over.of AND status = 'RUNNING' AND lease_token = %(lease_token)s AND lease_expires_at > %(now)s
    RETURNING asset_job.*
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT world_id, 'asset_job.released', id, %(actor)s, %(request_id)s, jsonb_build_object('status', 'RUNNING'),
           jsonb_build_object('status', status, 'attempt', attempt, 'error_code', error_code, 'reason', %(reason)s::text),
           %(now)s
    FROM moved
)
SELECT * FROM moved

-- name: end_missed_job
-- Ends one job that time has ended, because it is in another's way.
SELECT settle_asset_jobs(array_agg(ctid), %(now)s, %(actor)s, %(request_id)s)
FROM (
    SELECT ctid FROM asset_job WHERE id = %(id)s AND end_of_job(asset_job, %(now)s) IS NOT NULL FOR UPDATE
) AS missed
HAVING count(*) > 0

-- name: cancel_asset_job
-- Cancels a job that no worker holds; asks the worker that holds it to stop, which its next heartbeat tells it.
WITH moved AS (
    UPDATE asset_job
    SET cancel_requested_at = coalesce(cancel_requested_at, %(now)s),
        status = CASE WHEN lease_token IS NULL OR lease_expires_at <= %(now)s THEN 'CANCELLED' ELSE status END,
        finished_at = CASE WHEN lease_token IS NULL OR lease_expires_at <= %(now)s
                           THEN greatest(%(now)s, started_at) END,
        lease_token = CASE WHEN lease_expires_at > %(now)s THEN lease_token END,
        lease_expires_at = CASE WHEN lease_expires_at > %(now)s THEN lease_expires_at END
    WHERE id = %(id)s AND status IN ('QUEUED', 'RUNNING')
    RETURNING id, world_id, status
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'asset_job.cancel_requested', id, %(actor)s, %(request_id)s, jsonb_build_object('status', status),
       %(now)s
FROM moved
RETURNING id
