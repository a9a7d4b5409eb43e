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
                           prompt_schema_id, idempotency_key, max_attempts, available_at, start_by, finish_by, created_at)
    SELECT %(id)s, living.id, %(asset_type)s, %(provider)s, %(model_id)s, %(priority)s, %(actor)s, %(input_hash)s,
           %(prompt_spec)s, %(prompt_schema_id)s, %(idempotency_key)s, %(max_attempts)s, %(now)s, %(start_by)s,
           %(finish_by)s, %(now)s
    FROM living
    WHERE (SELECT count(*) FROM ready) = cardinality(%(asset_ids)s::uuid[])
      AND false    -- when only_replayed
    ON CONFLICT DO NOTHING
    RETURNING id, world_id
), answered AS (  -- the new job, or the one that is in its way; not for long, where that has missed its start
    SELECT id, false AS missed FROM made
    UNION ALL
    SELECT id, coalesce(status = 'QUEUED' AND start_by <= %(now)s, false) FROM asset_job
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
SELECT EXISTS (SELECT FROM made) AS created, existing.*
FROM (SELECT) AS always
LEFT JOIN asset_job_reading AS existing
    ON NOT EXISTS (SELECT FROM made) AND existing.id = (SELECT id FROM answered)

-- name: get_asset_job
-- One job with its derivation and asset.
SELECT * FROM asset_job_reading WHERE id = %(id)s

-- name: read_asset_job
-- One job for its reader. Its derivation and its asset have the form of the wire already (contracts/assets.py), so that
-- their JSON is handed on as it stands here.
SELECT job.id, job.world_id, job.asset_type, job.provider, job.model_id, job.status, job.priority, job.requested_by,
       job.input_hash, job.prompt_spec, job.prompt_schema_id, job.error_code, job.error_message, job.idempotency_key,
       job.attempt, job.max_attempts, job.available_at, job.lease_expires_at, job.worker_id, job.progress,
       job.provider_job_id, job.cancel_requested_at, job.start_by, job.finish_by, job.created_at, job.started_at,
       job.finished_at,
       (SELECT row_to_json(part) FROM (
           SELECT derivation.id, derivation.world_id, derivation.origin, derivation.asset_job_id, derivation.asset_id,
                  derivation.source_id, derivation.prompt_spec, derivation.input_hash, derivation.content_basis,
                  derivation."references", derivation.lore_snapshot,
                  to_char(derivation.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
           FROM asset_derivation_reading AS derivation WHERE derivation.asset_job_id = job.id
       ) AS part) AS derivation,
       (SELECT row_to_json(part) FROM (
           SELECT asset.id, asset.world_id, asset.type, asset.format, asset.status, asset.storage_key, asset.content_type,
                  asset.duration_seconds, asset.size_bytes, asset.checksum, asset.metadata, asset.created_by,
                  to_char(asset.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
                  to_char(asset.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS deleted_at
           FROM asset_derivation AS derivation JOIN asset ON asset.id = derivation.asset_id
           WHERE derivation.asset_job_id = job.id
       ) AS part) AS asset
FROM asset_job AS job WHERE job.id = %(id)s

-- name: get_asset_job_and_upload
-- One job as above, with the upload that a worker says its file was put into.
SELECT job.*, (SELECT row_to_json(upload) FROM upload WHERE storage_key = %(storage_key)s) AS upload
FROM asset_job_reading AS job WHERE job.id = %(id)s

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

-- name: claim_asset_jobs
-- Hands out jobs, each under a lease of its own. Leases that ran out are handed out again in this same statement, so
-- rescue needs no background loop; those that ran out on their last attempt, or were to be cancelled, end here.
WITH lost AS MATERIALIZED (  -- locked first, so that no two claims rescue the same job
    SELECT id, priority
    FROM asset_job
    WHERE status = 'RUNNING' AND lease_token IS NOT NULL AND lease_expires_at <= %(now)s
      AND attempt < max_attempts AND cancel_requested_at IS NULL AND (start_by IS NULL OR start_by > %(now)s)
      AND provider = ANY(%(providers)s)
      AND asset_type = ANY(%(asset_types)s)   -- when asset_types
      AND world_id = ANY(%(world_ids)s)       -- when world_ids
    ORDER BY priority DESC, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), spent AS MATERIALIZED (  -- what nothing more is to be tried with: a bounded part of it, the next claim takes more
    SELECT id, CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                    WHEN attempt >= max_attempts THEN 'lease_expired' ELSE 'start_by_passed' END AS why
    FROM asset_job
    WHERE status = 'RUNNING' AND lease_token IS NOT NULL AND lease_expires_at <= %(now)s
      AND (attempt >= max_attempts OR cancel_requested_at IS NOT NULL OR start_by <= %(now)s)
      AND provider = ANY(%(providers)s)
      AND asset_type = ANY(%(asset_types)s)   -- when asset_types
      AND world_id = ANY(%(world_ids)s)       -- when world_ids
    ORDER BY lease_expires_at
    LIMIT 100
    FOR UPDATE SKIP LOCKED
), missed AS MATERIALIZED (  -- what was not to be started so late
    SELECT id, 'start_by_passed' AS why
    FROM asset_job
    WHERE status = 'QUEUED' AND start_by <= %(now)s AND provider = ANY(%(providers)s)
    ORDER BY start_by
    LIMIT 100
    FOR UPDATE SKIP LOCKED
), ended AS (  -- so that it stands in no other job's way any more
    UPDATE asset_job AS job
    SET status = CASE over.why WHEN 'lease_expired' THEN 'FAILED' ELSE 'CANCELLED' END,
        error_code = CASE over.why WHEN 'cancelled' THEN NULL ELSE over.why END,
        error_message = CASE over.why
            WHEN 'lease_expired' THEN 'The worker ' || job.worker_id || ' fell silent on the last attempt.'
            WHEN 'start_by_passed' THEN job.error_message END,
        finished_at = greatest(%(now)s, job.started_at), lease_token = NULL, lease_expires_at = NULL
    FROM (SELECT * FROM spent UNION ALL SELECT * FROM missed) AS over WHERE job.id = over.id
    RETURNING job.id, job.world_id, job.status, job.error_code
), waiting AS MATERIALIZED (  -- the head of each provider's queue, along its index
    SELECT head.id, head.priority
    FROM unnest(%(providers)s::text[]) AS asked (provider)
    CROSS JOIN LATERAL (
        SELECT id, priority FROM asset_job
        WHERE status = 'QUEUED' AND provider = asked.provider AND available_at <= %(now)s
          AND (start_by IS NULL OR start_by > %(now)s) AND cancel_requested_at IS NULL
          AND asset_type = ANY(%(asset_types)s)   -- when asset_types
          AND world_id = ANY(%(world_ids)s)       -- when world_ids
        ORDER BY priority DESC, id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS head
), picked AS MATERIALIZED (  -- no more than asked for, the most urgent first
    SELECT id FROM (
        SELECT id, priority FROM lost
        UNION ALL
        SELECT id, priority FROM waiting
    ) AS candidate
    ORDER BY priority DESC, id
    LIMIT %(limit)s
), granted AS (
    UPDATE asset_job AS job
    SET status = 'RUNNING', attempt = job.attempt + 1, started_at = %(now)s, worker_id = %(worker_id)s,
        lease_token = gen_random_uuid(), lease_expires_at = %(lease_expires_at)s, progress = NULL,
        error_code = NULL, error_message = NULL
    FROM picked WHERE job.id = picked.id
    RETURNING job.*
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
    SELECT world_id, 'asset_job.claimed', id, %(actor)s, %(request_id)s,
           jsonb_build_object('status', status, 'attempt', attempt, 'worker_id', worker_id), %(now)s
    FROM granted
    UNION ALL
    SELECT world_id, 'asset_job.ended', id, %(actor)s, %(request_id)s,
           jsonb_build_object('status', status, 'error_code', error_code), %(now)s
    FROM ended
)
SELECT granted.*,
       (SELECT row_to_json(reading) FROM asset_derivation_reading AS reading
        WHERE reading.asset_job_id = granted.id) AS derivation
FROM granted
ORDER BY granted.priority DESC, granted.id

-- name: heartbeat
-- Renews a lease and notes how far the job has come. No row: the lease is not (or no longer) the caller's.
UPDATE asset_job
SET lease_expires_at = %(lease_expires_at)s,
    progress = coalesce(%(progress)s, progress),
    provider_job_id = coalesce(%(provider_job_id)s, provider_job_id)
WHERE id = %(id)s AND status = 'RUNNING' AND lease_token = %(lease_token)s AND lease_expires_at > %(now)s
  AND world_id = ANY(%(visible_worlds)s)        -- when visible_worlds
  AND provider = ANY(%(visible_providers)s)     -- when visible_providers
RETURNING id AS job_id, lease_expires_at, cancel_requested_at IS NOT NULL AS cancel_requested

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
        available_at = CASE WHEN status = 'RUNNING' AND %(status)s = 'QUEUED'
                            THEN %(now)s + least(300, power(2, attempt)) * interval '1 second' ELSE available_at END,
        lease_token = CASE WHEN %(status)s = 'RUNNING' THEN lease_token END,
        lease_expires_at = CASE WHEN %(status)s = 'RUNNING' THEN lease_expires_at END
    WHERE id = %(id)s AND status = %(expected)s AND (%(status)s <> 'QUEUED' OR cancel_requested_at IS NULL)
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

-- name: end_missed_job
-- Ends one job that was not to be started so late, because it is in another's way.
WITH missed AS (
    UPDATE asset_job
    SET status = 'CANCELLED', error_code = 'start_by_passed', finished_at = greatest(%(now)s, started_at)
    WHERE id = %(id)s AND status = 'QUEUED' AND start_by <= %(now)s
    RETURNING id, world_id
)
INSERT INTO event (world_id, kind, subject_id, actor, request_id, after, occurred_at)
SELECT world_id, 'asset_job.ended', id, %(actor)s, %(request_id)s,
       jsonb_build_object('status', 'CANCELLED', 'error_code', 'start_by_passed'), %(now)s
FROM missed

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

-- name: complete_asset_job
-- Job, asset, derivation, links, upload and event in one statement: all of a completion or nothing of it. No row: the job
-- is not RUNNING under this lease (any more), or is to be cancelled; or the upload is not PENDING (any more).
WITH living AS MATERIALIZED (  -- held before the upload and the job, in the order of a world's deletion
    SELECT id FROM world WHERE id = (SELECT world_id FROM asset_job WHERE id = %(id)s) FOR KEY SHARE
), held AS MATERIALIZED (  -- so that the upload is neither used by another asset nor given up meanwhile
    SELECT upload.storage_key FROM living, upload
    WHERE upload.storage_key = %(storage_key)s AND upload.state = 'PENDING'
    FOR UPDATE OF upload
), done AS (
    UPDATE asset_job
    SET status = 'SUCCEEDED', finished_at = greatest(%(now)s, started_at), lease_token = NULL, lease_expires_at = NULL,
        error_code = NULL, error_message = NULL
    WHERE id = %(id)s AND status = 'RUNNING' AND cancel_requested_at IS NULL
      AND lease_token IS NOT DISTINCT FROM %(lease_token)s::uuid
      AND (lease_expires_at IS NULL OR lease_expires_at > %(now)s) AND EXISTS (SELECT FROM held)
    RETURNING asset_job.*
), used AS (
    UPDATE upload SET state = 'USED'
    FROM done, held
    WHERE upload.storage_key = held.storage_key
), made AS (
    INSERT INTO asset (id, world_id, type, format, storage_key, content_type, duration_seconds, size_bytes, checksum,
                       metadata, created_by, created_at)
    SELECT %(asset_id)s, done.world_id, done.asset_type, %(format)s, %(storage_key)s, %(content_type)s,
           %(duration_seconds)s, %(size_bytes)s, %(checksum)s, %(metadata)s, %(actor)s, %(now)s
    FROM done
    RETURNING asset.*
), derived AS (
    UPDATE asset_derivation AS derivation SET asset_id = made.id
    FROM made, done WHERE derivation.asset_job_id = done.id
    RETURNING derivation.id, derivation.asset_id
), claims AS (
    UPDATE asset_derivation_claim AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), entities AS (
    UPDATE asset_derivation_entity AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), chunks AS (
    UPDATE asset_derivation_source_chunk AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), assets AS (
    UPDATE asset_derivation_asset AS link SET made_asset_id = derived.asset_id
    FROM derived WHERE link.derivation_id = derived.id
), noted AS (
    INSERT INTO event (world_id, kind, subject_id, actor, request_id, before, after, occurred_at)
    SELECT done.world_id, 'asset_job.completed', done.id, %(actor)s, %(request_id)s,
           jsonb_build_object('status', 'RUNNING'),
           jsonb_build_object('status', 'SUCCEEDED', 'attempt', done.attempt, 'asset_id', %(asset_id)s::uuid), %(now)s
    FROM done
)
SELECT done.*, row_to_json(made) AS asset
FROM done CROSS JOIN made

-- name: count_jobs_by_status
-- How many jobs there are in each state, for the metrics; along an index.
SELECT status, count(*) AS jobs FROM asset_job GROUP BY status

-- name: lease_ages
-- How long the running jobs have been held, and how many leases ran out unclaimed, for the metrics.
SELECT count(*) AS held,
       count(*) FILTER (WHERE lease_expires_at <= %(now)s) AS expired,
       coalesce(extract(epoch FROM max(%(now)s - started_at)), 0)::float AS oldest_seconds
FROM asset_job WHERE status = 'RUNNING' AND lease_token IS NOT NULL
