-- name: create_asset_job
-- Job, derivation, links and event in one statement. Where a live or succeeded job with the same input hash exists, none
-- is inserted and that one is returned; either way the idempotency key is noted with it, and a key that somebody else
-- has just noted undoes it all (unique_violation). A row without any job means that another transaction inserted it
-- while this one ran, or deleted an asset that is an input: read again. `only_replayed`: none is inserted in any case, so
-- there was none.
WITH living AS MATERIALIZED (  -- what is held here is not deleted before the job stands; a world before what is in it
    SELECT id FROM world WHERE id = %(world_id)s AND deleted_at IS NULL FOR KEY SHARE
), ready AS MATERIALIZED (
    SELECT FROM living, asset WHERE asset.id = ANY(%(asset_ids)s::uuid[]) AND asset.status = 'READY' FOR SHARE OF asset
), made AS (
    INSERT INTO asset_job (id, world_id, asset_type, provider, model_id, priority, requested_by, input_hash, prompt_spec,
                           prompt_schema_id, idempotency_key, max_attempts, available_at, rank_at, start_by, finish_by,
                           created_at)
    SELECT %(id)s, living.id, %(asset_type)s, %(provider)s, %(model_id)s, %(priority)s, %(actor)s, %(input_hash)s,
           %(prompt_spec)s, %(prompt_schema_id)s, %(idempotency_key)s, %(max_attempts)s, %(now)s,
           %(now)s - %(priority)s::int * interval '1 minute', %(start_by)s, %(finish_by)s, %(now)s
    FROM living
    WHERE (SELECT count(*) FROM ready) = cardinality(%(asset_ids)s::uuid[])
      AND false    -- when only_replayed
    ON CONFLICT DO NOTHING
    RETURNING id, world_id
), answered AS (  -- the new job, or the one that is in its way; not for long, where time has ended that
    SELECT id, false AS missed FROM made
    UNION ALL
    SELECT id, end_of_job(asset_job, %(now)s) IS NOT NULL FROM asset_job
    WHERE NOT EXISTS (SELECT FROM made) AND world_id = %(world_id)s AND input_hash = %(input_hash)s
      AND status IN ('QUEUED', 'RUNNING', 'SUCCEEDED') AND asset_deleted_at IS NULL
), keyed AS (
    INSERT INTO idempotency_key (requested_by, key, fingerprint, world_id, job_id, created_at)
    SELECT %(actor)s, %(idempotency_key)s, %(fingerprint)s, %(world_id)s, answered.id, %(now)s
    FROM answered WHERE %(idempotency_key)s::text IS NOT NULL AND NOT answered.missed
), derived AS (
    INSERT INTO asset_derivation (id, world_id, origin, asset_job_id, source_id, prompt_spec, input_hash, content_basis,
                                  lore_snapshot, created_at)
    SELECT %(derivation_id)s, made.world_id, 'JOB', made.id, %(source_id)s, %(prompt_spec)s, %(input_hash)s,
           %(content_basis)s, %(lore_snapshot)s, %(now)s
    FROM made
    RETURNING id, world_id
), claims AS (
    INSERT INTO asset_derivation_claim (world_id, derivation_id, claim_id)
    SELECT derived.world_id, derived.id, piece FROM derived, unnest(%(claim_ids)s::uuid[]) AS piece
), entities AS (
    INSERT INTO asset_derivation_entity (world_id, derivation_id, entity_id)
    SELECT derived.world_id, derived.id, piece FROM derived, unnest(%(entity_ids)s::uuid[]) AS piece
), chunks AS (
    INSERT INTO asset_derivation_source_chunk (world_id, derivation_id, source_chunk_id)
    SELECT derived.world_id, derived.id, piece FROM derived, unnest(%(source_chunk_ids)s::uuid[]) AS piece
), assets AS (
    INSERT INTO asset_derivation_asset (world_id, derivation_id, asset_id)
    SELECT derived.world_id, derived.id, piece FROM derived, unnest(%(asset_ids)s::uuid[]) AS piece
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
    SELECT made.world_id, 'asset_job.created', made.id, %(actor)s, %(request_id)s,
           jsonb_build_object('status', 'QUEUED', 'input_hash', %(input_hash)s::text), %(now)s
    FROM made
)
SELECT EXISTS (SELECT FROM made) AS created, (SELECT missed FROM answered) AS missed, existing.*
FROM (SELECT) AS always
LEFT JOIN asset_job_reading AS existing
    ON NOT EXISTS (SELECT FROM made) AND existing.id = (SELECT id FROM answered)

-- name: get_asset_job
-- One job with its derivation and asset.
SELECT * FROM asset_job_reading WHERE id = %(id)s

-- name: read_asset_job
-- One job for its reader; its parts have the form of the wire already, so that their JSON is handed on as it stands.
SELECT * FROM asset_job_answer WHERE id = %(id)s

-- name: read_asset_jobs
-- The same of several.
SELECT * FROM asset_job_answer WHERE id = ANY(%(ids)s)

-- name: look_at_asset_jobs
-- What a requester sees change of these jobs, for those who wait for it.
SELECT id, status, attempt, available_at, progress, cancel_requested_at, worker_id, provider_job_id, error_code,
       error_message, started_at, finished_at, asset_deleted_at
