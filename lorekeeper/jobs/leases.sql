-- name: heartbeat
-- Renews leases and notes how far the jobs have come. A job without a row: its lease is not (or no longer) the caller's.
-- Jobs are locked in the order of their ids, whatever order they are named in, so that two batches never wait for each
-- other.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[], %(lease_ends)s::timestamptz[], %(progress)s::jsonb[],
                         %(provider_job_ids)s::text[])
        AS item (id, lease_token, lease_expires_at, progress, provider_job_id)
    ORDER BY id
), held AS MATERIALIZED (
    SELECT asked.*, job.status
    FROM asked CROSS JOIN LATERAL (
        SELECT status FROM asset_job
        WHERE id = asked.id AND status = 'RUNNING' AND lease_token = asked.lease_token AND lease_expires_at > %(now)s
          AND world_id = ANY(%(visible_worlds)s)        -- when visible_worlds
          AND provider = ANY(%(visible_providers)s)     -- when visible_providers
        FOR UPDATE
    ) AS job
)
UPDATE asset_job AS job
SET lease_expires_at = held.lease_expires_at,
    progress = coalesce(held.progress, job.progress),
    provider_job_id = coalesce(held.provider_job_id, job.provider_job_id)
FROM held WHERE job.id = held.id AND held.status = 'RUNNING'  -- as all are: it tells the planner that they are few
RETURNING job.id AS job_id, job.lease_expires_at,
          job.cancel_requested_at IS NOT NULL OR coalesce(job.finish_by <= %(now)s, false) AS cancel_requested,
          CASE WHEN job.cancel_requested_at IS NOT NULL THEN 'requested'
               WHEN job.finish_by <= %(now)s THEN 'finish_by_passed' END AS cancel_reason

-- name: list_jobs_to_judge
-- What says whether a worker may write to these jobs.
SELECT id, world_id, provider, status, lease_token, lease_expires_at, cancel_requested_at
FROM asset_job WHERE id = ANY(%(ids)s)

-- name: fail_asset_jobs
-- Ends jobs that could not be done: FAILED; or QUEUED again where the failure is retryable and attempts are left; or
-- CANCELLED where that was asked for, or nobody needs them any more. The pause before another try doubles with each
-- attempt, and half of it is chance, so that what failed together does not come back together. A job without a row: it
-- is not RUNNING under this lease (any more). Locked in the order of ids, as above.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[], %(error_codes)s::text[], %(error_messages)s::text[],
                         %(retryable)s::boolean[], %(pauses)s::float8[], %(overs)s::boolean[])
        AS item (id, lease_token, error_code, error_message, retryable, pause, over)
    ORDER BY id
), held AS MATERIALIZED (
    SELECT asked.*, job.status,
           CASE WHEN job.cancel_requested_at IS NOT NULL OR job.finish_by <= %(now)s THEN 'CANCELLED'
                WHEN asked.retryable AND job.attempt < job.max_attempts THEN 'QUEUED' ELSE 'FAILED' END AS target,
           CASE WHEN job.cancel_requested_at IS NULL AND job.finish_by <= %(now)s THEN 'finish_by_passed'
                ELSE asked.error_code END AS ends_as
    FROM asked CROSS JOIN LATERAL (
        SELECT status, attempt, max_attempts, cancel_requested_at, finish_by FROM asset_job
        WHERE id = asked.id AND status = 'RUNNING' AND lease_token IS NOT DISTINCT FROM asked.lease_token
          AND (lease_expires_at IS NULL OR lease_expires_at > %(now)s)
          AND world_id = ANY(%(visible_worlds)s)        -- when visible_worlds
          AND provider = ANY(%(visible_providers)s)     -- when visible_providers
        FOR UPDATE
    ) AS job
), moved AS (
    UPDATE asset_job AS job
    SET status = held.target,
        finished_at = CASE WHEN held.target <> 'QUEUED' THEN greatest(%(now)s, job.started_at) END,
        error_code = held.ends_as,
        error_message = coalesce(held.error_message, job.error_message),
        provider_job_id = CASE WHEN held.target <> 'QUEUED' OR NOT held.over THEN job.provider_job_id END,
        available_at = CASE WHEN held.target <> 'QUEUED' THEN job.available_at
                            ELSE %(now)s + interval '1 second' * coalesce(
                                held.pause, least(300, power(2, job.attempt)) * (0.5 + random() / 2)) END,
        lease_token = NULL, lease_expires_at = NULL
    FROM held WHERE job.id = held.id AND held.status = 'RUNNING'  -- as above
    RETURNING job.*
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT world_id, 'asset_job.updated', id, %(actor)s, %(request_id)s, jsonb_build_object('status', 'RUNNING'),
           jsonb_build_object('status', status, 'attempt', attempt, 'error_code', error_code), %(now)s
    FROM moved
)
SELECT moved.*, (SELECT answer.derivation FROM asset_job_answer AS answer WHERE answer.id = moved.id) AS derivation,
       NULL::json AS asset, NULL::json AS late_result
FROM moved