FROM asset_job WHERE id = ANY(%(ids)s::uuid[])

-- name: get_asset_job_by_input_hash
-- The job that stands in the way of another one with the same inputs.
SELECT * FROM asset_job_reading
WHERE world_id = %(world_id)s AND input_hash = %(input_hash)s
  AND status IN ('QUEUED', 'RUNNING', 'SUCCEEDED') AND asset_deleted_at IS NULL

-- name: list_asset_jobs
-- Jobs, newest first. By time, `created_at` says which are newer, not the id: it is the app's clock that they were asked
-- by, and an id carries the machine's. The cursor is the last job of the page before.
SELECT page.* FROM unnest(%(each_world)s::uuid[]) AS seen (world_id) CROSS JOIN LATERAL (  -- when each_world
SELECT id, world_id, asset_type, provider, model_id, status, priority, requested_by, input_hash, prompt_spec,
       prompt_schema_id, error_code, error_message, idempotency_key, attempt, max_attempts, available_at,
       lease_expires_at, worker_id, progress, provider_job_id, cancel_requested_at, start_by, finish_by, created_at,
       started_at, finished_at
FROM asset_job
WHERE true
  AND world_id = ANY(ARRAY[%(world_id)s::uuid])    -- when world_id
  AND status = ANY(ARRAY[%(status)s])              -- when status
  AND asset_type = ANY(ARRAY[%(asset_type)s])      -- when asset_type
  AND provider = ANY(ARRAY[%(provider)s])          -- when provider
  AND requested_by = ANY(ARRAY[%(requested_by)s])  -- when requested_by
  AND created_at >= %(created_after)s              -- when created_after
  AND created_at < %(created_before)s              -- when created_before unless after
  AND world_id = ANY(%(visible_worlds)s)           -- when visible_worlds
  AND world_id = ANY(ARRAY[seen.world_id])         -- when each_world
  AND id < %(after)s                               -- when after unless by_time
  AND (created_at, id) < (SELECT created_at, id FROM asset_job  -- when after and by_time
                          WHERE id = %(after)s                  -- when after and by_time
                            AND created_at < %(created_before)s -- when after and created_before
                         )                                      -- when after and by_time
ORDER BY created_at DESC, id DESC           -- when ordered and each_world and by_time
ORDER BY world_id DESC, id DESC             -- when ordered and each_world unless by_time
LIMIT %(limit)s::bigint + %(skip)s::bigint  -- when each_world
) AS page                                   -- when each_world
ORDER BY created_at DESC, id DESC           -- when ordered and by_time
ORDER BY requested_by DESC, id DESC         -- when ordered and along_requested_by
ORDER BY provider DESC, id DESC             -- when ordered and along_provider
ORDER BY world_id DESC, id DESC             -- when ordered and along_world_id
ORDER BY status DESC, id DESC               -- when ordered and along_status
ORDER BY asset_type DESC, id DESC           -- when ordered and along_asset_type
ORDER BY id DESC                            -- when ordered unless along
LIMIT %(limit)s OFFSET %(skip)s

-- name: update_asset_job_status
-- A worker's own move of the state machine, with what it says of it. `expected` is the status it was judged by; no row
-- means that the job has moved on since, or that the lease is not the caller's.
WITH moved AS (
    UPDATE asset_job
    SET status = %(status)s,
        attempt = attempt + CASE WHEN status = 'QUEUED' AND %(status)s = 'RUNNING' THEN 1 ELSE 0 END,
        started_at = coalesce(%(started_at)s, started_at),
        finished_at = CASE WHEN %(status)s IN ('FAILED', 'CANCELLED') THEN %(finished_at)s::timestamptz END,
        error_code = coalesce(%(error_code)s, error_code),
        error_message = coalesce(%(error_message)s, error_message),
        lease_token = CASE WHEN %(status)s = 'RUNNING' THEN lease_token END,
        lease_expires_at = CASE WHEN %(status)s = 'RUNNING' THEN lease_expires_at END
    WHERE id = %(id)s AND status = %(expected)s
      AND lease_token IS NOT DISTINCT FROM %(lease_token)s::uuid
      AND (lease_expires_at IS NULL OR lease_expires_at > %(now)s)
    RETURNING asset_job.*
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT world_id, 'asset_job.updated', id, %(actor)s, %(request_id)s,
           jsonb_build_object('status', %(expected)s::text),
           jsonb_build_object('status', status, 'attempt', attempt, 'error_code', error_code), %(now)s
    FROM moved
)
SELECT * FROM moved

-- name: count_jobs_by_status
-- How many jobs there are in each state, for the metrics; along an index.
SELECT status, count(*) AS jobs FROM asset_job GROUP BY status

-- name: lease_ages
-- How long the running jobs have been held, and how many leases ran out unclaimed, for the metrics.
SELECT count(*) AS held,
       count(*) FILTER (WHERE lease_expires_at <= %(now)s) AS expired,
       coalesce(extract(epoch FROM max(%(now)s - started_at)), 0)::float AS oldest_seconds
FROM asset_job WHERE status = 'RUNNING' AND lease_token IS NOT NULL
